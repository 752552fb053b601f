use std::borrow::Cow;

use vrrp_model::Router;

use crate::{Language, Mode, Source};

fn router(version: u8, addresses: &[&str]) -> Router {
    let list: Vec<String> = addresses.iter().map(|address| format!("\"{address}\"")).collect();
    let text = format!(
        "[[virtual_router]]\nname = \"VI\"\ninterface = \"eth1\"\nvrid = 51\nversion = {version}\naddresses = [{}]\n",
        list.join(", ")
    );
    let outcome = crate::parse(
        &Source::new("test.toml", text.as_bytes()),
        Language::Toml,
        Mode::Strict,
        "node",
    );
    outcome.config.expect("a configuration").routers.remove(0)
}

/// The log lines of keepalived 2.2.7: "max 131 addresses" and so on.
#[test]
fn as_many_addresses_are_advertised_as_keepalived_advertises() {
    let (v2, v3, v6) =
        (router(2, &["192.0.2.1"]), router(3, &["192.0.2.1"]), router(3, &["fe80::1"]));
    assert_eq!((v2.capacity(576), v3.capacity(576)), (131, 133));
    assert_eq!((v2.capacity(1_500), v3.capacity(9_000)), (255, 255));
    assert_eq!((v6.capacity(1_400), v6.capacity(1_500)), (83, 89));
    assert_eq!(v6.capacity(0), 1, "an MTU that is not known yet");
}

#[test]
fn what_does_not_fit_is_excluded_in_the_order_of_the_file() {
    let mut router = router(3, &["fe80::1", "2001:db8::1", "2001:db8::2", "2001:db8::3"]);
    router.excluded_addresses = vec![router.addresses.remove(3)];
    let before: Vec<_> = router.all_addresses().collect();
    let fitted = router.fitted(14 + 40 + 8 + 2 * 16);
    assert_eq!((fitted.addresses.len(), fitted.excluded_addresses.len()), (2, 2));
    assert_eq!(fitted.all_addresses().collect::<Vec<_>>(), before);
    assert!(matches!(router.fitted(1_500), Cow::Borrowed(_)));
}
