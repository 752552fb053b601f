//! The directory on a bpffs, named by the layout version, where maps and links outlive the agent.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use aya::maps::{Array, Map, MapData, MapInfo};
use nix::mount::{MsFlags, mount};
use nix::sys::statfs::{BPF_FS_MAGIC, statfs};
use vrrp_common::maps::{AddressEntry, KeptTags, LAYOUT, SHAPES, Shape, name};
use vrrp_common::socket_maps;

use super::PlaneError;

/// Prefix of the name of a pinned link to a cgroup.
const CGROUP_LINK: &str = "cgroup-";

/// The directory of one agent's pins.
#[derive(Debug, Clone)]
pub struct Pins {
    directory: PathBuf,
    shapes: &'static [Shape],
}

/// The owner of the pins. Each kind has a directory and a layout of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The XDP program.
    Xdp,
    /// The programs that steer connections at connect(2).
    Sockets,
}

impl Kind {
    fn pins(self, base: &Path) -> Pins {
        let (layout, shapes) = match self {
            Kind::Xdp => (LAYOUT, SHAPES),
            Kind::Sockets => (socket_maps::LAYOUT, socket_maps::SHAPES),
        };
        Pins { directory: base.join(format!("{}{layout}", self.prefix())), shapes }
    }

    /// Prefix of the directory's name; the layout's number follows.
    const fn prefix(self) -> &'static str {
        match self {
            Kind::Xdp => "v",
            Kind::Sockets => "sockets-v",
        }
    }
}

impl Pins {
    /// The pins that an agent left below `base`; `None` if there are none. Changes nothing.
    pub fn find(kind: Kind, base: &Path) -> Option<Self> {
        let pins = kind.pins(base);
        (is_bpffs(base).unwrap_or(false) && pins.directory.is_dir()).then_some(pins)
    }

    /// The pins below `base` of every layout, including those of other versions of the agent.
    /// Changes nothing.
    pub fn of_any_layout(kind: Kind, base: &Path) -> Vec<Self> {
        if !is_bpffs(base).unwrap_or(false) {
            return Vec::new();
        }
        let shapes = kind.pins(base).shapes;
        let is_layout = |path: &PathBuf| {
            let name = path.file_name().and_then(|name| name.to_str());
            let number = name.and_then(|name| name.strip_prefix(kind.prefix()));
            number.is_some_and(|number| number.parse::<u32>().is_ok()) && path.is_dir()
        };
        let entries = fs::read_dir(base).into_iter().flatten().flatten().map(|entry| entry.path());
        entries.filter(is_layout).map(|directory| Self { directory, shapes }).collect()
    }

    /// Whether nothing is pinned.
    pub fn is_empty(&self) -> bool {
        self.entries().is_empty()
    }

    /// The virtual addresses in the pinned maps: interface index and address. None if the map is
    /// missing or has another layout.
    ///
    /// # Errors
    /// The map cannot be opened or read.
    pub fn virtual_addresses(&self) -> Result<Vec<(u32, IpAddr)>, PlaneError> {
        let failed = |source| PlaneError::Map { name: name::ADDRESSES, source };
        if !self.map(name::ADDRESSES).exists() || self.misfit().is_some() {
            return Ok(Vec::new());
        }
        let data = MapData::from_pin(self.map(name::ADDRESSES)).map_err(failed)?;
        let map = Map::from_map_data(data).map_err(failed)?;
        let map: Array<MapData, AddressEntry> = map.try_into().map_err(failed)?;
        let entries: Vec<AddressEntry> = map.iter().collect::<Result<_, _>>().map_err(failed)?;
        Ok(entries
            .iter()
            .filter(|entry| entry.key.ifindex != 0)
            .map(|entry| (entry.key.ifindex, entry.key.address.ip()))
            .collect())
    }

    /// VLAN offloads that an agent turned off so that the program sees the tags.
    ///
    /// # Errors
    /// The map cannot be opened or read.
    pub fn kept_tags(&self) -> Result<Vec<KeptTags>, PlaneError> {
        let failed = |source| PlaneError::Map { name: name::KEPT_TAGS, source };
        let data = MapData::from_pin(self.map(name::KEPT_TAGS)).map_err(failed)?;
        let map = Map::from_map_data(data).map_err(failed)?;
        let map: Array<MapData, KeptTags> = map.try_into().map_err(failed)?;
        let kept: Vec<KeptTags> = map.iter().collect::<Result<_, _>>().map_err(failed)?;
        Ok(kept.into_iter().filter(|kept| kept.ifindex != 0).collect())
    }

