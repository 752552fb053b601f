//! Reads and rewrites the socket address of the context, one word at a time, as the verifier
//! requires.

use aya_ebpf::bindings::bpf_sock_addr;
use aya_ebpf::programs::SockAddrContext;
use vrrp_common::ip::Address;
use vrrp_common::socket_maps::UpstreamKey;

const STREAM: u32 = 1;
const TCP: u32 = 6;

/// Family of the socket. An IPv6 socket uses the mapped form of IPv4 addresses, which is also the
/// form of [`Address`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Family {
    V4,
    V6,
}

#[inline(always)]
pub fn is_tcp(ctx: &SockAddrContext) -> bool {
    let at = ctx.sock_addr;
    // SAFETY: words of the context, which every program of this type may read.
    unsafe {
        (&raw const (*at).type_).read_volatile() == STREAM
            && (&raw const (*at).protocol).read_volatile() == TCP
    }
}

/// The address and port of the connect or of the peer.
#[inline(always)]
pub fn read(ctx: &SockAddrContext, family: Family) -> UpstreamKey {
    let at: *const bpf_sock_addr = ctx.sock_addr;
    // SAFETY: words of the context that programs for this family may read, each whole and once.
    let (address, port) = unsafe {
        let address = match family {
            Family::V4 => Address::v4((&raw const (*at).user_ip4).read_volatile().to_ne_bytes()),
            Family::V6 => {
                let words = &raw const (*at).user_ip6;
                let word = |index: usize| u64::from(words.cast::<u32>().add(index).read_volatile());
                let join = |first: u64, second: u64| {
                    if cfg!(target_endian = "little") {
                        first | second << 32
                    } else {
                        first << 32 | second
                    }
                };
                Address::from_words([join(word(0), word(1)), join(word(2), word(3))])
            }
        };
        (address, (&raw const (*at).user_port).read_volatile())
    };
    UpstreamKey { address, port: u16::from_be(port as u16), pad: [0; 6] }
}

/// Replaces address and port. Returns `false` and writes nothing for an IPv6 address on an IPv4
/// socket.
#[inline(always)]
pub fn write(ctx: &SockAddrContext, family: Family, address: &Address, port: u16) -> bool {
    let at = ctx.sock_addr;
    // SAFETY: words of the context that programs for this family may write, each whole.
    unsafe {
        match family {
            Family::V4 if address.is_v4() => {
                (&raw mut (*at).user_ip4).write_volatile(u32::from_ne_bytes(address.low()));
            }
            Family::V4 => return false,
            Family::V6 => {
                let words = (&raw mut (*at).user_ip6).cast::<u32>();
                for (index, word) in halves(address).into_iter().enumerate() {
                    words.add(index).write_volatile(word);
                }
            }
        }
        (&raw mut (*at).user_port).write_volatile(u32::from(port.to_be()));
    }
    true
}

/// The address as four words in memory order.
#[inline(always)]
fn halves(address: &Address) -> [u32; 4] {
    let [first, second] = address.words();
    let split = |word: u64| {
        if cfg!(target_endian = "little") {
            [word as u32, (word >> 32) as u32]
        } else {
            [(word >> 32) as u32, word as u32]
        }
    };
    let ([a, b], [c, d]) = (split(first), split(second));
    [a, b, c, d]
}
