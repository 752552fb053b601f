//! Bad adverts, sent to the nodes from the client's port. Each kind breaks exactly one rule, so
//! each has one reason.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde::Serialize;
use socket2::{Domain, Socket, Type};

use crate::keepalived::Settings;
use crate::names::{FRONT_IF, Host, Mac, Node, Vip};
use crate::netns::NetNs;
use crate::sys;

/// Destination of adverts.
const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 18);
/// Protocols above IP.
const TCP: u8 = 6;
const UDP: u8 = 17;
const VRRP: u8 = 112;

/// One kind of bad advert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BadAdvert {
    /// A correct advert that passed a router: TTL 64.
    Ttl,
    /// A virtual router that no node here runs.
    Vrid,
    /// One bit of the checksum is wrong.
    Checksum,
    /// Version 2 with another password.
    Password,
    /// The other version of the protocol.
    Version,
    /// A type other than 1.
    Type,
    /// Shorter than the length in its own header.
    Length,
    /// Has the receiving node's own address as source.
    OwnSource(Node),
    /// Random bytes of random length behind a correct IP header.
    Garbage,
}

impl BadAdvert {
    /// Every kind that applies to virtual routers with these settings.
    pub fn all(settings: &Settings) -> Vec<Self> {
        let mut kinds =
            vec![Self::Ttl, Self::Vrid, Self::Checksum, Self::Version, Self::Type, Self::Length];
        if settings.version == 2 && settings.password.is_some() {
            kinds.push(Self::Password);
        }
        kinds.extend([Self::OwnSource(Node::Node1), Self::OwnSource(Node::Node2), Self::Garbage]);
        kinds
    }

    /// The reason under which a node counts it; `None` for garbage, which may fail any check.
    pub fn reason(self) -> Option<&'static str> {
        match self {
            Self::Ttl => Some("ttl"),
            Self::Vrid => Some("vrid"),
            Self::Checksum => Some("checksum"),
            Self::Password => Some("auth_password"),
            Self::Version => Some("version_mismatch"),
            Self::Type => Some("type"),
            Self::Length => Some("length"),
            Self::OwnSource(_) => Some("own_source"),
            Self::Garbage => None,
        }
    }

    /// Whether `node` receives frames of this kind.
    pub fn reaches(self, node: Node) -> bool {
        !matches!(self, Self::OwnSource(target) if target != node)
    }
}

