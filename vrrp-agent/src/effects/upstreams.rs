//! Upstreams in force: tables first, then the programs on the cgroups, which come and go with what
//! runs in them.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::Problems;
use crate::plane::PlaneError;
use crate::plane::sockets::{self, Cgroup, CgroupError, SocketCounters, SocketPlane, SocketTables};
use vrrp_model::time::Instant;
use vrrp_model::{Config, Upstream};
use vrrp_steering::desired;

/// How often it is looked whether the cgroups are still there.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// The socket programs, from the first upstream on.
#[derive(Default)]
pub struct Upstreams {
    state: State,
    /// By upstream of the configuration.
    seen: Vec<Sight>,
    looked: Option<Instant>,
}

#[derive(Default)]
enum State {
    #[default]
    Unknown,
    /// No upstream is wanted, and none is left of an earlier agent.
    Off,
    Loaded(Box<Kernel>),
    /// The programs cannot be loaded, which will not change.
    Refused(String),
}

struct Kernel {
    plane: SocketPlane,
    tables: SocketTables,
    counters: Arc<SocketCounters>,
    /// Connections were left that no program takes off the counts: the counts begin again.
    uncounted: bool,
}

/// What was found of an upstream's cgroup.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Sight {
    cgroup: Option<Cgroup>,
    /// Why nothing is steered there.
    unusable: Option<String>,
}

/// The state of an upstream, and where its counters are.
#[derive(Clone)]
pub struct Standing {
    /// Why nothing is steered; `None` while it is.
    pub unusable: Option<String>,
    pub counters: Option<Arc<SocketCounters>>,
    pub index: Option<u32>,
    /// By backend of the upstream.
    pub places: Vec<Option<u32>>,
}

impl Upstreams {
    /// Makes `desired` true, as far as the cgroups are there.
    pub fn apply(
        &mut self,
        now: Instant,
        config: &Config,
        desired: &desired::Upstreams,
        problems: &mut Problems,
    ) {
        if config.upstreams.is_empty() {
            self.end(&config.bpf_dir);
            return;
        }
        self.open(&config.bpf_dir, problems);
        let State::Loaded(kernel) = &mut self.state else {
            return;
        };
        problems.note("backends of upstreams", kernel.tables.set_backends(&desired.backends));
        problems.note("upstreams", kernel.tables.set_pools(&desired.pools));
        let fresh = self.seen.len() != config.upstreams.len();
        if fresh || self.looked.is_none_or(|looked| now >= looked + LOOK_EVERY) {
            self.looked = Some(now);
            self.seen.resize_with(config.upstreams.len(), Sight::default);
            look(kernel, &config.upstreams, &mut self.seen, problems);
        }
    }

    /// After a reload: the cgroups may be others.
    pub fn forget(&mut self) {
        self.seen.clear();
    }

    /// The state of an upstream of the configuration.
    pub fn standing(&self, place: usize, upstream: &Upstream) -> Standing {
        let seen = self.seen.get(place).and_then(|sight| sight.unusable.clone());
        let without = |unusable: Option<String>| Standing {
            unusable,
            counters: None,
            index: None,
            places: vec![None; upstream.backends.len()],
        };
        match &self.state {
            State::Loaded(kernel) => Standing {
                unusable: seen,
                counters: Some(Arc::clone(&kernel.counters)),
                index: kernel.tables.upstream_index(&desired::upstream_key(upstream)),
                places: upstream
                    .backends
                    .iter()
                    .map(|to| kernel.tables.backend_index(&desired::place(to.address)))
                    .collect(),
            },
            State::Refused(why) => without(Some(why.clone())),
            State::Unknown | State::Off => {
                without(Some("the socket programs are not loaded".to_owned()))
            }
        }
    }

    /// Whether connections are steered now, and go on being steered without this agent.
    pub fn outlives(&self) -> bool {
        matches!(&self.state, State::Loaded(kernel) if kernel.plane.is_pinned())
    }

    fn open(&mut self, bpf_dir: &Path, problems: &mut Problems) {
        if matches!(self.state, State::Loaded(_) | State::Refused(_)) {
            return;
        }
        let opened = Kernel::open(bpf_dir);
        self.state = match opened {
            Ok(kernel) => State::Loaded(Box::new(kernel)),
            Err(error) => {
                let text = error.to_string();
                problems.note("upstreams", Err(&text));
                State::Refused(text)
            }
        };
    }

    /// Takes back what is not wanted any more, also an earlier agent's.
    fn end(&mut self, bpf_dir: &Path) {
        if matches!(self.state, State::Off) {
            return;
        }
        self.state = State::Off;
        self.seen.clear();
        if sockets::clear(bpf_dir) {
            tracing::info!("no upstream is configured: the programs of earlier ones are removed");
        }
    }
}

impl Kernel {
    fn open(bpf_dir: &Path) -> Result<Self, PlaneError> {
        let plane = SocketPlane::open(bpf_dir)?;
        let mut tables = SocketTables::open(&plane.maps)?;
        if !plane.has_counted_without_gap() {
            tables.restart_counts()?;
        }
        let counters = Arc::new(SocketCounters::open(&plane.maps)?);
        Ok(Self { plane, tables, counters, uncounted: false })
    }
}

/// Finds the cgroups, attaches to new ones, detaches from those that are not wanted any more.
fn look(kernel: &mut Kernel, upstreams: &[Upstream], seen: &mut [Sight], problems: &mut Problems) {
    // A look later: the kernel may let a detached program run a little longer, and count.
    if kernel.uncounted {
        let outcome = kernel.tables.restart_counts();
        kernel.uncounted = outcome.is_err();
        problems.note("counts of upstreams", outcome);
    }
    for (upstream, sight) in upstreams.iter().zip(seen.iter_mut()) {
        let found = Cgroup::find(&upstream.cgroup, sight.cgroup.as_ref());
        let outcome = match found {
            Ok(cgroup) => {
                let outcome = kernel.attach(&cgroup, &upstream.name);
                sight.cgroup = Some(cgroup);
                outcome
            }
            Err(error) => {
                // What cannot be looked at may still be there.
                if !matches!(error, CgroupError::Unreadable(..)) {
                    sight.cgroup = None;
                }
                Err(error.to_string())
            }
        };
        sight.unusable = outcome.as_ref().err().cloned();
        problems.note(&format!("upstream {}", upstream.name), outcome);
    }
    let keep: BTreeSet<u64> =
        seen.iter().filter_map(|sight| sight.cgroup.as_ref()).map(|cgroup| cgroup.id).collect();
    kernel.uncounted |= kernel.plane.detach_others(&keep);
}

impl Kernel {
    fn attach(&mut self, cgroup: &Cgroup, upstream: &str) -> Result<(), String> {
        if self.plane.holds(cgroup) {
            return Ok(());
        }
        self.plane.attach(cgroup).map_err(|error| error.to_string())?;
        tracing::info!(upstream, cgroup = %cgroup.path.display(), "connections are steered");
        Ok(())
    }
}
