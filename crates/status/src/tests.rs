use super::*;
use crate::sample::sample;

#[test]
fn tables_show_the_master_and_the_reason() {
    let expected = "\
node1  vrrp-agent 0.1.0  pid 42  up 1h 02m  /etc/keepalived/keepalived.conf
election thread: at most 212.500 ms late
election thread: no real-time scheduling: EPERM; needs CAP_SYS_NICE; runs at nice -20
lack of descriptors, memory, ports or processes: backend_check not done 2 times

ROUTER  VRID  IF    ROLE    FOR     PRIO           LEASE  MASTER     ADDRESSES                              WHY
VI_1    51    eth1  MASTER  3m 12s  80 (base 100)  2.1 s  this node  192.168.1.249 192.168.1.248 (missing)  master down: no advert for 3.609 s

SERVICE  ADDRESS               RING                          BACKEND        STATE          VIA    WEIGHT  SHARE    PACKETS  BYTES  WHY
web      192.168.1.249:80/tcp  00c0ffee #2 as 192.168.1.206  192.168.1.205  up             local  100     100.0 %  9        900    connected
                                                             192.168.1.206  down (unused)  dr     100     0.0 %    0        0      connection refused

UPSTREAM  ADDRESS          FOR            REFUSED  BACKEND         STATE          WEIGHT  IN FLIGHT  CONNECTS  FAILED
php       10.0.0.100:9000  nginx.service  2        10.0.0.22:9000  up             1       4          30        0
                                                   10.0.0.23:9000  up (suspect)   1       1          20        3
                                                   10.0.0.24:9000  down (unused)  1       0          11        5

SCRIPT     STATE  EXIT  TOOK   RUNS  FAILED  TIMED OUT
chk_nginx  bad    1     12 ms  20    3       1

IF    LINK  XDP                                   PASS  DROP  TX  REDIRECT  BAD ADVERTS
eth1  up    generic (driver mode: not supported)  10    3     4   0         3 (ttl 3)
";
    assert_eq!(render(&sample()), expected);
}

#[test]
fn a_fenced_master_does_not_call_itself_master_of_the_addresses() {
    let mut status = sample();
    let router = &mut status.routers[0];
    router.fenced = true;
    router.lease_remaining_ms = Some(-20);
    router.master = Some(MasterStatus { source: [192, 168, 1, 206].into(), priority: 99 });
    let text = render(&status);
    assert!(text.contains("MASTER (fenced)"), "{text}");
    assert!(text.contains("lapsed"), "{text}");
    assert!(text.contains("192.168.1.206 (99)"), "{text}");
}

#[test]
fn a_router_on_standby_shows_since_when_and_what_ends_it() {
    let mut status = sample();
    let router = &mut status.routers[0];
    (router.role, router.reason, router.standby_seconds) =
        (Role::Backup, "successor heard".to_owned(), Some(12.0));
    let text = render(&status);
    assert!(
        text.contains(
            "successor heard; has been on standby for 12.0 s: `vrrp-agent failback VI_1` ends it"
        ),
        "{text}"
    );
}

#[test]
fn a_ring_shows_its_drains_and_the_sorry_server_below_quorum() {
    let mut status = sample();
    let service = &mut status.services[0];
    (service.draining_seconds, service.quorum_met) = (Some(48.2), false);
    service.backends[0].drained_seconds = Some(75.0);
    let text = render(&status);
    assert!(text.contains("00c0ffee #2 as 192.168.1.206, drains for 48.2 s, no quorum"), "{text}");
    let peer = &mut status.services[0].peers[0];
    (peer.digest, peer.agrees) = ("0badcafe00c0ffee".to_owned(), false);
    assert!(
        render(&status).contains("00c0ffee #2 NOT as 192.168.1.206 (0badcafe), drains"),
        "{text}"
    );
    assert!(text.contains("up (drained 1m 15s)"), "{text}");
    status.services[0].sorry = true;
    let text = render(&status);
    assert!(
        text.contains("drains for 48.2 s, SORRY SERVER") && !text.contains("no quorum"),
        "{text}"
    );
}

#[test]
fn empty_tables_are_left_out() {
    let mut status = Status {
        interfaces: vec![],
        routers: vec![],
        services: vec![],
        upstreams: vec![],
        scripts: vec![],
        ..sample()
    };
    status.shortages.clear();
    assert_eq!(render(&status).lines().count(), 3, "the agent and its election thread");
}

#[test]
fn json_round_trip_keeps_everything() {
    let json = serde_json::to_value(sample()).unwrap();
    assert_eq!(json["schema"], 1);
    assert_eq!(json["routers"][0]["role"], "master");
    assert_eq!(json["routers"][0]["transitions"]["master"], 1);
    assert_eq!(json["interfaces"][0]["xdp"]["mode"], "generic");
    assert_eq!(serde_json::from_value::<Status>(json).unwrap(), sample());
}
