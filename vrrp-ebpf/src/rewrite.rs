//! The only packet writes.

use aya_ebpf::bindings::xdp_action;
use aya_ebpf::helpers::generated::{bpf_redirect, bpf_xdp_adjust_head, bpf_xdp_adjust_tail};
use aya_ebpf::programs::XdpContext;
use vrrp_common::counter::Verdict;
use vrrp_common::ip::Address;
use vrrp_common::maps::STEERED_TTL;
use vrrp_common::packet::Packet as _;
use vrrp_common::wire::arp::{self, Arp};
use vrrp_common::wire::eth::{self, Ethernet};
use vrrp_common::wire::{checksum, ipv4, ipv6, nd};

use crate::context::{Frame, data, data_end, linear_len};

/// Turns the ARP request at `network` into a reply that maps the requested address to `mac`, and
/// transmits it on the ingress interface.
#[inline(always)]
pub fn arp_answer(ctx: &XdpContext, network: usize, request: &Arp, mac: [u8; 6]) -> Verdict {
    let answer =
        arp::packet(arp::OP_REPLY, mac, request.target, request.sender_mac, request.sender);
    match put(ctx, network, answer).and_then(|()| set_macs(ctx, request.sender_mac, mac)) {
        Some(()) => Verdict::Tx,
        None => Verdict::Drop,
    }
}

/// Turns the gratuitous ARP request at `network` into a reply: neighbours learn as much from it,
/// and no host answers it.
#[inline(always)]
pub fn arp_request_to_reply(ctx: &XdpContext, network: usize) -> Option<()> {
    put(ctx, network + arp::OP_LOW_BYTE, [arp::OP_REPLY as u8])
}

/// Turns a neighbour solicitation, sent from `asker`, into the advertisement that `mac` has
/// `target`. Sent back where it came from; a host that probes whether the address is free is
/// answered by a frame to all.
///
/// A solicitation without options is eight bytes shorter than the advertisement.
#[inline(always)]
pub fn neighbour_answer(
    ctx: &XdpContext,
    ethernet: &Ethernet,
    asker: &Address,
    target: &Address,
    mac: [u8; 6],
) -> Verdict {
    let len = linear_len(ctx);
    let wanted = ethernet.network + ipv6::HEADER_LEN + nd::MESSAGE_LEN;
    if len < wanted {
        // SAFETY: a helper call; it moves the end of the frame, and every access below checks the
        // new one.
        let grown = unsafe { bpf_xdp_adjust_tail(ctx.ctx, (wanted - len) as i32) };
        if grown != 0 {
            return Verdict::Drop;
        }
    }
    let to = if asker.is_unspecified_v6() { nd::ALL_NODES_MAC } else { ethernet.source };
    let answer = nd::Advertisement::new(mac, target, asker);
    match advertisement(ctx, ethernet.network, &answer, target)
        .and_then(|()| set_macs(ctx, to, mac))
    {
        Some(()) => Verdict::Tx,
        None => Verdict::Drop,
    }
}

#[inline(always)]
fn advertisement(
    ctx: &XdpContext,
    network: usize,
    pieces: &nd::Advertisement,
    target: &Address,
) -> Option<()> {
    put(ctx, network, pieces.head)?;
    put(ctx, network + nd::at::SOURCE, target.octets())?;
    put(ctx, network + nd::at::DESTINATION, pieces.destination.octets())?;
    put(ctx, network + nd::at::MESSAGE, pieces.message)?;
    put(ctx, network + nd::at::TARGET, target.octets())?;
    put(ctx, network + nd::at::OPTION, pieces.option)
}

/// Readdresses a frame for a virtual MAC to the interface's own MAC, so that the stack accepts it.
#[inline(always)]
pub fn set_destination_mac(ctx: &XdpContext, mac: [u8; 6]) -> Option<()> {
    put(ctx, 0, mac)
}

/// Marks the packet with the IP header at `network` as steered: see [`STEERED_TTL`].
#[inline(always)]
pub fn mark_steered(ctx: &XdpContext, v6: bool, network: usize) -> Option<()> {
    if v6 {
        return put(ctx, network + ipv6::at::HOP_LIMIT, [STEERED_TTL]);
    }
    let [ttl, protocol, c0, c1] = Frame(ctx).bytes(network + ipv4::at::TTL)?;
    let word = |ttl| u64::from(u16::from_ne_bytes([ttl, protocol]));
    let sum = checksum::adjusted(u16::from_be_bytes([c0, c1]), word(ttl), word(STEERED_TTL));
    let [c0, c1] = sum.to_be_bytes();
    put(ctx, network + ipv4::at::TTL, [STEERED_TTL, protocol, c0, c1])
}

