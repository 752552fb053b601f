//! Copies the BPF objects to where the agent embeds them: `OUT_DIR/NAME.o`. An empty file means
//! "built without a BPF toolchain": checks, documentation and unit tests need no object. `cargo
//! xtask build-ebpf` builds the objects.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// The XDP program, and the programs that steer connections at connect(2).
const OBJECTS: [&str; 2] = ["vrrp-ebpf", "vrrp-sockets"];

fn main() -> io::Result<()> {
    let variable = |name: &str| {
        env::var_os(name).map(PathBuf::from).ok_or_else(|| io::Error::other(format!("no {name}")))
    };
    let package = variable("CARGO_MANIFEST_DIR")?;
    let root = package.parent().unwrap_or(&package);
    let directory = root.join("target/ebpf/bpfel-unknown-none/release");
    for name in OBJECTS {
        let object = directory.join(name);
        let embedded = variable("OUT_DIR")?.join(format!("{name}.o"));
        if object.is_file() {
            watch(&object);
            fs::copy(&object, &embedded)?;
        } else {
            // Cargo would rebuild the agent each time if it watched a file that does not exist. It
            // watches an empty directory instead until the object appears in it.
            fs::create_dir_all(&directory)?;
            watch(&directory);
            fs::write(&embedded, [])?;
        }
    }
    Ok(())
}

fn watch(path: &Path) {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed={}", path.display());
}
