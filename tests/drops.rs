//! `vrrp-agent capture` on a pair that receives bad adverts: every sample has its reason, as a line
//! and as a pcapng file.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::Duration;

use vrrp_tests::agent::AgentPaths;
use vrrp_tests::inject::{BadAdvert, inject};
use vrrp_tests::keepalived::Settings;
use vrrp_tests::names::{FRONT_IF, Host};
use vrrp_tests::options::agent_binary;
use vrrp_tests::{Lab, LabOptions, Node, Router};

const NODE: Node = Node::Node1;
/// Time until a capture has begun.
const BEGUN: Duration = Duration::from_secs(2);

/// Starts a capture on the node that ends after at most ten seconds.
fn capture(lab: &Lab, words: &[&str]) -> Child {
    let mut command = lab
        .topology()
        .host(NODE.host())
        .command(agent_binary().to_str().expect("UTF-8"))
        .expect("a namespace");
    command.arg("capture").args(["--time", "10"]).args(words);
    command.arg("--bpf-dir").arg(AgentPaths::below(&lab.dir(NODE.host())).bpf_dir);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the agent starts")
}

fn ended(child: Child) -> (String, String, bool) {
    let Output { status, stdout, stderr } = child.wait_with_output().expect("it ends");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (text(stdout), text(stderr), status.success())
}

/// Sends bad adverts of every kind for as long as a capture needs to begin and to sample some.
fn throw(lab: &Lab) {
    let settings: &Settings = lab.settings(NODE);
    let client = lab.topology().host(Host::Client);
    inject(&client, settings, &BadAdvert::all(settings), 150, 500).expect("sent");
}

#[test]
#[ignore = "needs root: network namespaces and the lab's daemons"]
fn what_is_dropped_is_shown_with_its_reason() {
    let lab = Lab::up(LabOptions::new(Router::Agent, Router::Agent)).expect("the lab comes up");

    let two = capture(&lab, &["--reason", "checksum", "--reason", "ttl", "--count", "20"]);
    throw(&lab);
    let (lines, told, well) = ended(two);
    assert!(well && told.contains("20 packets captured"), "{told}{lines}");
    assert_eq!(lines.lines().count(), 20, "{lines}");
    for line in lines.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        assert_eq!(words[1], FRONT_IF, "{line}");
        assert!(["checksum", "ttl"].contains(&words[2]), "{line}");
        assert!(line.contains("VRRP"), "{line}");
    }
    for reason in ["checksum", "ttl"] {
        assert!(lines.contains(reason), "no {reason} in {lines}");
    }

    let path: PathBuf = lab.run_dir().join("drops.pcapng");
    let all = capture(&lab, &["--every", "2", "--write", path.to_str().expect("UTF-8")]);
    sleep(BEGUN);
    let (_, told, well) = ended(capture(&lab, &[]));
    assert!(!well && told.contains("another capture is running"), "{told}");
    throw(&lab);
    let (_, told, well) = ended(all);
    assert!(well && !told.starts_with("0 packets"), "{told}");
    let shown =
        Command::new("tcpdump").args(["-nr"]).arg(&path).output().expect("tcpdump is there");
    let text = String::from_utf8_lossy(&shown.stdout);
    assert!(text.lines().count() > 100 && text.contains("VRRPv2"), "{text}");
    let bytes = fs::read(&path).expect("readable");
    assert!(
        bytes.windows(17).any(|window| window == b"dropped: checksum"),
        "the reason is the packets' comment"
    );
}
