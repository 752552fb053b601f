//! Finds the cgroup whose processes may use an upstream.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::sys::statfs::{CGROUP2_SUPER_MAGIC, statfs};

/// How many levels below the root systemd's units are searched: slices may nest.
const DEEPEST: usize = 6;

/// A cgroup of version 2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cgroup {
    pub path: PathBuf,
    /// The kernel's id. A cgroup that was created again at the same path has another one.
    pub id: u64,
}

/// Why there is no such cgroup now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CgroupError {
    #[error("cgroup {0} does not exist")]
    Missing(PathBuf),
    #[error("no cgroup of unit {0}: it does not run")]
    NoUnit(String),
    #[error("{0} is not a cgroup of version 2")]
    OtherVersion(PathBuf),
    #[error("no file system of type cgroup2 is mounted")]
    NotMounted,
    #[error("cannot read {0}: {1}")]
    Unreadable(PathBuf, String),
}

impl Cgroup {
    /// The cgroup that `wanted` names. `known` is its last value, which saves the search for a
    /// unit's cgroup.
    ///
    /// # Errors
    /// There is none now.
    pub fn find(wanted: &vrrp_model::Cgroup, known: Option<&Self>) -> Result<Self, CgroupError> {
        match wanted {
            vrrp_model::Cgroup::Path(path) => Self::at(path),
            vrrp_model::Cgroup::Unit(unit) => {
                if let Some(Ok(found)) = known.map(|known| Self::at(&known.path)) {
                    return Ok(found);
                }
                let root = mount_point().ok_or(CgroupError::NotMounted)?;
                let path = search(&root, unit, DEEPEST)
                    .ok_or_else(|| CgroupError::NoUnit(unit.clone()))?;
                Self::at(&path)
            }
        }
    }

    fn at(path: &Path) -> Result<Self, CgroupError> {
        let unreadable = |text: String| CgroupError::Unreadable(path.to_owned(), text);
        let id = match fs::metadata(path) {
            Ok(found) if found.is_dir() => found.ino(),
            Ok(_) => return Err(CgroupError::OtherVersion(path.to_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(CgroupError::Missing(path.to_owned()));
            }
            Err(error) => return Err(unreadable(error.to_string())),
        };
        let kind = statfs(path).map_err(|errno| unreadable(errno.to_string()))?.filesystem_type();
        if kind != CGROUP2_SUPER_MAGIC {
            return Err(CgroupError::OtherVersion(path.to_owned()));
        }
        Ok(Self { path: path.to_owned(), id })
    }
}

/// The mount point of cgroup version 2: /sys/fs/cgroup, or a directory next to version 1 in a
/// hybrid layout.
pub(super) fn mount_point() -> Option<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts").ok()?;
    mounts.lines().find_map(|line| match line.split(' ').collect::<Vec<_>>()[..] {
        [_, path, "cgroup2", ..] => Some(PathBuf::from(path)),
        _ => None,
    })
}

/// The cgroup of this name that is nearest to the root.
pub(super) fn search(root: &Path, name: &str, depth: usize) -> Option<PathBuf> {
    let mut level = vec![root.to_owned()];
    for _ in 0..depth {
        let below = level.iter().flat_map(fs::read_dir).flatten().flatten();
        let below: Vec<_> =
            below.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).collect();
        if let Some(found) = below.iter().find(|entry| entry.file_name() == *name) {
            return Some(found.path());
        }
        level = below.into_iter().map(|entry| entry.path()).collect();
    }
    None
}
