//! The programs that steer connections at connect(2): loading them, and attaching them to cgroups.

mod cgroup;
mod tables;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use aya::programs::links::FdLink;
use aya::programs::{CgroupAttachMode, Program, ProgramError};
use aya::{Ebpf, EbpfLoader};
use vrrp_common::socket_maps::{PROGRAMS, SHAPES};

use super::PlaneError;
use super::loader::{explain, refused, take_maps, with_signals_blocked};
use super::maps::MapSet;
use super::pins::{Kind, Pins};
use super::refusal::Object;

pub use cgroup::{Cgroup, CgroupError};
pub use tables::{SocketCounters, SocketTables};

/// The object as `cargo xtask build-ebpf` made it; empty in a build without the BPF toolchain.
static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/vrrp-sockets.o"));

struct Attached {
    path: PathBuf,
    /// Empty where pins hold the links.
    _links: Vec<FdLink>,
}

/// The loaded programs and their maps.
pub struct SocketPlane {
    pub maps: MapSet,
    ebpf: Ebpf,
    /// `None`: nothing is pinned, and the steering ends with the agent.
    pins: Option<Pins>,
    /// Cgroups that this agent's programs are attached to, by their ids.
    attached: BTreeMap<u64, Attached>,
    /// Cgroups whose programs an earlier agent left attached.
    left: BTreeSet<u64>,
    /// Whether the earlier agent left all its programs on every cgroup that has any.
    whole: bool,
}

impl SocketPlane {
    /// Loads the programs, over the maps pinned below `bpf_dir` if there are any.
    ///
    /// # Errors
    /// No object in this build, no permission, or a kernel that refuses it. If nothing can be
    /// pinned, that is logged; it is not an error.
    pub fn open(bpf_dir: &Path) -> Result<Self, PlaneError> {
        if OBJECT.is_empty() {
            return Err(PlaneError::NoObject);
        }
        let pins = Pins::prepare(Kind::Sockets, bpf_dir)
            .inspect_err(|error| tracing::warn!(%error, "nothing is pinned: upstreams are steered only while the agent runs"))
            .ok();
        let mut ebpf = load_all(pins.as_ref())?;
        if let Some(pins) = &pins {
            pins.clear_other_layouts(Kind::Sockets, bpf_dir);
        }
        let maps = take_maps(&mut ebpf, SHAPES)?;
        let left = pins.as_ref().map(links_by_cgroup).unwrap_or_default();
        let whole = !left.is_empty() && left.values().all(|&links| links == PROGRAMS.len());
        let left = left.into_keys().collect();
        Ok(Self { maps, ebpf, pins, attached: BTreeMap::new(), left, whole })
    }

    /// Whether an earlier agent's programs have counted connections without a gap until now, as far
    /// as that can be known.
    pub fn has_counted_without_gap(&self) -> bool {
        self.whole
    }

    /// Whether everything stays attached without this agent.
    pub fn is_pinned(&self) -> bool {
        self.pins.is_some()
    }

    /// Whether this agent's own programs are attached to the cgroup.
    pub fn holds(&self, cgroup: &Cgroup) -> bool {
        self.attached.contains_key(&cgroup.id)
    }

    /// Attaches the programs to a cgroup, each before that of an earlier agent is detached. While
    /// both are attached a connection is steered and counted once: the first program sends it to an
    /// address that is no upstream, and both share what is stored with the socket.
    ///
    /// # Errors
    /// The cgroup is gone, or the kernel refuses.
    pub fn attach(&mut self, cgroup: &Cgroup) -> Result<(), PlaneError> {
        let directory = File::open(&cgroup.path)
            .map_err(|source| PlaneError::Cgroup { path: cgroup.path.clone(), source })?;
        let mut held = Vec::new();
        for name in PROGRAMS {
            let link = attach(program(&mut self.ebpf, name)?, &directory)?;
            match &self.pins {
                Some(pins) => pin(link, &pins.cgroup_link(cgroup.id, name))?,
                None => held.push(link),
            }
        }
        self.left.remove(&cgroup.id);
        self.attached.insert(cgroup.id, Attached { path: cgroup.path.clone(), _links: held });
        Ok(())
    }

