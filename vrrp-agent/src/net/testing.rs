//! Two new network namespaces joined by a veth pair, for tests that need root. The host's own
//! namespace is not changed.
#![allow(clippy::disallowed_methods, reason = "a test measures")]

use std::fs::File;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::AsRawFd;
use std::process::Command;
use std::time::{Duration, Instant};

use netlink_packet_route::address::{AddressAttribute, AddressFlags, AddressProtocol};
use nix::sched::{CloneFlags, setns, unshare};

use super::Netlink;
use vrrp_model::host::ADDRESS_PROTOCOL;
use vrrp_model::host::Interface;

pub(crate) const LEFT: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
pub(crate) const RIGHT: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
pub(crate) const VIP: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 100);
pub(crate) const VIP6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x100);
/// Duplicate address detection of the interfaces' own IPv6 addresses ends within this.
pub(crate) const DETECTION: Duration = Duration::from_secs(5);
/// How soon a change in the kernel must be seen.
pub(crate) const SOON: Duration = Duration::from_millis(200);

/// Interface `left` with [`LEFT`]/24 in one namespace, `right` with [`RIGHT`]/24 in the other.
pub(crate) struct Pair {
    left: File,
    right: File,
}

/// Runs `test` on a thread and a runtime of its own, which starts in the left namespace.
pub(crate) fn in_pair(test: impl AsyncFnOnce(&Pair) + Send + 'static) {
    let thread = std::thread::spawn(|| {
        let left = fresh_namespace();
        let right = fresh_namespace();
        let pair = Pair { left, right };
        pair.enter_left();
        let namespace = format!("/proc/{}/fd/{}", std::process::id(), pair.right.as_raw_fd());
        ip(&format!("link add left type veth peer name right netns {namespace}"));
        ip(&format!("addr add {LEFT}/24 dev left"));
        ip("link set lo up");
        ip("link set left up");
        pair.enter_right();
        ip(&format!("addr add {RIGHT}/24 dev right"));
        ip("link set lo up");
        ip("link set right up");
        wait_operational("right");
        pair.enter_left();
        wait_operational("left");
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(test(&pair));
    });
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

impl Pair {
    /// Moves this thread to the left namespace. Sockets stay where they were opened.
    pub(crate) fn enter_left(&self) {
        setns(&self.left, CloneFlags::CLONE_NEWNET).expect("the left namespace");
    }

    pub(crate) fn enter_right(&self) {
        setns(&self.right, CloneFlags::CLONE_NEWNET).expect("the right namespace");
    }
}

/// The link-local address of an interface of the current namespace.
pub(crate) fn link_local(name: &str) -> Ipv6Addr {
    let shown = ip(&format!("-o -6 addr show dev {name} scope link"));
    let text = shown
        .split_whitespace()
        .skip_while(|word| *word != "inet6")
        .nth(1)
        .expect("a link-local address");
    text.split('/').next().and_then(|address| address.parse().ok()).expect("an address")
}

/// Waits until no IPv6 address of an interface of the current namespace is tentative.
pub(crate) fn wait_detected(name: &str) {
    let begin = Instant::now();
    while !ip(&format!("-o -6 addr show dev {name} tentative")).is_empty() {
        assert!(begin.elapsed() < DETECTION, "{name}'s IPv6 addresses stay tentative");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn fresh_namespace() -> File {
    unshare(CloneFlags::CLONE_NEWNET).expect("a network namespace: needs root");
    File::open("/proc/thread-self/ns/net").expect("the namespace")
}

/// Before that the kernel drops packets that are sent there.
fn wait_operational(name: &str) {
    let begin = Instant::now();
    while !ip(&format!("-o link show dev {name}")).contains("state UP") {
        assert!(begin.elapsed() < Duration::from_secs(5), "{name} does not come up");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Runs ip(8) in the current namespace and returns its output: tests compare it with our own view.
pub(crate) fn ip(arguments: &str) -> String {
    let output =
        Command::new("ip").args(arguments.split_whitespace()).output().expect("ip(8) runs");
    assert!(output.status.success(), "ip {arguments}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// The interface of that name in the current namespace.
pub(crate) fn interface(name: &str) -> Interface {
    let index = nix::net::if_::if_nametoindex(name).expect("the interface");
    Interface { index, name: name.to_owned() }
}

/// The MAC address of an interface in the current namespace.
pub(crate) fn mac(name: &str) -> [u8; 6] {
    let shown = ip(&format!("-o link show dev {name}"));
    let text = shown
        .split_whitespace()
        .skip_while(|word| *word != "link/ether")
        .nth(1)
        .expect("a MAC address");
    let bytes: Vec<u8> =
        text.split(':').map(|byte| u8::from_str_radix(byte, 16).expect("hex")).collect();
    bytes.try_into().expect("six bytes")
}

/// Tries until there is a result or [`SOON`] has passed.
pub(crate) async fn soon<T>(mut attempt: impl FnMut() -> Option<T>) -> Option<T> {
    let begin = Instant::now();
    loop {
        if let Some(result) = attempt() {
            return Some(result);
        }
        if begin.elapsed() > SOON {
            return None;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Installs an IPv6 address as agents did before they deprecated theirs: with our mark, and
/// preferred.
pub(crate) async fn add_preferred(netlink: &Netlink, index: u32, address: IpAddr, prefix_len: u8) {
    let mut add = netlink.handle().expect("a connection").address().add(index, address, prefix_len);
    let attributes = &mut add.message_mut().attributes;
    attributes.push(AddressAttribute::Protocol(AddressProtocol::Other(ADDRESS_PROTOCOL)));
    attributes.push(AddressAttribute::Flags(AddressFlags::Nodad));
    add.execute().await.expect("added");
}

/// Whether bridge(8) shows the MAC in the unicast filter of an interface of the current namespace.
pub(crate) fn takes_frames_for(name: &str, mac: [u8; 6]) -> bool {
    let output =
        Command::new("bridge").args(["fdb", "show", "dev", name]).output().expect("bridge(8) runs");
    assert!(output.status.success(), "bridge: {}", String::from_utf8_lossy(&output.stderr));
    let text = mac.map(|byte| format!("{byte:02x}")).join(":");
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    shown.lines().any(|line| line.starts_with(&text) && line.contains("self permanent"))
}
