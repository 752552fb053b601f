//! Output for users when something is wrong: position, reason, hint, exit code; and the host is not
//! changed.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;
use vrrp_tests::options::agent_binary;

/// Exit codes: not running, no permission, bad configuration.
const NOT_RUNNING: i32 = 3;
const PERMISSION: i32 = 4;
const BAD_CONFIG: i32 = 6;
/// The user `nobody` on Debian.
const NOBODY: u32 = 65534;
const SECRET: &str = "s3cr3tpw";

const GOOD: &str = r#"node = "node1"
metrics = "127.0.0.1:0"

[[virtual_router]]
name = "VI_1"
interface = "eth1"
vrid = 51
version = 2
priority = 100
auth_pass = "s3cr3tpw"
addresses = ["192.168.1.249"]
"#;

/// A directory with one configuration file, and the agent's paths in it.
struct Place {
    dir: TempDir,
    config: PathBuf,
}

impl Place {
    fn with(name: &str, text: &str) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755))
            .expect("a directory for everyone");
        let config = dir.path().join(name);
        fs::write(&config, text).expect("the configuration");
        Self { dir, config }
    }

    fn socket(&self) -> PathBuf {
        self.dir.path().join("api.sock")
    }

    fn check(&self) -> Said {
        said(Command::new(agent_binary()).arg("check").arg(&self.config))
    }

    fn run(&self) -> Said {
        said(&mut self.run_command(&agent_binary()))
    }

    fn run_command(&self, agent: &Path) -> Command {
        let mut command = Command::new(agent);
        command.arg("run").arg("--config").arg(&self.config).arg("--api-socket").arg(self.socket());
        command.arg("--bpf-dir").arg(self.dir.path().join("bpf"));
        command
    }

    /// The names in the directory.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.dir.path()).expect("the directory").flatten();
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
    }
}

/// A command's output and exit code.
#[derive(Debug)]
struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Said {
    fn all(&self) -> String {
        format!("{}{}", self.out, self.err)
    }

    fn check_no_secret(&self) {
        assert!(!self.all().contains(SECRET), "a password is shown: {self:?}");
    }
}

fn said(command: &mut Command) -> Said {
    let Output { status, stdout, stderr } = command.output().expect("the agent starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    Said { code: status.code(), out: text(stdout), err: text(stderr) }
}

/// `check` and `run` refuse `name` with `text` at `place` (LINE:COL); the message contains
/// `message`, the whole report `hint`.
fn refused(name: &str, text: &str, place: &str, message: &str, hint: &str) {
    let at = Place::with(name, text);
    let first = format!("{}:{place}: error: ", at.config.display());
    let (checked, run) = (at.check(), at.run());
    for (said, report) in [(&checked, &checked.out), (&run, &run.err)] {
        assert_eq!(said.code, Some(BAD_CONFIG), "{said:?}");
        let line = report.lines().next().unwrap_or_default();
        assert!(line.starts_with(&first), "not at {first}: {report}");
        assert!(line.contains(message), "no `{message}`: {report}");
        assert!(report.contains(hint), "no hint `{hint}`: {report}");
        said.check_no_secret();
    }
    assert_eq!(at.names(), [name], "nothing has been made");
}

#[test]
fn an_unknown_key_in_toml_is_refused_at_its_place() {
    let text = GOOD.replace("priority", "prioritty");
    refused("agent.toml", &text, "9:1", "prioritty", "help: did you mean `priority`?");
}

#[test]
fn a_value_out_of_range_is_refused_at_its_place() {
    refused(
        "agent.toml",
        &GOOD.replace("vrid = 51", "vrid = 256"),
        "7:8",
        "256",
        "must be 1 to 255",
    );
}

#[test]
fn toml_that_is_none_is_refused_where_it_breaks() {
    let at = Place::with("agent.toml", &GOOD.replace("\"s3cr3tpw\"", "\"s3cr3tpw"));
    for said in [at.check(), at.run()] {
        assert_eq!(said.code, Some(BAD_CONFIG), "{said:?}");
        let text = said.all();
        assert!(text.starts_with(&format!("{}:10:", at.config.display())), "{text}");
        said.check_no_secret();
    }
}

#[test]
fn an_undefined_script_is_named_in_keepalived_conf() {
    let text = format!(
        "vrrp_script chk_haproxy {{\n    script \"/bin/true\"\n}}\nvrrp_instance VI_1 {{\n    interface eth1\n    \
         virtual_router_id 51\n    priority 100\n    authentication {{\n        auth_type PASS\n        auth_pass {SECRET}\n    }}\n    \
         track_script {{\n        chk_nginx\n    }}\n    virtual_ipaddress {{\n        192.168.1.249\n    }}\n}}\n"
    );
    let at = Place::with("keepalived.conf", &text);
    let said = at.check();
    assert_eq!(said.code, Some(BAD_CONFIG), "{said:?}");
    let line = said.out.lines().next().unwrap_or_default();
    assert!(
        line.starts_with(&format!("{}:13:9: error: ", at.config.display()))
            && line.contains("chk_nginx"),
        "{said:?}"
    );
    assert!(said.out.contains("did you mean `chk_haproxy`?"), "{said:?}");
    said.check_no_secret();
    assert_eq!(at.names(), ["keepalived.conf"]);
}

#[test]
fn keepalived_conf_with_a_value_out_of_range_does_not_run() {
    let text = format!(
        "vrrp_instance VI_1 {{\n    interface eth1\n    virtual_router_id 300\n    authentication {{\n        auth_type PASS\n        \
         auth_pass {SECRET}\n    }}\n    virtual_ipaddress {{\n        192.168.1.249\n    }}\n}}\n"
    );
    refused("keepalived.conf", &text, "3:23", "300", "must be 1 to 255");
}

#[test]
fn a_good_file_is_summed_up_without_its_password() {
    let said = Place::with("agent.toml", GOOD).check();
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.out.contains("192.168.1.249") && said.out.contains("with password"), "{said:?}");
    said.check_no_secret();
}

