//! The expected result of the first frame of a row.

use anyhow::{Result, ensure};
use vrrp_common::ip::Address;
use vrrp_common::maps::STEERED_TTL;

use crate::common::traffic::Traffic;
use crate::rows::flow::{Place, outer};

/// The kernel program keeps this many bytes of a frame that arrived.
pub const KEPT: usize = 84;

/// The change of a frame on its path.
#[derive(Debug, Clone, Copy)]
pub enum Change {
    Nothing,
    /// New MAC addresses, destination first.
    Link([u8; 6], [u8; 6]),
    /// New MAC addresses, and the TTL of a steered packet.
    Steered([u8; 6], [u8; 6]),
    /// New MAC addresses, and the TTL reduced by one.
    Hop([u8; 6], [u8; 6]),
    /// A hop, and one of these destinations instead of the virtual address; also a port if one is
    /// given.
    Translated([u8; 6], [u8; 6], &'static [[u8; 4]], Option<u16>),
    /// Encapsulated in a packet from this address to one of these.
    Tunnelled([u8; 6], [u8; 6], [u8; 4], &'static [[u8; 4]]),
}

impl Change {
    /// Fails unless `arrived` is the expected result of the first frame of `traffic`.
    pub fn check(self, traffic: &Traffic, arrived: &[u8; KEPT]) -> Result<()> {
        // Of an IPv4 packet without options.
        let destination = [arrived[30], arrived[31], arrived[32], arrived[33]];
        let packet = traffic.packet();
        let expected = match self {
            Change::Nothing => packet.build(),
            Change::Link(to, from) => packet.macs(to, from).build(),
            Change::Steered(to, from) => packet.macs(to, from).ttl(STEERED_TTL).build(),
            Change::Hop(to, from) => packet.macs(to, from).hop().build(),
            Change::Translated(to, from, backends, port) => {
                ensure!(backends.contains(&destination), "it went to {destination:?}");
                let port = port.unwrap_or(packet.destination_port);
                packet
                    .macs(to, from)
                    .hop()
                    .to(Place { address: Address::v4(destination), port })
                    .build()
            }
            Change::Tunnelled(to, from, source, backends) => {
                ensure!(backends.contains(&destination), "it went to {destination:?}");
                let packet = packet.macs(to, from);
                packet.frame(&outer(
                    Address::v4(source),
                    Address::v4(destination),
                    0,
                    0,
                    &packet.ip(),
                ))
            }
        };
        let arrived = &arrived[..expected.len()];
        ensure!(arrived == expected, "it should be {expected:02x?} and is {arrived:02x?}");
        Ok(())
    }
}
