//! The settings of one side of a duel, in each program's language.

use std::net::IpAddr;
use std::time::Duration;

use crate::names::FRONT_IF;

/// The virtual router of every duel.
pub const VRID: u8 = 51;

/// The VRRP program of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaker {
    Agent,
    /// Debian's keepalived.
    Keepalived,
    /// FRR's vrrpd.
    Frr,
}

impl Speaker {
    pub fn name(self) -> &'static str {
        match self {
            Self::Agent => "vrrp-agent",
            Self::Keepalived => "keepalived",
            Self::Frr => "frr",
        }
    }
}

/// Adverts to the other node only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unicast {
    /// The TTL of sent adverts; keepalived only.
    pub ttl: u8,
    /// The lowest time to live that is accepted.
    pub min_ttl: u8,
}

/// One side's virtual router. The default: version 3, ten adverts a second, priority 100, one IPv4
/// address.
#[derive(Debug, Clone)]
pub struct Setup {
    pub version: u8,
    pub priority: u8,
    pub interval: Duration,
    /// PASS password of version 2.
    pub password: Option<&'static str>,
    /// All of one family. The first identifies the master.
    pub addresses: Vec<&'static str>,
    pub preempt: bool,
    /// Whole seconds; FRR does not have it.
    pub preempt_delay: u64,
    /// The checksum of version 3 covers the message alone; only our agent supports that.
    pub message_only: bool,
    pub unicast: Option<Unicast>,
    /// Adverts and announcements come from the virtual MAC address. FRR always does that.
    pub virtual_mac: bool,
    /// Mode and key of HMAC authentication, as in our agent's file; only our agent supports that.
    pub hmac: Option<(&'static str, &'static str)>,
    /// The kernel answers ARP only for addresses of the receiving interface.
    pub arp_ignore: bool,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            version: 3,
            priority: 100,
            interval: Duration::from_millis(100),
            password: None,
            addresses: vec!["192.168.1.249"],
            preempt: true,
            preempt_delay: 0,
            message_only: false,
            unicast: None,
            virtual_mac: false,
            hmac: None,
            arp_ignore: false,
        }
    }
}

impl Setup {
    /// Version 2, an advert each second.
    pub fn version_2() -> Self {
        Self { version: 2, interval: Duration::from_secs(1), ..Self::default() }
    }

    /// Version 3 over IPv6. The first address is link-local, as RFC 9568 section 5.2.9 requires.
    pub fn ipv6() -> Self {
        Self { addresses: vec!["fe80::249", "2001:db8::249"], ..Self::default() }
    }

    pub fn priority(self, priority: u8) -> Self {
        Self { priority, ..self }
    }

    /// How long a backup with this setup waits for its master (RFC 3768 6.1, RFC 9568 6.1).
    pub fn master_down_interval(&self) -> Duration {
        let unit = if self.version == 2 { Duration::from_secs(1) } else { self.interval };
        self.interval * 3 + unit * (256 - u32::from(self.priority)) / 256
    }

    /// The addresses as values.
    pub fn parsed(&self) -> Vec<IpAddr> {
        self.addresses.iter().filter_map(|text| text.parse().ok()).collect()
    }

    pub fn is_ipv6(&self) -> bool {
        self.parsed().iter().any(IpAddr::is_ipv6)
    }

    /// The address that identifies the master.
    pub fn vip(&self) -> Option<IpAddr> {
        self.parsed().into_iter().next()
    }

