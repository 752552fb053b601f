//! The snapshot of a running agent. `status`, `status --json`, `/metrics` and the API all show this
//! one.
//!
//! Plain data without clock or socket: its builder reads the clock, so ages are already seconds.

mod election;
pub mod explain;
pub mod metrics;
#[doc(hidden)]
pub mod sample;
mod services;
pub mod summary;
mod table;
#[cfg(test)]
mod tests;
mod tracked;
mod upstreams;

pub use election::{BucketStatus, ElectionStatus, HistogramStatus, MissingStatus};
pub use services::{BackendState, BackendStatus, PeerRing, ServiceStatus};
pub use table::render;
pub use tracked::{TrackedKind, TrackedState, TrackedStatus};
pub use upstreams::{UpstreamBackendStatus, UpstreamStatus};

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use vrrp_election::Role;

/// Version of the JSON form. It is raised when a field changes its meaning or is removed, and not
/// for new fields.
pub const SCHEMA: u32 = 1;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The node's name as configured.
    pub node: String,
    /// Version of the agent.
    pub version: String,
    pub pid: u32,
    /// Unix time, seconds, the process started at.
    pub started_unix: f64,
    pub uptime_seconds: f64,
    /// The configuration file in force.
    pub config: String,
    /// Result of the last reload; `None` before the first.
    pub reload: Option<ReloadStatus>,
    /// The thread that runs the elections.
    #[serde(default)]
    pub election: ElectionStatus,
    pub interfaces: Vec<InterfaceStatus>,
    pub routers: Vec<RouterStatus>,
    pub services: Vec<ServiceStatus>,
    #[serde(default)]
    pub upstreams: Vec<UpstreamStatus>,
    /// Delay from a decision about a service's backends to the ring that steers every packet by it.
    #[serde(default)]
    pub flips: HistogramStatus,
    pub scripts: Vec<ScriptStatus>,
    /// Operations not done for lack of descriptors, memory, ports or processes: count by operation.
    #[serde(default)]
    pub shortages: BTreeMap<String, u64>,
    /// Notify commands by outcome.
    #[serde(default)]
    pub notify_commands: BTreeMap<String, u64>,
    /// Lines of notify FIFOs by outcome.
    #[serde(default)]
    pub notify_lines: BTreeMap<String, u64>,
    /// Mails by outcome.
    #[serde(default)]
    pub notify_mails: BTreeMap<String, u64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReloadStatus {
    pub successful: bool,
    /// What changed, or why nothing did.
    pub message: String,
    /// Unix time, seconds.
    pub at_unix: f64,
    /// Unix time, seconds, of the last one that succeeded.
    pub success_at_unix: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InterfaceStatus {
    pub name: String,
    /// Kernel's index; 0 while the interface does not exist.
    pub index: u32,
    /// It exists, is administratively up and has a carrier.
    pub up: bool,
    pub xdp: XdpStatus,
    #[serde(default)]
    pub vlan_tags: VlanTags,
    /// Packets per verdict of the XDP program: `pass`, `drop`, `tx`, `redirect`.
    pub verdicts: BTreeMap<String, u64>,
    /// Adverts that XDP dropped, per reason; the builder lists every reason, also those at 0.
    pub dropped_adverts: BTreeMap<String, u64>,
}

/// Whether the XDP program sees the VLAN tags of received frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VlanTags {
    /// The interface strips no tags, or no program is attached.
    #[default]
    Seen,
    /// Seen, because the agent turned rx-vlan-offload off.
    OffloadTurnedOff,
    /// The interface strips the tags, and its driver cannot turn rx-vlan-offload off.
    Hidden,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct XdpStatus {
    pub mode: XdpMode,
    /// Kernel's id of the loaded program.
    pub prog_id: Option<u32>,
    /// Why a better mode is not in use.
    pub reason: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum XdpMode {
    Driver,
    Generic,
    Off,
}

impl fmt::Display for XdpMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            XdpMode::Driver => "driver",
            XdpMode::Generic => "generic",
            XdpMode::Off => "off",
        })
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RouterStatus {
    pub name: String,
    pub vrid: u8,
    pub interface: String,
    /// Its sync group.
    #[serde(default)]
    pub group: Option<String>,
    /// VRRP version on the wire, 2 or 3.
    pub version: u8,
    pub role: Role,
    /// Why it is in this role: the reason of the last transition, or of the fault.
    pub reason: String,
    /// Time it has been on standby: it handed over by order, and does not preempt. `None` while it
    /// does not.
    #[serde(default)]
    pub standby_seconds: Option<f64>,
    /// Time in this role.
    pub since_seconds: f64,
    /// Unix time, seconds, of the last transition.
    pub last_transition_unix: f64,
    /// Reason of the last transition; `None` before the first.
    #[serde(default)]
    pub last_transition_reason: Option<String>,
    /// Effective priority, tracking included.
    pub priority: u8,
    /// Priority as configured.
    pub base_priority: u8,
    /// Tracked scripts and interfaces that change the priority.
    #[serde(default)]
    pub tracking: Vec<TrackedStatus>,
    /// The known master, which may be this node.
    pub master: Option<MasterStatus>,
    /// Time since the last advert of another router.
    #[serde(default)]
    pub master_heard_ms: Option<u64>,
    /// Time left of the role's timer: of a backup until it takes over, of a master until its next
    /// advert, of a releasing node until it stops being active.
    #[serde(default)]
    pub deadline_ms: Option<u64>,
    #[serde(default)]
    pub preempt: bool,
    /// Adverts are accepted from these only; empty: from any source.
    #[serde(default)]
    pub peers: Vec<IpAddr>,
    pub addresses: Vec<AddressStatus>,
    /// Number of trailing addresses that do not fit into an advert at the interface's MTU. They are
    /// installed like the others.
    #[serde(default)]
    pub not_advertised: usize,
    /// Number of this mastership (or of the last one).
    pub epoch: u64,
    /// Another master advertised after the lease had lapsed: this node is not active, even in the
    /// role master.
    pub fenced: bool,
    /// Time left of the lease; negative once it has lapsed, `None` while this node holds none.
    pub lease_remaining_ms: Option<i64>,
    /// Time left of the lease at its last renewal; negative if it had lapsed, `None` before the
    /// first renewal.
    #[serde(default)]
    pub lease_margin_seconds: Option<f64>,
    /// The minimum of all renewals since the agent started.
    #[serde(default)]
    pub lease_margin_min_seconds: Option<f64>,
    /// Takeovers after a master timeout or a release: from the master's last advert to this node's
    /// first gratuitous announcements.
    #[serde(default)]
    pub failovers: HistogramStatus,
    /// Advertisement interval in force.
    pub interval_ms: u64,
    /// Master down interval in force (RFC 9568 section 6.1: Active_Down_Interval).
    pub master_down_ms: u64,
    /// Transitions into each role.
    pub transitions: BTreeMap<Role, u64>,
    pub adverts_sent: u64,
    /// Valid adverts.
    pub adverts_received: u64,
    pub priority_zero_sent: u64,
    pub priority_zero_received: u64,
    /// Gratuitous ARP frames.
    pub announcements_sent: u64,
    /// ARP requests for its addresses that XDP answered.
    pub arp_answered: u64,
    /// ARP requests for its addresses that XDP dropped because this node is not active.
    pub arp_suppressed: u64,
    /// Packets to its addresses dropped because this node is not active.
    pub vip_dropped: u64,
    /// Adverts of a lower priority received as master: a second master exists.
    pub lower_priority_adverts: u64,
    /// Valid adverts whose interval differs from the configured one (version 2 drops them).
    #[serde(default)]
    pub interval_errors: u64,
    /// Valid adverts whose address list differs from the configured one.
    #[serde(default)]
    pub address_list_errors: u64,
    /// Valid adverts whose checksum omits the pseudo-header that this node includes.
    #[serde(default)]
    pub message_only_adverts: u64,
    /// Other events that XDP counts for this router, by name.
    pub events: BTreeMap<String, u64>,
}

