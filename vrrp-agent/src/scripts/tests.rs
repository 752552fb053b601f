#![allow(clippy::disallowed_methods, reason = "a test measures")]

use std::fs;

use tempfile::TempDir;

use nix::unistd::geteuid;

use super::*;
use vrrp_model::Command;

const SOON: Duration = Duration::from_secs(5);

fn script(command: &[&str]) -> Script {
    Script {
        name: "chk".to_owned(),
        command: Command::new(command.iter().copied()),
        interval: Duration::from_secs(60),
        timeout: SOON,
        rise: 1,
        fall: 1,
        init_fail: false,
        recover: None,
    }
}

fn as_user(user: &str, command: &[&str]) -> Script {
    let mut script = script(command);
    script.command.user = Some(user.to_owned());
    script
}

fn begin(script: Script) -> (Scripts, mpsc::Receiver<Event>) {
    let (sender, receiver) = mpsc::channel(8);
    (spawn(&[script], &sender), receiver)
}

async fn next(events: &mut mpsc::Receiver<Event>) -> Event {
    tokio::time::timeout(SOON, events.recv()).await.expect("an event in time").expect("a sender")
}

async fn first(script: Script) -> Event {
    let (_scripts, mut events) = begin(script);
    next(&mut events).await
}

/// Whether a process exists and is no zombie.
fn alive(pid: &str) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('Z')))
}

