use super::*;
use vrrp_election::{Reason, Role};
use vrrp_model::time::Instant;
use vrrp_model::{Config, NotifyEvent, RouterIdx};

/// Two instances in a group, a third one, and a service with two backends.
const FILE: &str = r#"
global_defs {
    router_id edge1
    vrrp_notify_fifo /run/vrrp.fifo
}
vrrp_sync_group VG {
    group {
        A
        B
    }
    notify_master "/bin/group-master"
    notify "/bin/group"
}
vrrp_instance A {
    interface eth1
    virtual_router_id 1
    virtual_ipaddress { 192.0.2.1 }
    notify "/bin/any with words" nobody
    notify_master "/bin/master"
    notify_backup "/bin/backup"
    notify_fault "/bin/fault"
    notify_stop "/bin/stop"
    notify_master_rx_lower_pri "/bin/lower"
}
vrrp_instance B {
    interface eth1
    virtual_router_id 2
    virtual_ipaddress { 192.0.2.2 }
    notify_fault "/bin/fault"
    notify_deleted "/bin/deleted"
    notify "/bin/any"
}
virtual_server 192.0.2.1 80 {
    protocol TCP
    lb_kind DR
    quorum_down "/bin/quorum down"
    real_server 192.0.2.11 80 {
        notify_up "/bin/up" 
        notify_down "/bin/down it"
        TCP_CHECK { }
    }
    real_server 192.0.2.12 80 {
        TCP_CHECK { }
    }
}
"#;

fn parse(text: &str) -> Config {
    let source = vrrp_config::Source::new("F", text.as_bytes());
    let (language, mode) = (vrrp_config::Language::Keepalived, vrrp_config::Mode::Lenient);
    let outcome = vrrp_config::parse(&source, language, mode, "node1");
    outcome.config.unwrap_or_else(|| panic!("{:?}", outcome.diagnostics))
}

fn transition(instance: &str, from: Role, to: Role, reason: Reason) -> Report {
    Report::Transition(Transition {
        at: Instant::from_micros(1),
        idx: RouterIdx::new(0),
        instance: instance.to_owned(),
        vrid: 1,
        interface: "eth1".to_owned(),
        from,
        to,
        reason,
        epoch: None,
        priority: 100,
        peer: Some(([192, 0, 2, 9].into(), 90)),
    })
}

/// What runs for a report, as command lines, and the lines of a FIFO.
fn told(states: &mut States, report: &Report, config: &Config) -> (Vec<String>, Vec<String>) {
    let events = states.follow(report, config);
    let of = |event: &Event| jobs(event, config).into_iter().map(|job| job.command.words.join(" "));
    let lines = events.iter().filter_map(|event| line(event, config));
    (events.iter().flat_map(of).collect(), lines.collect())
}

#[test]
fn the_special_command_runs_before_the_general_one_with_keepalived_s_arguments() {
    let (config, mut states) = (parse(FILE), States::default());
    let report = transition("A", Role::Init, Role::Backup, Reason::Startup);
    let (commands, lines) = told(&mut states, &report, &config);
    assert_eq!(commands, ["/bin/backup", "/bin/any with words INSTANCE A BACKUP 100"]);
    assert_eq!(lines, ["INSTANCE \"A\" BACKUP 100"]);
    let jobs = jobs(
        &states
            .follow(&transition("A", Role::Backup, Role::Master, Reason::MasterTimeout), &config)
            [0],
        &config,
    );
    assert_eq!(jobs[1].command.user.as_deref(), Some("nobody"));
    let value = |name: &str| {
        let found = jobs[0].environment.iter().find(|(key, _)| *key == name);
        found.map(|(_, value)| value.as_str())
    };
    assert_eq!(value("VRRP_STATE"), Some("MASTER"));
    assert_eq!(value("VRRP_OLD_STATE"), Some("BACKUP"));
    assert_eq!(value("VRRP_REASON"), Some("master timeout"));
    assert_eq!(value("VRRP_PEER"), Some("192.0.2.9"));
    assert_eq!(value("VRRP_NODE"), Some("edge1"));
}

#[test]
fn a_group_is_notified_once_after_all_its_members() {
    let (config, mut states) = (parse(FILE), States::default());
    let mut step = |instance: &str, from, to, reason| {
        told(&mut states, &transition(instance, from, to, reason), &config)
    };
    assert_eq!(step("A", Role::Init, Role::Backup, Reason::Startup).1.len(), 1);
    let (commands, lines) = step("B", Role::Init, Role::Backup, Reason::Startup);
    assert_eq!(commands, ["/bin/any INSTANCE B BACKUP 100", "/bin/group GROUP VG BACKUP 0"]);
    assert_eq!(lines, ["INSTANCE \"B\" BACKUP 100", "GROUP \"VG\" BACKUP 0"]);
    assert_eq!(step("A", Role::Backup, Role::Master, Reason::MasterTimeout).1.len(), 1);
    let (commands, _) = step("B", Role::Backup, Role::Master, Reason::GroupTookOver);
    assert_eq!(commands[1..], ["/bin/group-master", "/bin/group GROUP VG MASTER 0"]);
    assert_eq!(step("A", Role::Master, Role::Fault, Reason::Fault).1.len(), 1);
    let (_, lines) = step("B", Role::Master, Role::Fault, Reason::GroupFault);
    assert_eq!(lines[1], "GROUP \"VG\" FAULT 0");
}

