//! A lab's run directory and manifest: everything that must be removed with the lab, readable by a
//! later process.
//!
//! `/run/vrrp-lab/<id>/` has the configs, logs and sockets of one lab, an `owner.lock` that the
//! owning process keeps locked for as long as it runs, and `manifest.json`. A directory whose lock
//! is free and that is not marked `held` (kept up by `lab up`) belongs to a dead owner: [`sweep`]
//! removes that lab and leaves others alone.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, MutexGuard, Once, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::fcntl::{Flock, FlockArg, OFlag};
use nix::mount::{MntFlags, umount2};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use crate::cgroup;
use crate::names::Host;
use crate::netns::NetNs;
use crate::process::{ProcessId, wait_until};
use crate::sys;

const ROOT: &str = "/run/vrrp-lab";
const MANIFEST: &str = "manifest.json";
const OWNER_LOCK: &str = "owner.lock";
/// The two switches are namespaces too: nothing of a lab is in the machine's own namespace.
pub const FRONT_SWITCH: &str = "front";
pub const BACK_SWITCH: &str = "back";

/// The contents of a manifest.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Manifest {
    pub id: String,
    /// Kept up: outlives the process that made it.
    pub held: bool,
    /// Description of the nodes' programs for `lab status`.
    pub about: String,
    pub processes: Vec<ProcessId>,
}

/// The run directory of a lab that this process owns.
#[derive(Debug)]
pub struct RunDir {
    path: PathBuf,
    manifest: Manifest,
    _owner: Flock<File>,
}

impl RunDir {
    /// Creates a directory with an unused id, after removing the labs of dead owners.
    pub fn create(about: &str) -> Result<Self> {
        clean_up_on_signals()?;
        sweep()?;
        let _global = global_lock()?;
        let pid = std::process::id();
        for counter in 0..256 {
            let id = format!("{pid:x}{counter:02x}");
            let path = path_of(&id);
            if fs::create_dir(&path).is_err() {
                continue;
            }
            let owner = lock(&path.join(OWNER_LOCK))?
                .with_context(|| format!("{} is locked by someone else", path.display()))?;
            own_labs().insert(id.clone());
            let manifest = Manifest { id, about: about.to_owned(), ..Manifest::default() };
            let this = Self { path, manifest, _owner: owner };
            this.write()?;
            return Ok(this);
        }
        bail!("{ROOT} is full of labs of process {pid}")
    }