/// Addresses the frame to `destination` and sends it out of `ifindex`.
#[inline(always)]
pub fn send_to_mac(
    ctx: &XdpContext,
    ifindex: u32,
    destination: [u8; 6],
    source: [u8; 6],
) -> Verdict {
    if set_macs(ctx, destination, source).is_none() {
        return Verdict::Drop;
    }
    send(ctx, ifindex)
}

/// Sends the frame as it is out of `ifindex`.
#[inline(always)]
pub fn send(ctx: &XdpContext, ifindex: u32) -> Verdict {
    if ifindex as usize == ctx.ingress_ifindex() {
        return Verdict::Tx;
    }
    // SAFETY: a helper call with two integers; it stores the target of the redirect that this
    // verdict requests.
    let action = unsafe { bpf_redirect(ifindex, 0) };
    if action == i64::from(xdp_action::XDP_REDIRECT) { Verdict::Redirect } else { Verdict::Drop }
}

/// The Ethernet header with its VLAN tags, to be written again after the network header has moved.
pub struct Link {
    pub destination: [u8; 6],
    pub source: [u8; 6],
    outer_tag: [u8; 4],
    inner_tag: [u8; 4],
}

/// Offset of the first VLAN tag, and length of each.
const TAGS_AT: usize = 12;
const TAG_LEN: usize = 4;
const TWO_TAGS: usize = eth::HEADER_LEN + 2 * TAG_LEN;

impl Link {
    /// Reads it from the frame.
    #[inline(always)]
    pub fn read(ctx: &XdpContext) -> Option<Self> {
        let frame = Frame(ctx);
        Some(Self {
            destination: frame.bytes(0)?,
            source: frame.bytes(eth::SOURCE_AT)?,
            // Any frame with a network header has these bytes; they are VLAN tags only if the
            // network header follows them.
            outer_tag: frame.bytes(TAGS_AT)?,
            inner_tag: frame.bytes(TAGS_AT + TAG_LEN)?,
        })
    }

    /// Writes it before the network header at `network`, with other addresses and type.
    #[inline(always)]
    pub fn write(
        &self,
        ctx: &XdpContext,
        network: usize,
        destination: [u8; 6],
        source: [u8; 6],
        ethertype: u16,
    ) -> Option<()> {
        set_macs(ctx, destination, source)?;
        if network > eth::HEADER_LEN {
            put(ctx, TAGS_AT, self.outer_tag)?;
        }
        if network == TWO_TAGS {
            put(ctx, TAGS_AT + TAG_LEN, self.inner_tag)?;
        }
        put(ctx, network - 2, ethertype.to_be_bytes())
    }
}

/// Makes room for `len` bytes before the frame.
#[inline(always)]
pub fn grow_head(ctx: &XdpContext, len: usize) -> Option<()> {
    // SAFETY: a helper call; it moves the start of the frame, and every later access checks the new
    // bounds.
    let outcome = unsafe { bpf_xdp_adjust_head(ctx.ctx, -(len as i32)) };
    (outcome == 0).then_some(())
}

/// Truncates the frame to `len` bytes; it is at least that long.
#[inline(always)]
pub fn trim(ctx: &XdpContext, len: usize) -> Option<()> {
    let have = linear_len(ctx);
    // SAFETY: as in `grow_head`, for the end of the frame.
    let outcome = unsafe { bpf_xdp_adjust_tail(ctx.ctx, len as i32 - have as i32) };
    (outcome == 0).then_some(())
}

#[inline(always)]
fn set_macs(ctx: &XdpContext, destination: [u8; 6], source: [u8; 6]) -> Option<()> {
    put(ctx, 0, [destination, source])
}

/// Byte arrays, and arrays of byte arrays: no alignment, no padding.
pub trait Bytes: Copy {}
impl<const N: usize> Bytes for [u8; N] {}
impl<const N: usize, const M: usize> Bytes for [[u8; N]; M] {}

/// Writes `bytes` at `offset`; `None` if the frame is too short.
#[inline(always)]
pub fn put<B: Bytes>(ctx: &XdpContext, offset: usize, bytes: B) -> Option<()> {
    let start = data(ctx) + offset;
    if start + size_of::<B>() > data_end(ctx) {
        return None;
    }
    // SAFETY: that many bytes from `start` lie before `data_end`, as was just checked; the frame is
    // this program's alone while it runs, and byte arrays have no alignment.
    unsafe { *(start as *mut B) = bytes };
    Some(())
}
