//! What `check` prints and returns.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use super::*;

fn write(dir: &tempfile::TempDir, name: &str, text: &str) -> PathBuf {
    let path = dir.path().join(name);
    // A script that every host has, and a mode for a file with a password.
    fs::write(&path, text.replace("/etc/vrrp-agent/chk_nginx.sh", "/bin/true"))
        .expect("the temporary directory can be written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("our own file");
    path
}

#[test]
fn good_file_is_summarised_and_its_password_is_not() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let text =
        include_str!("../../../crates/config/testdata/node1.toml").replace("1111", "hunter2");
    let path = write(&dir, "node1.toml", &text);
    let (said, code) = check(&[path], &Options::default());
    assert_eq!(code, GOOD, "{said}");
    assert!(!said.contains("hunter2"), "{said}");
    for part in [
        "node1.toml: good\n",
        "router VI_1: VRID 51 on eth1, VRRPv2, with password, priority 100, advert each 1s, takes over after 3.609s",
        "tracks script chk_nginx: priority -10 while it fails",
        "service web1: TCP 192.168.1.249:80 to 192.168.1.205 (weight 1), 192.168.1.206 (weight 1)",
    ] {
        assert!(said.contains(part), "{part}\n{said}");
    }
}

#[test]
fn a_service_is_shown_with_everything_that_decides_over_its_packets() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let text = r#"
[tunnel]
source_v4 = "10.255.0.0/16"
[[virtual_router]]
name = "A"
interface = "eth1"
vrid = 1
addresses = ["192.0.2.1"]
[[service]]
name = "web"
address = "192.0.2.1"
port = 80
persistence = "source"
quorum = 3
sorry_server = { address = "10.0.0.9", forward = "nat" }
backends = [{ address = "10.0.0.21", port = 8080, weight = 2, forward = "nat" }, { address = "fd00::2", forward = "ipip" }]
[service.guard]
new_per_source = { per_second = 10, burst = 20 }
allow = ["192.0.2.0/24"]
deny = ["192.0.2.7"]
"#;
    let (said, code) = check(&[write(&dir, "a.toml", text)], &Options::default());
    assert_eq!(code, GOOD, "{said}");
    let expected = "  service web: TCP 192.0.2.1:80 to 10.0.0.21:8080 (weight 2, by NAT), fd00::2 (weight 1, in a tunnel)
    checked by TCP each 1s, at most 1s, up after 1, down after 1
    spread by source address, fragments dropped, flows stay with a drained backend for 60s
    sorry server 10.0.0.9 (by NAT) while the usable backends weigh less than 3
    at most 10 new connections a second of a source, 20 at once
    for 192.0.2.0/24 alone
    not for 192.0.2.7/32
  tunnels from 10.255.0.0/16
";
    assert!(said.ends_with(expected), "{said}");
}

#[test]
fn tracking_typo_is_pointed_at() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let text = include_str!("../../../crates/config/testdata/node1.track.conf");
    let path = write(&dir, "node1.conf", text);
    let name = path.display();
    let (said, code) = check(std::slice::from_ref(&path), &Options::default());
    assert_eq!(code, BAD);
    let first =
        format!("{name}:30:9: error: tracks the script `chk_nginx`, which is not defined\n");
    assert!(said.starts_with(&first), "{said}");
    assert!(said.contains("did you mean `chk_haproxy`?"), "{said}");
    assert!(said.ends_with("node1.conf: 2 errors\n"), "{said}");
    let (said, code) = check(&[path], &Options { lenient: true, ..Options::default() });
    assert_eq!(code, GOOD, "{said}");
    assert!(said.contains("node1.conf: good, 2 warnings\n"), "{said}");
}

#[test]
fn one_bad_file_spoils_the_exit_code_but_not_the_other_file() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let good = write(&dir, "good", include_str!("../../../crates/config/testdata/node1.conf"));
    let missing = dir.path().join("missing.conf");
    let (said, code) = check(&[missing.clone(), good, dir.path().to_owned()], &Options::default());
    assert_eq!(code, BAD);
    let first = format!("{}: error: cannot read the file: No such file", missing.display());
    assert!(said.starts_with(&first), "{said}");
    assert!(said.contains("good: good\n"), "{said}");
    assert!(said.contains("cannot read the file: Is a directory"), "{said}");
}

