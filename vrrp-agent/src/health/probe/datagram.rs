//! Checks by datagrams: UDP, DNS and ping.

#[cfg(test)]
mod tests;

use std::io::ErrorKind;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;

use super::failure::Failure;
use vrrp_common::wire::checksum;
use vrrp_model::{DnsCheck, UdpCheck};

/// The longest datagram that an answer may be.
const LONGEST: usize = 65_535;

/// Numbers questions, so that a late answer is not taken for that to a later question.
static NUMBER: AtomicU16 = AtomicU16::new(0);

/// Sends a datagram. Without a reply to wait for, the host's report that nothing listens is the
/// failure, and silence until `timeout` is good.
pub(super) async fn udp(
    check: &UdpCheck,
    at: SocketAddr,
    timeout: Duration,
) -> Result<String, Failure> {
    let socket = connected(at).await?;
    socket.send(&check.payload.to_vec()).await.map_err(|error| Failure::of("", &error))?;
    let mut answer = vec![0; LONGEST];
    let received = tokio::time::timeout(timeout, socket.recv(&mut answer)).await;
    match (received, &check.reply) {
        (Ok(Err(error)), _) => Err(Failure::of("", &error)),
        (Ok(Ok(_)), None) => Ok("a reply".to_owned()),
        (Err(_), None) => Ok("no report of a closed port".to_owned()),
        (Err(_), Some(_)) => Err(Failure::Backend(format!("no reply within {timeout:?}"))),
        (Ok(Ok(length)), Some(reply)) => match reply.is(&answer[..length]) {
            true => Ok(format!("a reply of {length} bytes")),
            false => Err(Failure::Backend(format!("another reply, of {length} bytes"))),
        },
    }
}

/// Asks a name server; an answer without an error code is good, whatever it holds.
pub(super) async fn dns(check: &DnsCheck, at: SocketAddr) -> Result<String, Failure> {
    let socket = connected(at).await?;
    let id = NUMBER.fetch_add(1, Ordering::Relaxed);
    socket.send(&question(check, id)).await.map_err(|error| Failure::of("", &error))?;
    let mut answer = [0; 512];
    loop {
        let length = match socket.recv(&mut answer).await {
            Ok(length) => length,
            Err(error) => return Err(Failure::of("", &error)),
        };
        let [high, low, flags, code, ..] = answer[..length] else { continue };
        let is_answer = flags & 0x80 != 0;
        if u16::from_be_bytes([high, low]) != id || !is_answer {
            continue;
        }
        return match code & 0x0f {
            0 => Ok("an answer".to_owned()),
            code => Err(Failure::Backend(format!("DNS error {code}"))),
        };
    }
}

/// RFC 1035 section 4.1, recursion desired.
fn question(check: &DnsCheck, id: u16) -> Vec<u8> {
    let mut question = Vec::from(id.to_be_bytes());
    question.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    let labels = check.name.strip_suffix('.').unwrap_or(&check.name).split('.');
    for label in labels.filter(|label| !label.is_empty()) {
        question.push(label.len() as u8);
        question.extend(label.as_bytes());
    }
    question.push(0);
    question.extend(check.record.number().to_be_bytes());
    question.extend([0, 1]);
    question
}

async fn connected(at: SocketAddr) -> Result<UdpSocket, Failure> {
    let any = match at {
        SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
    };
    let socket = UdpSocket::bind(any).await.map_err(|error| Failure::of("", &error))?;
    socket.connect(at).await.map_err(|error| Failure::of("", &error))?;
    Ok(socket)
}

/// Sends an ICMP echo request.
pub(super) async fn ping(at: SocketAddr) -> Result<String, Failure> {
    let (domain, protocol, request, reply) = match at {
        SocketAddr::V4(_) => (Domain::IPV4, Protocol::ICMPV4, 8, 0),
        SocketAddr::V6(_) => (Domain::IPV6, Protocol::ICMPV6, 128, 129),
    };
    let socket = raw(domain, protocol, at)?;
    let [high, low] = NUMBER.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    let [_, _, id_high, id_low] = std::process::id().to_be_bytes();
    let mut message = [request, 0, 0, 0, id_high, id_low, high, low];
    if at.is_ipv4() {
        // The kernel sums ICMPv6 itself.
        let checksum = checksum::compute(0, &message);
        message[2..4].copy_from_slice(&checksum.to_be_bytes());
    }
    socket.send(&message).await.map_err(|error| Failure::of("", &error))?;
    let mut answer = [0; 512];
    loop {
        let length = match socket.recv(&mut answer).await {
            Ok(length) => length,
            Err(error) => return Err(Failure::of("", &error)),
        };
        let answer = &answer[..length];
        // Over IPv4 the IP header comes first.
        let header = match at {
            SocketAddr::V4(_) => answer.first().map_or(0, |first| usize::from(first & 0x0f) * 4),
            SocketAddr::V6(_) => 0,
        };
        if let Some([kind, _, _, _, rest @ ..]) = answer.get(header..)
            && *kind == reply
            && rest.starts_with(&[id_high, id_low, high, low])
        {
            return Ok("an echo reply".to_owned());
        }
    }
}

/// It hears what comes from that address alone.
fn raw(domain: Domain, protocol: Protocol, at: SocketAddr) -> Result<UdpSocket, Failure> {
    let failed = |error: std::io::Error| match error.kind() {
        // It says nothing about the backend.
        ErrorKind::PermissionDenied => {
            Failure::NotAsked("a ping needs the capability CAP_NET_RAW".to_owned())
        }
        _ => Failure::of("", &error),
    };
    let socket = Socket::new(domain, Type::RAW, Some(protocol)).map_err(failed)?;
    socket.set_nonblocking(true).map_err(failed)?;
    socket.connect(&SocketAddr::new(at.ip(), 0).into()).map_err(failed)?;
    UdpSocket::from_std(socket.into()).map_err(failed)
}
