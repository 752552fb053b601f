//! One DNS query for A records (RFC 1035). The calling thread must be inside the querying host's
//! namespace.

use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::time::Duration;

use anyhow::{Context, Result, bail};

const ID: [u8; 2] = [0x56, 0x52];
const TYPE_A: [u8; 2] = [0, 1];
const CLASS_IN: [u8; 2] = [0, 1];
const HEADER: usize = 12;

/// Queries `server` for the IPv4 addresses of `name`, in the order of the answer.
pub fn resolve(server: SocketAddrV4, name: &str, timeout: Duration) -> Result<Vec<Ipv4Addr>> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).context("opening a UDP socket")?;
    socket.connect(server).with_context(|| format!("choosing the name server {server}"))?;
    socket.set_read_timeout(Some(timeout)).context("setting a time limit")?;
    socket.send(&question(name)).with_context(|| format!("asking {server}"))?;
    let mut answer = [0; 512];
    let length = socket.recv(&mut answer).with_context(|| format!("waiting for {server}"))?;
    addresses(&answer[..length])
        .with_context(|| format!("{server} gave no usable answer for {name}"))
}

fn question(name: &str) -> Vec<u8> {
    // Header: id, recursion desired, one query.
    let mut packet = [ID.as_slice(), &[0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0]].concat();
    for label in name.split('.') {
        packet.push(label.len() as u8);
        packet.extend_from_slice(label.as_bytes());
    }
    packet.push(0);
    packet.extend_from_slice(&TYPE_A);
    packet.extend_from_slice(&CLASS_IN);
    packet
}

fn addresses(packet: &[u8]) -> Result<Vec<Ipv4Addr>> {
    let word = |at: usize| -> Result<usize> {
        let bytes = packet.get(at..at + 2).context("cut short")?;
        Ok(usize::from(u16::from_be_bytes([bytes[0], bytes[1]])))
    };
    if !packet.starts_with(&ID) || packet.len() < HEADER {
        bail!("not an answer to this question");
    }
    let rcode = packet[3] & 0x0f;
    if rcode != 0 {
        bail!("error code {rcode}");
    }
    let (questions, answers) = (word(4)?, word(6)?);
    let mut at = HEADER;
    for _ in 0..questions {
        at = skip_name(packet, at)? + 4;
    }
    let mut found = Vec::new();
    for _ in 0..answers {
        at = skip_name(packet, at)?;
        let (kind, length) = (word(at)?, word(at + 8)?);
        let data = packet.get(at + 10..at + 10 + length).context("cut short")?;
        if let (1, [a, b, c, d]) = (kind, data) {
            found.push(Ipv4Addr::new(*a, *b, *c, *d));
        }
        at += 10 + length;
    }
    Ok(found)
}

/// The offset behind the name at `at`: labels up to an empty one, or up to a pointer.
fn skip_name(packet: &[u8], mut at: usize) -> Result<usize> {
    loop {
        match *packet.get(at).context("cut short")? {
            0 => return Ok(at + 1),
            length if length & 0xc0 == 0xc0 => return Ok(at + 2),
            length => at += 1 + usize::from(length),
        }
    }
}

#[cfg(test)]
mod tests;
