use super::*;
use crate::net::testing;

#[test]
#[ignore = "needs root: network namespaces"]
fn a_veth_removes_tags_until_that_is_turned_off() {
    testing::in_pair(async |_| {
        let ethtool = Ethtool::open().expect("a socket");
        let both = Stripping(3);
        assert_eq!(ethtool.tags("left").expect("features"), Tags { on: both, changeable: both });
        ethtool.set("left", Stripping(1), false).expect("changed");
        assert_eq!(ethtool.tags("left").expect("features").on, Stripping(2));
        ethtool.set("left", both, false).expect("changed");
        assert_eq!(ethtool.tags("left").expect("features").on, Stripping(0));
        ethtool.set("left", both, true).expect("changed");
        assert_eq!(ethtool.tags("left").expect("features").on, both);
        assert!(ethtool.tags("lo").expect("features").changeable.is_empty());
        assert!(ethtool.tags("gone").is_err());
    });
}
