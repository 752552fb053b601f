//! Adverts between the wire and the election: the same checks as in the kernel program, run again behind the socket.

use std::net::Ipv4Addr;
use std::time::Duration;

use vrrp_common::classify;
use vrrp_common::maps::{MAX_PEERS, RouterConf};
use vrrp_common::policy;
use vrrp_common::reason::Reason;
use vrrp_common::wire::ipv4::{self, Ipv4};
use vrrp_common::wire::vrrp::{self, Advert, Centis, Coverage};

use crate::model::{Auth, ChecksumForm, Router, Version};

/// Adverts a second that an honest master may send: four times its rate, and some for elections.
const RATE_HEADROOM: u32 = 4;
const RATE_FLOOR: u32 = 32;

/// An IPv4 packet that came through the raw socket, parsed.
#[derive(Debug, Clone, Copy)]
pub struct Received {
    pub ip: Ipv4,
    pub advert: Result<Advert, Reason>,
}

/// Parses what the raw socket gave; `None` when it is not even an IPv4 header.
pub fn parse(packet: &[u8]) -> Option<Received> {
    let ip = ipv4::parse(packet, 0)?;
    Some(Received { ip, advert: classify::advert(packet, 0, &ip) })
}

impl Received {
    /// # Errors
    /// The first rule the advert breaks for this router.
    pub fn judge(&self, router: &RouterConf) -> Result<Advert, Reason> {
        let advert = self.advert?;
        policy::judge(&advert, self.ip.source, self.ip.destination, router).map(|()| advert)
    }
}

/// What the kernel program, and the socket's own check, need to know of a router.
pub fn router_conf(router: &Router, ifindex: u32, source: Ipv4Addr, priority: u8) -> RouterConf {
    let mut peers = [[0; 4]; MAX_PEERS];
    for (slot, peer) in peers.iter_mut().zip(&router.peers) {
        *slot = peer.octets();
    }
    let (auth_type, auth_data) = match router.auth {
        Auth::None => (vrrp::AUTH_NONE, [0; 8]),
        Auth::Pass(password) => (vrrp::AUTH_PASS, password),
    };
    let per_second = 1_000_000 / u32::try_from(router.interval.as_micros()).unwrap_or(u32::MAX).max(1);
    RouterConf {
        ifindex,
        vlan: 0,
        source: source.octets(),
        group: router.group.octets(),
        rate_limit: (per_second * RATE_HEADROOM).max(RATE_FLOOR),
        interval_centis: centis(router.interval).0,
        vrid: router.vrid,
        version: match router.version {
            Version::V2 => 2,
            Version::V3 => 3,
        },
        priority,
        auth_type,
        peer_count: router.peers.len().min(MAX_PEERS) as u8,
        used: 1,
        auth_data,
        peers,
    }
}

/// Writes an advert of `router` and returns its length; `None` when its address list does not fit an advert.
pub fn emit(buffer: &mut [u8], router: &Router, source: Ipv4Addr, priority: u8) -> Option<usize> {
    let addresses: Vec<[u8; 4]> = router.addresses.iter().map(|a| a.address.octets()).collect();
    match router.version {
        Version::V2 => {
            let auth = match router.auth {
                Auth::None => None,
                Auth::Pass(password) => Some(password),
            };
            let seconds = u8::try_from(router.interval.as_secs()).unwrap_or(u8::MAX);
            vrrp::emit_v2(buffer, router.vrid, priority, seconds, auth, &addresses)
        }
        Version::V3 => {
            let coverage = match router.checksum {
                ChecksumForm::MessageOnly => Coverage::MessageOnly,
                ChecksumForm::PseudoHeader => {
                    Coverage::PseudoHeader { source: source.octets(), destination: router.group.octets() }
                }
            };
            vrrp::emit_v3(buffer, router.vrid, priority, centis(router.interval), coverage, &addresses)
        }
    }
}

fn centis(interval: Duration) -> Centis {
    Centis::from_micros(u64::try_from(interval.as_micros()).unwrap_or(u64::MAX))
}
