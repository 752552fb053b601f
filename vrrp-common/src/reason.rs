//! Why an advert was dropped. One reason per dropped packet: the first that applies, in the order
//! of this table.

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
    /// An IP fragment: both common daemons reassemble adverts, so a filter that let fragments
    /// through would be bypassed.
    Fragment = "fragment",
    /// IPv6 extension headers before the message that are more than are walked, or cut off.
    Extension = "extension",
    /// Source unspecified, loopback, multicast or broadcast; over IPv6 an IPv4-mapped address, or
    /// to the group one that is not link-local (RFC 9568 section 5.1.2.1).
    Source = "source",
    /// TTL or hop limit is not 255 (RFC 9568 sections 5.1.1.3 and 5.1.2.3), nor in the range its
    /// peer is allowed.
    Ttl = "ttl",
    /// The checksum of the IPv4 header is wrong.
    IpChecksum = "ip_checksum",
    /// IP header or total length impossible, or message shorter or longer than its address count
    /// says.
    Length = "length",
    /// Version is neither 2 nor 3.
    Version = "version",
    /// Type is not 1 (ADVERTISEMENT).
    Type = "type",
    /// The sum is valid in no accepted form.
    Checksum = "checksum",
    /// No virtual router with this VRID on this interface.
    Vrid = "vrid",
    /// Not sent to the group (or address) this virtual router listens on.
    Destination = "destination",
    /// A valid version, but not the one this virtual router speaks.
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
    /// Version 2 only: the interval is not ours (RFC 3768 section 7.1).
    IntervalMismatch = "interval_mismatch",
    /// Our own source address: a reflection or a spoof.
    OwnSource = "own_source",
    /// Not one of the configured peers.
    Peer = "peer",
    /// It names none of our addresses: another cluster uses the same VRID.
    AddressList = "address_list",
    /// More adverts per second from this source than any honest master sends, or more from all
    /// sources than are looked at.
    Rate = "rate",
    /// No authentication trailer where one is required.
    AuthMissing = "auth_missing",
    /// The trailer's time is too far from ours.
    AuthStale = "auth_stale",
    /// The trailer names a key that we do not have.
    AuthKey = "auth_key",
    /// Reserved bits of the trailer are set, or its type is unknown.
    AuthReserved = "auth_reserved",
    /// The trailer's MAC is wrong.
    AuthMac = "auth_mac",
    /// An advert that its sender sent before, or an older one.
    AuthReplay = "auth_replay",
}
