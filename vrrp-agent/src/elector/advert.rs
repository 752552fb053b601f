//! Adverts between the wire and the election: the same checks as in the kernel program, run again
//! behind the socket.

use std::net::IpAddr;
use std::time::Duration;

use vrrp_common::classify;
use vrrp_common::ip::Address;
use vrrp_common::maps::{
    MAX_PEERS, ROUTER_HMAC, ROUTER_HMAC_REQUIRED, ROUTER_V6, ROUTER_VIRTUAL_MAC, RouterConf,
};
use vrrp_common::policy;
use vrrp_common::reason::Reason;
use vrrp_common::wire::vrrp::{self, Advert, Carrier, Centis, Coverage};
use vrrp_common::wire::{checksum, eth, ipv4};

use crate::net::advert_socket::Datagram;
use vrrp_model::{Auth, ChecksumForm, Delivery, Family, HmacMode, Router, Version};

/// Adverts a second that an honest master may send: four times its rate, and some for elections.
const RATE_HEADROOM: u32 = 4;
const RATE_FLOOR: u32 = 32;
/// Adverts a second of all sources, at the least: what costs this thread one or two hundredths of
/// its time.
const TOTAL_FLOOR: u32 = 2_000;

/// A packet that came through a raw socket, parsed.
#[derive(Debug, Clone, Copy)]
pub struct Received<'a> {
    pub source: Address,
    pub destination: Address,
    ttl: u8,
    /// The virtual router it names; 0 where the message is too short to name one.
    pub vrid: u8,
    pub advert: Result<Advert, Reason>,
    /// The VRRP message, and the bytes behind it.
    pub message: &'a [u8],
}

/// Parses what the raw socket gave; `None` when it is not even an IP header.
pub fn parse(buffer: &[u8], datagram: Datagram) -> Option<Received<'_>> {
    match datagram {
        Datagram::V4 { len } => {
            let packet = buffer.get(..len)?;
            let ip = ipv4::parse(packet, 0)?;
            let end = usize::from(ip.total_len).min(packet.len());
            Some(Received {
                source: Address::v4(ip.source),
                destination: Address::v4(ip.destination),
                ttl: ip.ttl,
                vrid: classify::vrid(packet, ip.header_len),
                advert: classify::advert(packet, 0, &ip),
                message: packet.get(ip.header_len..end).unwrap_or_default(),
            })
        }
        Datagram::V6 { source, destination, hop_limit, len } => {
            let message = buffer.get(..len)?;
            let (source, destination) =
                (Address::v6(source.octets()), Address::v6(destination.octets()));
            let advert = match classify::check_source_v6(&source, &destination) {
                Ok(()) => vrrp::parse(message, 0, len, &Carrier::V6 { source, destination }),
                Err(reason) => Err(reason),
            };
            Some(Received {
                source,
                destination,
                ttl: hop_limit,
                vrid: classify::vrid(message, 0),
                advert,
                message,
            })
        }
    }
}

impl Received<'_> {
    /// Whether it is for another program on this host: unicast, and not to the address that
    /// `router`, which it names, listens to. `None`: it names none of ours.
    pub fn is_foreign(&self, router: Option<&RouterConf>) -> bool {
        !self.destination.is_multicast()
            && match router {
                Some(router) => !self.destination.is(&router.source),
                None => self.vrid != 0,
            }
    }

    /// Judges it for the virtual router it names; `None` where there is no such router.
    ///
    /// # Errors
    /// The first rule the packet breaks.
    pub fn judge(&self, router: Option<&RouterConf>) -> Result<Advert, Reason> {
        policy::judge_ttl(self.ttl, &self.source, router.filter(|_| self.advert.is_ok()))?;
        let advert = self.advert?;
        let router = router.ok_or(Reason::Vrid)?;
        policy::judge(&advert, &self.source, &self.destination, router)?;
        policy::judge_addresses(self.message, 0, advert.count, router).map(|()| advert)
    }

    /// Whether the advert lists just the advertised addresses of `router`, in any order (RFC 3768
    /// and RFC 9568 section 7.1).
    pub fn lists_addresses_of(&self, router: &Router) -> bool {
        let (mut listed, mut ours) =
            (self.listed(router.family()), advertised(router).collect::<Vec<_>>());
        listed.sort_unstable();
        ours.sort_unstable();
        listed == ours
    }

    /// Whether it lists at least one of the advertised addresses of `router`, however many there
    /// are.
    pub fn lists_address_of(&self, router: &Router) -> bool {
        let listed = self.listed(router.family());
        advertised(router).any(|address| listed.contains(&address))
    }

    fn listed(&self, family: Family) -> Vec<Address> {
        let indices = 0..self.advert.map_or(0, |advert| advert.count);
        match family {
            Family::V4 => {
                indices.filter_map(|i| vrrp::address(self.message, 0, i)).map(Address::v4).collect()
            }
            Family::V6 => {
                indices.filter_map(|i| vrrp::address(self.message, 0, i)).map(Address::v6).collect()
            }
        }
    }
}

fn advertised(router: &Router) -> impl ExactSizeIterator<Item = Address> + Clone {
    router.addresses.iter().map(|address| address.address.into())
}

