//! The loop without root: doubles replace the election thread, the maps and the host.

use std::collections::BTreeMap;

use super::*;
use crate::effects::{Act, RecordingSteering};
use crate::elector::RouterView;
use crate::elector::recording::Thread;
use crate::health;
use vrrp_config::{Language, Mode, Source};
use vrrp_election::Role;
use vrrp_model::RouterIdx;
use vrrp_model::host::Link;
use vrrp_steering::drain::Request;

const FRONT: u32 = 2;
const IDX: RouterIdx = RouterIdx::new(0);
const ROUTER: &str = r#"
[[virtual_router]]
name = "VI_1"
interface = "front"
vrid = 51
addresses = ["192.0.2.100"]
"#;
const SERVICE: &str = r#"
[[service]]
name = "web"
address = "192.0.2.100"
port = 80
check = { type = "tcp" }
backends = [
    { address = "192.0.2.11", forward = "dr" },
    { address = "192.0.2.12", forward = "dr" },
]
"#;

/// The loop, and the doubles around it.
struct Loop {
    agent: Agent,
    steering: RecordingSteering,
    thread: Thread,
    wanted: watch::Receiver<Option<Arc<Wanted>>>,
    _host: watch::Sender<Arc<HostView>>,
}

impl Loop {
    fn with(config: &str) -> Self {
        let config = parsed(config);
        let (elector, thread) = Elector::recording();
        let (host_task, wanted) = HostTask::recording();
        let (host, host_view) = watch::channel(Arc::new(host_view()));
        let (_, orders) = mpsc::channel(ORDERS);
        let (destinations, _) = watch::channel(BTreeSet::new());
        let (shutdown, _) = watch::channel(false);
        let known = Knowledge::new(RunningConfig::new(config, vec![IDX], Default::default()));
        let (observed, _) = watch::channel(Arc::new(Observed::new(&known)));
        let config = &known.running.config;
        let steering = RecordingSteering::default();
        let agent = Agent {
            fixed: Arc::new(Fixed {
                counters: None,
                started: clock::now(),
                started_unix: clock::wall(),
                config_path: PathBuf::new(),
                config_id: None,
                release_on_exit: None,
            }),
            inputs: Inputs {
                host: host_view,
                view: elector.view(),
                orders,
                signals: Signals::listen().expect("signal handlers"),
                workers: Workers::start(config),
                loading: JoinSet::new(),
                again: None,
            },
            outputs: Outputs {
                election_sync: ElectionSync::new(config, BTreeSet::new(), Instant::default()),
                elector,
                steering: Box::new(steering.clone()),
                host_task,
                desired: Arc::default(),
                destinations,
                observed,
                notices: Notices::new(config).0,
                compare: Compare::default(),
                strangers: Strangers::default(),
                moves: Vec::new(),
            },
            lifecycle: Lifecycle::new(
                JoinSet::new(),
                JoinSet::new(),
                tokio::spawn(async {}),
                shutdown,
            ),
            known,
        };
        Self { agent, steering, thread, wanted, _host: host }
    }

    /// The election thread publishes a view in which it has handled `handled` commands.
    fn publish(&self, epoch: Option<u64>, handled: u64) {
        let routers = BTreeMap::from([(IDX, router(epoch))]);
        self.thread.publish.send_replace(Arc::new(View { routers, handled, ..View::default() }));
    }

    /// What the host should be like now.
    fn wanted(&mut self) -> Wanted {
        let wanted = self.wanted.borrow_and_update().clone();
        wanted.map(|wanted| Wanted::clone(&wanted)).expect("a state of the host")
    }

    fn report(&mut self, backend: usize, up: bool) -> Instant {
        let at = clock::now();
        self.agent.on_health(health::Event { service: 0, backend, up, reason: String::new(), at });
        at
    }
}

fn router(epoch: Option<u64>) -> RouterView {
    RouterView {
        role: if epoch.is_some() { Role::Master } else { Role::Backup },
        reason: None,
        since: Instant::default(),
        standby_since: None,
        epoch,
        priority: 100,
        heard: None,
        lease_until: Instant::default(),
        deadline: None,
        master_down: Duration::from_secs(3),
        interval: Duration::from_secs(1),
        counts: Default::default(),
        margins: Default::default(),
        failovers: Default::default(),
    }
}

