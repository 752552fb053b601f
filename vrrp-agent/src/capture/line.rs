//! A captured packet as one line of text.

use std::fmt::Write as _;
use std::io::{self, BufWriter, Stdout, Write};

use anyhow::Result;
use jiff::Timestamp;
use nix::net::if_::if_indextoname;
use vrrp_common::classify::{Class, classify};
use vrrp_common::ip::Address;
use vrrp_common::wire::ipv4::{PROTO_ICMP, PROTO_TCP, PROTO_UDP};
use vrrp_common::wire::ipv6::NEXT_ICMPV6;
use vrrp_common::wire::l4;

use super::{Packet, Sink};

pub struct Lines(BufWriter<Stdout>);

impl Lines {
    pub fn new() -> Self {
        Self(BufWriter::new(io::stdout()))
    }
}

impl Sink for Lines {
    fn packet(&mut self, packet: &Packet) -> Result<()> {
        let at = Timestamp::try_from(packet.at)?;
        let interface = interface(packet.ifindex);
        let reason = packet.reason.map_or("?", |reason| reason.label());
        let what = describe(packet.frame);
        Ok(writeln!(self.0, "{at:.6} {interface} {reason} {} bytes: {what}", packet.len)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Name of an interface; its index if it is gone.
pub fn interface(ifindex: u32) -> String {
    let name = if_indextoname(ifindex).ok().and_then(|name| name.into_string().ok());
    // nix returns "" for an unknown ifindex.
    name.filter(|name| !name.is_empty()).unwrap_or_else(|| format!("#{ifindex}"))
}

/// Protocol, source and destination, as far as the captured bytes hold them.
fn describe(frame: &[u8]) -> String {
    match classify(frame) {
        Class::Vrrp(vrrp) => {
            let what = match vrrp.advert {
                Ok(advert) => format!(
                    "VRRPv{} VRID {} priority {}",
                    advert.version, advert.vrid, advert.priority
                ),
                Err(_) => "VRRP".to_owned(),
            };
            format!("{:?} > {:?} {what}, TTL {}", vrrp.source, vrrp.destination, vrrp.ttl)
        }
        Class::Arp { arp, .. } => {
            format!("ARP {:?} queries {:?}", Address::v4(arp.sender), Address::v4(arp.target))
        }
        Class::Neighbour { ip, nd, .. } => format!("ND {:?} queries {:?}", ip.source, nd.target),
        Class::Ipv4 { ethernet, ip } => {
            let ends = (Address::v4(ip.source), Address::v4(ip.destination));
            flow(
                frame,
                ends,
                ip.protocol,
                ethernet.network + ip.header_len,
                ip.later_fragment,
                ip.fragment,
            )
        }
        Class::Ipv6 { ethernet, ip } => {
            let ends = (ip.source, ip.destination);
            flow(
                frame,
                ends,
                ip.protocol,
                ethernet.network + ip.header_len,
                ip.later_fragment,
                ip.fragment,
            )
        }
        Class::Other => "not IP".to_owned(),
    }
}

fn flow(
    frame: &[u8],
    (source, destination): (Address, Address),
    protocol: u8,
    transport: usize,
    portless: bool,
    fragment: bool,
) -> String {
    let name = match protocol {
        PROTO_TCP => "TCP".to_owned(),
        PROTO_UDP => "UDP".to_owned(),
        PROTO_ICMP => "ICMP".to_owned(),
        NEXT_ICMPV6 => "ICMPv6".to_owned(),
        other => format!("protocol {other}"),
    };
    let has_ports = !portless && matches!(protocol, PROTO_TCP | PROTO_UDP);
    let mut text = match l4::ports(frame, transport).filter(|_| has_ports) {
        Some(ports) => format!(
            "{} > {} {name}",
            end(source, ports.source),
            end(destination, ports.destination)
        ),
        None => format!("{source:?} > {destination:?} {name}"),
    };
    if has_ports && protocol == PROTO_TCP && l4::begins(frame, transport) {
        text.push_str(" SYN");
    }
    if fragment {
        let _ = write!(text, ", {} fragment", if portless { "later" } else { "first" });
    }
    text
}

fn end(address: Address, port: u16) -> String {
    std::net::SocketAddr::from((address.ip(), port)).to_string()
}

#[cfg(test)]
mod tests;
