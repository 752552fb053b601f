//! The first file system of a guest: tools, the agent, test programs and BPF objects, each with the
//! shared libraries that it needs.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::archive::Archive;
use super::kernels::Arch;
use crate::exec;

/// Tools that the guest needs.
const TOOLS: &[&str] = &["ip", "tc", "bridge", "ethtool", "kmod"];
/// Tools of single checks; without them the guest reports these checks as skipped.
const EXTRA_TOOLS: &[&str] = &["ipvsadm"];
/// Directories of tools and libraries below the root of a system.
const PROGRAM_DIRECTORIES: &[&str] = &["bin", "sbin", "usr/bin", "usr/sbin"];
const PASSWD: &[u8] =
    b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\nwww-data:x:33:33:www-data:/:/bin/sh\n";
const GROUP: &[u8] = b"root:x:0:\nnogroup:x:65534:\nwww-data:x:33:\n";

/// The contents of a guest.
pub struct Parts<'a> {
    pub arch: Arch,
    /// The root of the system with the tools and libraries.
    pub system: &'a Path,
    /// Names in the guest's `/bin`, and files of this machine.
    pub programs: &'a [(String, PathBuf)],
    /// The same for `/lib/bpf`.
    pub objects: &'a [(String, PathBuf)],
    /// The name of the program that is the guest's first process.
    pub init: &'a str,
}

impl Parts<'_> {
    /// The base archive; archives of modules follow it.
    pub fn pack(&self) -> Result<Vec<u8>> {
        let mut image = Image { archive: Archive::new(), parts: self, seen: BTreeSet::new() };
        image.archive.console();
        for directory in ["proc", "sys", "tmp", "run", "root", "var", "bin"] {
            image.archive.directory(directory);
        }
        image.archive.link("sbin", "bin");
        image.archive.directory("usr");
        for directory in ["bin", "sbin"] {
            image.archive.link(&format!("usr/{directory}"), "../bin");
        }
        image.archive.file("etc/passwd", PASSWD);
        image.archive.file("etc/group", GROUP);
        image.archive.file("etc/hosts", b"127.0.0.1 localhost\n");
        image.tools()?;
        for (name, file) in self.programs {
            let stripped = self.stripped(name, file)?;
            image.archive.copy(&format!("bin/{name}"), &stripped)?;
            image.libraries(file)?;
        }
        for (name, file) in self.objects {
            image.archive.copy(&format!("lib/bpf/{name}"), file)?;
        }
        image.archive.link("init", &format!("bin/{}", self.init));
        image.busybox()?;
        Ok(image.archive.finish())
    }

    /// A copy without symbols and debug information, which are most of a test program.
    fn stripped(&self, name: &str, file: &Path) -> Result<PathBuf> {
        let strip = match self.arch {
            Arch::X86 => "strip",
            Arch::Arm => "aarch64-linux-gnu-strip",
        };
        let to = super::kernels::cache().join(format!("stripped-{}", self.arch.debian()));
        std::fs::create_dir_all(&to).with_context(|| format!("cannot make {}", to.display()))?;
        let to = to.join(name);
        exec::run_quietly(Command::new(strip).arg("-o").arg(&to).arg(file))?;
        Ok(to)
    }
}

struct Image<'a> {
    archive: Archive,
    parts: &'a Parts<'a>,
    /// Files whose libraries are in the archive.
    seen: BTreeSet<PathBuf>,
}

impl Image<'_> {
    fn tools(&mut self) -> Result<()> {
        for tool in TOOLS.iter().chain(EXTRA_TOOLS) {
            let Some(file) = self.program(tool) else {
                if EXTRA_TOOLS.contains(tool) {
                    continue;
                }
                bail!("{tool} is missing below {}", self.parts.system.display());
            };
            self.archive.copy(&format!("bin/{tool}"), &file)?;
            self.libraries(&file)?;
        }
        // The kernel runs this path when it does not know a type of link or qdisc.
        for name in ["modprobe", "lsmod"] {
            self.archive.link(&format!("bin/{name}"), "kmod");
        }
        Ok(())
    }

    /// One program under many names: a shell and the tools for scripts.
    fn busybox(&mut self) -> Result<()> {
        let file =
            self.program("busybox").context("busybox is missing (Debian's busybox-static)")?;
        self.archive.copy("bin/busybox", &file)?;
        for name in [
            "sh", "cat", "sleep", "true", "false", "ls", "grep", "echo", "ps", "mount", "dmesg",
            "kill", "touch", "id",
        ] {
            self.archive.link(&format!("bin/{name}"), "busybox");
        }
        Ok(())
    }

    fn program(&self, name: &str) -> Option<PathBuf> {
        PROGRAM_DIRECTORIES
            .iter()
            .map(|directory| self.parts.system.join(directory).join(name))
            .find(|file| file.is_file())
    }

    /// Adds the libraries that a file needs, recursively.
    fn libraries(&mut self, file: &Path) -> Result<()> {
        if !self.seen.insert(file.to_owned()) {
            return Ok(());
        }
        let text = exec::read("readelf", &["-l", "-d", &file.to_string_lossy()])
            .with_context(|| format!("readelf (binutils) cannot read {}", file.display()))?;
        for needed in needed(&text) {
            let (name, from) = self
                .library(&needed)
                .with_context(|| format!("{} needs {needed}", file.display()))?;
            if !self.archive.has(&name) {
                self.archive.copy(&name, &from)?;
            }
            self.libraries(&from)?;
        }
        Ok(())
    }

    /// The path of a library in the guest, and on this machine. The loader is named by its path.
    fn library(&self, needed: &str) -> Result<(String, PathBuf)> {
        let below = |path: &str| self.parts.system.join(path.trim_start_matches('/'));
        if needed.starts_with('/') {
            // Distributions with a merged /usr have links at the old paths.
            let found = [needed.to_owned(), format!("/usr{needed}")]
                .into_iter()
                .map(|path| below(&path))
                .find(|file| file.exists());
            return Ok((needed.to_owned(), found.context("the loader is missing")?));
        }
        let triple = match self.parts.arch {
            Arch::X86 => "x86_64-linux-gnu",
            Arch::Arm => "aarch64-linux-gnu",
        };
        let directories = [
            format!("lib/{triple}"),
            format!("usr/lib/{triple}"),
            "lib".to_owned(),
            "usr/lib".to_owned(),
        ];
        let mut paths = directories.iter().map(|directory| format!("{directory}/{needed}"));
        let path = paths.find(|path| below(path).exists()).context("a library is missing")?;
        let from = below(&path);
        Ok((path, from))
    }
}

/// The loader and the libraries that `readelf -l -d` names.
fn needed(text: &str) -> Vec<String> {
    let between = |line: &str, before: &str, after: char| {
        let rest = &line[line.find(before)? + before.len()..];
        Some(rest[..rest.find(after)?].to_owned())
    };
    let name = |line: &str| {
        let loader = between(line, "Requesting program interpreter: ", ']');
        loader.or_else(|| between(line, "Shared library: [", ']'))
    };
    text.lines().filter_map(name).collect()
}

#[cfg(test)]
mod tests;
