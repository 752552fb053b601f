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
    /// What became of a packet: counted once for each packet the program sees.
    Verdict {
        Pass = "pass", "Packets handed on to the host's stack.";
        Drop = "drop", "Packets dropped.", drops;
        Tx = "tx", "Packets sent back out of the interface they came in by.";
        Redirect = "redirect", "Packets sent out of another interface.";
    }
}

counters! {
    /// Events of one virtual router.
    RouterCounter {
        AdvertReceived = "adverts_received", "Valid adverts of other routers.";
        PriorityZeroReceived = "priority_zero_received", "Valid adverts with priority 0: a master that stops.";
        LowerPriorityReceived = "lower_priority_received", "Valid adverts of a lesser master while this node acts.";
        Fenced = "fenced", "Masterships of this node that the kernel program ended on another master's advert.";
        ArpAnswered = "arp_answered", "ARP requests and neighbour solicitations for a virtual address that were answered.";
        ArpSuppressed = "arp_suppressed", "ARP requests and neighbour solicitations for a virtual address dropped because this node does not act.", drops;
        AddressClaimed = "address_claims", "ARP packets and neighbour advertisements of others that claim a virtual address this node acts for.";
        NotActive = "not_active", "Packets for a virtual address dropped because this node does not act.", drops;
        BackendAccepted = "backend_accepted", "Packets for a virtual address that another node steered to this one, its direct-return backend.";
        FragmentDropped = "fragment_dropped", "IP fragments for a steered virtual address, dropped: no service there takes them.", drops;
        NoBackend = "no_backend", "Packets of a service that has no usable backend.", drops;
        SourceDenied = "source_denied", "Packets of a source that the service's lists refuse.", drops;
        SourceLimited = "source_limited", "New connections beyond what one source may open.", drops;
        ServiceLimited = "service_limited", "New connections beyond what the service takes.", drops;
        TtlExpired = "ttl_expired", "Packets for or from a NAT backend whose TTL or hop limit ended here.", drops;
        AlreadySteered = "already_steered", "Packets that another node had steered to this one by direct return, and that would have been steered again.", drops;
        Hairpin = "hairpin", "Packets of a NAT backend that would come back to itself.", drops;
        NotForwarded = "not_forwarded", "Packets from the side of the NAT backends that belong to no service, and that the host would have forwarded for NAT's sake alone.", drops;
        TooBig = "too_big", "Packets too long for the way to their backend, answered with ICMP.";
        IcmpSteered = "icmp_steered", "ICMP errors that were sent after the connection they are about.";
        NatReturned = "nat_returned", "Answers of NAT backends that got the virtual address as their source.";
        FlowRecorded = "flow_recorded", "Connections remembered because the ring had changed under them.";
        FlowUnrecorded = "flow_unrecorded", "Connections that were not remembered, because too many began at once.";
        LocalDelivered = "local_delivered", "Packets for a virtual address, no service among its ports, passed to the stack.";
    }
}

/// Why a packet was dropped: a bad advert, or what a virtual router's counter says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DropReason {
    Advert(Reason),
    Router(RouterCounter),
}

/// Codes of virtual routers' counters begin here.
const ROUTER_CODES: u32 = 64;
const _: () = assert!(Reason::COUNT <= ROUTER_CODES as usize && RouterCounter::COUNT <= 64);

impl DropReason {
    /// Every drop reason: those of adverts in the order of the checks, then those of routers.
    pub fn all() -> impl Iterator<Item = Self> {
        let adverts = Reason::ALL.iter().map(|&reason| Self::Advert(reason));
        let routers = RouterCounter::ALL.iter().filter(|counter| counter.drops());
        adverts.chain(routers.map(|&counter| Self::Router(counter)))
    }

    /// Its number, below 128.
    #[inline(always)]
    pub const fn code(self) -> u32 {
        match self {
            Self::Advert(reason) => reason as u32,
            Self::Router(counter) => ROUTER_CODES + counter as u32,
        }
    }

    /// Name on the command line and in captures: that of its metric.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Advert(reason) => reason.label(),
            Self::Router(counter) => counter.label(),
        }
    }
}

/// Interface counters in one stretch: verdicts first, then the reasons adverts were dropped for.
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
