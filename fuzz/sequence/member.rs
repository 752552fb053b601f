//! Compares the outputs of an election with its state.

use vrrp_election::{Output, Reason, Role, Settings, VirtualRouter};
use vrrp_model::time::Instant;

/// One election, and its state according to its outputs.
pub struct Member {
    pub router: VirtualRouter,
    pub grouped: bool,
    pub begun: Settings,
    role: Role,
    epoch: Option<u64>,
    /// The newest epoch in which it has been active.
    newest: u64,
}

impl Member {
    pub fn new(settings: Settings, grouped: bool) -> Self {
        let mut router = VirtualRouter::new(settings);
        router.set_grouped(grouped);
        Self { router, grouped, begun: settings, role: Role::Init, epoch: None, newest: 0 }
    }

    pub fn check(&mut self, now: Instant) {
        let outputs: Vec<Output> = std::iter::from_fn(|| self.router.poll()).collect();
        let mut rest = outputs.as_slice();
        while !rest.is_empty() {
            rest = self.obey(now, rest);
        }
        let router = &self.router;
        assert_eq!(
            (router.role(), router.epoch()),
            (self.role, self.epoch),
            "by its outputs: {outputs:?}"
        );
        assert_eq!(
            self.epoch.is_some(),
            matches!(self.role, Role::Master | Role::Releasing),
            "{outputs:?}"
        );
        let waits = matches!(self.role, Role::Backup | Role::Master | Role::Releasing);
        assert_eq!(router.next_deadline().is_some(), waits, "one live timer: {router:?}");
        let may_stand_by = !matches!(self.role, Role::Init | Role::Master);
        assert!(may_stand_by || router.standby_since().is_none(), "{router:?}");
        assert!(router.priority() >= 1, "0 is no priority to have");
        assert!(router.skew() < router.master_down_interval(), "{router:?}");
        assert!(
            router.last_heard().is_none_or(|heard| heard.at <= now),
            "received in the future: {router:?}"
        );
    }

    /// Removes the outputs of one event from the front. Each pattern is a line of "Order of
    /// outputs".
    fn obey<'o>(&mut self, now: Instant, outputs: &'o [Output]) -> &'o [Output] {
        match outputs {
            [Output::Send { priority }, Output::Lease { until, priority: told }, rest @ ..] => {
                assert_eq!(
                    (*priority, *told),
                    (self.router.priority(), self.router.priority()),
                    "{outputs:?}"
                );
                assert!(*until > now, "a lease that has lapsed already: {outputs:?}");
                self.obey_advert(rest)
            }
            [
                Output::Lapse,
                Output::Send { priority: 0 },
                Output::Transition { from: Role::Master, to: Role::Releasing, .. },
                rest @ ..,
            ] => {
                self.change(Role::Master, Role::Releasing);
                rest
            }
            [Output::Mastership(None), Output::Transition { from, to, reason }, rest @ ..] => {
                assert!(self.epoch.take().is_some(), "none to end: {outputs:?}");
                self.change(*from, *to);
                let parting = [Output::Send { priority: self.router.priority() }];
                match (*from, *reason) {
                    (Role::Master, Reason::InterfaceDown) => rest
                        .strip_prefix(&[Output::Send { priority: 0 }])
                        .expect("an attempt to send"),
                    (Role::Master, Reason::BetterMaster) => {
                        rest.strip_prefix(&parting).expect("a last advert")
                    }
                    // With a valid lease.
                    (Role::Master, Reason::Fenced)
                        if !matches!(rest, [_, Output::Lease { .. }, ..]) =>
                    {
                        rest.strip_prefix(&parting).unwrap_or(rest)
                    }
                    _ => rest,
                }
            }
            [Output::Transition { from, to, .. }, rest @ ..] => {
                assert!(self.epoch.is_none(), "it is still active: {outputs:?}");
                self.change(*from, *to);
                rest
            }
            _ => panic!("out of order: {outputs:?}"),
        }
    }

    /// What may follow an advert and its lease: a takeover, or a second announcement; otherwise it
    /// was a regular advert.
    /// one of many.
    fn obey_advert<'o>(&mut self, outputs: &'o [Output]) -> &'o [Output] {
        let [
            Output::Mastership(Some(epoch)),
            Output::Transition { from, to: Role::Master, reason },
            rest @ ..,
        ] = outputs
        else {
            assert_eq!(self.role, Role::Master, "an advert of none: {outputs:?}");
            return outputs.strip_prefix(&[Output::Reannounce]).unwrap_or(outputs);
        };
        self.change(*from, Role::Master);
        self.epoch = Some(*epoch);
        if *reason == Reason::Resumed {
            self.newest = self.newest.max(*epoch);
            return rest;
        }
        assert!(
            *epoch > self.newest || self.newest == u64::MAX,
            "epoch {epoch} after {}",
            self.newest
        );
        self.newest = *epoch;
        rest.strip_prefix(&[Output::Announce]).expect("a takeover is announced")
    }

    fn change(&mut self, from: Role, to: Role) {
        assert_eq!(from, self.role, "on the way to {to}");
        assert_ne!(from, to, "no change at all");
        self.role = to;
    }
}
