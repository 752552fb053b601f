//! Captures everything that hosts send on the front network, with the port on which it arrived.
//!
//! The capture runs on the switch, so a frame's origin is the port that it arrived on, not its
//! source address.

use std::collections::BTreeMap;
use std::io::IoSliceMut;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, bail, ensure};
use nix::errno::Errno;
use nix::sys::socket::{ControlMessageOwned, LinkAddr, MsgFlags, recvmsg, setsockopt, sockopt};
use nix::sys::time::TimeSpec;
use socket2::{Domain, Protocol, Socket, Type};

use crate::frames::{Advert, Arp, Frame};
use crate::names::{Host, Mac, Node};
use crate::netns::NetNs;
use crate::sys;
use crate::topology::segment_port;

/// A pair has no more segments than this.
const MAX_SEGMENTS: u8 = 16;
/// Enough for every header the lab reads.
const SNAP_LENGTH: usize = 128;
const RECEIVE_BUFFER: usize = 32 << 20;
/// Interval at which a quiet capture checks whether it must stop.
const STOP_CHECK: Duration = Duration::from_millis(20);

/// One frame as it entered the switch.
#[derive(Debug, Clone)]
pub struct Captured {
    /// When the kernel received it.
    pub at: Instant,
    pub from: Host,
    pub frame: Frame,
    /// The bytes of an advert, to send it again; empty for other frames.
    pub bytes: Vec<u8>,
}

/// A running capture.
#[derive(Debug)]
pub struct Capture {
    frames: Arc<Mutex<Vec<Captured>>>,
    stop: Arc<AtomicBool>,
    lost: Arc<AtomicU32>,
    thread: Option<JoinHandle<Result<()>>>,
}

impl Capture {
    /// Starts to capture on every port of the front switch.
    pub fn start(front_switch: &NetNs) -> Result<Self> {
        let frames = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let lost = Arc::new(AtomicU32::new(0));
        let (listener, ports) = front_switch.run(open)?;
        let worker = Worker {
            socket: listener,
            ports,
            clock: ClockBase::now(),
            frames: Arc::clone(&frames),
            stop: Arc::clone(&stop),
            lost: Arc::clone(&lost),
        };
        // The socket belongs to the switch's namespace, whatever namespace its reader is in.
        let thread =
            std::thread::Builder::new().name("capture".to_owned()).spawn(move || worker.run())?;
        Ok(Self { frames, stop, lost, thread: Some(thread) })
    }

    /// A copy of what has been captured so far.
    pub fn so_far(&self) -> Recording {
        Recording { frames: lock(&self.frames).clone(), lost: self.lost.load(Ordering::Relaxed) }
    }

    /// The node that sent the last advert for `vrid`, without resignations (priority 0).
    pub fn last_advertiser(&self, vrid: u8) -> Option<Node> {
        lock(&self.frames)
            .iter()
            .rev()
            .filter(|captured| {
                captured
                    .frame
                    .advert()
                    .is_some_and(|advert| advert.vrid == vrid && advert.priority > 0)
            })
            .find_map(|captured| Node::from_host(captured.from))
    }

    /// When `node` first advertised `vrid` with a priority above 0, at `after` or later.
    pub fn first_advert(&self, after: Instant, node: Node, vrid: u8) -> Option<Instant> {
        first_advert(&lock(&self.frames), after, node, vrid)
    }

    /// The nodes that advertised each address (the first of an advert) with a priority above 0.
    pub fn advertisers(&self) -> BTreeMap<IpAddr, Vec<Node>> {
        let mut advertisers: BTreeMap<IpAddr, Vec<Node>> = BTreeMap::new();
        for (_, node, advert) in masters(&lock(&self.frames)) {
            if let Some(&address) = advert.addresses.first() {
                let nodes = advertisers.entry(address).or_default();
                if !nodes.contains(&node) {
                    nodes.push(node);
                }
            }
        }
        advertisers
    }

    /// Forgets what was captured, so that the next step starts with an empty recording.
    pub fn clear(&self) {
        lock(&self.frames).clear();
    }

