//! One probe: connects, sends a request if the check has one, and returns the open connection.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use super::failure::{Failure, connect};
use super::held::Held;
use super::{datagram, fastcgi, http, script, smtp};
use vrrp_model::{Check, CheckKind, DnsCheck, ScriptCheck, UdpCheck};

/// What a probe asks a backend.
pub(super) struct Question {
    at: SocketAddr,
    kind: Kind,
    timeout: Duration,
}

enum Kind {
    Nothing,
    Tcp,
    Http(http::Prepared),
    FastCgi,
    Smtp(String),
    Dns(DnsCheck),
    Udp(UdpCheck),
    Ping,
    Script(ScriptCheck),
    /// Why the check cannot be asked: the backend is not known to be well.
    Impossible(String),
}

impl Question {
    pub(super) fn new(check: &Check, backend: SocketAddr) -> Self {
        let kind = match &check.kind {
            CheckKind::None => Kind::Nothing,
            CheckKind::Tcp { .. } => Kind::Tcp,
            CheckKind::Http(http) => match http::Prepared::new(http) {
                Ok(prepared) => Kind::Http(prepared),
                Err(error) => Kind::Impossible(error.to_string()),
            },
            CheckKind::FastCgi { .. } => Kind::FastCgi,
            CheckKind::Smtp { helo, .. } => Kind::Smtp(helo.clone()),
            CheckKind::Dns(dns) => Kind::Dns(dns.clone()),
            CheckKind::Udp(udp) => Kind::Udp(udp.clone()),
            CheckKind::Ping => Kind::Ping,
            CheckKind::Script(script) => Kind::Script(script.clone()),
        };
        let port = check.kind.port().unwrap_or(backend.port());
        let at = SocketAddr::new(check.address.unwrap_or(backend.ip()), port);
        Self { at, kind, timeout: check.timeout }
    }

    /// Returns the observation and, if it stays open, the connection; or the reason of the failure.
    pub(super) async fn ask(&self) -> Result<(String, Option<Held>), Failure> {
        match &self.kind {
            // A program that takes too long must be ended before the next run.
            Kind::Script(script) => {
                return Ok((script::run(script, self.timeout).await?, None));
            }
            // Silence may be good.
            Kind::Udp(udp) => {
                return Ok((datagram::udp(udp, self.at, self.timeout).await?, None));
            }
            _ => {}
        }
        match tokio::time::timeout(self.timeout, self.connect()).await {
            Ok(result) => result,
            Err(_) => Err(Failure::Backend(format!("no answer within {:?}", self.timeout))),
        }
    }

    async fn connect(&self) -> Result<(String, Option<Held>), Failure> {
        match &self.kind {
            Kind::Nothing | Kind::Script(_) | Kind::Udp(_) => Ok(("not checked".to_owned(), None)),
            Kind::Tcp => {
                let stream = connect(self.at).await?;
                Ok(("connected".to_owned(), Some(Box::pin(read_to_end(stream)))))
            }
            Kind::Http(prepared) => prepared.ask(self.at).await,
            Kind::FastCgi => Ok((fastcgi::get_values(self.at).await?, None)),
            Kind::Smtp(helo) => Ok((smtp::talk(self.at, helo).await?, None)),
            Kind::Dns(dns) => Ok((datagram::dns(dns, self.at).await?, None)),
            Kind::Ping => Ok((datagram::ping(self.at).await?, None)),
            Kind::Impossible(why) => Err(Failure::Backend(why.clone())),
        }
    }
}

async fn read_to_end(mut stream: TcpStream) {
    let mut ignored = [0; 512];
    while let Ok(1..) = stream.read(&mut ignored).await {}
}
