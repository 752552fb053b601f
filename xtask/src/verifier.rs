//! What the kernel's verifier makes of the XDP object: how much work it is, and how much stack, beside what is allowed.
//!
//! A kernel counts as this machine's does; older ones prune less and need more steps for the same program.

use std::collections::HashSet;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

use anyhow::{Context, Result};
use aya_obj::generated::bpf_map_type::BPF_MAP_TYPE_PERF_EVENT_ARRAY;
use aya_obj::{Object, ProgramSection};
use vrrp_tests::xdp::{self, Map, Program, Verified};

use crate::exec;

/// Steps of the verifier for one program, and bytes of stack along any chain of calls.
const MOST_INSTRUCTIONS: u64 = 1_000_000;
const MOST_STACK: u32 = 512;

const TYPE_XDP: u32 = 6;
const TYPE_CGROUP_SOCK: u32 = 9;
const TYPE_CGROUP_SOCK_ADDR: u32 = 18;
/// The program reads jumbo frames, too (BPF_F_XDP_HAS_FRAGS).
const XDP_HAS_FRAGS: u32 = 1 << 5;

/// Prints a line for each program of the object.
pub fn report(object: &Path) -> Result<()> {
    if !exec::is_root() {
        println!("build-ebpf: not loaded: needs root, so nothing is known of the verifier's work and the stack");
        return Ok(());
    }
    let bytes = std::fs::read(object).with_context(|| format!("reading {}", object.display()))?;
    let mut object = Object::parse(&bytes).context("reading the object")?;
    let maps = make_maps(&object)?;
    let sections: HashSet<usize> = object.functions.keys().map(|(section, _)| *section).collect();
    let definitions = object.maps.clone();
    let fds = maps.iter().filter_map(|(name, fd)| Some((name.as_str(), fd.as_raw_fd(), definitions.get(name)?)));
    object.relocate_maps(fds, &sections).context("telling the programs their maps")?;
    object.relocate_calls(&sections).context("linking the programs' functions")?;
    let mut names: Vec<&String> = object.programs.keys().collect();
    names.sort();
    for name in names {
        let Some((kind, flags, attach)) = kind(&object.programs[name].section) else {
            println!("build-ebpf: {name}: not loaded: another kind of program");
            continue;
        };
        let function = object.functions.get(&object.programs[name].function_key()).context("a program without code")?;
        let code: Vec<u8> = function.instructions.iter().flat_map(encode).collect();
        let program = Program { kind, flags, attach, license: &object.license, code: &code };
        println!("build-ebpf: {name}: {}", describe(&xdp::verify(&program).with_context(|| name.clone())?));
    }
    Ok(())
}

fn describe(verified: &Verified) -> String {
    let stack: Vec<String> = verified.stack.iter().map(u32::to_string).collect();
    format!(
        "{} of {MOST_INSTRUCTIONS} instructions verified ({} %), stack {} of {MOST_STACK} bytes, {} bytes translated, \
         {} bytes of machine code",
        verified.instructions,
        verified.instructions * 100 / MOST_INSTRUCTIONS,
        stack.join(" + "),
        verified.translated,
        verified.jited
    )
}

/// Type, flags and attach type, as the kernel numbers them.
fn kind(section: &ProgramSection) -> Option<(u32, u32, u32)> {
    match section {
        ProgramSection::Xdp { frags, .. } => Some((TYPE_XDP, if *frags { XDP_HAS_FRAGS } else { 0 }, 0)),
        ProgramSection::CgroupSock { attach_type } => {
            Some((TYPE_CGROUP_SOCK, 0, aya_obj::generated::bpf_attach_type::from(*attach_type) as u32))
        }
        ProgramSection::CgroupSockAddr { attach_type } => {
            Some((TYPE_CGROUP_SOCK_ADDR, 0, aya_obj::generated::bpf_attach_type::from(*attach_type) as u32))
        }
        _ => None,
    }
}

/// All maps of the object, empty: the verifier looks at what they are, not at what they hold.
fn make_maps(object: &Object) -> Result<Vec<(String, OwnedFd)>> {
    let make = |(name, map): (&String, &aya_obj::Map)| {
        let entries = match map.max_entries() {
            0 if map.map_type() == BPF_MAP_TYPE_PERF_EVENT_ARRAY as u32 => std::thread::available_parallelism()?.get() as u32,
            entries => entries,
        };
        let map = Map { kind: map.map_type(), key: map.key_size(), value: map.value_size(), entries, flags: map.map_flags() };
        Ok((name.clone(), xdp::create_map(map).with_context(|| format!("making the map {name}"))?))
    };
    object.maps.iter().map(make).collect()
}

/// An instruction as the kernel reads it.
fn encode(insn: &aya_obj::generated::bpf_insn) -> [u8; 8] {
    let (destination, source) = (insn.dst_reg(), insn.src_reg());
    let registers = if cfg!(target_endian = "little") { destination | source << 4 } else { destination << 4 | source };
    let ([a, b], [c, d, e, f]) = (insn.off.to_ne_bytes(), insn.imm.to_ne_bytes());
    [insn.code, registers, a, b, c, d, e, f]
}