    pub fn stop(mut self) -> Result<Recording> {
        // Frames in flight through the switch still belong to the recording.
        std::thread::sleep(STOP_CHECK);
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            match thread.join() {
                Ok(result) => result?,
                Err(_) => bail!("the capture panicked"),
            }
        }
        Ok(Recording {
            frames: std::mem::take(&mut *lock(&self.frames)),
            lost: self.lost.load(Ordering::Relaxed),
        })
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn lock(frames: &Mutex<Vec<Captured>>) -> MutexGuard<'_, Vec<Captured>> {
    frames.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Captured frames in the order of their arrival at the switch.
#[derive(Debug, Clone)]
pub struct Recording {
    pub frames: Vec<Captured>,
    /// Frames that the kernel dropped for lack of buffers. Only with 0 does the absence of a frame
    /// prove anything.
    pub lost: u32,
}

/// A reply of the old master that is this late after its successor's first advert may have been in
/// flight: the capture runs on the switch, and both frames pass another queue before it.
pub const UNDERWAY: Duration = Duration::from_millis(5);

impl Recording {
    /// When `node` first advertised `vrid` with a priority above 0, at `after` or later.
    pub fn first_advert(&self, after: Instant, node: Node, vrid: u8) -> Option<Instant> {
        first_advert(&self.frames, after, node, vrid)
    }

    /// Time and priority of the adverts `node` sent for `vrid`, at `after` or later.
    pub fn adverts(
        &self,
        after: Instant,
        node: Node,
        vrid: u8,
    ) -> impl Iterator<Item = (Instant, u8)> {
        adverts(&self.frames, after, node, vrid)
    }

    /// ARP frames in which `node` claims `address` (replies and gratuitous requests), at `after` or
    /// later.
    pub fn arp_claims(&self, after: Instant, node: Node, address: Ipv4Addr) -> Vec<(Instant, Arp)> {
        from_host(&self.frames, after, node.host())
            .filter_map(|captured| Some((captured.at, captured.frame.arp()?)))
            .filter(|(_, arp)| arp.sender == address)
            .map(|(at, arp)| (at, arp.clone()))
            .collect()
    }

    /// Adverts of both nodes with a priority above 0, in the order of their arrival at the switch.
    pub fn masters(&self) -> impl Iterator<Item = (Instant, Node, &Advert)> + Clone {
        masters(&self.frames)
    }

    /// When a node was active for `address` although the other one had advertised it, later than a
    /// frame in flight explains: it sent from the address, or claimed it. Its own next advert ends
    /// that: the node that advertised last may be active.
    pub fn second_is_active(&self, since: Instant, address: Ipv4Addr) -> Vec<Instant> {
        let mut entitled: Option<(Node, Instant)> = None;
        let mut acts = Vec::new();
        for captured in self.frames.iter().filter(|captured| captured.at >= since) {
            let Some(node) = Node::from_host(captured.from) else { continue };
            let frame = &captured.frame;
            if let Some(advert) = frame.advert() {
                if advert.priority > 0
                    && advert.addresses.contains(&address.into())
                    && entitled.is_none_or(|(n, _)| n != node)
                {
                    entitled = Some((node, captured.at));
                }
                continue;
            }
            let claims = frame.claim() == Some(address.into())
                || frame.ipv4().is_some_and(|ip| ip.src == address);
            if claims
                && entitled
                    .is_some_and(|(other, from)| other != node && captured.at >= from + UNDERWAY)
            {
                acts.push(captured.at);
            }
        }
        acts
    }

    /// When `node` announced `address` by gratuitous ARP or neighbour advertisement, at `after` or
    /// later.
    pub fn claims(
        &self,
        after: Instant,
        node: Node,
        address: IpAddr,
    ) -> impl Iterator<Item = Instant> {
        from_host(&self.frames, after, node.host())
            .filter(move |captured| {
                captured.frame.dst.is_group() && captured.frame.claim() == Some(address)
            })
            .map(|captured| captured.at)
    }