    /// Our agent's file with the example's paths. `other`: the other node's address.
    pub fn agent(&self, other: IpAddr) -> String {
        let addresses: Vec<String> =
            self.parsed().iter().map(|address| format!("\"{}\"", with_length(*address))).collect();
        let mut text = format!(
            "node = \"ours\"\napi_socket = \"/run/vrrp-agent/api.sock\"\nbpf_dir = \"/sys/fs/bpf/vrrp-agent\"\n\
             metrics = \"127.0.0.1:9165\"\n\n[[virtual_router]]\nname = \"DUEL\"\ninterface = \"{FRONT_IF}\"\nvrid = {VRID}\n\
             version = {}\npriority = {}\ninterval = \"{}ms\"\naddresses = [{}]\npreempt = {}\n",
            self.version,
            self.priority,
            self.interval.as_millis(),
            addresses.join(", "),
            self.preempt
        );
        if self.preempt_delay > 0 {
            text.push_str(&format!("preempt_delay = \"{}s\"\n", self.preempt_delay));
        }
        if let Some(password) = self.password {
            text.push_str(&format!("auth_pass = \"{password}\"\n"));
        }
        if self.message_only {
            text.push_str("checksum = \"message-only\"\n");
        }
        match self.unicast {
            Some(Unicast { min_ttl: 255, .. }) => {
                text.push_str(&format!("unicast = true\npeers = [\"{other}\"]\n"))
            }
            Some(Unicast { min_ttl, .. }) => {
                text.push_str(&format!(
                    "unicast = true\npeers = [{{ address = \"{other}\", min_ttl = {min_ttl} }}]\n"
                ));
            }
            None => {}
        }
        if self.virtual_mac {
            text.push_str("virtual_mac = true\n");
        }
        if let Some((mode, key)) = self.hmac {
            text.push_str(&format!("hmac = {{ mode = \"{mode}\", keys = [{key}] }}\n"));
        }
        text
    }

    /// keepalived.conf.
    pub fn keepalived(&self, own: IpAddr, other: IpAddr) -> String {
        let mut lines = vec![
            "state BACKUP".to_owned(),
            format!("interface {FRONT_IF}"),
            format!("version {}", self.version),
            format!("virtual_router_id {VRID}"),
            format!("priority {}", self.priority),
            format!("advert_int {}", self.interval.as_secs_f64()),
        ];
        if !self.preempt {
            lines.push("nopreempt".to_owned());
        }
        if self.preempt_delay > 0 {
            lines.push(format!("preempt_delay {}", self.preempt_delay));
        }
        if let Some(password) = self.password {
            lines.push(format!(
                "authentication {{\n        auth_type PASS\n        auth_pass {password}\n    }}"
            ));
        }
        if let Some(unicast) = self.unicast {
            let limit = if unicast.min_ttl > 0 {
                format!(" min_ttl {} max_ttl 255", unicast.min_ttl)
            } else {
                String::new()
            };
            lines.push(format!("unicast_src_ip {own}\n    unicast_ttl {}", unicast.ttl));
            lines.push(format!("unicast_peer {{\n        {other}{limit}\n    }}"));
        }
        if self.virtual_mac {
            lines.push("use_vmac".to_owned());
        }
        let addresses: Vec<String> = self
            .parsed()
            .iter()
            .map(|address| format!("        {}\n", with_length(*address)))
            .collect();
        lines.push(format!("virtual_ipaddress {{\n{}    }}", addresses.concat()));
        let body: String = lines.iter().map(|line| format!("    {line}\n")).collect();
        format!("global_defs {{\n    router_id theirs\n}}\n\nvrrp_instance DUEL {{\n{body}}}\n")
    }

    /// vrrpd.conf.
    pub fn frr(&self) -> String {
        let mut text = format!(
            "log stdout debugging\ndebug vrrp\n!\ninterface {FRONT_IF}\n vrrp {VRID} version {}\n vrrp {VRID} priority {}\n \
             vrrp {VRID} advertisement-interval {}\n",
            self.version,
            self.priority,
            self.interval.as_millis()
        );
        if !self.preempt {
            text.push_str(&format!(" no vrrp {VRID} preempt\n"));
        }
        for address in self.parsed() {
            let word = if address.is_ipv6() { "ipv6" } else { "ip" };
            text.push_str(&format!(" vrrp {VRID} {word} {address}\n"));
        }
        text
    }
}

fn with_length(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => format!("{address}/32"),
        IpAddr::V6(address) if address.is_unicast_link_local() => format!("{address}/128"),
        IpAddr::V6(address) => format!("{address}/64"),
    }
}
