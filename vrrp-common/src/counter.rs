//! What the kernel program counts: one table of index, metric label and help text for each kind of
//! counter. The column `drops` marks counters whose packets are dropped.

use crate::reason::Reason;

macro_rules! counters {
    (@drops) => { false };
    (@drops drops) => { true };
    (
        $(#[doc = $about:literal])*
        $kind:ident { $($name:ident = $label:literal, $help:literal $(, $drops:ident)?;)* }
    ) => {
        $(#[doc = $about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum $kind {
            $(#[doc = $help] $name,)*
        }

        impl $kind {
            pub const ALL: &[$kind] = &[$($kind::$name,)*];
            pub const COUNT: usize = Self::ALL.len();

            /// Name in status and metrics.
            pub const fn label(self) -> &'static str {
                match self {
                    $($kind::$name => $label,)*
                }
            }

            /// What it counts, as one sentence.
            pub const fn help(self) -> &'static str {
                match self {
                    $($kind::$name => $help,)*
                }
            }

            /// Whether the counted packets are dropped.
            pub const fn drops(self) -> bool {
                match self {
                    $($kind::$name => counters!(@drops $($drops)?),)*
                }
            }
        }
    };
}

counters! {
    /// The XDP verdict, counted once for each packet the program sees.
    Verdict {
        Pass = "pass", "Packets passed to the host's stack.";
        Drop = "drop", "Packets dropped.", drops;
        Tx = "tx", "Packets sent back out of the interface they arrived on.";
        Redirect = "redirect", "Packets sent out of another interface.";
    }
}

counters! {
    /// Events of one virtual router.
    RouterCounter {
        AdvertReceived = "adverts_received", "Valid adverts of other routers.";
        PriorityZeroReceived = "priority_zero_received", "Valid adverts with priority 0: a master released.";
        LowerPriorityReceived = "lower_priority_received", "Valid adverts of a lower-priority master while this node is active.";
        Fenced = "fenced", "Masterships of this node that the XDP program ended on another master's advert.";
        ArpAnswered = "arp_answered", "ARP requests and neighbour solicitations for a virtual address that were answered.";
        ArpSuppressed = "arp_suppressed", "ARP requests and neighbour solicitations for a virtual address, dropped because this node is not active.", drops;
        AddressClaimed = "address_claims", "ARP packets and neighbour advertisements of other hosts that claim a virtual address while this node is active.";
        NotActive = "not_active", "Packets for a virtual address, dropped because this node is not active.", drops;
        BackendAccepted = "backend_accepted", "Packets for a virtual address that another node steered to this node as its direct-return backend.";
        FragmentDropped = "fragment_dropped", "IP fragments for a steered virtual address, dropped because no service accepts fragments.", drops;
        NoBackend = "no_backend", "Packets for a service without a usable backend.", drops;
        SourceDenied = "source_denied", "Packets from a source that the service's address lists deny.", drops;
        SourceLimited = "source_limited", "New connections above the rate limit of their source.", drops;
        ServiceLimited = "service_limited", "New connections above the rate limit of the service.", drops;
        TtlExpired = "ttl_expired", "Packets to or from a NAT backend whose TTL or hop limit expired.", drops;
        AlreadySteered = "already_steered", "Packets that another node had already steered by direct return and that this node would steer again.", drops;
        Hairpin = "hairpin", "Packets of a NAT backend that would be steered to the same backend.", drops;
        NotForwarded = "not_forwarded", "Packets from the interface of the NAT backends that belong to no service and that the host would forward only because NAT enabled forwarding.", drops;
        TooBig = "too_big", "Packets above the MTU of the path to their backend, answered with ICMP.";
        IcmpSteered = "icmp_steered", "ICMP errors steered to the backend of the connection that they quote.";
        NatReturned = "nat_returned", "Responses of NAT backends whose source was rewritten to the virtual address.";
        FlowRecorded = "flow_recorded", "Connections recorded because their ring slot had changed.";
        FlowUnrecorded = "flow_unrecorded", "Connections not recorded because the rate limit of records was reached.";
        LocalDelivered = "local_delivered", "Packets for a virtual address that match no service, passed to the stack.";
    }
}

/// Why a packet was dropped: an invalid advert, or the cause that a virtual router's counter names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DropReason {
    Advert(Reason),
    Router(RouterCounter),
}

/// The first code of the virtual routers' counters.
const ROUTER_CODES: u32 = 64;
const _: () = assert!(Reason::COUNT <= ROUTER_CODES as usize && RouterCounter::COUNT <= 64);

impl DropReason {
    /// Every drop reason: those of adverts in the order of the checks, then those of routers.
    pub fn all() -> impl Iterator<Item = Self> {
        let adverts = Reason::ALL.iter().map(|&reason| Self::Advert(reason));
        let routers = RouterCounter::ALL.iter().filter(|counter| counter.drops());
        adverts.chain(routers.map(|&counter| Self::Router(counter)))
    }

    /// Code in the capture maps, below 128.
    #[inline(always)]
    pub const fn code(self) -> u32 {
        match self {
            Self::Advert(reason) => reason as u32,
            Self::Router(counter) => ROUTER_CODES + counter as u32,
        }
    }

    /// Name on the command line, in captures and in metrics.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Advert(reason) => reason.label(),
            Self::Router(counter) => counter.label(),
        }
    }
}

/// Counters of one interface: the verdicts, then the drop reasons of adverts.
pub const INTERFACE_COUNTERS: usize = Verdict::COUNT + Reason::COUNT;

/// Index of a verdict among an interface's counters.
#[inline(always)]
pub const fn verdict(verdict: Verdict) -> u32 {
    verdict as u32
}

/// Index of a drop reason among an interface's counters.
#[inline(always)]
pub const fn reason(reason: Reason) -> u32 {
    Verdict::COUNT as u32 + reason as u32
}
