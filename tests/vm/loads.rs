//! Loads every program of both objects, and checks that the verifier's work is within the budget.

use anyhow::{Context, Result, anyhow, bail, ensure};
use aya::Ebpf;
use aya::programs::{Program, ProgramError, ProgramInfo};

use crate::check::Checks;

/// The most instructions that the verifier may process for one program, of the 1,000,000 that it
/// allows. The number depends on the compiler's layout of the program and on the kernel, so there
/// must be a margin.
const BUDGET: u32 = 400_000;
const OBJECTS: &[&str] = &["/lib/bpf/vrrp-ebpf", "/lib/bpf/vrrp-sockets"];

pub fn run(checks: &mut Checks) -> Result<()> {
    for path in OBJECTS {
        let object = std::fs::read(path).with_context(|| format!("reading {path}"))?;
        let mut ebpf = Ebpf::load(&object).with_context(|| format!("making the maps of {path}"))?;
        let mut names: Vec<String> = ebpf.programs().map(|(name, _)| name.to_owned()).collect();
        names.sort();
        ensure!(!names.is_empty(), "no program in {path}");
        for name in names {
            let program = ebpf.program_mut(&name).context("a program")?;
            if crate::below_floor()? && matches!(program, Program::Xdp(_)) {
                checks.check(&format!("{name} is refused"), || refused(program));
            } else {
                checks.check(&name, || within_budget(program));
            }
        }
    }
    Ok(())
}

fn within_budget(program: &mut Program) -> Result<String> {
    let info = load(program).map_err(refusal)?;
    let translated = info.size_translated().context("its size")?;
    ensure!(info.size_jitted() > 0, "the kernel interprets it");
    // Kernels count since 5.16.
    let Some(verified) = info.verified_instruction_count() else {
        return Ok(format!("{translated} bytes, not counted by this kernel"));
    };
    ensure!(verified < BUDGET, "{verified} instructions verified, the budget is {BUDGET}");
    Ok(format!("{verified} instructions verified, {translated} bytes"))
}

/// A kernel this old must refuse it: otherwise the stated oldest kernel is wrong.
fn refused(program: &mut Program) -> Result<String> {
    match load(program) {
        Ok(_) => bail!("this kernel loads it"),
        Err(error) => Ok(refusal(error).to_string()),
    }
}

fn load(program: &mut Program) -> Result<ProgramInfo, ProgramError> {
    match program {
        Program::Xdp(program) => program.load()?,
        Program::CgroupSock(program) => program.load()?,
        Program::CgroupSockAddr(program) => program.load()?,
        Program::SockOps(program) => program.load()?,
        _ => return Err(ProgramError::UnexpectedProgramType),
    }
    program.info()
}

/// The reason is in the last lines of the verifier's log.
fn refusal(error: ProgramError) -> anyhow::Error {
    const LINES: usize = 4;
    let ProgramError::LoadError { io_error, verifier_log } = error else { return anyhow!(error) };
    let log = verifier_log.to_string();
    let lines: Vec<&str> = log.lines().filter(|line| !line.trim().is_empty()).collect();
    anyhow!("{io_error}: {}", lines[lines.len().saturating_sub(LINES)..].join(" | "))
}
