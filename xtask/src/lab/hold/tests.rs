use super::*;

#[test]
fn a_command_on_a_node_finds_that_nodes_agent() {
    let dir = Path::new("/run/vrrp-lab/no-such-lab");
    let found = surroundings(dir, Host::Node2).expect("an environment");
    let of = |name: &str| {
        found.iter().find(|(key, _)| *key == name).map(|(_, value)| Path::new(value).to_owned())
    };
    assert_eq!(of("VRRP_AGENT_SOCKET"), Some(dir.join("node2/api.sock")));
    assert_eq!(of("VRRP_AGENT_BPF_DIR"), Some(dir.join("node2/bpf")));
    assert_eq!(of("VRRP_AGENT_CONFIG"), None, "there is none");
    let path = of("PATH").expect("a PATH").into_os_string();
    assert_eq!(std::env::split_paths(&path).next(), Some(dir.join(AGENT_DIR)));
}
