//! Loads the embedded kernel program, over pinned maps, or over new ones where nothing can be
//! pinned.

use std::collections::HashMap;
use std::path::Path;

use aya::maps::{Map, MapData, MapError};
use aya::programs::{ProgramError, Xdp};
use aya::{BtfError, Ebpf, EbpfError, EbpfLoader};
use aya_log::EbpfLogger;
use nix::sys::signal::{SigSet, SigmaskHow};
use vrrp_common::maps::{PROGRAM, SHAPES, Shape};

use super::PlaneError;
use super::maps::MapSet;
use super::pins::{Kind, Pins};
use super::refusal::{Object, Refusal};

/// The object as `cargo xtask build-ebpf` made it; empty in a build without the BPF toolchain.
static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/vrrp-ebpf.o"));

/// aya-log's number of the level "info".
const KERNEL_LOG_LEVEL: u8 = 3;

/// The loaded program and its maps.
pub struct Plane {
    pub maps: MapSet,
    /// `None`: nothing is pinned, and the program is detached when the agent dies.
    pub pins: Option<Pins>,
    pub(super) ebpf: Ebpf,
    log: Option<KernelLog>,
}

/// Log lines of the kernel program about rare events, waiting to be passed to the log.
pub struct KernelLog(EbpfLogger<&'static dyn log::Log>);

impl KernelLog {
    /// Passes waiting lines to the log.
    pub fn flush(&mut self) {
        self.0.flush();
    }
}

impl Plane {
    /// Loads the program, over the maps pinned below `bpf_dir` if there are any. Without
    /// `kernel_log` the verifier removes the log calls.
    ///
    /// # Errors
    /// No object in this build, no permission, or a kernel that refuses it. If nothing can be
    /// pinned, that is logged and `pins` is `None`; it is not an error.
    pub fn open(bpf_dir: &Path, kernel_log: bool) -> Result<Self, PlaneError> {
        if OBJECT.is_empty() {
            return Err(PlaneError::NoObject);
        }
        let pins = Pins::prepare(Kind::Xdp, bpf_dir)
            .inspect_err(|error| {
                tracing::warn!(%error, "nothing is pinned: the data plane ends with the agent, even on a crash");
            })
            .ok();
        let mut ebpf = load(OBJECT, pins.as_ref(), kernel_log)?;
        if let Some(pins) = &pins {
            pins.clear_other_layouts(Kind::Xdp, bpf_dir);
        }
        let maps = take_maps(&mut ebpf, SHAPES)?;
        let log = if kernel_log {
            Some(KernelLog(EbpfLogger::init(&mut ebpf).map_err(PlaneError::Log)?))
        } else {
            None
        };
        Ok(Self { maps, pins, ebpf, log })
    }

    /// The kernel's id of the loaded program.
    pub fn program_id(&mut self) -> Option<u32> {
        Some(program(&mut self.ebpf).ok()?.info().ok()?.id())
    }

    /// The kernel program's log if it was requested; only once.
    pub fn take_log(&mut self) -> Option<KernelLog> {
        self.log.take()
    }
}

/// Loads the program for a moment with maps of its own, attached to nothing, to find out whether
/// this kernel accepts it.
///
/// # Errors
/// As of [`Plane::open`].
pub fn try_out() -> Result<(), PlaneError> {
    if OBJECT.is_empty() {
        return Err(PlaneError::NoObject);
    }
    load(OBJECT, None, false).map(drop)
}

fn load(object: &[u8], pins: Option<&Pins>, kernel_log: bool) -> Result<Ebpf, PlaneError> {
    let mut loader = EbpfLoader::new();
    if let Some(pins) = pins {
        for shape in SHAPES {
            loader.map_pin_path(shape.name, pins.map(shape.name));
        }
    }
    let level: u8 = if kernel_log { KERNEL_LOG_LEVEL } else { 0 };
    loader.override_global(aya_log::LEVEL, &level, true);
    with_signals_blocked(|| {
        let mut ebpf = loader.load(object).map_err(|error| explain(Object::Xdp, error))?;
        program(&mut ebpf)?.load().map_err(|error| refused(Object::Xdp, PROGRAM, error))?;
        Ok(ebpf)
    })
}

/// Blocks signals in this thread during `work`: the verifier fails with EAGAIN when its caller has
/// a signal pending.
pub(super) fn with_signals_blocked<T>(work: impl FnOnce() -> T) -> T {
    let before = SigSet::all().thread_swap_mask(SigmaskHow::SIG_SETMASK);
    let result = work();
    if let Ok(before) = before {
        // The mask was in force before, so it is valid.
        let _ = before.thread_set_mask();
    }
    result
}

/// The XDP program of a loaded object.
pub(super) fn program(ebpf: &mut Ebpf) -> Result<&mut Xdp, PlaneError> {
    let program = ebpf.program_mut(PROGRAM).ok_or(PlaneError::NoObject)?;
    Ok(program.try_into()?)
}

/// The maps of a loaded object.
pub(super) fn take_maps(ebpf: &mut Ebpf, shapes: &[Shape]) -> Result<MapSet, PlaneError> {
    let mut maps = HashMap::new();
    for &Shape { name, .. } in shapes {
        let map = ebpf.take_map(name).and_then(data).ok_or(PlaneError::NoMap(name))?;
        maps.insert(name, map);
    }
    Ok(MapSet::new(maps))
}

fn data(map: Map) -> Option<MapData> {
    match map {
        Map::Array(data)
        | Map::HashMap(data)
        | Map::LruHashMap(data)
        | Map::LpmTrie(data)
        | Map::PerfEventArray(data)
        | Map::PerCpuArray(data)
        | Map::SkStorage(data) => Some(data),
        _ => None,
    }
}

/// The error for maps of an object that could not be created.
pub(super) fn explain(object: Object, error: EbpfError) -> PlaneError {
    let refusal = match &error {
        EbpfError::MapError(MapError::CreateError { name, io_error }) => {
            (format!("the map `{name}`"), io_error, String::new())
        }
        EbpfError::BtfError(BtfError::LoadError { io_error, verifier_log }) => {
            ("the type information".to_owned(), io_error, verifier_log.to_string())
        }
        // Opening a pin may be refused too. That depends on the file's permissions, and the text
        // names the file.
        _ => return PlaneError::Load(error),
    };
    let (part, io_error, log) = refusal;
    match io_error.raw_os_error() {
        Some(errno) => PlaneError::Refused(Box::new(Refusal::here(object, part, errno, &log))),
        None => PlaneError::Load(error),
    }
}

/// The error for a program that could not be loaded.
pub(super) fn refused(object: Object, name: &str, error: ProgramError) -> PlaneError {
    match &error {
        ProgramError::LoadError { io_error, verifier_log } => match io_error.raw_os_error() {
            Some(errno) => {
                let part = format!("the program `{name}`");
                PlaneError::Refused(Box::new(Refusal::here(
                    object,
                    part,
                    errno,
                    &verifier_log.to_string(),
                )))
            }
            None => error.into(),
        },
        _ => error.into(),
    }
}

#[cfg(test)]
mod tests;
