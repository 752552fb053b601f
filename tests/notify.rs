//! Notify scripts, FIFOs and mails beside Debian's keepalived: one file, one host, the same events,
//! the same lines.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, sleep};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;
use vrrp_tests::agent::AgentPaths;
use vrrp_tests::line::{End, Line, Plan};
use vrrp_tests::names::FRONT_IF;
use vrrp_tests::netns::NetNs;
use vrrp_tests::options::agent_binary;
use vrrp_tests::process::{Daemon, output, wait_until};
use vrrp_tests::{Host, agent, keepalived};

const MAIL_PORT: u16 = 2525;
const PATIENCE: Duration = Duration::from_secs(15);
/// After the last script the reader of the FIFO has its line.
const SETTLED: Duration = Duration::from_millis(500);

/// Scripts, each with a file of its own: keepalived starts the special and the general one side by
/// side, so their common order is not defined.
const SCRIPTS: [&str; 8] =
    ["master", "backup", "fault", "stop", "deleted", "any", "group", "group-master"];

/// The first line of the FIFO's reader: its number of arguments, and the first one.
const READER: &str = "2 word";

/// The program that notifies.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Program {
    Agent,
    Keepalived,
}

struct Site {
    line: Line,
    sink: MailSink,
}

impl Site {
    fn up(about: &str) -> Result<Self> {
        let end = |ifindex, net, host| End {
            ifindex,
            mac: [2, 0, 0, 0, net, host],
            address: Ipv4Addr::new(192, 168, net, host),
        };
        let plan = Plan {
            client: end(10, 1, 10),
            front: end(11, 1, 205),
            back: end(12, 2, 10),
            backend: end(13, 2, 22),
        };
        let line = Line::up(about, &plan)?;
        let sink = MailSink::start(&line.host(Host::Node1))?;
        let site = Self { line, sink };
        for name in SCRIPTS {
            let text = format!(
                "#!/bin/sh\necho \"$@\" >>{}\n",
                site.path(&format!("{name}.log")).display()
            );
            let script = site.path(name);
            fs::write(&script, text).context("a script")?;
            fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).context("a script")?;
        }
        Ok(site)
    }

    /// In the run directory of the site.
    fn path(&self, name: &str) -> PathBuf {
        self.line.bpf_dir().with_file_name(name)
    }

    /// Two instances in a group, and, unless `reduced`, a third and a fourth that stand alone.
    fn configure(&self, reduced: bool) -> Result<()> {
        let dir = self.path("");
        let dir = dir.display();
        let instance = |name: &str, vrid: u8, more: &str| {
            format!(
                "vrrp_instance {name} {{\n    interface {FRONT_IF}\n    virtual_router_id {vrid}\n    priority 10{vrid}\n    \
                 version 3\n    advert_int 0.1\n    virtual_ipaddress {{\n        192.168.1.24{vrid}\n    }}\n{more}}}\n"
            )
        };
        let all = format!(
            "    notify {dir}any\n    notify_master \"{dir}master word 'two words'\"\n    notify_backup {dir}backup\n    \
             notify_fault {dir}fault\n    notify_stop {dir}stop\n"
        );
        let mut text = format!(
            "global_defs {{\n    router_id edge\n    script_user root\n    notification_email {{\n        a@example.com\n        b@example.com\n    }}\n    \
             notification_email_from edge@example.com\n    smtp_server 127.0.0.1 {MAIL_PORT}\n    smtp_alert\n    enable_script_security\n    vrrp_notify_fifo {dir}fifo\n    \
             vrrp_notify_fifo_script \"{dir}reader word\"\n}}\n\
             vrrp_sync_group VG {{\n    group {{\n        A\n        B\n    }}\n    notify {dir}group\n    \
             notify_master {dir}group-master\n}}\n"
        );
        text.push_str(&instance("A", 1, &all));
        text.push_str(&instance("B", 2, ""));
        if !reduced {
            text.push_str(&instance("C", 3, &all));
            text.push_str(&instance(
                "D",
                4,
                &format!("    notify_deleted {dir}deleted\n    notify {dir}any\n"),
            ));
        }
        fs::write(self.path("keepalived.conf"), text).context("the configuration")?;
        // The reader of the FIFO keeps what it reads; its last argument is the path.
        let reader =
            format!("#!/bin/sh\necho \"$# $1\" >>{dir}fifo.log\nexec cat \"$2\" >>{dir}fifo.log\n");
        fs::write(self.path("reader"), reader).context("the reader")?;
        fs::set_permissions(self.path("reader"), fs::Permissions::from_mode(0o755))
            .context("the reader")
    }

    fn start(&self, program: Program) -> Result<Daemon> {
        let netns = self.line.host(Host::Node1);
        let (config, dir) = (self.path("keepalived.conf"), self.path(""));
        let (name, command) = match program {
            Program::Keepalived => ("keepalived", keepalived::daemon_on(&dir, &netns, &config)?),
            Program::Agent => {
                let paths = AgentPaths {
                    dir: dir.clone(),
                    api_socket: self.path("api.sock"),
                    bpf_dir: self.line.bpf_dir().join("agent"),
                    cgroup: None,
                };
                let command =
                    agent::daemon_with_keepalived_conf(&agent_binary(), &paths, &netns, &config)?;
                ("the agent", command)
            }
        };
        Daemon::start(name, command, &self.path("daemon.log"))
    }

    fn ip(&self, words: &str) -> Result<String> {
        let netns = self.line.host(Host::Node1);
        output(Command::new("ip").args(["-n", netns.name()]).args(words.split(' ')))
    }

    fn lines(&self, name: &str) -> Vec<String> {
        let text = fs::read_to_string(self.path(&format!("{name}.log"))).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    fn wait(&self, name: &str, line: &str, times: usize) -> Result<()> {
        let there = || self.lines(name).iter().filter(|found| *found == line).count() >= times;
        wait_until(&format!("{times} x `{line}` in {name}"), PATIENCE, there).with_context(|| {
            format!(
                "{:?}\n{}",
                self.lines(name),
                fs::read_to_string(self.path("daemon.log")).unwrap_or_default()
            )
        })
    }

    /// The subjects of the mails and their recipients. keepalived sends several at a time, so their
    /// order is not defined.
    fn mails(&self) -> Vec<String> {
        let mut lines = self.sink.lines();
        lines.sort();
        lines
    }

    /// The whole story of one program; what each script and the FIFO got.
    fn story(&self, program: Program) -> Result<Vec<(String, Vec<String>)>> {
        for name in SCRIPTS.iter().chain(&["fifo"]) {
            let _ = fs::remove_file(self.path(&format!("{name}.log")));
        }
        self.configure(false)?;
        self.sink.clear();
        let mut daemon = self.start(program)?;
        self.wait("group", "GROUP VG MASTER 0", 1)?;
        self.wait("any", "INSTANCE C MASTER 103", 1)?;
        self.wait("any", "INSTANCE D MASTER 104", 1)?;
        self.ip(&format!("link set {FRONT_IF} down"))?;
        self.wait("group", "GROUP VG FAULT 0", 1)?;
        self.wait("any", "INSTANCE D FAULT 104", 1)?;
        self.wait("any", "INSTANCE C FAULT 103", 1)?;
        self.ip(&format!("link set {FRONT_IF} up"))?;
        self.wait("group", "GROUP VG MASTER 0", 2)?;
        self.wait("any", "INSTANCE D MASTER 104", 2)?;
        self.wait("any", "INSTANCE C MASTER 103", 2)?;
        // keepalived loses mails that a reload finds under way: five subjects have five each.
        wait_until("25 mails", PATIENCE, || self.sink.lines().len() == 25)?;
        self.configure(true)?;
        daemon.id().signal(Signal::SIGHUP)?;
        self.wait("any", "INSTANCE D DELETED 104", 1)?;
        self.wait("any", "INSTANCE C FAULT 103", 2)?;
        sleep(SETTLED);
        let status = daemon.stop(Signal::SIGTERM, PATIENCE)?;
        ensure!(status.success(), "{status}: {}", daemon.tail());
        self.wait("any", "INSTANCE A STOP 101", 1)?;
        ensure!(!self.path("fifo").exists(), "the FIFO stays");
        let all = SCRIPTS.iter().chain(&["fifo"]);
        let mut story: Vec<_> =
            all.map(|name| ((*name).to_owned(), self.by_subject(name))).collect();
        story.push(("mail".to_owned(), self.mails()));
        Ok(story)
    }

    /// The order of two instances' events is not defined: lines by instance, each in its order.
    ///
    /// keepalived ends the reader of its FIFO before the lines of a stop, and starts it again at a
    /// reload: the agent does neither, so these lines are not compared.
    fn by_subject(&self, name: &str) -> Vec<String> {
        let mut lines = self.lines(name);
        lines.sort_by_key(|line| line.split_whitespace().nth(1).unwrap_or_default().to_owned());
        if name == "fifo" {
            lines.retain(|line| !line.contains(" STOP "));
            lines.dedup_by(|line, before| line == before && *line == READER);
        }
        lines
    }
}