async fn until(what: impl Fn() -> bool) {
    let wait = async {
        while !what() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(SOON, wait).await.expect("in time");
}

#[tokio::test]
async fn the_exit_status_and_the_signal_are_reported() {
    let event = first(script(&["/bin/true"])).await;
    assert!(event.ok);
    assert_eq!(event.outcome, Outcome::Exit(0));

    let event = first(script(&["sh", "-c", "exit 3"])).await;
    assert!(!event.ok);
    assert_eq!(event.outcome, Outcome::Exit(3));

    let event = first(script(&["sh", "-c", "kill -USR1 $$"])).await;
    assert!(!event.ok);
    assert_eq!(event.outcome, Outcome::Signal(Signal::SIGUSR1 as i32));
}

#[tokio::test]
async fn a_script_runs_at_its_interval() {
    let fast = Script { interval: Duration::from_millis(10), ..script(&["/bin/true"]) };
    let (_scripts, mut events) = begin(fast);
    for _ in 0..3 {
        assert!(next(&mut events).await.ok);
    }
}

#[tokio::test]
async fn a_script_gets_the_agents_environment_and_a_group_of_its_own() {
    let dir = TempDir::new().unwrap();
    let seen = dir.path().join("seen");
    let words = format!("{{ env; ps -o pgid= -p $$; echo $$; }} >{}", seen.display());
    assert!(first(script(&["sh", "-c", &words])).await.ok);
    let text = fs::read_to_string(seen).unwrap();
    let path = std::env::var("PATH").unwrap();
    assert!(text.contains(&format!("PATH={path}\n")), "{text}");
    assert!(!text.contains("LD_LIBRARY_PATH="), "{text}");
    let mut last = text.lines().rev();
    assert_eq!(last.next().map(str::trim), last.next().map(str::trim));
}

#[tokio::test]
async fn a_timeout_is_reported_at_once_and_ends_the_whole_group() {
    let dir = TempDir::new().unwrap();
    let child = dir.path().join("child");
    let words = format!("sleep 60 & echo $! >{}; wait", child.display());
    let timeout = Duration::from_millis(200);
    let slow = Script { timeout, ..script(&["sh", "-c", &words]) };
    let (_scripts, mut events) = begin(slow);
    let event = next(&mut events).await;
    assert!(!event.ok);
    assert_eq!(event.outcome, Outcome::TimedOut);
    assert!((timeout..timeout * 3).contains(&event.duration), "{:?}", event.duration);
    let pid = fs::read_to_string(child).unwrap();
    until(|| !alive(pid.trim())).await;
}

#[tokio::test]
async fn a_script_that_ignores_sigterm_is_killed_and_its_runs_do_not_overlap() {
    let dir = TempDir::new().unwrap();
    let log = dir.path().join("log");
    let words = format!("trap '' TERM; echo $$ >>{}; while :; do sleep 0.05; done", log.display());
    let stubborn = Script {
        interval: Duration::from_millis(20),
        timeout: Duration::from_millis(100),
        ..script(&["sh", "-c", &words])
    };
    let (_scripts, mut events) = begin(stubborn);
    let started = std::time::Instant::now();
    assert_eq!(next(&mut events).await.outcome, Outcome::TimedOut);
    let pid = fs::read_to_string(&log).unwrap();
    assert_eq!(pid.lines().count(), 1, "one run while it is dying");
    until(|| !alive(pid.trim())).await;
    let died = started.elapsed();
    assert!(died >= process::TERMINATION, "{died:?}");
    assert_eq!(next(&mut events).await.outcome, Outcome::TimedOut);
    assert_eq!(fs::read_to_string(&log).unwrap().lines().count(), 2);
}

#[tokio::test]
async fn dropping_the_scripts_kills_the_run_in_flight_with_its_children() {
    let dir = TempDir::new().unwrap();
    let child = dir.path().join("child");
    let words = format!("sleep 60 & echo $! >{}; wait", child.display());
    let (scripts, _events) = begin(script(&["sh", "-c", &words]));
    let read = || fs::read_to_string(&child).unwrap_or_default();
    until(|| read().ends_with('\n')).await;
    let pid = read();
    assert!(alive(pid.trim()));
    drop(scripts);
    until(|| !alive(pid.trim())).await;
}

#[tokio::test]
async fn a_script_that_cannot_be_started_reports_the_cause() {
    for (command, expected) in [
        (&["/nonexistent/chk"][..], "No such file"),
        (&["no-such-program-anywhere"], "not found in"),
        (&["dir/chk"], "not an absolute path"),
        (&[], "no command"),
    ] {
        let event = first(script(command)).await;
        assert!(!event.ok);
        let Outcome::CannotStart(why) = event.outcome else {
            panic!("{command:?}: {:?}", event.outcome)
        };
        assert!(why.contains(expected), "{why}");
    }
    let nobody = as_user("no such user", &["/bin/true"]);
    assert_eq!(
        first(nobody).await.outcome,
        Outcome::CannotStart("no user no such user".to_owned())
    );
}

#[tokio::test]
async fn a_script_of_another_user_has_that_user_and_no_other_group() {
    let nobody =
        as_user("nobody", &["sh", "-c", "[ $(id -un) = nobody ] && [ $(id -G | wc -w) = 1 ]"]);
    let outcome = first(nobody).await.outcome;
    if geteuid().is_root() {
        assert_eq!(outcome, Outcome::Exit(0));
    } else {
        assert!(matches!(outcome, Outcome::CannotStart(why) if why.contains("only root")));
    }
}

#[test]
fn a_script_that_cannot_run_is_not_tracked_and_said_so() {
    let text = "[[virtual_router]]\nname = \"a\"\ninterface = \"eth1\"\nvrid = 51\naddresses = [\"192.0.2.100\"]\n\
                track_scripts = [{ script = \"gone\" }, { script = \"nobody\" }, { script = \"good\" }]\n\
                [[script]]\nname = \"gone\"\ncommand = [\"/nonexistent/chk\"]\n\
                [[script]]\nname = \"nobody\"\ncommand = [\"/bin/true\"]\nuser = \"no-such-user\"\n\
                [[script]]\nname = \"good\"\ncommand = [\"/bin/true\"]\n";
    let source = vrrp_config::Source::new("F", text.as_bytes());
    let outcome =
        vrrp_config::parse(&source, vrrp_config::Language::Toml, vrrp_config::Mode::Strict, "node");
    let mut config = outcome.config.unwrap_or_else(|| panic!("{:?}", outcome.diagnostics));
    let said = remove_unusable(&mut config);
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(
        said[0].starts_with("script gone is not tracked, because it cannot run: /nonexistent"),
        "{said:?}"
    );
    assert_eq!(
        config.scripts.iter().map(|script| script.name.as_str()).collect::<Vec<_>>(),
        ["good"]
    );
    assert_eq!(
        config.routers[0].track_scripts.iter().map(|tracked| tracked.script).collect::<Vec<_>>(),
        [0]
    );
}

#[tokio::test]
async fn a_failure_counts_after_the_recovery_was_tried_and_a_success_allows_it_again() {
    let dir = TempDir::new().unwrap();
    let (well, log) = (dir.path().join("well"), dir.path().join("log"));
    let recover = format!(
        "echo tried >>{}; [ -e {}.no ] || touch {}",
        log.display(),
        well.display(),
        well.display()
    );
    let script = Script {
        interval: Duration::from_millis(20),
        recover: Some(Recover {
            command: Command::new(["sh", "-c", &recover]),
            attempts: 2,
            timeout: SOON,
        }),
        ..script(&["test", "-e", well.to_str().unwrap()])
    };
    let tries = || fs::read_to_string(&log).unwrap_or_default().lines().count();
    let (_scripts, mut events) = begin(script);
    assert!(next(&mut events).await.ok, "the first result is that of the recovery");
    assert_eq!(tries(), 1);
    // Now it cannot be made well: two attempts, then failures count.
    fs::write(well.with_extension("no"), "").unwrap();
    fs::remove_file(&well).unwrap();
    let mut last = next(&mut events).await;
    while last.ok {
        last = next(&mut events).await;
    }
    assert_eq!(tries(), 3);
    assert!(!next(&mut events).await.ok);
    assert_eq!(tries(), 3, "no attempt is left until it succeeds");
}