    /// Detaches the programs from all other cgroups. Returns true if one of them may still have
    /// connections, whose end no program will count.
    pub fn detach_others(&mut self, keep: &BTreeSet<u64>) -> bool {
        let mut uncounted = false;
        self.attached.retain(|id, attached| {
            let wanted = keep.contains(id);
            uncounted |=
                !wanted && fs::metadata(&attached.path).is_ok_and(|found| found.ino() == *id);
            wanted
        });
        let left = self.left.len();
        self.left.retain(|id| keep.contains(id));
        uncounted |= self.left.len() != left;
        if let Some(pins) = &self.pins {
            for (id, name) in pins.cgroup_links() {
                if !keep.contains(&id) {
                    pins.remove(&pins.cgroup_link(id, &name));
                }
            }
        }
        uncounted
    }
}

/// Loads the programs for a moment with maps of their own, attached to nothing, to find out whether
/// this kernel accepts them.
///
/// # Errors
/// As of [`SocketPlane::open`].
pub fn try_out() -> Result<(), PlaneError> {
    if OBJECT.is_empty() {
        return Err(PlaneError::NoObject);
    }
    load_all(None).map(drop)
}

fn load_all(pins: Option<&Pins>) -> Result<Ebpf, PlaneError> {
    let mut loader = EbpfLoader::new();
    if let Some(pins) = pins {
        for shape in SHAPES {
            loader.map_pin_path(shape.name, pins.map(shape.name));
        }
    }
    with_signals_blocked(|| {
        let mut ebpf = loader.load(OBJECT).map_err(|error| explain(Object::Sockets, error))?;
        for name in PROGRAMS {
            load(program(&mut ebpf, name)?)
                .map_err(|error| refused(Object::Sockets, name, error))?;
        }
        Ok(ebpf)
    })
}

/// Removes what an agent of any version left pinned below `bpf_dir`: nothing is steered any more.
/// Returns true if there was anything.
pub fn clear(bpf_dir: &Path) -> bool {
    let pins = Pins::of_any_layout(Kind::Sockets, bpf_dir);
    let found = pins.iter().any(|pins| !pins.is_empty());
    pins.iter().for_each(Pins::clear);
    found
}

/// Pins a link in place of an older one, which detaches the older link's program at the same
/// instant.
fn pin(link: FdLink, path: &Path) -> Result<(), PlaneError> {
    let mut beside = path.as_os_str().to_owned();
    beside.push("-new");
    let beside = PathBuf::from(beside);
    // A leftover of an agent that was killed between the two steps.
    let _ = fs::remove_file(&beside);
    link.pin(&beside)?;
    fs::rename(&beside, path)
        .map_err(|source| PlaneError::PinDirectory { path: path.to_owned(), source })
}

/// The number of pinned program links for each cgroup.
fn links_by_cgroup(pins: &Pins) -> BTreeMap<u64, usize> {
    let mut programs: BTreeMap<u64, usize> = BTreeMap::new();
    for (id, name) in pins.cgroup_links() {
        *programs.entry(id).or_default() += usize::from(PROGRAMS.contains(&name.as_str()));
    }
    programs
}

fn program<'a>(ebpf: &'a mut Ebpf, name: &str) -> Result<&'a mut Program, PlaneError> {
    ebpf.program_mut(name).ok_or(PlaneError::NoObject)
}

fn load(program: &mut Program) -> Result<(), ProgramError> {
    match program {
        Program::CgroupSock(program) => program.load(),
        Program::CgroupSockAddr(program) => program.load(),
        Program::SockOps(program) => program.load(),
        _ => Err(ProgramError::UnexpectedProgramType),
    }
}

/// Attaches next to other programs on the cgroup, such as systemd's: a link always allows that and
/// needs no flag for it.
fn attach(program: &mut Program, cgroup: &File) -> Result<FdLink, PlaneError> {
    const MODE: CgroupAttachMode = CgroupAttachMode::Single;
    let link = match program {
        Program::CgroupSock(program) => {
            let id = program.attach(cgroup, MODE)?;
            FdLink::try_from(program.take_link(id)?)
        }
        Program::CgroupSockAddr(program) => {
            let id = program.attach(cgroup, MODE)?;
            FdLink::try_from(program.take_link(id)?)
        }
        Program::SockOps(program) => {
            let id = program.attach(cgroup, MODE)?;
            FdLink::try_from(program.take_link(id)?)
        }
        _ => return Err(ProgramError::UnexpectedProgramType.into()),
    };
    Ok(link?)
}
