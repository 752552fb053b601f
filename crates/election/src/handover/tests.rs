use super::*;
use crate::view::Counts;
use crate::{Heard, Reason};
use vrrp_config::{Language, Mode, Source};

const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 168, 1, 206));
/// Map indices of VI_1, VI_2 and VI_3, in this order.
const INDICES: [RouterIdx; 3] = [RouterIdx::new(4), RouterIdx::new(7), RouterIdx::new(1)];

/// VI_1 alone, VI_2 and VI_3 in the group VG_1.
fn config() -> Config {
    let router = |number: u8| {
        format!(
            "[[virtual_router]]\nname = \"VI_{number}\"\ninterface = \"eth1\"\nvrid = 5{number}\naddresses = [\"192.0.2.{number}\"]\n"
        )
    };
    let group = "[[sync_group]]\nname = \"VG_1\"\nmembers = [\"VI_2\", \"VI_3\"]\n";
    let text = [1, 2, 3].map(router).concat() + group;
    vrrp_config::parse(
        &Source::new("test.toml", text.as_bytes()),
        Language::Toml,
        Mode::Strict,
        "node",
    )
    .config
    .unwrap()
}

fn at(millis: u64) -> Instant {
    Instant::from_micros(millis * 1_000)
}

fn router(role: Role, millis: u64, epoch: Option<u64>) -> RouterView {
    let interval = Duration::from_secs(1);
    RouterView {
        role,
        reason: Some(Reason::SuccessorHeard),
        since: at(millis),
        standby_since: None,
        epoch,
        priority: 100,
        heard: Some(Heard { at: at(millis), source: PEER, priority: 99, interval }),
        lease_until: at(millis),
        deadline: None,
        master_down: interval * 3,
        interval,
        counts: Counts::default(),
        margins: Default::default(),
        failovers: Default::default(),
    }
}

fn view(routers: [RouterView; 3]) -> View {
    View { routers: INDICES.into_iter().zip(routers).collect(), ..View::default() }
}

fn masters() -> View {
    view([1, 2, 3].map(|epoch| router(Role::Master, 0, Some(epoch))))
}

fn begun(name: &str) -> Move {
    let config = config();
    Move::begin(at(1_000), &Target::find(&config, name).unwrap(), &config, &INDICES, &masters())
        .unwrap()
}

#[test]
fn a_router_alone_is_meant_alone_and_a_member_means_its_group() {
    let config = config();
    let indices = |name| Target::find(&config, name).unwrap().indices(&INDICES);
    assert_eq!(indices("VI_1"), INDICES[..1]);
    assert_eq!(indices("VI_3"), INDICES[1..]);
    assert_eq!(indices("VG_1"), INDICES[1..]);
    let note = Target::find(&config, "VI_3").unwrap().note;
    assert_eq!(
        note.as_deref(),
        Some("VI_3 is a member of the sync group VG_1: the whole group moves")
    );
}

#[test]
fn an_unknown_name_is_answered_with_the_known_ones() {
    let reply = Target::find(&config(), "VG1").unwrap_err();
    assert_eq!(reply.outcome.exit_code(), 1);
    assert_eq!(
        reply.message,
        "no virtual router or sync group `VG1` (did you mean `VG_1`?); there are: VI_1, VI_2, VI_3, VG_1\n"
    );
}

#[test]
fn the_reply_names_the_successor_and_the_time() {
    let mut moving = begun("VI_1");
    assert_eq!(moving.observe(&masters()), None, "an old view");
    let releasing = view([1, 2, 3].map(|epoch| router(Role::Releasing, 1_000, Some(epoch))));
    assert_eq!(moving.observe(&releasing), None);
    let reply =
        moving.observe(&view([1, 2, 3].map(|_| router(Role::Backup, 1_614, None)))).unwrap();
    assert_eq!(reply.message, "VI_1: handed over to 192.168.1.206 after 0.614 s\n");
    assert_eq!((reply.outcome, reply.outcome.exit_code()), (Outcome::HandedOver, 0));
    assert_eq!((reply.routers[0].master, reply.routers[0].seconds), (Some(PEER), Some(0.614)));
}

#[test]
fn the_reply_reports_that_no_node_took_over() {
    let reply = begun("VI_1")
        .observe(&view([1, 2, 3].map(|_| router(Role::Master, 2_050, Some(9)))))
        .unwrap();
    assert_eq!(
        reply.message,
        "VI_1: no node took over within 1.050 s; this node is master again\n"
    );
    assert_eq!(reply.outcome.exit_code(), 1);
}

#[test]
fn a_group_is_answered_for_when_all_of_it_has_ended_and_the_worst_counts() {
    let mut moving = begun("VI_2");
    let half = [
        router(Role::Master, 0, Some(1)),
        router(Role::Backup, 1_600, None),
        router(Role::Releasing, 1_000, Some(3)),
    ];
    assert_eq!(moving.observe(&view(half.clone())), None);
    let [alone, handed, _] = half;
    // A finished outcome stays as it was reported.
    let end =
        view([alone.clone(), router(Role::Backup, 1_900, None), router(Role::Fault, 1_700, None)]);
    let reply = moving.observe(&end).unwrap();
    assert_eq!(
        reply.message,
        "VI_2 is a member of the sync group VG_1: the whole group moves\n\
         VI_2: handed over to 192.168.1.206 after 0.600 s\n\
         VI_3: is fault after 0.700 s: successor heard\n"
    );
    assert_eq!(reply.outcome, Outcome::Interrupted);

    let mut view = view([alone.clone(), handed, alone]);
    view.routers.remove(&INDICES[2]);
    assert!(
        begun("VG_1").observe(&view).unwrap().message.ends_with("VI_3: was removed by a reload\n")
    );
}

#[test]
fn a_backup_names_the_master_and_starts_no_hand_over() {
    let config = config();
    let unheard = RouterView { heard: None, ..router(Role::Backup, 0, None) };
    let states = [router(Role::Backup, 0, None), unheard, router(Role::Releasing, 0, Some(3))];
    let told = |name: &str| {
        let target = Target::find(&config, name).unwrap();
        let reply =
            Move::begin(at(1_000), &target, &config, &INDICES, &view(states.clone())).unwrap_err();
        assert_eq!((reply.outcome, reply.outcome.exit_code()), (Outcome::NotMaster, 5));
        reply.message
    };
    assert_eq!(told("VI_1"), "VI_1: is not master here: 192.168.1.206 (priority 99) is\n");
    assert_eq!(
        told("VG_1"),
        "VI_2: is not master here but in state backup, and no other master is known\nVI_3: is handing over already\n"
    );
}

#[test]
fn failback_reports_whether_it_ended_a_standby() {
    let config = config();
    let mut view = masters();
    view.routers.get_mut(&INDICES[0]).unwrap().standby_since = Some(at(7));
    let told = |name: &str| Target::find(&config, name).unwrap().failback(&config, &INDICES, &view);
    let reply = told("VI_1");
    assert_eq!((reply.outcome, reply.outcome.exit_code()), (Outcome::StandbyEnded, 0));
    assert!(reply.message.starts_with("VI_1: is no longer on standby"), "{}", reply.message);
    assert_eq!(told("VG_1").outcome, Outcome::NotStandby);
}