#[test]
fn a_state_that_was_reported_is_not_reported_again() {
    let (config, mut states) = (parse(FILE), States::default());
    let mut step =
        |from, to, reason| told(&mut states, &transition("A", from, to, reason), &config).1;
    assert_eq!(step(Role::Backup, Role::Master, Reason::MasterTimeout).len(), 1);
    // A planned failover without a successor: this node was active all the time.
    assert_eq!(step(Role::Master, Role::Releasing, Reason::Standby).len(), 0);
    assert_eq!(step(Role::Releasing, Role::Master, Reason::NoSuccessor).len(), 0);
    assert_eq!(step(Role::Master, Role::Releasing, Reason::Shutdown).len(), 0);
    assert_eq!(
        step(Role::Releasing, Role::Init, Reason::SuccessorHeard),
        ["INSTANCE \"A\" STOP 100"]
    );
}

#[test]
fn a_removed_instance_is_a_fault_unless_notify_deleted_is_configured() {
    let (config, mut states) = (parse(FILE), States::default());
    let mut without = config.clone();
    without.routers.clear();
    without.groups.clear();
    for (instance, commands, line_) in [
        ("A", vec!["/bin/any with words INSTANCE A FAULT 100"], "INSTANCE \"A\" FAULT 100"),
        (
            "B",
            vec!["/bin/deleted", "/bin/any INSTANCE B DELETED 100"],
            "INSTANCE \"B\" DELETED 100",
        ),
    ] {
        states.follow(&transition(instance, Role::Init, Role::Backup, Reason::Startup), &config);
        let report = transition(instance, Role::Backup, Role::Init, Reason::Shutdown);
        let events = states.follow(&report, &without);
        assert_eq!(events.len(), 1);
        let ran: Vec<String> =
            jobs(&events[0], &config).into_iter().map(|job| job.command.words.join(" ")).collect();
        assert_eq!(ran, commands);
        assert_eq!(line(&events[0], &config).as_deref(), Some(line_));
    }
}

#[test]
fn an_advert_of_lower_priority_runs_its_own_command_alone() {
    let (config, mut states) = (parse(FILE), States::default());
    let report = Report::LowerPriority(LowerPriority {
        instance: "A".to_owned(),
        vrid: 1,
        interface: "eth1".to_owned(),
        priority: 100,
        peer: None,
    });
    let (commands, lines) = told(&mut states, &report, &config);
    assert_eq!(commands, ["/bin/lower"]);
    assert_eq!(lines, ["INSTANCE \"A\" MASTER_RX_LOWER_PRI 100"]);
}

#[test]
fn services_and_backends_are_notified_from_their_second_state_on() {
    let (config, mut states) = (parse(FILE), States::default());
    let mut step = |quorum, first, second| {
        let facts = ServiceFacts { quorum: Some(quorum), backends: vec![first, second] };
        let events = states.services(&[facts], &config);
        let ran: Vec<String> = events
            .iter()
            .flat_map(|event| jobs(event, &config))
            .map(|job| job.command.words.join(" "))
            .collect();
        (ran, events.iter().filter_map(|event| line(event, &config)).collect::<Vec<_>>())
    };
    assert_eq!(step(true, Some(true), None), (vec![], vec![]), "good from the start");
    let (ran, lines) = step(false, Some(false), Some(false));
    assert_eq!(ran, ["/bin/down it", "/bin/quorum down"]);
    assert_eq!(
        lines,
        [
            "RS [192.0.2.11]:tcp:80 [192.0.2.1]:tcp:80 DOWN",
            "RS [192.0.2.12]:tcp:80 [192.0.2.1]:tcp:80 DOWN",
            "VS [192.0.2.1]:tcp:80 DOWN"
        ]
    );
    let (ran, lines) = step(true, Some(true), Some(false));
    assert_eq!(ran, ["/bin/up"]);
    assert_eq!(lines.len(), 2);
    assert_eq!(step(true, Some(true), Some(false)), (vec![], vec![]));
}

#[test]
fn a_subject_runs_one_command_at_a_time_and_keeps_its_newest_events() {
    let config = parse(FILE);
    let event = |what| Event {
        key: Key::Router("A".to_owned()),
        what,
        before: None,
        priority: 1,
        reason: "",
        router: None,
        peer: None,
    };
    let mut queue = Queue::default();
    let key = Key::Router("A".to_owned());
    assert_eq!(queue.push(&key, jobs(&event(NotifyEvent::Backup), &config)), 0);
    let first = queue.ready();
    assert_eq!(first[0].1.command.words, ["/bin/backup"]);
    assert!(queue.ready().is_empty(), "one runs");
    let mut left_out = 0;
    for _ in 0..MOST_WAITING {
        left_out += queue.push(&key, jobs(&event(NotifyEvent::Fault), &config));
    }
    left_out += queue.push(&key, jobs(&event(NotifyEvent::Master), &config));
    assert_eq!(left_out, 2, "the commands of the oldest event that waits");
    let mut ran = Vec::new();
    loop {
        queue.finish(&key);
        let Some((_, job)) = queue.ready().pop() else { break };
        ran.push(job.command.words[0].clone());
    }
    assert_eq!(ran[0], "/bin/any", "what began is finished");
    assert_eq!(ran[ran.len() - 2..], ["/bin/master", "/bin/any"], "the newest state is not lost");
    assert_eq!(ran.len(), 1 + 2 * MOST_WAITING);
    assert!(queue.is_empty());
}
