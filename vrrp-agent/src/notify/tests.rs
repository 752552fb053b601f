use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::*;
use crate::clock;
use vrrp_election::{Reason, Role};
use vrrp_model::RouterIdx;
use vrrp_model::time::Instant;

const SOON: Duration = Duration::from_secs(10);

fn parse(text: &str) -> Config {
    let source = vrrp_config::Source::new("F", text.as_bytes());
    let (language, mode) = (vrrp_config::Language::Toml, vrrp_config::Mode::Strict);
    let outcome = vrrp_config::parse(&source, language, mode, "node1");
    outcome.config.unwrap_or_else(|| panic!("{:?}", outcome.diagnostics))
}

/// One router; `commands` are tables of TOML.
fn file(commands: &str) -> Config {
    parse(&format!(
        "[[virtual_router]]\nname = \"A\"\ninterface = \"eth1\"\nvrid = 51\n\
         addresses = [\"192.0.2.1\"]\n{commands}"
    ))
}

fn transition(from: Role, to: Role, reason: Reason) -> Report {
    Report::Transition(Transition {
        at: Instant::from_micros(1),
        idx: RouterIdx::new(0),
        instance: "A".to_owned(),
        vrid: 51,
        interface: "eth1".to_owned(),
        from,
        to,
        reason,
        epoch: None,
        priority: 100,
        peer: None,
    })
}

/// A notifier, and what it is told by.
struct Scene {
    reports: mpsc::Sender<Report>,
    _config: watch::Sender<Arc<Config>>,
    _services: watch::Sender<Arc<Services>>,
    end: watch::Sender<bool>,
    counts: Counts,
    task: tokio::task::JoinHandle<()>,
}

impl Scene {
    fn with(config: Config) -> Self {
        let (reports, of_reports) = mpsc::channel(64);
        let (config, of_config) = watch::channel(Arc::new(config));
        let (services, of_services) = watch::channel(Arc::default());
        let (end, ended) = watch::channel(false);
        let counts = Counts::default();
        let sources =
            Sources { reports: of_reports, config: of_config, services: of_services, ended };
        let task = tokio::spawn(Notifier::new(sources, counts.clone()).run());
        Self { reports, _config: config, _services: services, end, counts, task }
    }

    async fn report(&self, from: Role, to: Role, reason: Reason) {
        self.reports.send(transition(from, to, reason)).await.expect("the notifier runs");
    }

    /// The agent ends; returns how long the notifier took.
    async fn end(self) -> Duration {
        let begin = clock::timer();
        self.end.send_replace(true);
        tokio::time::timeout(SOON, self.task).await.expect("in time").expect("no panic");
        clock::timer() - begin
    }
}

/// A command that appends its arguments to a file, and waits first.
fn appends(file: &Path, wait: &str) -> String {
    let line = format!("sleep {wait}; echo $* >>{}", file.display());
    format!("[\"sh\", \"-c\", \"{line}\", \"sh\"]")
}

