//! The kernel modules that tests need, with their dependencies, as an archive that follows the base
//! archive.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::archive::Archive;
use crate::exec;

/// Names of modules; built-in and unknown ones are left out.
const MODULES: &[&str] = &[
    "act_gact",
    "bonding",
    "bridge",
    "cls_bpf",
    "cls_matchall",
    "cls_u32",
    "dummy",
    "8021q",
    "ip6_tunnel",
    "ip_vs",
    "ip_vs_mh",
    "ip_vs_rr",
    "ipip",
    "macvlan",
    "pktgen",
    "sch_fq_codel",
    "sch_ingress",
    "sch_netem",
    "sit",
    "tun",
    "veth",
    "virtio_net",
    "virtio_pci",
];

/// The list as stored with a kept archive.
pub fn list() -> String {
    MODULES.join(" ")
}

/// Packs the modules of the unpacked directory `lib/modules/RELEASE`.
pub fn pack(directory: &Path, release: &str) -> Result<Vec<u8>> {
    let depmod = exec::find_program("depmod").context("depmod is missing (Debian's kmod)")?;
    let base = directory.ancestors().nth(3).context("modules without a root")?;
    // depmod looks in lib/modules; packages of newer kernels have usr/lib/modules.
    let index =
        |root: &Path| exec::run_quietly(Command::new(&depmod).arg("-b").arg(root).arg(release));
    index(base)?;
    let text =
        fs::read_to_string(directory.join("modules.dep")).context("cannot read modules.dep")?;
    let wanted = closure(&text);
    let reduced = directory.with_file_name("reduced");
    let target = reduced.join("lib/modules").join(release);
    for module in &wanted {
        let (from, to) = (directory.join(module), target.join(plain(module)));
        fs::create_dir_all(to.parent().unwrap_or(&to))
            .with_context(|| format!("cannot make {}", to.display()))?;
        fs::write(&to, decompressed(&from)?)
            .with_context(|| format!("cannot write {}", to.display()))?;
    }
    for list in ["modules.order", "modules.builtin", "modules.builtin.modinfo"] {
        if directory.join(list).exists() {
            fs::copy(directory.join(list), target.join(list))
                .with_context(|| format!("cannot copy {list}"))?;
        }
    }
    index(&reduced)?;
    let mut archive = Archive::new();
    add(&mut archive, &reduced, &reduced)?;
    Ok(archive.finish())
}

/// Lines of modules.dep read `PATH: PATHS that it needs`.
fn closure(dependencies: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for line in dependencies.lines() {
        let Some((module, needed)) = line.split_once(':') else { continue };
        let file = module.rsplit('/').next().unwrap_or(module);
        let name = file.split(".ko").next().unwrap_or(file).replace('-', "_");
        if MODULES.contains(&name.as_str()) {
            found.insert(module.to_owned());
            found.extend(needed.split_whitespace().map(str::to_owned));
        }
    }
    found
}

fn plain(module: &str) -> &str {
    module.strip_suffix(".xz").unwrap_or(module)
}

fn decompressed(module: &Path) -> Result<Vec<u8>> {
    if module.extension().is_none_or(|extension| extension != "xz") {
        return fs::read(module).with_context(|| format!("cannot read {}", module.display()));
    }
    let output = Command::new("xz")
        .arg("-dc")
        .arg(module)
        .stdin(Stdio::null())
        .output()
        .context("cannot start xz")?;
    if !output.status.success() {
        bail!("xz cannot read {}: {}", module.display(), String::from_utf8_lossy(&output.stderr));
    }
    Ok(output.stdout)
}

fn add(archive: &mut Archive, root: &Path, directory: &Path) -> Result<()> {
    for entry in fs::read_dir(directory)
        .with_context(|| format!("cannot list {}", directory.display()))?
        .flatten()
    {
        let path = entry.path();
        if path.is_dir() {
            add(archive, root, &path)?;
        } else {
            let name = path
                .strip_prefix(root)
                .context("a path outside of its directory")?
                .to_string_lossy();
            let contents =
                fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            archive.file(&name, &contents);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