    pub fn id(&self) -> &str {
        &self.manifest.id
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Records a started process, so that it ends with the lab.
    pub fn record(&mut self, process: &ProcessId) -> Result<()> {
        self.manifest.processes.retain(ProcessId::is_alive);
        self.manifest.processes.push(process.clone());
        self.write()
    }

    /// From now on the lab outlives this process.
    pub fn hold(&mut self) -> Result<()> {
        self.manifest.held = true;
        self.write()?;
        own_labs().remove(self.id());
        Ok(())
    }

    fn write(&self) -> Result<()> {
        let text = serde_json::to_string_pretty(&self.manifest).context("writing the manifest")?;
        let new = self.path.join("manifest.new");
        fs::write(&new, text).with_context(|| format!("writing {}", new.display()))?;
        fs::rename(&new, self.path.join(MANIFEST)).context("replacing the manifest")
    }
}

/// Where the configs, logs and sockets of lab `id` are.
pub fn path_of(id: &str) -> PathBuf {
    Path::new(ROOT).join(id)
}

/// The namespace of `place` (a host's name or a switch) in the lab `id`.
pub fn namespace(id: &str, place: &str) -> NetNs {
    NetNs::named(&format!("vl{id}-{place}"), place)
}

/// Every namespace of the lab `id`.
fn namespaces(id: &str) -> Vec<NetNs> {
    let hosts = Host::ALL.into_iter().map(Host::name);
    hosts.chain([FRONT_SWITCH, BACK_SWITCH]).map(|place| namespace(id, place)).collect()
}

/// The manifests of all labs on this machine, the oldest first.
pub fn list() -> Result<Vec<Manifest>> {
    let Ok(entries) = fs::read_dir(ROOT) else { return Ok(Vec::new()) };
    let mut found: Vec<_> = entries
        .flatten()
        .filter(|entry| entry.path().is_dir())
        .map(|entry| {
            (entry.metadata().and_then(|m| m.modified()).ok(), read_manifest(&entry.path()))
        })
        .collect();
    found.sort_by_key(|(modified, _)| *modified);
    found.into_iter().map(|(_, manifest)| manifest).collect()
}

/// A directory without a manifest was not completed: its name still identifies what may belong to
/// it.
fn read_manifest(path: &Path) -> Result<Manifest> {
    let id = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    match fs::read_to_string(path.join(MANIFEST)) {
        Ok(text) => {
            serde_json::from_str(&text).with_context(|| format!("reading the manifest of lab {id}"))
        }
        Err(_) => Ok(Manifest { id, ..Manifest::default() }),
    }
}

/// Removes every lab whose owner is dead; returns their ids.
pub fn sweep() -> Result<Vec<String>> {
    let _global = global_lock()?;
    let mut swept = Vec::new();
    for manifest in list()?.into_iter().filter(|manifest| !manifest.held) {
        let lock_file = path_of(&manifest.id).join(OWNER_LOCK);
        if let Some(_ours_now) = lock(&lock_file)? {
            remove_locked(&manifest.id)?;
            swept.push(manifest.id);
        }
    }
    Ok(swept)
}

/// Ends the processes of lab `id`, deletes its namespaces and its run directory.
pub fn remove(id: &str) -> Result<()> {
    // A sweep that saw a half-removed directory would take it for a dead owner's.
    let _global = global_lock()?;
    remove_locked(id)
}

fn remove_locked(id: &str) -> Result<()> {
    let path = path_of(id);
    let manifest = read_manifest(&path)?;
    for process in &manifest.processes {
        process.kill_group();
    }
    for netns in namespaces(id) {
        end_processes(&netns)?;
        netns.delete()?;
    }
    cgroup::remove_all(id)?;
    for mount in mounts_under(&path)? {
        umount2(&mount, MntFlags::MNT_DETACH)
            .with_context(|| format!("unmounting {}", mount.display()))?;
    }
    if path.exists() {
        fs::remove_dir_all(&path).with_context(|| format!("removing {}", path.display()))?;
    }
    own_labs().remove(id);
    // Fails while there is another lab, as it should.
    let _ = fs::remove_dir(ROOT);
    Ok(())
}

/// Ends remaining processes in a namespace of the lab: scripts, workers that left their group, a
/// shell of `lab exec`.
fn end_processes(netns: &NetNs) -> Result<()> {
    let own = std::process::id().cast_signed();
    let others = || netns.pids().into_iter().filter(|pid| *pid != own).collect::<Vec<_>>();
    for pid in others() {
        // It may have ended in between.
        let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
    }
    wait_until(
        &format!("the end of the processes in {}", netns.name()),
        Duration::from_secs(5),
        || others().is_empty(),
    )
}

/// Mount points below `path`, the innermost first.
fn mounts_under(path: &Path) -> Result<Vec<PathBuf>> {
    let table = fs::read_to_string("/proc/self/mounts").context("reading the mount table")?;
    let mut mounts: Vec<PathBuf> = table
        .lines()
        .filter_map(|line| line.split(' ').nth(1))
        .map(PathBuf::from)
        .filter(|mount| mount.starts_with(path))
        .collect();
    mounts.reverse();
    Ok(mounts)
}

/// Held while labs are created or swept, so that a sweep never sees a directory without its lock.
fn global_lock() -> Result<Flock<File>> {
    loop {
        fs::create_dir_all(ROOT).with_context(|| format!("making {ROOT} (the lab needs root)"))?;
        let directory = File::open(ROOT).with_context(|| format!("opening {ROOT}"))?;
        let inode = directory.metadata().context("reading the lab's root directory")?.ino();
        let lock = Flock::lock(directory, FlockArg::LockExclusive)
            .map_err(|(_, e)| e)
            .context("locking")?;
        // The last lab removes the directory too: a lock in a deleted one protects nothing.
        if fs::metadata(ROOT).is_ok_and(|now| now.ino() == inode) {
            return Ok(lock);
        }
    }
}

/// `None`: another process holds it.
fn lock(path: &Path) -> Result<Option<Flock<File>>> {
    let file = File::options()
        .create(true)
        .append(true)
        .open(path)
        .with_context(|| format!("opening {}", path.display()))?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => Ok(Some(lock)),
        Err((_, nix::errno::Errno::EWOULDBLOCK)) => Ok(None),
        Err((_, e)) => Err(e).with_context(|| format!("locking {}", path.display())),
    }
}

/// Labs that this process must remove when a signal ends it.
fn own_labs() -> MutexGuard<'static, BTreeSet<String>> {
    static OWN: LazyLock<Mutex<BTreeSet<String>>> = LazyLock::new(Mutex::default);
    OWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From now on SIGINT, SIGTERM and SIGHUP remove this process's labs before they end it.
fn clean_up_on_signals() -> Result<()> {
    static ONCE: Once = Once::new();
    let mut result = Ok(());
    ONCE.call_once(|| result = watch_signals());
    result
}

fn watch_signals() -> Result<()> {
    let (read, write) = nix::unistd::pipe2(OFlag::O_CLOEXEC).context("making a pipe")?;
    sys::wake_on_termination(write).context("handling signals")?;
    let mut read = File::from(read);
    thread::Builder::new().name("lab-signals".to_owned()).spawn(move || {
        let mut signal = [0];
        if read.read_exact(&mut signal).is_err() {
            return;
        }
        let labs: Vec<String> = own_labs().iter().cloned().collect();
        eprintln!("\ninterrupted: removing {} lab(s)", labs.len());
        for id in labs {
            if let Err(e) = remove(&id) {
                eprintln!("lab {id}: {e:#}");
            }
        }
        std::process::exit(128 + i32::from(signal[0]));
    })?;
    Ok(())
}