fn parsed(text: &str) -> Config {
    let source = Source::new("test.toml", text.as_bytes());
    let outcome = vrrp_config::parse(&source, Language::Toml, Mode::Strict, "node");
    outcome.config.unwrap_or_else(|| panic!("{:?}", outcome.diagnostics))
}

/// One interface that is up and has an address, with both backends as known neighbours.
fn host_view() -> HostView {
    let mut host = HostView::default();
    let link =
        Link { index: FRONT, name: "front".to_owned(), up: true, mtu: 1500, ..Link::default() };
    host.links.insert(FRONT, link);
    host
}

#[tokio::test]
async fn a_backends_result_reaches_the_ring_before_anything_else_and_by_its_own_time() {
    let mut world = Loop::with(&format!("{ROUTER}{SERVICE}"));
    let at = world.report(0, true);
    let acts = world.steering.take();
    let [Act::Steer { decided, desired }] = acts.as_slice() else { panic!("{acts:?}") };
    assert_eq!(*decided, at);
    assert_eq!(desired.rosters.len(), 1, "{desired:?}");
    assert!(desired.addresses.is_empty(), "nothing but the service: {desired:?}");
    assert!(world.wanted.borrow().is_none(), "the host is not asked for anything");
}

#[tokio::test]
async fn a_drain_answers_its_client_and_steers_at_once() {
    let mut world = Loop::with(&format!("{ROUTER}{SERVICE}"));
    let request = Request {
        backend: "192.0.2.11".parse().expect("an address"),
        service: None,
        port: None,
        undo: false,
    };
    let (answer, mut reply) = tokio::sync::oneshot::channel();
    world.agent.on_order(Order::Drain(request, answer));
    let reply = reply.try_recv().expect("an answer");
    assert!(reply.message.contains("192.0.2.11"), "{}", reply.message);
    let acts = world.steering.take();
    assert!(matches!(acts.as_slice(), [Act::Steer { .. }]), "{acts:?}");
}

#[tokio::test]
async fn a_round_writes_the_maps_and_waits_for_no_answer_of_the_kernel() {
    let mut world = Loop::with(ROUTER);
    world.publish(Some(4), u64::MAX);
    for _ in 0..3 {
        // The double of the host answers nothing; the rounds go on, and the newest state waits.
        world.agent.converge();
        let acts = world.steering.take();
        assert!(matches!(acts.as_slice(), [Act::Apply { .. }]), "{acts:?}");
    }
    let wanted = world.wanted();
    assert!(wanted.in_maps && Arc::ptr_eq(&wanted.desired, &world.agent.outputs.desired));
    let [installed] = wanted.desired.installed.iter().collect::<Vec<_>>()[..] else {
        panic!("{:?}", wanted.desired.installed)
    };
    assert_eq!(installed.address.to_string(), "192.0.2.100");
}

#[tokio::test]
async fn addresses_are_not_removed_before_the_election_thread_has_handled_its_commands() {
    let mut world = Loop::with(ROUTER);
    world.publish(None, 0);
    world.agent.converge();
    world.agent.converge();
    assert!(!world.wanted().may_remove, "the thread has not handled the command yet");
    let commands = world.thread.commands();
    assert!(!commands.is_empty());
    world.publish(None, commands.len() as u64);
    world.agent.converge();
    assert!(world.wanted().may_remove, "{commands:?}");
}

#[tokio::test]
async fn another_configuration_of_a_mastership_is_another_announcement() {
    let mut world = Loop::with(ROUTER);
    world.publish(Some(4), u64::MAX);
    world.agent.converge();
    world.agent.converge();
    let before = world.wanted().masterships[&IDX];
    world.agent.converge();
    assert_eq!(world.wanted().masterships[&IDX], before, "nothing changed");
    world
        .agent
        .replace(parsed(&ROUTER.replace("\"192.0.2.100\"", "\"192.0.2.100\", \"192.0.2.101\"")));
    world.agent.converge();
    let after = world.wanted().masterships[&IDX];
    assert_eq!(after.epoch, before.epoch);
    assert_ne!(after.revision, before.revision);
}
