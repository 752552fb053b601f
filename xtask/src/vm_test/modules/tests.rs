use super::*;

#[test]
fn modules_are_packed_with_their_dependencies() {
    let text = "kernel/net/llc/llc.ko.xz:\nkernel/net/bridge/bridge.ko.xz: kernel/net/llc/llc.ko.xz\nkernel/x/other.ko: kernel/y.ko\n\
                    kernel/drivers/net/virtio-net.ko:\n";
    let found: Vec<String> = closure(text).into_iter().collect();
    assert_eq!(
        found,
        [
            "kernel/drivers/net/virtio-net.ko",
            "kernel/net/bridge/bridge.ko.xz",
            "kernel/net/llc/llc.ko.xz"
        ]
    );
    assert_eq!(plain("a/b.ko.xz"), "a/b.ko");
}
