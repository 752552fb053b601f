//! Why an advert was dropped. A dropped packet has one reason: the first check that failed, in the
//! order of this table.

macro_rules! reasons {
    ($($(#[doc = $doc:literal])* $name:ident = $label:literal,)*) => {
        /// Why an advert was dropped; the order is the order of the checks.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Reason {
            $($(#[doc = $doc])* $name,)*
        }

        impl Reason {
            /// Every reason, in the order of the checks.
            pub const ALL: &[Reason] = &[$(Reason::$name,)*];
            pub const COUNT: usize = Self::ALL.len();

            /// The metric's `reason` label.
            pub const fn label(self) -> &'static str {
                match self {
                    $(Reason::$name => $label,)*
                }
            }
        }
    };
}

reasons! {
    /// An IP fragment. Both common daemons reassemble adverts, so a filter that passed fragments
    /// would be bypassed.
    Fragment = "fragment",
    /// More IPv6 extension headers before the message than the filter walks, or a truncated one.
    Extension = "extension",
    /// Source unspecified, loopback, multicast or broadcast; over IPv6 an IPv4-mapped source, or
    /// one that is not link-local in a multicast advert (RFC 9568 section 5.1.2.1).
    Source = "source",
    /// TTL or hop limit is neither 255 (RFC 9568 sections 5.1.1.3 and 5.1.2.3) nor in the range
    /// configured for the unicast peer.
    Ttl = "ttl",
    /// The checksum of the IPv4 header is wrong.
    IpChecksum = "ip_checksum",
    /// IP header length or total length impossible, or a message shorter or longer than its
    /// address count requires.
    Length = "length",
    /// Version is neither 2 nor 3.
    Version = "version",
    /// Type is not 1 (ADVERTISEMENT).
    Type = "type",
    /// The VRRP checksum is valid in none of the accepted forms.
    Checksum = "checksum",
    /// No virtual router with this VRID on this interface.
    Vrid = "vrid",
    /// Not sent to the multicast group (or unicast address) of this virtual router.
    Destination = "destination",
    /// A valid version, but not the configured one.
    VersionMismatch = "version_mismatch",
    /// Authentication type unknown (RFC 2338 section 5.3.6).
    AuthType = "auth_type",
    /// Authentication type known, but not the configured one.
    AuthMismatch = "auth_mismatch",
    /// Wrong password.
    AuthPassword = "auth_password",
    /// No addresses (RFC 9568 section 5.2.5).
    CountZero = "count_zero",
    /// Advertisement interval zero (erratum 8301).
    IntervalZero = "interval_zero",
    /// Version 2 only: the interval differs from the configured one (RFC 3768 section 7.1).
    IntervalMismatch = "interval_mismatch",
    /// The source is this node's own address: a looped or spoofed advert.
    OwnSource = "own_source",
    /// Not one of the configured peers.
    Peer = "peer",
    /// The advert lists none of the virtual addresses: another cluster uses the same VRID.
    AddressList = "address_list",
    /// Above the rate limit of adverts of this source, or of all sources together.
    Rate = "rate",
    /// No authentication trailer where one is required.
    AuthMissing = "auth_missing",
    /// The trailer's time differs too much from this node's clock.
    AuthStale = "auth_stale",
    /// The trailer names an unknown key.
    AuthKey = "auth_key",
    /// Reserved bits of the trailer are set, or its type is unknown.
    AuthReserved = "auth_reserved",
    /// The trailer's MAC is wrong.
    AuthMac = "auth_mac",
    /// A replay: an advert that its sender sent before, or an older one.
    AuthReplay = "auth_replay",
}
