use super::*;
use crate::ring::Candidate;
use std::time::Duration;
use vrrp_config::{Language, Mode, Source};

/// Two services that share a backend; one has it on two ports.
fn config() -> Config {
    let text = r#"
        [[virtual_router]]
        name = "VI_1"
        interface = "eth1"
        vrid = 51
        addresses = ["192.0.2.1"]

        [[service]]
        name = "web"
        address = "192.0.2.1"
        port = 80
        backends = [{ address = "10.0.0.1" }, { address = "10.0.0.2" }]

        [[service]]
        name = "app"
        address = "192.0.2.1"
        port = 81
        drain = "5s"
        backends = [
            { address = "10.0.0.1", port = 8081, forward = "nat" },
            { address = "10.0.0.1", port = 8082, forward = "nat" },
            { address = "10.0.0.3", port = 8081, forward = "nat" },
        ]
    "#;
    let parsed = vrrp_config::parse(
        &Source::new("test.toml", text.as_bytes()),
        Language::Toml,
        Mode::Strict,
        "node",
    );
    parsed.config.expect("a good configuration")
}

fn request(backend: &str) -> Request {
    Request {
        backend: backend.parse().expect("an address"),
        service: None,
        port: None,
        undo: false,
    }
}

fn at(seconds: u64) -> Instant {
    Instant::from_micros(seconds * 1_000_000)
}

fn pairs(targets: &[Target]) -> Vec<(usize, usize)> {
    targets.iter().map(|target| (target.service, target.backend)).collect()
}

/// A roster of so many usable backends.
fn roster(usable: u16) -> Membership {
    let member = |index| vrrp_common::maglev::Member { index, weight: 1, ..Default::default() };
    let candidates: Vec<_> = (0..usable)
        .map(|index| Candidate { member: member(index), usable: true, precomputed: true })
        .collect();
    Membership::new(&candidates, 1, None, Duration::ZERO)
}

#[test]
fn a_backend_is_meant_in_every_service_that_has_it_unless_one_is_named() {
    let config = config();
    let all = request("10.0.0.1");
    assert_eq!(
        all.targets(&config).map(|targets| pairs(&targets)),
        Ok(vec![(0, 0), (1, 0), (1, 1)])
    );
    let one = Request { service: Some("app".to_owned()), ..all.clone() };
    assert_eq!(one.targets(&config).map(|targets| pairs(&targets)), Ok(vec![(1, 0), (1, 1)]));
    let port = Request { port: Some(8082), ..all };
    assert_eq!(port.targets(&config).map(|targets| pairs(&targets)), Ok(vec![(1, 1)]));
}

#[test]
fn an_unknown_name_gets_a_reply_with_the_known_ones() {
    let config = config();
    let refused = |request: Request| {
        let reply = request.targets(&config).expect_err("nothing of this name");
        assert_eq!((reply.outcome, reply.outcome.exit_code()), (Outcome::Unknown, 1));
        reply.message
    };
    let message = refused(request("10.0.0.4"));
    assert!(message.starts_with("no backend `10.0.0.4`"), "{message}");
    assert!(
        message.contains(
            "there are: 10.0.0.1:80, 10.0.0.1:8081, 10.0.0.1:8082, 10.0.0.2:80, 10.0.0.3:8081"
        ),
        "{message}"
    );
    let message = refused(Request { service: Some("apps".to_owned()), ..request("10.0.0.1") });
    assert!(
        message.contains("no service `apps` (did you mean `app`?); there are: web, app"),
        "{message}"
    );
    let message = refused(Request { service: Some("app".to_owned()), ..request("10.0.0.2") });
    assert!(
        message.starts_with("no backend of app `10.0.0.2`") && !message.contains("10.0.0.2:80"),
        "{message}"
    );
    let nothing = Config { services: vec![], ..config.clone() };
    assert_eq!(
        request("10.0.0.1").targets(&nothing).map_err(|reply| reply.message),
        Err("no services are configured\n".to_owned())
    );
}

#[test]
fn an_order_holds_until_it_is_undone_and_again_is_no_news() {
    let (config, mut drained) = (config(), Drained::default());
    let order = request("10.0.0.2");
    let targets = order.targets(&config).expect("a backend");
    let (web, backend) = (&config.services[0], &config.services[0].backends[1]);
    assert_eq!(order.apply(&mut drained, at(5), &config, &targets), [true]);
    assert_eq!(order.apply(&mut drained, at(6), &config, &targets), [false]);
    assert_eq!(drained.since(web, backend), Some(at(5)));
    drained.retain(&config.services);
    assert_eq!(drained.since(web, backend), Some(at(5)), "a reload that keeps it changes nothing");
    let undo = Request { undo: true, ..order };
    assert_eq!(undo.apply(&mut drained, at(7), &config, &targets), [true]);
    assert_eq!(undo.apply(&mut drained, at(7), &config, &targets), [false]);
    assert_eq!(drained, Drained::default());
    request("10.0.0.2").apply(&mut drained, at(8), &config, &targets);
    drained.retain(&config.services[1..]);
    assert_eq!(drained, Drained::default(), "it went with its service");
}

#[test]
fn the_reply_lists_the_remaining_backends() {
    let config = config();
    let order = request("10.0.0.1");
    let targets = order.targets(&config).expect("backends");
    let reply = order.reply(
        &config,
        &[(targets[0], true, roster(1), None), (targets[1], true, roster(0), None)],
    );
    assert_eq!(
        reply.message,
        "web: 10.0.0.1:80 takes no new connections; those it has may stay for 60 s; 1 backend takes new ones\n\
         app: 10.0.0.1:8081 takes no new connections; those it has may stay for 5 s; warning: no backend is left, new connections \
         are dropped\n"
    );
    assert_eq!((reply.outcome, reply.outcome.exit_code()), (Outcome::Drained, 0));
    assert_eq!(reply.services.iter().map(|service| service.remaining).collect::<Vec<_>>(), [1, 0]);

    let member = vrrp_common::maglev::Member::default();
    let sorry = Membership::new(&[], 1, Some(member), Duration::ZERO);
    let reply = order.reply(
        &config,
        &[(targets[0], true, sorry, None), (targets[1], false, roster(2).undecided(), None)],
    );
    assert!(reply.message.contains("; the sorry server takes them\n"), "{}", reply.message);
    assert!(
        reply
            .message
            .contains("was drained already; the ring follows when every check has ended once"),
        "{}",
        reply.message
    );
    assert!(reply.services[0].sorry && reply.services[0].remaining == 0);
}

#[test]
fn the_reply_to_an_undo_lists_what_still_keeps_a_backend_out() {
    let config = config();
    let undo = Request { undo: true, ..request("10.0.0.2") };
    let [target] = undo.targets(&config).expect("a backend")[..] else { panic!("one target") };
    let said = |news, unusable| {
        let reply = undo.reply(&config, &[(target, news, roster(2), unusable)]);
        (reply.outcome, reply.message)
    };
    assert_eq!(
        said(true, None),
        (
            Outcome::Undone,
            "web: 10.0.0.2:80 takes new connections again; 2 backends take new ones\n".to_owned()
        )
    );
    let (_, message) = said(true, Some(Unusable::Down));
    assert!(
        message.contains("is drained no more, but takes no connections: its check fails"),
        "{message}"
    );
    let (outcome, message) = said(false, None);
    assert!(
        outcome == Outcome::Unchanged && message.contains("was not drained: nothing changes"),
        "{message}"
    );
}