/// An SMTP server that keeps the subjects of its mails.
struct MailSink {
    kept: Arc<Mutex<Vec<String>>>,
}

impl MailSink {
    /// Listens until the namespace is gone: the thread ends with the test.
    fn start(netns: &NetNs) -> Result<Self> {
        let kept = Arc::new(Mutex::new(Vec::new()));
        let listener = netns.run(|| {
            TcpListener::bind(("127.0.0.1", MAIL_PORT)).context("the port of the mail sink")
        })?;
        let keep = Arc::clone(&kept);
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let keep = Arc::clone(&keep);
                // keepalived opens a connection for each mail, several at a time.
                thread::spawn(move || talk(connection, &keep));
            }
        });
        Ok(Self { kept })
    }

    fn clear(&self) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn lines(&self) -> Vec<String> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn talk(connection: TcpStream, kept: &Mutex<Vec<String>>) -> Option<()> {
    let mut answers = connection.try_clone().ok()?;
    let mut answer = |text: &str| answers.write_all(format!("{text}\r\n").as_bytes()).ok();
    answer("220 sink")?;
    let mut recipients = Vec::new();
    let mut in_mail = false;
    for line in BufReader::new(connection).lines() {
        let line = line.ok()?;
        if let Some(subject) = line.strip_prefix("Subject: ").filter(|_| in_mail) {
            let kept_line = format!("{subject} to {}", recipients.join(" "));
            kept.lock().unwrap_or_else(PoisonError::into_inner).push(kept_line);
        }
        match line.as_str() {
            "." => in_mail = false,
            _ if in_mail => continue,
            "DATA" => in_mail = true,
            "QUIT" => return answer("221 bye"),
            _ => {}
        }
        recipients.extend(line.strip_prefix("RCPT TO:").map(str::to_owned));
        answer(if in_mail { "354 go on" } else { "250 good" })?;
    }
    Some(())
}

#[test]
#[ignore = "needs root: network namespaces and keepalived"]
fn scripts_fifos_and_mails_get_what_keepalived_gives_them() -> Result<()> {
    let site = Site::up("notify")?;
    let theirs = site.story(Program::Keepalived)?;
    let ours = site.story(Program::Agent)?;
    for ((name, theirs), (_, ours)) in theirs.iter().zip(&ours) {
        println!("{name}\n  keepalived: {theirs:#?}\n  the agent:  {ours:#?}");
    }
    for ((name, theirs), (_, ours)) in theirs.iter().zip(&ours) {
        ensure!(theirs == ours, "{name}: keepalived {theirs:?}, the agent {ours:?}");
    }
    site.line.down()
}
