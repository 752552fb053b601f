//! The verifier's statistics of the BPF objects: instructions verified and bytes of stack, and
//! their limits.
//!
//! The figures are those of the running kernel; older kernels prune less and verify more
//! instructions of the same program.

use std::collections::HashSet;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;

use anyhow::{Context, Result};
use aya_obj::btf::BtfFeatures;
use aya_obj::generated::bpf_insn;
use aya_obj::generated::bpf_map_type::BPF_MAP_TYPE_PERF_EVENT_ARRAY;
use aya_obj::{Function, Object, ProgramSection};
use vrrp_tests::xdp::{self, Functions, Map, Program, Verified};

use crate::exec;

/// The verifier's limits: instructions for one program, and bytes of stack along any chain of calls
/// that begins at the program or at a global function.
const MOST_INSTRUCTIONS: u64 = 1_000_000;
const MOST_STACK: u32 = 512;

/// BTF features of the kernel. On a kernel with fewer the report shows what was refused.
const FEATURES: BtfFeatures = BtfFeatures::new(true, true, true, true, true, true, true, true);

const TYPE_XDP: u32 = 6;
const TYPE_CGROUP_SOCK: u32 = 9;
const TYPE_CGROUP_SOCK_ADDR: u32 = 18;
/// The program accepts jumbo frames (BPF_F_XDP_HAS_FRAGS).
const XDP_HAS_FRAGS: u32 = 1 << 5;

/// Prints a line for each program of the object.
pub fn report(object: &Path) -> Result<()> {
    if !exec::is_root() {
        println!("build-ebpf: not loaded: the verifier's statistics need root");
        return Ok(());
    }
    let bytes = std::fs::read(object).with_context(|| format!("reading {}", object.display()))?;
    let mut object = Object::parse(&bytes).context("reading the object")?;
    let maps = make_maps(&object)?;
    let sections: HashSet<usize> = object.functions.keys().map(|(section, _)| *section).collect();
    let definitions = object.maps.clone();
    let fds = maps
        .iter()
        .filter_map(|(name, fd)| Some((name.as_str(), fd.as_raw_fd(), definitions.get(name)?)));
    object.relocate_maps(fds, &sections).context("relocating the programs' maps")?;
    object.relocate_calls(&sections).context("linking the programs' functions")?;
    let btf = object
        .fixup_and_sanitize_btf(&FEATURES)
        .context("preparing the object's BTF")?
        .context("an object without BTF")?;
    let btf = xdp::load_btf(&btf.to_bytes()).context("loading the object's BTF")?;
    let mut names: Vec<&String> = object.programs.keys().collect();
    names.sort();
    for name in names {
        let Some((kind, flags, attach)) = kind(&object.programs[name].section) else {
            println!("build-ebpf: {name}: not loaded: another kind of program");
            continue;
        };
        let function = object
            .functions
            .get(&object.programs[name].function_key())
            .context("a program without code")?;
        let code: Vec<u8> = function.instructions.iter().flat_map(encode).collect();
        let info = function.func_info.func_info_bytes();
        let functions =
            Functions { btf: btf.as_fd(), info: &info, record: function.func_info_rec_size as u32 };
        let program = Program {
            kind,
            flags,
            attach,
            license: &object.license,
            code: &code,
            functions: Some(functions),
        };
        let verified = xdp::verify(&program).with_context(|| name.clone())?;
        println!("build-ebpf: {name}: {}", describe(&verified));
        println!(
            "build-ebpf: {name}: bytes of stack (of {MOST_STACK}): {}",
            stacks(&verified.stack, &parts(&object, function))
        );
    }
    Ok(())
}

/// Functions of the program in the order of linking, by which the verifier numbers them.
fn parts(object: &Object, program: &Function) -> Vec<String> {
    let begins = program.func_info.func_info.iter().map(|info| info.insn_off as usize);
    let ends = begins.clone().skip(1).chain([program.instructions.len()]);
    // Linking changes an instruction's operand, not its opcode.
    let codes =
        |instructions: &[bpf_insn]| instructions.iter().map(|insn| insn.code).collect::<Vec<u8>>();
    let name = |(begin, end): (usize, usize)| {
        let linked = codes(&program.instructions[begin..end]);
        let function =
            object.functions.values().find(|function| codes(&function.instructions) == linked);
        let name = function.map_or(&program.name, |function| &function.name);
        let name = format!("{:#}", rustc_demangle::demangle(name));
        name.split_once("::").map_or(name.clone(), |(_, inside)| inside.to_owned())
    };
    begins.zip(ends).map(name).collect()
}

/// The deepest first; one figure for several functions is that of the deepest chain of calls.
fn stacks(depths: &[u32], names: &[String]) -> String {
    if let [depth] = depths
        && names.len() > 1
    {
        return format!("{depth} on the deepest chain of calls");
    }
    let mut stacks: Vec<(u32, &str)> =
        depths.iter().copied().zip(names.iter().map(String::as_str)).collect();
    stacks.sort_by_key(|&(depth, _)| std::cmp::Reverse(depth));
    let one = |(depth, name): &(u32, &str)| format!("{name} {depth}");
    stacks.iter().filter(|(depth, _)| *depth > 0).map(one).collect::<Vec<_>>().join(", ")
}

fn describe(verified: &Verified) -> String {
    format!(
        "{} of {MOST_INSTRUCTIONS} instructions verified ({} %), {} bytes translated, {} bytes of machine code",
        verified.instructions,
        verified.instructions * 100 / MOST_INSTRUCTIONS,
        verified.translated,
        verified.jited
    )
}

/// Type, flags and attach type, as numbered by the kernel.
fn kind(section: &ProgramSection) -> Option<(u32, u32, u32)> {
    match section {
        ProgramSection::Xdp { frags, .. } => {
            Some((TYPE_XDP, if *frags { XDP_HAS_FRAGS } else { 0 }, 0))
        }
        ProgramSection::CgroupSock { attach_type } => Some((
            TYPE_CGROUP_SOCK,
            0,
            aya_obj::generated::bpf_attach_type::from(*attach_type) as u32,
        )),
        ProgramSection::CgroupSockAddr { attach_type } => Some((
            TYPE_CGROUP_SOCK_ADDR,
            0,
            aya_obj::generated::bpf_attach_type::from(*attach_type) as u32,
        )),
        _ => None,
    }
}

/// All maps of the object, empty: the verifier checks their definitions, not their contents.
fn make_maps(object: &Object) -> Result<Vec<(String, OwnedFd)>> {
    let make = |(name, map): (&String, &aya_obj::Map)| {
        let entries = match map.max_entries() {
            0 if map.map_type() == BPF_MAP_TYPE_PERF_EVENT_ARRAY as u32 => {
                std::thread::available_parallelism()?.get() as u32
            }
            entries => entries,
        };
        let map = Map {
            kind: map.map_type(),
            key: map.key_size(),
            value: map.value_size(),
            entries,
            flags: map.map_flags(),
        };
        Ok((name.clone(), xdp::create_map(map).with_context(|| format!("making the map {name}"))?))
    };
    object.maps.iter().map(make).collect()
}

/// An instruction in the kernel's encoding.
fn encode(insn: &bpf_insn) -> [u8; 8] {
    let (destination, source) = (insn.dst_reg(), insn.src_reg());
    let registers = if cfg!(target_endian = "little") {
        destination | source << 4
    } else {
        destination << 4 | source
    };
    let ([a, b], [c, d, e, f]) = (insn.off.to_ne_bytes(), insn.imm.to_ne_bytes());
    [insn.code, registers, a, b, c, d, e, f]
}
