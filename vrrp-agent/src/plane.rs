//! The kernel programs and their maps: loading, pinning, attaching, and the handles that read and
//! write the maps.
//!
//! Without the kernel programs the election still works through the sockets: a caller that cannot
//! open them logs the error and goes on.

pub mod attach;
pub mod bucket_table;
pub mod counters;
pub mod loader;
pub mod maps;
pub mod mastership;
pub mod pins;
pub mod refusal;
pub mod sockets;
pub mod tables;

use std::io;
use std::path::PathBuf;

use aya::EbpfError;
use aya::maps::MapError;
use aya::pin::PinError;
use aya::programs::ProgramError;
use aya::programs::links::LinkError;

/// Why the kernel programs, or a part of them, cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PlaneError {
    #[error(
        "this binary was built without the kernel program: run `cargo xtask build-ebpf` and build again"
    )]
    NoObject,
    /// The kernel refuses a program or map, or this process may not load one.
    #[error("{0}")]
    Refused(Box<refusal::Refusal>),
    #[error("cannot load the kernel program: {}", error_chain(.0))]
    Load(#[from] EbpfError),
    #[error("kernel program: {}", error_chain(.0))]
    Program(#[from] ProgramError),
    #[error("cannot pin: {}", error_chain(.0))]
    Pin(#[from] PinError),
    #[error("cannot read the kernel program's log: {0}")]
    Log(aya_log::Error),
    #[error("cannot use the link: {}", error_chain(.0))]
    Link(#[from] LinkError),
    #[error("map {name}: {}", error_chain(.source))]
    Map { name: &'static str, source: MapError },
    #[error("the object has no map {0}")]
    NoMap(&'static str),
    #[error("cannot open another handle to a map: {0}")]
    Handle(io::Error),
    #[error("cannot prepare {path}: {source}")]
    PinDirectory { path: PathBuf, source: io::Error },
    #[error("cannot open the cgroup {path}: {source}")]
    Cgroup { path: PathBuf, source: io::Error },
    #[error(
        "no slot left: at most {0} interfaces, virtual routers, addresses, services, upstreams or backends of this kind"
    )]
    Full(u32),
}

/// An error with its causes: aya's own texts omit the kernel's answer.
fn error_chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        source = inner.source();
    }
    text
}