#[test]
fn the_text_decides_the_language_if_the_name_does_not() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let toml = write(&dir, "pair", include_str!("../../../crates/config/testdata/node1.toml"));
    let keepalived = write(&dir, "old", include_str!("../../../crates/config/testdata/node2.conf"));
    let (said, code) = check(&[toml, keepalived], &Options::default());
    assert_eq!(code, GOOD, "{said}");
}

#[test]
fn json_gives_the_place_and_the_remedy() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let bad =
        write(&dir, "node1.conf", include_str!("../../../crates/config/testdata/node1.track.conf"));
    let good =
        write(&dir, "node1.toml", include_str!("../../../crates/config/testdata/node1.toml"));
    let options = Options { format: Format::Json, ..Options::default() };
    let (said, code) = check(&[bad.clone(), good], &options);
    assert_eq!(code, BAD);
    assert!(!said.contains("1111"), "{said}");
    let document: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!((&document["schema"], &document["ok"]), (&1.into(), &false.into()));
    let (bad_file, good_file) = (&document["files"][0], &document["files"][1]);
    assert_eq!(bad_file["language"], "keepalived");
    assert_eq!(
        bad_file["diagnostics"][0],
        serde_json::json!({
            "severity": "error",
            "message": "tracks the script `chk_nginx`, which is not defined",
            "file": bad.display().to_string(),
            "line": 30, "column": 9, "end_line": 30, "end_column": 18,
            "label": "no script has this name",
            "help": "did you mean `chk_haproxy`?",
            "related": { "message": "the only script defined", "file": bad.display().to_string(), "line": 13, "column": 13 },
        })
    );
    assert_eq!(
        (&good_file["ok"], &good_file["diagnostics"]),
        (&true.into(), &serde_json::json!([]))
    );
    assert!(good_file.get("host").is_none(), "{said}");
}

#[test]
fn the_host_is_checked_on_request() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let text = include_str!("../../../crates/config/testdata/node1.toml")
        .replace("/etc/vrrp-agent/chk_nginx.sh", "/nonexistent/chk");
    let path = write(&dir, "node1.toml", &text);
    let options = Options { host: Some(Arc::default()), ..Options::default() };
    let (said, code) = check(&[path], &options);
    assert_eq!(code, BAD);
    assert!(said.contains("node1.toml: error: VI_1: interface eth1 does not exist\n"), "{said}");
    assert!(said.contains("script chk_nginx cannot be run: "), "{said}");
}

#[test]
fn a_script_that_cannot_run_is_warned_of() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let text = include_str!("../../../crates/config/testdata/node1.toml")
        .replace("/etc/vrrp-agent/chk_nginx.sh", "/nonexistent/chk");
    let (said, code) = check(&[write(&dir, "node1.toml", &text)], &Options::default());
    assert_eq!(code, GOOD, "{said}");
    assert!(
        said.contains(
            "warning: script chk_nginx is not tracked, because it cannot run: /nonexistent"
        ),
        "{said}"
    );
}

#[test]
fn a_world_readable_file_with_a_password_gets_a_warning_and_so_do_its_includes() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).expect("our own directory");
    let instance = "vrrp_instance A {\ninterface eth1\nvirtual_router_id 51\nvirtual_ipaddress {\n192.0.2.1\n}\n";
    let main = write(
        &dir,
        "main.conf",
        &format!("{instance}include {}/auth.conf\n}}\n", dir.path().display()),
    );
    let auth = write(&dir, "auth.conf", "authentication {\nauth_type PASS\nauth_pass hunter2\n}\n");
    let said = |mode: u32| {
        for path in [&main, &auth] {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("our own file");
        }
        let (said, code) = check(std::slice::from_ref(&main), &Options::default());
        assert_eq!(code, GOOD, "{said}");
        said
    };
    let open = said(0o644);
    assert_eq!(
        open.matches("holds a password, and every user of this host can read it (mode 0644)")
            .count(),
        1,
        "{open}"
    );
    assert!(open.contains("chmod o-rwx ") && open.contains("auth.conf holds a password"), "{open}");
    assert!(!said(0o640).contains("holds a password"));
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o750)).expect("our own directory");
    assert!(!said(0o644).contains("holds a password"), "others cannot search the directory");
}
