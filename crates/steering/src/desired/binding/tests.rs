use super::*;
use vrrp_config::{Language, Mode, Source};

fn router(more: &str) -> Router {
    let text = format!(
        "[[virtual_router]]\nname = \"VI\"\ninterface = \"eth1\"\nvrid = 51\naddresses = [\"192.0.2.100\"]\n{more}\n"
    );
    let outcome = vrrp_config::parse(
        &Source::new("test.toml", text.as_bytes()),
        Language::Toml,
        Mode::Lenient,
        "node",
    );
    outcome.config.expect("a configuration").routers.remove(0)
}

fn address(text: &str, prefix_len: u8) -> Address {
    let address = text.parse().expect("an address");
    Address {
        address,
        prefix_len,
        protocol: 0,
        label: None,
        scope: 0,
        secondary: false,
        usable: true,
        deprecated: false,
    }
}

fn host(addresses: &[Address]) -> HostView {
    let mut view = HostView::default();
    let link = Link {
        name: "eth1".to_owned(),
        index: 2,
        up: true,
        addresses: addresses.to_vec(),
        ..Link::default()
    };
    view.links.insert(2, link);
    let other = Link { name: "eth2".to_owned(), index: 3, up: true, ..Link::default() };
    view.links.insert(3, other);
    view
}

fn source_of(router: &Router, addresses: &[Address]) -> Result<String, String> {
    binding(router, &host(addresses))
        .map(|binding| binding.source.to_string())
        .map_err(|why| why.to_string())
}

#[test]
fn a_source_that_is_not_on_the_host_is_waited_for() {
    let (own, source) = (address("192.0.2.1", 24), address("192.0.2.2", 24));
    let router = router("source = \"192.0.2.2\"");
    let missing = Err("the source address 192.0.2.2 is not on this host".to_owned());
    assert_eq!(source_of(&router, std::slice::from_ref(&own)), missing);
    assert_eq!(source_of(&router, &[own.clone(), source.clone()]), Ok("192.0.2.2".to_owned()));
    assert_eq!(
        source_of(&router, &[own.clone(), Address { usable: false, ..source.clone() }]),
        missing,
        "tentative"
    );
    assert_eq!(
        source_of(&router, &[own, Address { protocol: ADDRESS_PROTOCOL, ..source.clone() }]),
        missing,
        "a virtual one"
    );
    let mut elsewhere = host(&[]);
    elsewhere.links.get_mut(&3).expect("eth2").addresses.push(source);
    assert!(binding(&router, &elsewhere).is_ok(), "on another interface");
}

#[test]
fn an_address_of_the_host_among_the_virtual_ones_is_a_fault_but_for_the_owner() {
    let own = address("192.0.2.100", 24);
    let refused = "192.0.2.100/24 on eth1 is the host's own: take it out of the virtual addresses, or off the host";
    assert_eq!(
        source_of(&router(""), &[own.clone(), address("192.0.2.1", 24)]),
        Err(refused.to_owned())
    );
    assert_eq!(
        source_of(&router("priority = 255"), std::slice::from_ref(&own)),
        Ok("192.0.2.100".to_owned())
    );
    let ours = Address { protocol: ADDRESS_PROTOCOL, ..own };
    assert_eq!(
        source_of(&router(""), &[ours, address("192.0.2.1", 24)]),
        Ok("192.0.2.1".to_owned()),
        "left by an agent"
    );
}

#[test]
fn an_excluded_address_that_the_host_has_by_another_prefix_may_be_the_source() {
    let router = router("excluded_addresses = [\"192.0.2.1\"]");
    assert_eq!(source_of(&router, &[address("192.0.2.1", 24)]), Ok("192.0.2.1".to_owned()));
    let left = address("192.0.2.1", 32);
    assert_eq!(
        source_of(&router, &[left]),
        Err("the interface has no IPv4 address".to_owned()),
        "what a keepalived left"
    );
}
