use super::*;
use crate::sample::sample;
use crate::{MasterStatus, TrackedKind};
use vrrp_config::{Language, Mode, Source, parse};

#[test]
fn a_master_shows_its_reason_and_what_it_waits_for() {
    let expected = "\
VI_1: master for 192.400 s (VRID 51 on eth1, VRRPv2)
  why        master down: no advert for 3.609 s
  priority   80 = 100 - 20 (script chk_nginx is bad)
  next       next advert in 650 ms; yields to a higher priority
  timers     adverts each 1 s, master down after 3.609 s of silence
  lease      good for 2.150 s: no backup may take over before
  renewal    with 1.999 s left of the lease before, -0.250 s at worst
  adverts    sent 193, heard 7, accepted from 192.168.1.206
  addresses  192.168.1.249 installed, 192.168.1.248 not installed
  link       up
  XDP        generic (driver mode: not supported)
";
    assert_eq!(now(&sample(), Some("VI_1")).as_deref(), Ok(expected));
    assert_eq!(now(&sample(), None).as_deref(), Ok(expected));
}

#[test]
fn a_backup_shows_when_it_takes_over() {
    let mut status = sample();
    let router = &mut status.routers[0];
    router.role = Role::Backup;
    router.master = Some(MasterStatus { source: [192, 168, 1, 206].into(), priority: 99 });
    router.master_heard_ms = Some(400);
    router.deadline_ms = Some(2_100);
    (router.lease_remaining_ms, router.lease_margin_seconds) = (None, None);
    let said = |status: &Status| now(status, None).expect("a router");
    let text = said(&status);
    assert!(text.contains("  master     192.168.1.206, priority 99, heard 400 ms ago\n"), "{text}");
    assert!(
        text.contains(
            "takes over in 2.100 s unless the master advertises: its priority 99 is not below ours\n"
        ),
        "{text}"
    );
    assert!(!text.contains("lease"), "{text}");
    status.routers[0].priority = 120;
    let text = said(&status);
    assert!(text.contains("preempts the master of lower priority 99 in 2.100 s;"), "{text}");
    status.routers[0].preempt = false;
    assert!(said(&status).contains("it has 99, but this router does not preempt\n"));
}

#[test]
fn a_fault_names_what_must_get_well() {
    let mut status = sample();
    let router = &mut status.routers[0];
    router.role = Role::Fault;
    router.priority = 100;
    router.tracking = vec![TrackedStatus {
        kind: TrackedKind::Interface,
        name: "eth2".to_owned(),
        weight: 0,
        reverse: false,
        state: crate::TrackedState::Bad,
        contributes: 0,
    }];
    let text = now(&status, None).expect("a router");
    assert!(text.contains("100 = 100 + 0 (interface eth2 is bad: fault)\n"), "{text}");
    assert!(text.contains("waits for interface eth2 to be good\n"), "{text}");
}

#[test]
fn an_unknown_name_is_answered_with_the_known_ones() {
    assert_eq!(
        now(&sample(), Some("VI_9")),
        Err("no virtual router `VI_9` (did you mean `VI_1`?); there are: VI_1".to_owned())
    );
}

#[test]
fn explain_of_a_file_shows_what_it_would_do() {
    let text = include_str!("../../../config/testdata/node1.toml");
    let config = parse(&Source::new("F", text.as_bytes()), Language::Toml, Mode::Strict, "host")
        .config
        .expect("a good file");
    let expected = "\
VI_1: VRID 51 on eth1, VRRPv2 over IPv4 with password
  priority   90 to 100 = 100 configured - 10 while script chk_nginx fails
  fault      while interface eth1 is down or has no address
  takes over after 3.609 s of silence (3 x 1 s + skew 609 ms) with priority 100, 3.648 s of silence (3 x 1 s + skew 648 ms) with priority 90
  preempts   a master of lower priority, when the master down timer expires
  adverts    each 1 s from the primary address of eth1 to 224.0.0.18, accepted from any source
  as master  vouches for itself 3 s from each advert; no backup may take over before
  addresses  192.168.1.249
";
    assert_eq!(plan(&config, Some("VI_1")).as_deref(), Ok(expected));
}