impl RouterStatus {
    /// Text for people: the reason of the role, a standby and addresses that were not advertised.
    pub fn why(&self) -> String {
        let Self { name, reason, .. } = self;
        let mut text = reason.clone();
        if let Some(since) = self.standby_seconds {
            text += &format!(
                "; has been on standby for {}: `vrrp-agent failback {name}` ends it",
                table::age(since)
            );
        }
        if self.not_advertised > 0 {
            text +=
                &format!("; {} addresses do not fit an advert at this MTU", self.not_advertised);
        }
        text
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MasterStatus {
    /// Source address of its adverts.
    pub source: IpAddr,
    pub priority: u8,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressStatus {
    pub address: IpAddr,
    /// The kernel holds it on its interface.
    pub installed: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScriptStatus {
    pub name: String,
    pub state: ScriptState,
    /// Exit status of the last run; `None` when it did not exit by itself.
    pub last_exit: Option<i32>,
    pub last_duration_ms: Option<u64>,
    pub runs: u64,
    /// Runs that failed, those that timed out or could not start included.
    pub failures: u64,
    pub timeouts: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ScriptState {
    Good,
    Bad,
    /// No run has ended yet.
    Unknown,
}

impl ScriptState {
    pub const ALL: [ScriptState; 3] = [ScriptState::Good, ScriptState::Bad, ScriptState::Unknown];
}

impl fmt::Display for ScriptState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            ScriptState::Good => "good",
            ScriptState::Bad => "bad",
            ScriptState::Unknown => "unknown",
        })
    }
}