#[test]
fn a_file_that_cannot_be_read_is_named_with_the_reason() {
    let at = Place::with("agent.toml", GOOD);
    let missing = Place {
        config: at.dir.path().join("other.toml"),
        dir: tempfile::tempdir().expect("a directory"),
    };
    let directory =
        Place { config: at.dir.path().to_owned(), dir: tempfile::tempdir().expect("a directory") };
    for (place, reason) in [(&missing, "No such file"), (&directory, "Is a directory")] {
        for said in [place.check(), place.run()] {
            assert_eq!(said.code, Some(BAD_CONFIG), "{said:?}");
            let text = said.all();
            assert!(text.starts_with(&format!("{}: error: ", place.config.display())), "{text}");
            assert!(text.contains(reason) && text.contains("help: "), "{text}");
        }
    }
}

#[test]
fn a_file_that_may_not_be_read_is_named_with_the_reason() {
    let at = Place::with("agent.toml", GOOD);
    fs::set_permissions(&at.config, fs::Permissions::from_mode(0o000)).expect("a closed file");
    let said = unprivileged(&at);
    assert_eq!(said.code, Some(BAD_CONFIG), "{said:?}");
    assert!(said.err.starts_with(&format!("{}: error: ", at.config.display())), "{said:?}");
    assert!(said.err.contains("Permission denied") && said.err.contains("help: "), "{said:?}");
}

#[test]
fn without_an_agent_there_is_no_status() {
    let at = Place::with("agent.toml", GOOD);
    let said = said(Command::new(agent_binary()).arg("status").arg("--socket").arg(at.socket()));
    assert_eq!(said.code, Some(NOT_RUNNING), "{said:?}");
    assert!(
        said.out.is_empty() && said.err.contains("not running") && said.err.contains("api.sock"),
        "{said:?}"
    );
    assert_eq!(said.err.lines().count(), 1, "{said:?}");
}

#[test]
fn without_permission_the_agent_names_the_missing_capabilities() {
    let at = Place::with("agent.toml", GOOD);
    let said = unprivileged(&at);
    assert_eq!(said.code, Some(PERMISSION), "{said:?}");
    let last = said.err.lines().last().unwrap_or_default();
    assert!(last.starts_with("vrrp-agent: ") && last.contains("CAP_NET_RAW"), "{said:?}");
    assert_eq!(
        last.matches("Operation not permitted").count(),
        1,
        "the reason appears once: {last}"
    );
    said.check_no_secret();
    assert!(!at.socket().exists(), "no socket stays");
}

/// `run` as an unprivileged user: this user, or `nobody` if this user is root.
fn unprivileged(at: &Place) -> Said {
    if !nix::unistd::Uid::effective().is_root() {
        return at.run();
    }
    // An unprivileged user cannot read root's build directory.
    let open = tempfile::tempdir().expect("a directory");
    fs::set_permissions(open.path(), fs::Permissions::from_mode(0o755))
        .expect("a directory for everyone");
    let agent = open.path().join("vrrp-agent");
    // In a process of its own: while a child of another test has inherited our open copy, the
    // kernel would refuse to start it (ETXTBSY).
    let copied =
        Command::new("install").args(["-m", "755"]).arg(agent_binary()).arg(&agent).status();
    assert!(copied.is_ok_and(|status| status.success()), "a copy of the agent for everyone");
    said(at.run_command(&agent).uid(NOBODY).gid(NOBODY))
}
