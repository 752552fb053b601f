//! The row of hosts for a bench, with the addresses of the rows' world.

use std::net::Ipv4Addr;

use vrrp_tests::line::{End, Plan};

use crate::rows::world::{
    BACK, BACK_IFINDEX, BACK_MAC, CLIENT, CLIENT_MAC, NODE1, NODE1_MAC, NODE2_MAC,
};

/// The lowest index that no other interface has.
pub const FRONT_IFINDEX: u32 = 3;
/// All at the same MAC address.
pub const BACKENDS: [[u8; 4]; 3] = [[10, 0, 0, 11], [10, 0, 0, 12], [10, 0, 0, 13]];

pub const PLAN: Plan = Plan {
    client: End { ifindex: 2, mac: CLIENT_MAC, address: ip(CLIENT) },
    front: End { ifindex: FRONT_IFINDEX, mac: NODE1_MAC, address: ip(NODE1) },
    back: End { ifindex: BACK_IFINDEX, mac: BACK_MAC, address: ip(BACK) },
    backend: End { ifindex: 2, mac: NODE2_MAC, address: ip(BACKENDS[0]) },
};

pub const fn ip([a, b, c, d]: [u8; 4]) -> Ipv4Addr {
    Ipv4Addr::new(a, b, c, d)
}