async fn until_lines(file: &Path, number: usize) -> Vec<String> {
    let read = || fs::read_to_string(file).unwrap_or_default();
    let wait = async {
        while read().lines().count() < number {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(SOON, wait).await.unwrap_or_else(|_| panic!("only {:?}", read()));
    read().lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn commands_of_a_router_run_one_at_a_time_in_the_order_of_its_changes() {
    let dir = TempDir::new().unwrap();
    let log = dir.path().join("log");
    // The first change's command is the slowest: without a queue it would be the last.
    let command = appends(&log, "$([ $3 = BACKUP ] && echo 0.3 || echo 0)");
    let scene = Scene::with(file(&format!("[[notify]]\ncommand = {command}\n")));
    scene.report(Role::Init, Role::Backup, Reason::Startup).await;
    scene.report(Role::Backup, Role::Master, Reason::MasterTimeout).await;
    scene.report(Role::Master, Role::Fault, Reason::Fault).await;
    let lines = until_lines(&log, 3).await;
    assert_eq!(lines, ["INSTANCE A BACKUP 100", "INSTANCE A MASTER 100", "INSTANCE A FAULT 100"]);
    let counts = scene.counts.clone();
    scene.end().await;
    assert_eq!(counts.commands()["succeeded"], 3);
}

#[tokio::test]
async fn the_end_of_the_agent_waits_for_the_commands_of_a_stop_and_not_for_ever() {
    let dir = TempDir::new().unwrap();
    let log = dir.path().join("log");
    let quick = appends(&log, "0.2");
    let config = file(&format!("[[notify]]\ncommand = {quick}\non = [\"stop\"]\nwait = \"5s\"\n"));
    let scene = Scene::with(config);
    scene.report(Role::Init, Role::Backup, Reason::Startup).await;
    scene.report(Role::Backup, Role::Init, Reason::Shutdown).await;
    assert!(scene.end().await < Duration::from_secs(4), "no longer than the command takes");
    assert_eq!(fs::read_to_string(&log).unwrap(), "INSTANCE A STOP 100\n");

    let slow = appends(&log, "1.5");
    let config =
        file(&format!("[[notify]]\ncommand = {slow}\non = [\"stop\"]\nwait = \"100ms\"\n"));
    let scene = Scene::with(config);
    scene.report(Role::Init, Role::Backup, Reason::Startup).await;
    scene.report(Role::Backup, Role::Init, Reason::Shutdown).await;
    assert!(scene.end().await < Duration::from_secs(1), "the wait is bounded");
    assert_eq!(until_lines(&log, 2).await.len(), 2, "the command runs on");
}

#[tokio::test]
async fn a_command_that_hangs_is_ended_and_the_next_one_runs() {
    let dir = TempDir::new().unwrap();
    let log = dir.path().join("log");
    let command = appends(&log, "$([ $3 = BACKUP ] && echo 60 || echo 0)");
    let config = file(&format!("[[notify]]\ncommand = {command}\ntimeout = \"200ms\"\n"));
    let scene = Scene::with(config);
    scene.report(Role::Init, Role::Backup, Reason::Startup).await;
    scene.report(Role::Backup, Role::Master, Reason::MasterTimeout).await;
    assert_eq!(until_lines(&log, 1).await, ["INSTANCE A MASTER 100"]);
    let counts = scene.counts.clone();
    scene.end().await;
    assert_eq!((counts.commands()["timed_out"], counts.commands()["succeeded"]), (1, 1));
}

#[tokio::test]
async fn a_fifo_has_a_line_for_each_change_a_reader_and_an_end() {
    let dir = TempDir::new().unwrap();
    let (path, log) = (dir.path().join("fifo"), dir.path().join("log"));
    let reader = format!("exec cat $1 >{}", log.display());
    let config = file(&format!(
        "[[notify_fifo]]\npath = \"{}\"\nreader = [\"sh\", \"-c\", \"{reader}\", \"sh\"]\n",
        path.display()
    ));
    let scene = Scene::with(config);
    scene.report(Role::Init, Role::Backup, Reason::Startup).await;
    scene.report(Role::Backup, Role::Master, Reason::MasterTimeout).await;
    let lines = until_lines(&log, 2).await;
    assert_eq!(lines, ["INSTANCE \"A\" BACKUP 100", "INSTANCE \"A\" MASTER 100"]);
    let counts = scene.counts.clone();
    scene.end().await;
    assert_eq!(counts.lines()["written"], 2);
    assert!(!path.exists(), "what the agent made is removed");
}

#[tokio::test]
async fn a_file_that_is_no_fifo_is_not_written_and_not_removed() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("file");
    fs::write(&path, "mine").unwrap();
    let scene = Scene::with(file(&format!("[[notify_fifo]]\npath = \"{}\"\n", path.display())));
    scene.report(Role::Init, Role::Backup, Reason::Startup).await;
    let counts = scene.counts.clone();
    scene.end().await;
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
    assert_eq!(counts.lines()["dropped"], 1);
}
