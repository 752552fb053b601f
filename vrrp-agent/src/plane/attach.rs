//! Attaching the XDP program: over the pinned link of an earlier agent if there is one, else in
//! driver mode, else in generic mode.
//!
//! On EINVAL aya falls back to an attachment by netlink, which can be neither pinned nor replaced:
//! it is refused here.

use std::path::Path;

use aya::programs::links::{FdLink, PinnedLink};
use aya::programs::xdp::XdpLink;
use aya::programs::{ProgramError, Xdp, XdpMode};
use nix::errno::Errno;

use super::loader::{self, Plane};
use super::{PlaneError, error_chain};
use vrrp_model::XdpUse;

/// The mode in which the program is attached to an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Driver,
    Generic,
}

impl Mode {
    pub const fn label(self) -> &'static str {
        match self {
            Mode::Driver => "driver",
            Mode::Generic => "generic",
        }
    }
}

/// An attachment. It is held until dropped or, if it is pinned, until its pin is removed.
pub struct Attachment {
    /// `None` if the pin holds the link.
    _link: Option<FdLink>,
    /// Whether the link of an earlier agent was taken over.
    pub adopted: bool,
    /// `None` for an adopted link: the interface reports its mode.
    pub mode: Option<Mode>,
    pub program_id: Option<u32>,
}

/// Why the program could not be attached in any mode.
#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    #[error(
        "another XDP program is attached to it (see `ip link show`); detach it, or set xdp = \"off\""
    )]
    Occupied,
    #[error("the driver and generic mode both refuse it: {0}")]
    Unsupported(String),
    #[error("this kernel only offers the legacy attachment, which cannot be pinned")]
    Legacy,
    #[error(transparent)]
    Plane(#[from] PlaneError),
}

impl Plane {
    /// Attaches to an interface, replacing the program of a link that an earlier agent left pinned.
    ///
    /// # Errors
    /// See [`AttachError`].
    pub fn attach(
        &mut self,
        interface: &str,
        ifindex: u32,
        usage: XdpUse,
    ) -> Result<Attachment, AttachError> {
        let pin = self.pins.as_ref().map(|pins| pins.link(interface, ifindex));
        let program_id = self.program_id();
        let program = loader::program(&mut self.ebpf)?;
        if let Some(pin) = &pin
            && pin.exists()
        {
            match adopt(program, pin) {
                Ok(link) => {
                    return Ok(Attachment {
                        _link: Some(link),
                        adopted: true,
                        mode: None,
                        program_id,
                    });
                }
                Err(error) => {
                    tracing::warn!(interface, %error, "the pinned link cannot be used: attaching again");
                    let _ = std::fs::remove_file(pin);
                }
            }
        }
        let (link, mode) = attach_new(program, ifindex, usage)?;
        let link = match pin {
            Some(pin) => {
                link.pin(pin).map_err(PlaneError::from)?;
                None
            }
            None => Some(link),
        };
        Ok(Attachment { _link: link, adopted: false, mode: Some(mode), program_id })
    }
}

/// Replaces the program of the pinned link by this one, atomically; the link stays pinned.
fn adopt(program: &mut Xdp, pin: &Path) -> Result<FdLink, PlaneError> {
    let link: FdLink = PinnedLink::from_pin(pin)?.into();
    let id = program.attach_to_link(XdpLink::try_from(link)?)?;
    Ok(FdLink::try_from(program.take_link(id)?)?)
}

fn attach_new(
    program: &mut Xdp,
    ifindex: u32,
    usage: XdpUse,
) -> Result<(FdLink, Mode), AttachError> {
    let rungs: &[(XdpMode, Mode)] = match usage {
        XdpUse::Generic => &[(XdpMode::Skb, Mode::Generic)],
        XdpUse::Auto | XdpUse::Off => {
            &[(XdpMode::Driver, Mode::Driver), (XdpMode::Skb, Mode::Generic)]
        }
    };
    let mut refusal = String::new();
    for &(flags, mode) in rungs {
        match program.attach_to_if_index(ifindex, flags) {
            Ok(id) => {
                let link = program.take_link(id).map_err(PlaneError::from)?;
                let link = FdLink::try_from(link).map_err(|_| AttachError::Legacy)?;
                return Ok((link, mode));
            }
            Err(error) => match errno(&error) {
                Some(Errno::EBUSY | Errno::EEXIST) => return Err(AttachError::Occupied),
                Some(Errno::EOPNOTSUPP | Errno::ERANGE | Errno::EINVAL | Errno::ENOMEM) => {
                    refusal = error_chain(&error)
                }
                _ => return Err(PlaneError::from(error).into()),
            },
        }
    }
    Err(AttachError::Unsupported(refusal))
}

fn errno(error: &ProgramError) -> Option<Errno> {
    let ProgramError::SyscallError(syscall) = error else {
        return None;
    };
    syscall.io_error.raw_os_error().map(Errno::from_raw)
}
