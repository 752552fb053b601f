//! Captures of dropped packets.

/// Which drops are captured. No capture runs while `reasons` is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct CaptureConf {
    /// A bit for each code of a [`crate::counter::DropReason`].
    pub reasons: [u64; 2],
    /// End of the request, nanoseconds since boot: the capturing process renews it.
    pub until: u64,
    /// Sampling: one of so many drops is captured, at random.
    pub every: u32,
    /// Most bytes of a frame.
    pub snap: u32,
}

/// Header of a captured frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct Captured {
    /// Nanoseconds since boot.
    pub at: u64,
    pub ifindex: u32,
    /// Code of a [`crate::counter::DropReason`].
    pub reason: u32,
    /// Bytes of the frame; not all of them need follow.
    pub len: u32,
    pub pad: u32,
}
