//! Debian's kernels: found in the archive by a private apt directory below `target/vm`, downloaded,
//! and kept for a day.
//!
//! ABI numbers change weekly and old packages vanish, so a label is a pattern, and the newest
//! matching package is used.

use std::cmp::Ordering;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::modules;
use crate::exec;

/// A younger kernel is not looked up again.
const FRESH: Duration = Duration::from_secs(24 * 60 * 60);
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Arch {
    #[value(name = "x86-64")]
    X86,
    #[value(name = "arm64")]
    Arm,
}

impl Arch {
    /// Debian's name.
    pub fn debian(self) -> &'static str {
        match self {
            Self::X86 => "amd64",
            Self::Arm => "arm64",
        }
    }
}

/// A kernel that tests run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Label {
    #[value(name = "5.10")]
    V5_10,
    #[value(name = "6.1")]
    V6_1,
    #[value(name = "6.12")]
    V6_12,
    #[value(name = "6.18")]
    V6_18,
    #[value(name = "newest")]
    Newest,
}

impl Label {
    pub const ALL: [Self; 5] = [Self::V5_10, Self::V6_1, Self::V6_12, Self::V6_18, Self::Newest];

    pub fn name(self) -> &'static str {
        match self {
            Self::V5_10 => "5.10",
            Self::V6_1 => "6.1",
            Self::V6_12 => "6.12",
            Self::V6_18 => "6.18",
            Self::Newest => "newest",
        }
    }

    /// Whether the suite is still supported, so that a missing kernel is an error; old ones may be
    /// gone from the archive.
    pub fn required(self) -> bool {
        matches!(self, Self::V6_1 | Self::V6_12 | Self::Newest)
    }

    /// Below 6.1 the agent has no data plane.
    pub fn below_floor(self) -> bool {
        self == Self::V5_10
    }

    fn suite(self) -> Suite {
        match self {
            Self::V5_10 => Suite { name: "bullseye-security", url: SECURITY },
            Self::V6_1 => Suite { name: "bookworm-security", url: SECURITY },
            Self::V6_12 => Suite { name: "trixie-security", url: SECURITY },
            Self::V6_18 | Self::Newest => Suite { name: "trixie-backports", url: MAIN },
        }
    }

    /// The pattern for apt: the package with the kernel image itself. From 6.19 on `linux-image-*`
    /// is empty.
    fn patterns(self, arch: Arch) -> Vec<String> {
        let arch = arch.debian();
        let old =
            |version: &str| format!("^linux-image-{version}[0-9.-]*([+]deb[0-9]+)?-cloud-{arch}$");
        match self {
            Self::V5_10 => vec![old(r"5\.10\.")],
            Self::V6_1 => vec![old(r"6\.1\.")],
            Self::V6_12 => vec![old(r"6\.12\.")],
            Self::V6_18 => vec![old(r"6\.18\.")],
            Self::Newest => {
                vec![format!("^linux-binary-[0-9.]+([+]deb[0-9]+)?-cloud-{arch}$"), old("[0-9]")]
            }
        }
    }
}

const MAIN: &str = "http://deb.debian.org/debian";
const SECURITY: &str = "http://deb.debian.org/debian-security";

#[derive(Clone, Copy)]
struct Suite {
    name: &'static str,
    url: &'static str,
}

/// A kernel on this machine.
#[derive(Clone, Debug)]
pub struct Kernel {
    pub label: Label,
    pub arch: Arch,
    /// As printed by `uname -r`.
    pub release: String,
    pub image: PathBuf,
    /// An archive of its modules.
    pub modules: PathBuf,
}

/// The directory of all files of virtual machines.
pub fn cache() -> PathBuf {
    exec::target_dir().join("vm")
}

/// The kernel of this label, downloaded unless that was done today.
///
/// # Errors
/// The archive cannot be reached or has no such kernel, and none was downloaded before.
pub fn get(label: Label, arch: Arch) -> Result<Kernel> {
    let directory = cache().join("kernels").join(format!("{}-{}", label.name(), arch.debian()));
    let kept = kept(label, arch, &directory);
    if let Some((kernel, true)) = kept {
        return Ok(kernel);
    }
    match fetch(label, arch, &directory) {
        Ok(kernel) => Ok(kernel),
        Err(error) => match kept {
            Some((kernel, _)) => {
                println!(
                    "vm-test: {}: not looked up again, the kernel of an earlier day is used: {error:#}",
                    label.name()
                );
                Ok(kernel)
            }
            None => Err(error),
        },
    }
}

