//! The order in which a router's outputs reach the kernel and the wire.

use super::super::recording::{Act, FINAL_ADVERT, Record, RecordingFrames, RecordingMaps};
use super::super::tests::router;
use super::super::transitions;
use super::*;
use crate::plane::mastership::Inherited;
use tokio::sync::mpsc;
use vrrp_notify::Report;

/// A router that sends adverts as frames, and doubles of everything it touches.
struct Scene {
    driver: RouterDriver,
    maps: RecordingMaps,
    record: Record,
    frames: RecordingFrames,
    sender: transitions::Sender,
    transitions: mpsc::Receiver<Report>,
}

const NOW: Instant = Instant::from_micros(1_000_000);

impl Scene {
    fn new(priority: u8, inherited: Inherited) -> Self {
        let router = Router { priority, virtual_mac: true, ..router("") };
        let record = Record::default();
        let (sender, transitions, _) = transitions::queue();
        Self {
            driver: RouterDriver::new(router, RouterIdx::default(), NOW),
            maps: RecordingMaps { record: record.clone(), inherited },
            frames: RecordingFrames(record.clone()),
            record,
            sender,
            transitions,
        }
    }

    /// The owner of the addresses, master at once.
    fn master() -> (Self, Vec<Act>) {
        let mut scene = Self::new(255, Inherited::default());
        let acts = scene.start();
        assert_eq!(scene.driver.machine.role(), Role::Master);
        (scene, acts)
    }

    fn start(&mut self) -> Vec<Act> {
        let interface = Interface { index: 7, name: "eth1".to_owned() };
        let binding = Binding { interface, mac: [2; 6], source: [192, 0, 2, 1].into() };
        self.act(|driver, io| {
            driver.bind(NOW, binding, io);
            driver.start(NOW, io);
        })
    }

    /// What `act` makes the driver do.
    fn act(&mut self, act: impl FnOnce(&mut RouterDriver, &mut Io)) -> Vec<Act> {
        let mut io = Io {
            socket: None,
            frames: &self.frames,
            words: Some(&mut self.maps),
            transitions: &self.sender,
        };
        act(&mut self.driver, &mut io);
        self.record.take()
    }

    fn transitions(&mut self) -> Vec<(Role, Role, Reason, Option<u64>)> {
        let all = std::iter::from_fn(|| self.transitions.try_recv().ok());
        let transition = |report| match report {
            Report::Transition(one) => Some((one.from, one.to, one.reason, one.epoch)),
            Report::LowerPriority(_) => None,
        };
        all.filter_map(transition).collect()
    }
}

#[track_caller]
fn position(acts: &[Act], wanted: impl Fn(&Act) -> bool) -> usize {
    acts.iter().position(wanted).unwrap_or_else(|| panic!("no such act in {acts:?}"))
}

#[test]
fn a_mastership_begins_with_a_lease_that_holds() {
    let (scene, acts) = Scene::master();
    let lease = position(&acts, |act| matches!(act, Act::Lease(until) if *until > NOW));
    let epoch = scene.driver.machine.epoch();
    assert!(epoch.is_some());
    assert!(lease < position(&acts, |act| *act == Act::Mastership(epoch)), "{acts:?}");
    assert!(position(&acts, |act| *act == Act::Conf(255)) < lease, "known to the kernel first");
}

#[test]
fn a_node_without_its_interface_address_is_silent_before_its_final_advert() {
    let (mut scene, _) = Scene::master();
    let acts = scene.act(|driver, io| driver.unbind(NOW, true, io));
    assert_eq!(acts, [Act::Mastership(None), FINAL_ADVERT]);
    assert_eq!(scene.driver.machine.role(), Role::Fault);
}

#[test]
fn a_dead_link_ends_the_mastership_without_an_advert() {
    let (mut scene, _) = Scene::master();
    let acts = scene.act(|driver, io| driver.unbind(NOW, false, io));
    assert_eq!(acts, [Act::Mastership(None)]);
}

#[test]
fn a_release_lets_the_lease_lapse_before_priority_0_and_stays_master_until_answered() {
    let (mut scene, _) = Scene::master();
    let acts = scene.act(|driver, io| driver.remove(NOW, io));
    assert_eq!(acts, [Act::Lease(Instant::default()), FINAL_ADVERT]);
    assert_eq!(scene.driver.machine.role(), Role::Releasing);
}

#[test]
fn a_resumed_mastership_keeps_its_epoch_and_is_never_ended_in_between() {
    let mut scene = Scene::new(100, Inherited { mastership: 7, fence: 0 });
    let acts = scene.start();
    assert_eq!(scene.driver.machine.epoch(), Some(7));
    assert!(!acts.contains(&Act::Mastership(None)), "{acts:?}");
    let lease = position(&acts, |act| matches!(act, Act::Lease(_)));
    assert!(lease < position(&acts, |act| *act == Act::Mastership(Some(7))), "{acts:?}");
}

#[test]
fn a_fenced_mastership_of_an_earlier_agent_is_cleared() {
    let mut scene = Scene::new(100, Inherited { mastership: 7, fence: 7 });
    let acts = scene.start();
    assert_eq!(acts, [Act::Conf(100), Act::Mastership(None)]);
    assert_eq!(scene.driver.machine.role(), Role::Backup);
}

#[test]
fn a_removed_router_loses_its_mastership_first() {
    let (mut scene, _) = Scene::master();
    let acts = scene.act(|driver, io| driver.clear_maps(io));
    assert_eq!(acts, [Act::Mastership(None), Act::Conf(0), Act::Lease(Instant::default())]);
}

#[test]
fn every_transition_leaves_in_its_order_with_its_epoch() {
    let (mut scene, _) = Scene::master();
    let epoch = scene.driver.machine.epoch();
    scene.act(|driver, io| driver.unbind(NOW, true, io));
    assert_eq!(
        scene.transitions(),
        [
            (Role::Init, Role::Master, Reason::Owner, epoch),
            (Role::Master, Role::Fault, Reason::InterfaceDown, None),
        ]
    );
}