/// Sends `count` frames of each kind in turn, at most `per_second` in all; returns how many of each
/// were sent.
pub fn inject(
    client: &NetNs,
    settings: &Settings,
    kinds: &[BadAdvert],
    count: u32,
    per_second: u32,
) -> Result<Vec<(BadAdvert, u32)>> {
    let (settings, kinds) = (settings.clone(), kinds.to_vec());
    client.run(move || {
        let socket = open()?;
        let mut random = SplitMix(0x7672_7270);
        let mut counts: Vec<(BadAdvert, u32)> = kinds.iter().map(|kind| (*kind, 0)).collect();
        let turn = Duration::from_secs(1) * kinds.len() as u32 / per_second;
        for _ in 0..count {
            // One of each kind, then a pause that earlier delays do not shorten: a burst would
            // overflow the link's queue.
            let due = Instant::now() + turn;
            for (kind, count) in &mut counts {
                send(&socket, &frame(*kind, &settings, &mut random))?;
                *count += 1;
            }
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        Ok(counts)
    })
}

/// Sends one frame out of the front interface of `client`.
pub fn send_raw(client: &NetNs, frame: Vec<u8>) -> Result<()> {
    client.run(move || send(&open()?, &frame))
}

/// Sends these frames out of the front interface of `client`, in turn and each after a pause, until
/// `stop` is set.
pub fn send_on(
    client: &NetNs,
    frames: Vec<Vec<u8>>,
    pause: Duration,
    stop: Arc<AtomicBool>,
) -> Result<JoinHandle<Result<()>>> {
    client.spawn(move || {
        sys::prefer_this_thread();
        let socket = open()?;
        for frame in frames.iter().cycle() {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            send(&socket, frame)?;
            std::thread::sleep(pause);
        }
        Ok(())
    })
}

/// The SYN of a TCP connection from `sender` to `target`, sent to the hardware address of `node`.
pub fn syn(sender: Ipv4Addr, node: Node, target: Ipv4Addr, ports: (u16, u16)) -> Vec<u8> {
    let (from, to) = (ports.0.to_be_bytes(), ports.1.to_be_bytes());
    // Sequence 1, no acknowledgement, five words of header, SYN, window 1024.
    let mut segment =
        [&from[..], &to, &[0, 0, 0, 1, 0, 0, 0, 0, 0x50, 0x02, 4, 0, 0, 0, 0, 0]].concat();
    let pseudo = [sender.octets(), target.octets(), [0, 6, 0, segment.len() as u8]].concat();
    let sum = checksum(&[&pseudo[..], &segment].concat());
    segment[16..18].copy_from_slice(&sum.to_be_bytes());
    let header = ipv4(sender, target, TCP, 64, segment.len());
    [&node.front_mac().0[..], &Mac::of(sender).0, &[0x08, 0x00], &header, &segment].concat()
}

/// A broadcast ARP request of the client `sender` for `target`.
pub fn arp_request(sender: Ipv4Addr, target: Ipv4Addr) -> Vec<u8> {
    let mac = Mac::of(sender);
    let head = [0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 1];
    [&Mac::BROADCAST.0[..], &mac.0, &head, &mac.0, &sender.octets(), &[0; 6], &target.octets()]
        .concat()
}

/// A neighbour solicitation of the client `sender` for `target` (RFC 4861 section 4.3).
pub fn neighbor_solicitation(mac: Mac, sender: Ipv6Addr, target: Ipv6Addr) -> Vec<u8> {
    let [.., a, b, c] = target.octets();
    let group = Ipv6Addr::new(
        0xff02,
        0,
        0,
        0,
        0,
        1,
        0xff00 | u16::from(a),
        u16::from(b) << 8 | u16::from(c),
    );
    let mut message = [&[135, 0, 0, 0, 0, 0, 0, 0][..], &target.octets(), &[1, 1], &mac.0].concat();
    let length = message.len() as u8;
    let addresses = [sender.octets(), group.octets()].concat();
    let sum = checksum(&[&addresses[..], &[0, 0, 0, length, 0, 0, 0, 58], &message].concat());
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    let head = [0x33, 0x33, 0xff, a, b, c];
    [&head[..], &mac.0, &[0x86, 0xdd, 0x60, 0, 0, 0, 0, length, 58, 255], &addresses, &message]
        .concat()
}

/// A correct multicast advert for `vip` with this priority, from the hardware address of the
/// client.
pub fn rival(settings: &Settings, vip: Vip, source: Ipv4Addr, priority: u8) -> Vec<u8> {
    let mut message =
        advert(settings.version, vip.vrid(), source, vip.address(), settings, BadAdvert::Ttl);
    message[2] = priority;
    message[6..8].fill(0);
    let sum = checksum(&covered(settings.version, source, &message));
    message[6..8].copy_from_slice(&sum.to_be_bytes());
    let sender = Mac::of(Host::Client.front().unwrap_or(Ipv4Addr::UNSPECIFIED));
    let header = ipv4(source, GROUP, VRRP, 255, message.len());
    [&Mac::VRRP_MULTICAST.0[..], &sender.0, &[0x08, 0x00], &header, &message].concat()
}

/// What the checksum of a message covers.
fn covered(version: u8, source: Ipv4Addr, message: &[u8]) -> Vec<u8> {
    let mut covered = message.to_vec();
    if version == 3 {
        // The pseudo-header that most version 3 senders include.
        covered.extend_from_slice(&source.octets());
        covered.extend_from_slice(&[224, 0, 0, 18, 0, 112, 0, message.len() as u8]);
    }
    covered
}

/// A correct version 3 advert of priority 254 that the client sends to `node` alone.
pub fn stranger(sender: Ipv4Addr, node: Node, vrid: u8, ttl: u8, address: Ipv4Addr) -> Vec<u8> {
    let mut message = [&[0x31, vrid, 254, 1, 0, 10, 0, 0][..], &address.octets()].concat();
    let pseudo =
        [sender.octets(), node.front().octets(), [0, 112, 0, message.len() as u8]].concat();
    let sum = checksum(&[&pseudo[..], &message].concat());
    message[6..8].copy_from_slice(&sum.to_be_bytes());
    let header = ipv4(sender, node.front(), VRRP, ttl, message.len());
    [&node.front_mac().0[..], &Mac::of(sender).0, &[0x08, 0x00], &header, &message].concat()
}

/// A UDP datagram with source `sender` to the front address of `node`; TTL 255, without a checksum.
pub fn datagram(sender: Ipv4Addr, node: Node, port: u16, payload: &[u8]) -> Vec<u8> {
    let length = (8 + payload.len()) as u16;
    let header = ipv4(sender, node.front(), UDP, 255, usize::from(length));
    let udp = [port.to_be_bytes(), port.to_be_bytes(), length.to_be_bytes(), [0; 2]].concat();
    [&node.front_mac().0[..], &Mac::of(sender).0, &[0x08, 0x00], &header, &udp, payload].concat()
}

/// Sends each frame once out of the front interface of `client`, without pauses.
pub fn send_all(client: &NetNs, frames: Vec<Vec<u8>>) -> Result<()> {
    client.run(move || {
        let socket = open()?;
        frames.iter().try_for_each(|frame| send(&socket, frame))
    })
}

/// Call it inside the client's namespace.
fn open() -> Result<Socket> {
    let socket = Socket::new(Domain::PACKET, Type::RAW, None).context("opening a packet socket")?;
    let index = nix::net::if_::if_nametoindex(FRONT_IF).context("the client's interface")?;
    sys::bind_packet(&socket, index).context("binding the packet socket")?;
    Ok(socket)
}

/// Sends a frame, and repeats while the link's queue is full.
fn send(socket: &Socket, frame: &[u8]) -> Result<()> {
    loop {
        match socket.send(frame) {
            Ok(_) => return Ok(()),
            Err(e) if e.raw_os_error() == Some(libc::ENOBUFS) => {
                std::thread::sleep(Duration::from_micros(200))
            }
            Err(e) => return Err(e).context("sending a bad advert"),
        }
    }
}

/// A whole frame of `kind`.
fn frame(kind: BadAdvert, settings: &Settings, random: &mut SplitMix) -> Vec<u8> {
    // It has the highest priority and the other node's source address: if accepted, it would win.
    let vip = Vip::Vip1;
    let vrid = if kind == BadAdvert::Vrid { 99 } else { vip.vrid() };
    let version = if kind == BadAdvert::Version { 5 - settings.version } else { settings.version };
    let (source, target) = match kind {
        BadAdvert::OwnSource(node) => (node.front(), node.front_mac()),
        _ => (Ipv4Addr::new(192, 168, 1, 66), Mac::VRRP_MULTICAST),
    };
    let ttl = if kind == BadAdvert::Ttl { 64 } else { 255 };
    let mut advert = advert(version, vrid, source, vip.address(), settings, kind);
    match kind {
        BadAdvert::Checksum => advert[7] ^= 1,
        BadAdvert::Length => advert.truncate(10),
        BadAdvert::Garbage => advert = random.bytes(),
        _ => {}
    }
    let sender = Mac::of(Host::Client.front().unwrap_or(Ipv4Addr::UNSPECIFIED));
    [
        &target.0[..],
        &sender.0,
        &[0x08, 0x00],
        &ipv4(source, GROUP, VRRP, ttl, advert.len()),
        &advert,
    ]
    .concat()
}

fn advert(
    version: u8,
    vrid: u8,
    source: Ipv4Addr,
    address: Ipv4Addr,
    settings: &Settings,
    kind: BadAdvert,
) -> Vec<u8> {
    let kind_nibble = if kind == BadAdvert::Type { 2 } else { 1 };
    let mut bytes = vec![version << 4 | kind_nibble, vrid, 255, 1];
    if version == 2 {
        let auth_type = u8::from(settings.password.is_some());
        bytes.extend_from_slice(&[auth_type, settings.interval.as_secs().clamp(1, 255) as u8]);
    } else {
        let centiseconds = (settings.interval.as_millis() / 10).clamp(1, 4095) as u16;
        bytes.extend_from_slice(&centiseconds.to_be_bytes());
    }
    bytes.extend_from_slice(&[0, 0]);
    bytes.extend_from_slice(&address.octets());
    if version == 2 {
        let password = match kind {
            BadAdvert::Password => "2222",
            _ => settings.password.as_deref().unwrap_or_default(),
        };
        let mut auth = [0; 8];
        for (to, from) in auth.iter_mut().zip(password.bytes()) {
            *to = from;
        }
        bytes.extend_from_slice(&auth);
    }
    let sum = checksum(&covered(version, source, &bytes));
    bytes[6..8].copy_from_slice(&sum.to_be_bytes());
    bytes
}

fn ipv4(source: Ipv4Addr, target: Ipv4Addr, proto: u8, ttl: u8, payload: usize) -> [u8; 20] {
    let [s0, s1, s2, s3] = source.octets();
    let [t0, t1, t2, t3] = target.octets();
    let [l0, l1] = (20 + payload as u16).to_be_bytes();
    let mut header =
        [0x45, 0xc0, l0, l1, 0, 0, 0, 0, ttl, proto, 0, 0, s0, s1, s2, s3, t0, t1, t2, t3];
    let sum = checksum(&header).to_be_bytes();
    header[10..12].copy_from_slice(&sum);
    header
}

/// RFC 1071.
pub(crate) fn checksum(bytes: &[u8]) -> u16 {
    let mut sum: u32 = bytes
        .chunks(2)
        .map(|pair| u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or_default()))
        .sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// A small generator with a fixed seed: every run sends the same garbage.
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// 1 to 64 random bytes.
    fn bytes(&mut self) -> Vec<u8> {
        let length = 1 + (self.next() % 64) as usize;
        (0..length).map(|_| self.next() as u8).collect()
    }
}

#[cfg(test)]
mod tests;