/// What the kernel program, and the socket's own check, need to know of a router.
pub fn router_conf(router: &Router, ifindex: u32, source: IpAddr, priority: u8) -> RouterConf {
    let mut conf = RouterConf {
        ifindex,
        source: source.into(),
        destination: match router.delivery {
            Delivery::Multicast(group) => group.into(),
            Delivery::Unicast => source.into(),
        },
        rate_limit: rate_limit(router.interval),
        total_limit: (rate_limit(router.interval) * RATE_HEADROOM).max(TOTAL_FLOOR),
        interval_centis: centis(router.interval).0,
        vrid: router.vrid,
        version: match router.version {
            Version::V2 => 2,
            Version::V3 => 3,
        },
        priority,
        peer_count: router.peers.len().min(MAX_PEERS) as u8,
        used: 1,
        flags: flags(router),
        ..RouterConf::default()
    };
    (conf.auth_type, conf.auth_data) = match router.auth {
        Auth::None => (vrrp::AUTH_NONE, [0; 8]),
        Auth::Pass(password) => (vrrp::AUTH_PASS, password),
    };
    conf.set_addresses(advertised(router));
    for (index, peer) in router.peers.iter().take(MAX_PEERS).enumerate() {
        conf.peers[index] = peer.address.into();
        (conf.ttl_min[index], conf.ttl_max[index]) = (peer.min_ttl, peer.max_ttl);
    }
    conf
}

fn rate_limit(interval: Duration) -> u32 {
    let per_second = 1_000_000 / u32::try_from(interval.as_micros()).unwrap_or(u32::MAX).max(1);
    (per_second * RATE_HEADROOM).max(RATE_FLOOR)
}

fn flags(router: &Router) -> u8 {
    let hmac = match router.hmac.as_ref().map(|hmac| hmac.mode) {
        None => 0,
        Some(HmacMode::ReceiveOnly | HmacMode::Permissive) => ROUTER_HMAC,
        Some(HmacMode::Enforce) => ROUTER_HMAC | ROUTER_HMAC_REQUIRED,
    };
    let v6 = if router.family() == Family::V6 { ROUTER_V6 } else { 0 };
    let virtual_mac = if router.virtual_mac { ROUTER_VIRTUAL_MAC } else { 0 };
    hmac | v6 | virtual_mac
}

/// The IP header that an advert travels behind; `None` where the addresses are of two families.
pub fn carrier(source: IpAddr, destination: IpAddr) -> Option<Carrier> {
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            Some(Carrier::V4 { source: source.octets(), destination: destination.octets() })
        }
        (IpAddr::V6(_), IpAddr::V6(_)) => {
            Some(Carrier::V6 { source: source.into(), destination: destination.into() })
        }
        _ => None,
    }
}

/// Writes an advert of `router` from `source` to `destination` and returns its length; `None` when
/// its address list does not fit an advert.
pub fn emit(
    buffer: &mut [u8],
    router: &Router,
    source: IpAddr,
    destination: IpAddr,
    priority: u8,
) -> Option<usize> {
    let carrier = carrier(source, destination)?;
    match carrier {
        Carrier::V4 { .. } => emit_v4(buffer, router, carrier, priority),
        Carrier::V6 { .. } => {
            let addresses: Vec<[u8; 16]> =
                router.addresses.iter().map(|a| Address::from(a.address).octets()).collect();
            let coverage = Coverage::PseudoHeader(carrier);
            vrrp::emit_v3(
                buffer,
                router.vrid,
                priority,
                centis(router.interval),
                coverage,
                &addresses,
            )
        }
    }
}

fn emit_v4(buffer: &mut [u8], router: &Router, carrier: Carrier, priority: u8) -> Option<usize> {
    let addresses: Vec<[u8; 4]> =
        router.addresses.iter().map(|a| Address::from(a.address).low()).collect();
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
                ChecksumForm::PseudoHeader => Coverage::PseudoHeader(carrier),
            };
            vrrp::emit_v3(
                buffer,
                router.vrid,
                priority,
                centis(router.interval),
                coverage,
                &addresses,
            )
        }
    }
}

/// A multicast advert as a whole Ethernet frame from `mac`; `None` where the addresses are of two
/// families.
pub fn frame(mac: [u8; 6], source: IpAddr, destination: IpAddr, message: &[u8]) -> Option<Vec<u8>> {
    /// Internetwork control: TOS or traffic class.
    const TRAFFIC_CLASS: u8 = 0xc0;
    let len = u16::try_from(message.len()).ok()?;
    let group = Address::from(destination);
    let [low_0, low_1, low_2, low_3] = group.low();
    let (group_mac, ethertype, header) = match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let mut header = [0; ipv4::MIN_HEADER_LEN];
            header[..2].copy_from_slice(&[0x45, TRAFFIC_CLASS]);
            header[2..4]
                .copy_from_slice(&len.checked_add(ipv4::MIN_HEADER_LEN as u16)?.to_be_bytes());
            header[8..10].copy_from_slice(&[vrrp::TTL, ipv4::PROTO_VRRP]);
            header[12..16].copy_from_slice(&source.octets());
            header[16..].copy_from_slice(&destination.octets());
            let sum = checksum::compute(0, &header);
            header[10..12].copy_from_slice(&sum.to_be_bytes());
            ([0x01, 0x00, 0x5e, low_1 & 0x7f, low_2, low_3], eth::TYPE_IPV4, header.to_vec())
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            let mut header = vec![0x60 | TRAFFIC_CLASS >> 4, (TRAFFIC_CLASS & 0x0f) << 4, 0, 0];
            header.extend(len.to_be_bytes());
            header.extend([ipv4::PROTO_VRRP, vrrp::TTL]);
            header.extend(source.octets());
            header.extend(destination.octets());
            ([0x33, 0x33, low_0, low_1, low_2, low_3], eth::TYPE_IPV6, header)
        }
        _ => return None,
    };
    Some([&group_mac[..], &mac, &ethertype.to_be_bytes(), &header, message].concat())
}

/// The interval as the wire has it.
pub fn centis(interval: Duration) -> Centis {
    Centis::from_micros(u64::try_from(interval.as_micros()).unwrap_or(u64::MAX))
}