    /// Times at which frames of `node` with source `address` entered the switch, if they answer a
    /// client that sent to `node` itself after `after`.
    ///
    /// A node that got a packet from the new master (direct return) answers with the same source
    /// address, which is correct: there the client's frame went to the new master's hardware
    /// address. So the destination of the client's last frame of that connection decides.
    pub fn direct_reply_times(
        &self,
        after: Instant,
        node: Node,
        address: Ipv4Addr,
    ) -> Vec<Instant> {
        let mut spoken_to: BTreeMap<u16, Mac> = BTreeMap::new();
        let mut replies = Vec::new();
        for captured in self.frames.iter().filter(|captured| captured.at > after) {
            let Some(ip) = captured.frame.ipv4() else { continue };
            let Some((src_port, dst_port)) = ip.ports else { continue };
            if captured.from == Host::Client && ip.dst == address {
                spoken_to.insert(src_port, captured.frame.dst);
            } else if captured.from == node.host()
                && ip.src == address
                && spoken_to.get(&dst_port) == Some(&node.front_mac())
            {
                replies.push(captured.at);
            }
        }
        replies
    }
}

fn from_host(frames: &[Captured], after: Instant, host: Host) -> impl Iterator<Item = &Captured> {
    frames.iter().filter(move |captured| captured.from == host && captured.at >= after)
}

fn masters(frames: &[Captured]) -> impl Iterator<Item = (Instant, Node, &Advert)> + Clone {
    frames.iter().filter_map(|captured| {
        let advert = captured.frame.advert().filter(|advert| advert.priority > 0)?;
        Some((captured.at, Node::from_host(captured.from)?, advert))
    })
}

fn adverts(
    frames: &[Captured],
    after: Instant,
    node: Node,
    vrid: u8,
) -> impl Iterator<Item = (Instant, u8)> {
    from_host(frames, after, node.host()).filter_map(move |captured| {
        let advert = captured.frame.advert().filter(|advert| advert.vrid == vrid)?;
        Some((captured.at, advert.priority))
    })
}

fn first_advert(frames: &[Captured], after: Instant, node: Node, vrid: u8) -> Option<Instant> {
    adverts(frames, after, node, vrid).find(|(_, priority)| *priority > 0).map(|(at, _)| at)
}

/// Opens the socket; call it inside the switch's namespace.
fn open() -> Result<(Socket, BTreeMap<usize, Host>)> {
    let mut ports = BTreeMap::new();
    for host in Host::ALL.into_iter().filter(|host| host.front().is_some()) {
        // A duel has fewer hosts than a whole lab, and only one segment.
        for segment in 0..MAX_SEGMENTS {
            if let Ok(index) = nix::net::if_::if_nametoindex(segment_port(host, segment).as_str()) {
                ports.insert(index as usize, host);
            }
        }
    }
    ensure!(!ports.is_empty(), "the switch has no ports");
    let protocol = Protocol::from(i32::from(sys::ETH_P_ALL_BE));
    let socket = Socket::new(Domain::PACKET, Type::RAW, Some(protocol))
        .context("opening a packet socket")?;
    setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BUFFER)
        .context("enlarging the capture buffer")?;
    setsockopt(&socket, sockopt::ReceiveTimestampns, &true).context("asking for time stamps")?;
    socket.set_read_timeout(Some(STOP_CHECK)).context("setting a time limit")?;
    Ok((socket, ports))
}

/// Converts the kernel's wall-clock stamps to `Instant`.
struct ClockBase {
    wall: SystemTime,
    instant: Instant,
}

impl ClockBase {
    fn now() -> Self {
        Self { wall: SystemTime::now(), instant: Instant::now() }
    }

    fn instant(&self, stamp: TimeSpec) -> Instant {
        let wall = SystemTime::UNIX_EPOCH + Duration::from(stamp);
        match wall.duration_since(self.wall) {
            Ok(later) => self.instant + later,
            Err(earlier) => self.instant.checked_sub(earlier.duration()).unwrap_or(self.instant),
        }
    }
}

struct Worker {
    socket: Socket,
    ports: BTreeMap<usize, Host>,
    clock: ClockBase,
    frames: Arc<Mutex<Vec<Captured>>>,
    stop: Arc<AtomicBool>,
    lost: Arc<AtomicU32>,
}

impl Worker {
    fn run(&self) -> Result<()> {
        let mut control = nix::cmsg_space!(TimeSpec);
        while !self.stop.load(Ordering::Relaxed) {
            match self.receive(&mut control) {
                Ok(Some(captured)) => lock(&self.frames).push(captured),
                Ok(None) | Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => {
                    let lost =
                        sys::packet_drops(&self.socket).context("reading the capture's losses")?;
                    self.lost.fetch_add(lost, Ordering::Relaxed);
                }
                Err(e) => return Err(e).context("capturing"),
            }
        }
        Ok(())
    }

    fn receive(&self, control: &mut [u8]) -> Result<Option<Captured>, Errno> {
        let mut bytes = [0; SNAP_LENGTH];
        let mut parts = [IoSliceMut::new(&mut bytes)];
        let message = recvmsg::<LinkAddr>(
            self.socket.as_raw_fd(),
            &mut parts,
            Some(control),
            MsgFlags::empty(),
        )?;
        let stamp = message.cmsgs()?.find_map(|part| match part {
            ControlMessageOwned::ScmTimestampns(stamp) => Some(stamp),
            _ => None,
        });
        let (Some(address), Some(stamp)) = (message.address, stamp) else { return Ok(None) };
        let length = message.bytes;
        // The same frame passes again when it leaves through other ports: only its arrival counts.
        if address.pkttype() == libc::PACKET_OUTGOING {
            return Ok(None);
        }
        let Some(&from) = self.ports.get(&address.ifindex()) else { return Ok(None) };
        let at = self.clock.instant(stamp);
        Ok(Frame::parse(&bytes[..length]).map(|frame| {
            let bytes =
                if frame.advert().is_some() { bytes[..length].to_vec() } else { Vec::new() };
            Captured { at, from, frame, bytes }
        }))
    }
}
