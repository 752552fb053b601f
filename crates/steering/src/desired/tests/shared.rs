//! Virtual addresses that two routers have.

use super::*;

#[test]
fn an_address_of_two_routers_belongs_to_the_one_that_is_active() {
    let mut world = World::with("");
    world.config.routers[1] = world.config.routers[0].clone();
    world.config.routers[1].vrid = 52;
    let key = AddressKey { address: ip(V4).into(), ifindex: FRONT, vlan: 0 };
    for (active, owner) in [([true, false], 0), ([false, true], 1), ([false, false], 0)] {
        world.active = active.to_vec();
        let desired = world.desired();
        assert_eq!(desired.addresses[&key].router, INDICES[owner].get(), "{active:?}");
        assert_eq!(desired.installed.len(), usize::from(active != [false, false]), "{active:?}");
    }
}
