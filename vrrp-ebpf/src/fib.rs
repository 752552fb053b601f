//! FIB lookups: the next hop of a response to a client, by the host's routes and neighbours.

use aya_ebpf::EbpfContext as _;
use aya_ebpf::bindings::bpf_fib_lookup as Params;
use aya_ebpf::helpers::generated::bpf_fib_lookup;
use aya_ebpf::programs::XdpContext;
use vrrp_common::ip::Address;

use crate::packet::Packet;

const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
/// The lookup found a route and a neighbour (BPF_FIB_LKUP_RET_SUCCESS).
const FOUND: i64 = 0;
/// The host would not forward the packet: it is for the host itself, or has no route
/// (BPF_FIB_LKUP_RET_NOT_FWDED).
const NOT_FORWARDED: i64 = 4;
/// The host would forward it: by a route with an encapsulation; after neighbour resolution; in
/// fragments or with an ICMP error, because it exceeds the MTU.
const ENCAPSULATED: i64 = 6;
const NO_NEIGHBOUR: i64 = 7;
const TOO_LONG: i64 = 8;

pub enum Next {
    Hop(Hop),
    /// The packet is for this host.
    Local,
    /// The stack must forward it: an unresolved neighbour, a packet above the MTU, or another kind
    /// of route.
    Stack,
}

/// Whether the host would forward `packet`, which must not be multicast, out of another interface.
#[inline(always)]
pub fn is_forwarded(ctx: &XdpContext, packet: &Packet) -> bool {
    let (result, params) = look_up(ctx, packet, &packet.source);
    match result {
        FOUND | NO_NEIGHBOUR => params.ifindex as usize != ctx.ingress_ifindex(),
        // The kernel does not return the interface.
        ENCAPSULATED | TOO_LONG => true,
        _ => false,
    }
}

pub struct Hop {
    pub ifindex: u32,
    pub mac: [u8; 6],
    pub source_mac: [u8; 6],
}

/// The next hop of `packet` to its destination, with the source `source`.
#[inline(always)]
pub fn next_hop(ctx: &XdpContext, packet: &Packet, source: &Address) -> Next {
    let (result, params) = look_up(ctx, packet, source);
    match result {
        FOUND => Next::Hop(Hop {
            ifindex: params.ifindex,
            mac: mac(&raw const params.dmac),
            source_mac: mac(&raw const params.smac),
        }),
        NOT_FORWARDED => Next::Local,
        _ => Next::Stack,
    }
}

#[inline(always)]
fn look_up(ctx: &XdpContext, packet: &Packet, source: &Address) -> (i64, Params) {
    // SAFETY: integers and byte arrays only; zero is a value of each.
    let mut params: Params = unsafe { core::mem::zeroed() };
    params.l4_protocol = packet.protocol;
    params.__bindgen_anon_1.tot_len = packet.len as u16;
    params.ifindex = ctx.ingress_ifindex() as u32;
    if packet.v6 {
        params.family = AF_INET6;
        params.__bindgen_anon_3.ipv6_src = words(source);
        params.__bindgen_anon_4.ipv6_dst = words(&packet.destination);
    } else {
        params.family = AF_INET;
        params.__bindgen_anon_2.tos = packet.class;
        params.__bindgen_anon_3.ipv4_src = u32::from_ne_bytes(source.low());
        params.__bindgen_anon_4.ipv4_dst = u32::from_ne_bytes(packet.destination.low());
    }
    // SAFETY: a helper call; the pointers are to the context and to parameters of the size that is
    // given.
    let result =
        unsafe { bpf_fib_lookup(ctx.as_ptr(), &raw mut params, size_of::<Params>() as i32, 0) };
    (result, params)
}

/// A MAC address from the parameters, read two bytes at a time: a four-byte read would be
/// misaligned on the stack, which the verifier rejects.
#[inline(always)]
fn mac(at: *const [u8; 6]) -> [u8; 6] {
    let word = |index: usize| {
        // SAFETY: six bytes at an even address are three words; volatile keeps the compiler from
        // joining them.
        let word = unsafe { at.cast::<u16>().add(index).read_volatile() };
        word.to_ne_bytes()
    };
    let ([a, b], [c, d], [e, f]) = (word(0), word(1), word(2));
    [a, b, c, d, e, f]
}

#[inline(always)]
fn words(address: &Address) -> [u32; 4] {
    let [high, low] = address.words();
    [high as u32, (high >> 32) as u32, low as u32, (low >> 32) as u32]
}
