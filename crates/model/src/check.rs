//! How backends are asked whether they are well.

mod datagram;
mod http;

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use super::choice::choice;
use super::{Command, Config};
pub use datagram::{DnsCheck, DnsRecord, HexBytes, UdpCheck, UdpReply};
pub use http::{BodyRegex, HttpCheck, HttpRequest, HttpVersion, Sni};

impl Config {
    /// The checks of services and upstreams.
    pub fn checks(&self) -> impl Iterator<Item = &Check> {
        let of_upstreams = self.upstreams.iter().map(|upstream| &upstream.check);
        let of_services = self
            .services
            .iter()
            .flat_map(|service| service.own_checks.values().chain([&service.check]));
        of_services.chain(of_upstreams).flat_map(Check::all)
    }
}

/// How a backend's health is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    pub kind: CheckKind,
    /// The address that is asked instead of the backend's.
    pub address: Option<IpAddr>,
    pub interval: Duration,
    pub timeout: Duration,
    /// From the end of a failed attempt to the next one, while the backend is up; `None`: attempts
    /// are made at `interval`.
    pub retry_interval: Option<Duration>,
    pub rise: u32,
    pub fall: u32,
    /// Further checks of the same backends, each with times of its own: the backend is up while all
    /// are good. None of them has further ones, and none is [`CheckKind::None`].
    pub also: Vec<Check>,
}

impl Check {
    /// From one attempt to the next, and how long an attempt may take, where nothing is written.
    pub const SECOND: Duration = Duration::from_secs(1);

    /// Everything besides `kind` as when it is not written.
    pub const fn new(kind: CheckKind) -> Self {
        Self {
            kind,
            address: None,
            interval: Self::SECOND,
            timeout: Self::SECOND,
            retry_interval: None,
            rise: 1,
            fall: 1,
            also: Vec::new(),
        }
    }

    /// This one and the further ones.
    pub fn all(&self) -> impl Iterator<Item = &Self> {
        std::iter::once(self).chain(&self.also)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckKind {
    /// Always up.
    None,
    /// A TCP connection opens (to the service's port when `port` is `None`); it is held open, so
    /// that its reset shows at once.
    Tcp {
        port: Option<u16>,
    },
    /// The answers to GET requests are good.
    Http(HttpCheck),
    /// FCGI_GET_VALUES is answered by FCGI_GET_VALUES_RESULT, as php-fpm does.
    FastCgi {
        port: Option<u16>,
    },
    /// The mail server greets, and answers HELO with this name and QUIT.
    Smtp {
        port: Option<u16>,
        helo: String,
    },
    Dns(DnsCheck),
    Udp(UdpCheck),
    /// An ICMP echo request is answered.
    Ping,
    /// A program's exit status is 0.
    Script(ScriptCheck),
}

/// A program that asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptCheck {
    pub command: Command,
    /// Exit statuses from 2 on are good too (`misc_dynamic`).
    pub dynamic: bool,
}

choice! {
    /// The word for a [`CheckKind`].
    pub enum CheckType {
        None = "none",
        Tcp = "tcp",
        Http = "http",
        Https = "https",
        FastCgi = "fastcgi",
        Smtp = "smtp",
        Dns = "dns",
        Udp = "udp",
        Ping = "ping",
        Script = "script",
    }
}

impl CheckKind {
    pub const fn check_type(&self) -> CheckType {
        match self {
            CheckKind::None => CheckType::None,
            CheckKind::Tcp { .. } => CheckType::Tcp,
            CheckKind::Http(HttpCheck { tls: None, .. }) => CheckType::Http,
            CheckKind::Http(HttpCheck { tls: Some(_), .. }) => CheckType::Https,
            CheckKind::FastCgi { .. } => CheckType::FastCgi,
            CheckKind::Smtp { .. } => CheckType::Smtp,
            CheckKind::Dns(_) => CheckType::Dns,
            CheckKind::Udp(_) => CheckType::Udp,
            CheckKind::Ping => CheckType::Ping,
            CheckKind::Script(_) => CheckType::Script,
        }
    }

    /// Whether an address and a port are connected to.
    pub const fn has_port(&self) -> bool {
        !matches!(self, CheckKind::None | CheckKind::Ping | CheckKind::Script(_))
    }

    /// What is run.
    pub const fn command(&self) -> Option<&Command> {
        match self {
            CheckKind::Script(script) => Some(&script.command),
            _ => None,
        }
    }

    /// The port that is asked instead of the backend's.
    pub const fn port(&self) -> Option<u16> {
        match *self {
            CheckKind::None | CheckKind::Ping | CheckKind::Script(_) => None,
            CheckKind::Tcp { port } | CheckKind::FastCgi { port } => port,
            CheckKind::Smtp { port, .. }
            | CheckKind::Dns(DnsCheck { port, .. })
            | CheckKind::Udp(UdpCheck { port, .. }) => port,
            CheckKind::Http(HttpCheck { port, .. }) => port,
        }
    }
}

impl fmt::Display for CheckKind {
    /// What is asked, for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CheckKind::None => f.write_str("no check")?,
            CheckKind::Tcp { .. } => f.write_str("TCP")?,
            CheckKind::Http(http) => http.fmt(f)?,
            CheckKind::FastCgi { .. } => f.write_str("FCGI_GET_VALUES")?,
            CheckKind::Smtp { helo, .. } => write!(f, "SMTP HELO {helo}")?,
            CheckKind::Dns(DnsCheck { name, record, .. }) => write!(f, "DNS {record} {name}")?,
            CheckKind::Udp(UdpCheck { reply: None, .. }) => f.write_str("UDP")?,
            CheckKind::Udp(UdpCheck { reply: Some(_), .. }) => f.write_str("UDP with a reply")?,
            CheckKind::Ping => f.write_str("ping")?,
            CheckKind::Script(script) => {
                write!(f, "the script {}", script.command.words.join(" "))?;
            }
        }
        self.port().map_or(Ok(()), |port| write!(f, " on port {port}"))
    }
}