/// The kernel that an earlier run downloaded, and whether that was today with the same list of
/// modules.
fn kept(label: Label, arch: Arch, directory: &Path) -> Option<(Kernel, bool)> {
    let stamp = directory.join("stamp");
    let text = fs::read_to_string(&stamp).ok()?;
    let (release, list) = text.split_once('\n')?;
    let fresh = stamp.metadata().ok()?.modified().ok()?.elapsed().is_ok_and(|age| age < FRESH);
    Some((kernel(label, arch, release, directory), fresh && list == modules::list()))
}

fn kernel(label: Label, arch: Arch, release: &str, directory: &Path) -> Kernel {
    let (image, modules) = (directory.join("vmlinuz"), directory.join("modules.cpio"));
    Kernel { label, arch, release: release.to_owned(), image, modules }
}

fn fetch(label: Label, arch: Arch, directory: &Path) -> Result<Kernel> {
    let apt = Apt::of(label.suite(), arch)?;
    let package = apt.newest(&label.patterns(arch))?;
    println!("vm-test: {}: {package}", label.name());
    let fresh = directory.with_extension("new");
    remove(&fresh)?;
    let unpacked = fresh.join("unpacked");
    fs::create_dir_all(&unpacked).with_context(|| format!("cannot make {}", unpacked.display()))?;
    let mut packages = vec![package.clone()];
    if let Some(version) = package.strip_prefix("linux-binary-") {
        packages.push(format!("linux-modules-{version}"));
    }
    apt.download(&packages, &fresh, &unpacked)?;
    let modules = find(&unpacked, &|path| {
        path.parent().is_some_and(|above| above.ends_with("lib/modules")) && path.is_dir()
    });
    let modules = modules.with_context(|| format!("{package} has no modules"))?;
    let release = modules.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let is_image = |path: &Path| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("vmlinuz"))
    };
    let image = find(&unpacked, &is_image).with_context(|| format!("{package} has no kernel"))?;
    fs::copy(&image, fresh.join("vmlinuz"))
        .with_context(|| format!("cannot copy {}", image.display()))?;
    let archive = modules::pack(&modules, &release)?;
    fs::write(fresh.join("modules.cpio"), archive)
        .context("cannot write the archive of modules")?;
    remove(&unpacked)?;
    fs::write(fresh.join("stamp"), format!("{release}\n{}", modules::list()))
        .context("cannot write the stamp")?;
    remove(directory)?;
    fs::rename(&fresh, directory).with_context(|| format!("cannot rename {}", fresh.display()))?;
    Ok(kernel(label, arch, &release, directory))
}

fn remove(directory: &Path) -> Result<()> {
    if directory.exists() {
        fs::remove_dir_all(directory)
            .with_context(|| format!("cannot remove {}", directory.display()))?;
    }
    Ok(())
}

/// The first path below `directory` that matches.
fn find(directory: &Path, wanted: &impl Fn(&Path) -> bool) -> Option<PathBuf> {
    let paths: Vec<PathBuf> =
        fs::read_dir(directory).ok()?.flatten().map(|entry| entry.path()).collect();
    let found = paths.iter().find(|path| wanted(path)).cloned();
    found.or_else(|| {
        paths
            .iter()
            .filter(|path| path.is_dir() && !path.is_symlink())
            .find_map(|path| find(path, wanted))
    })
}

/// A private apt for one suite: the system's lists, packages and settings are not changed.
pub struct Apt {
    config: PathBuf,
}

impl Apt {
    /// The apt of Debian 12, for programs of a guest of another architecture.
    pub fn bookworm(arch: Arch) -> Result<Self> {
        Self::of(Suite { name: "bookworm", url: MAIN }, arch)
    }

    /// The same for its security updates, which have newer compilers.
    pub fn bookworm_security(arch: Arch) -> Result<Self> {
        Self::of(Suite { name: "bookworm-security", url: SECURITY }, arch)
    }

