//! The embedded kernel program: loading it over pinned maps, or over fresh ones where nothing can be pinned.

use std::collections::HashMap;
use std::path::Path;

use aya::maps::{Map, MapData};
use aya::programs::{ProgramError, Xdp};
use aya::{Ebpf, EbpfError, EbpfLoader};
use aya_log::EbpfLogger;
use vrrp_common::maps::{PROGRAM, SHAPES, Shape};

use super::PlaneError;
use super::maps::MapSet;
use super::pins::{Kind, Pins};

/// The object as `cargo xtask build-ebpf` made it; empty in a build without the BPF toolchain.
static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/vrrp-ebpf.o"));

/// aya-log's number of the level "info".
const KERNEL_LOG_LEVEL: u8 = 3;

/// The loaded program and its maps.
pub struct Plane {
    pub maps: MapSet,
    /// `None`: nothing is pinned, and the program detaches when the agent dies.
    pub pins: Option<Pins>,
    pub(super) ebpf: Ebpf,
    log: Option<KernelLog>,
}

/// Lines that the kernel program writes on rare events, waiting to be passed to the log.
pub struct KernelLog(EbpfLogger<&'static dyn log::Log>);

impl KernelLog {
    /// Passes on what is there.
    pub fn flush(&mut self) {
        self.0.flush();
    }
}

impl Plane {
    /// Loads the program, over the maps pinned below `bpf_dir` where there are any. Without `kernel_log` the verifier takes the
    /// log calls out of it.
    ///
    /// # Errors
    /// No object in this build, no permission, or a kernel that refuses it. That nothing can be pinned is not an error: it is
    /// logged, and `pins` is then `None`.
    pub fn open(bpf_dir: &Path, kernel_log: bool) -> Result<Self, PlaneError> {
        if OBJECT.is_empty() {
            return Err(PlaneError::NoObject);
        }
        let pins = Pins::prepare(Kind::Xdp, bpf_dir)
            .inspect_err(|error| {
                tracing::warn!(%error, "nothing is pinned: the data plane ends with the agent, even on a crash");
            })
            .ok();
        let mut loader = EbpfLoader::new();
        if let Some(pins) = &pins {
            for shape in SHAPES {
                loader.map_pin_path(shape.name, pins.map(shape.name));
            }
        }
        let level: u8 = if kernel_log { KERNEL_LOG_LEVEL } else { 0 };
        loader.override_global(aya_log::LEVEL, &level, true);
        let mut ebpf = loader.load(OBJECT).map_err(explain)?;
        program(&mut ebpf)?.load().map_err(refused)?;
        let maps = take_maps(&mut ebpf, SHAPES)?;
        let log = if kernel_log { Some(KernelLog(EbpfLogger::init(&mut ebpf).map_err(PlaneError::Log)?)) } else { None };
        Ok(Self { maps, pins, ebpf, log })
    }

    /// The kernel's id of the loaded program.
    pub fn program_id(&mut self) -> Option<u32> {
        Some(program(&mut self.ebpf).ok()?.info().ok()?.id())
    }

    /// The kernel program's log, once, where it was asked for.
    pub fn take_log(&mut self) -> Option<KernelLog> {
        self.log.take()
    }
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

/// Tells a missing permission from everything else that can go wrong with making maps.
pub(super) fn explain(error: EbpfError) -> PlaneError {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(inner) = source {
        if is_permission(inner) {
            return PlaneError::NotPermitted;
        }
        source = inner.source();
    }
    PlaneError::Load(error)
}

fn is_permission(error: &(dyn std::error::Error + 'static)) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|io| io.kind() == std::io::ErrorKind::PermissionDenied)
}

/// Likewise for a program.
pub(super) fn refused(error: ProgramError) -> PlaneError {
    match &error {
        ProgramError::LoadError { io_error, .. } if io_error.kind() == std::io::ErrorKind::PermissionDenied => {
            PlaneError::NotPermitted
        }
        _ => error.into(),
    }
}