    /// Prepares `base`: creates it, mounts a bpffs on it if there is none, and removes pins of
    /// another shape.
    ///
    /// # Errors
    /// The directory cannot be created, or no bpffs can be mounted. Mounting needs CAP_SYS_ADMIN;
    /// an administrator may mount one beforehand instead.
    pub fn prepare(kind: Kind, base: &Path) -> Result<Self, PlaneError> {
        let fail = |path: &Path| {
            let path = path.to_owned();
            move |source| PlaneError::PinDirectory { path, source }
        };
        fs::create_dir_all(base).map_err(fail(base))?;
        if !is_bpffs(base).map_err(fail(base))? {
            mount(Some("bpf"), base, Some("bpf"), MsFlags::empty(), Some("mode=0700"))
                .map_err(|errno| fail(base)(errno.into()))?;
        }
        let pins = kind.pins(base);
        fs::create_dir_all(&pins.directory).map_err(fail(&pins.directory))?;
        if let Some(shape) = pins.misfit() {
            tracing::warn!(
                map = shape.name,
                "a pinned map has another shape: starting with new maps"
            );
            pins.clear();
            fs::create_dir_all(&pins.directory).map_err(fail(&pins.directory))?;
        }
        Ok(pins)
    }

    /// Removes pins with other layouts of this kind below `base`. That detaches their programs,
    /// which would keep this agent's program off the interfaces.
    pub fn clear_other_layouts(&self, kind: Kind, base: &Path) {
        for other in Self::of_any_layout(kind, base)
            .into_iter()
            .filter(|other| other.directory != self.directory)
        {
            if !other.is_empty() {
                tracing::warn!(pins = %other.directory.display(), "another version of the agent left its program: it is detached");
            }
            other.clear();
        }
    }

    pub fn map(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// The interface index is part of the name: an interface that was created again is another one.
    pub fn link(&self, interface: &str, ifindex: u32) -> PathBuf {
        self.directory.join(format!("link-{ifindex}-{}", interface.replace(['/', '.'], "_")))
    }

    /// Removes the pins of links to all other interfaces, which detaches the program there.
    pub fn retain_links_of<V>(&self, interfaces: &BTreeMap<u32, V>) {
        for path in self.entries() {
            let name = path
                .file_name()
                .map(|name| name.to_string_lossy().into_owned())
                .unwrap_or_default();
            let ifindex =
                name.strip_prefix("link-").and_then(|rest| rest.split('-').next()?.parse().ok());
            if ifindex.is_some_and(|ifindex: u32| !interfaces.contains_key(&ifindex)) {
                remove(&path);
            }
        }
    }

    /// The pinned links to cgroups: the cgroup's id, and the program's name.
    pub fn cgroup_links(&self) -> Vec<(u64, String)> {
        let of = |path: PathBuf| {
            let name = path.file_name()?.to_str()?.strip_prefix(CGROUP_LINK)?.to_owned();
            let (cgroup, program) = name.split_once('-')?;
            Some((cgroup.parse().ok()?, program.to_owned()))
        };
        self.entries().into_iter().filter_map(of).collect()
    }

    /// The pin of a program's link to a cgroup. A cgroup that was created again has another id.
    pub fn cgroup_link(&self, cgroup: u64, program: &str) -> PathBuf {
        self.directory.join(format!("{CGROUP_LINK}{cgroup}-{program}"))
    }

    /// Removes one pin. If it was the pin of a link, its program is detached.
    pub fn remove(&self, path: &Path) {
        remove(path);
    }

    /// Removes all pins and the directory: the program is detached and all state is lost.
    pub fn clear(&self) {
        for path in self.entries() {
            remove(&path);
        }
        if let Err(error) = fs::remove_dir(&self.directory)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(path = %self.directory.display(), %error, "cannot remove the pin directory");
        }
    }

    fn entries(&self) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(&self.directory) else {
            return Vec::new();
        };
        entries.flatten().map(|entry| entry.path()).collect()
    }

    /// The first pinned map that this build cannot use: aya would open it without a comparison.
    fn misfit(&self) -> Option<&'static Shape> {
        self.shapes.iter().find(|shape| match MapInfo::from_pin(self.map(shape.name)) {
            Ok(info) => {
                let entries = if shape.entries == 0 { 0 } else { info.max_entries() };
                (info.key_size(), info.value_size(), entries)
                    != (shape.key, shape.value, shape.entries)
            }
            Err(_) => false,
        })
    }
}

fn is_bpffs(path: &Path) -> io::Result<bool> {
    Ok(statfs(path)?.filesystem_type() == BPF_FS_MAGIC)
}

fn remove(path: &Path) {
    if let Err(error) = fs::remove_file(path) {
        tracing::warn!(path = %path.display(), %error, "cannot remove a pin");
    }
}