    fn of(suite: Suite, arch: Arch) -> Result<Self> {
        let root = cache().join("apt").join(format!("{}-{}", suite.name, arch.debian()));
        for part in ["lists/partial", "archives/partial"] {
            fs::create_dir_all(root.join(part))
                .with_context(|| format!("cannot make {}", root.display()))?;
        }
        let sources = root.join("sources.list");
        let keyring = Path::new(KEYRING);
        if !keyring.exists() {
            bail!("{KEYRING} is missing: `apt-get install debian-archive-keyring`");
        }
        fs::write(
            &sources,
            format!("deb [signed-by={KEYRING}] {} {} main\n", suite.url, suite.name),
        )
        .context("sources.list")?;
        fs::write(root.join("status"), "").context("the list of installed packages")?;
        let (config, root) = (root.join("apt.conf"), root.display());
        let architecture = arch.debian();
        let text = format!(
            "APT::Architecture \"{architecture}\";\nAPT::Architectures \"{architecture}\";\nAPT::Sandbox::User \"root\";\n\
             Dir::Etc::SourceList \"{root}/sources.list\";\nDir::Etc::SourceParts \"/dev/null\";\n\
             Dir::State \"{root}\";\nDir::State::Lists \"{root}/lists\";\nDir::State::status \"{root}/status\";\n\
             Dir::Cache \"{root}\";\nDir::Cache::Archives \"{root}/archives\";\n\
             Acquire::Languages \"none\";\nAcquire::Retries \"2\";\nAcquire::http::Timeout \"20\";\n\
             Acquire::IndexTargets::deb::DEP-11::DefaultEnabled \"false\";\nAPT::Install-Recommends \"false\";\n"
        );
        fs::write(&config, text).context("apt.conf")?;
        let apt = Self { config };
        exec::run_quietly(apt.command("apt-get").args(["update", "-qq", "--error-on=any"]))?;
        Ok(apt)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("APT_CONFIG", &self.config);
        command
    }

    /// The package of the highest version that matches the first pattern that any matches.
    fn newest(&self, patterns: &[String]) -> Result<String> {
        for pattern in patterns {
            let output = self
                .command("apt-cache")
                .args(["search", "-n", pattern])
                .output()
                .context("cannot start apt-cache")?;
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            let names = text.lines().filter_map(|line| line.split(' ').next());
            if let Some(name) = names.max_by(|a, b| compare(a, b)) {
                return Ok(name.to_owned());
            }
        }
        bail!("the archive has no package {}", patterns.join(" or "))
    }

    /// Downloads packages to a directory and unpacks them.
    pub fn download(&self, packages: &[String], to: &Path, unpacked: &Path) -> Result<()> {
        exec::run_quietly(
            self.command("apt-get").args(["download", "-qq"]).args(packages).current_dir(to),
        )?;
        unpack(to, unpacked)
    }

    /// Downloads packages with all that they depend on, and unpacks them.
    pub fn download_all(&self, packages: &[&str], unpacked: &Path) -> Result<()> {
        let words = [
            "install",
            "-y",
            "-qq",
            "--download-only",
            "--no-install-recommends",
            "-o",
            "Debug::NoLocking=1",
        ];
        exec::run_quietly(self.command("apt-get").args(words).args(packages))?;
        let archives = self.config.with_file_name("archives");
        fs::create_dir_all(unpacked)
            .with_context(|| format!("cannot make {}", unpacked.display()))?;
        unpack(&archives, unpacked)
    }
}

fn unpack(directory: &Path, to: &Path) -> Result<()> {
    for entry in fs::read_dir(directory)
        .with_context(|| format!("cannot list {}", directory.display()))?
        .flatten()
    {
        let path = entry.path();
        if path.extension().is_some_and(|extension| extension == "deb") {
            exec::run_quietly(Command::new("dpkg-deb").arg("-x").arg(&path).arg(to))?;
        }
    }
    Ok(())
}

/// Compares by the numbers in them: 6.1.0-56 is newer than 6.1.0-9.
fn compare(a: &str, b: &str) -> Ordering {
    let numbers = |text: &str| -> Vec<u64> {
        text.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse().ok()).collect()
    };
    numbers(a).cmp(&numbers(b))
}

#[cfg(test)]
mod tests;
