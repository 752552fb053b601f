//! `conformance`: the table of `tests/conformance`, each case with the results of its tests.
//!
//! `tests/conformance.rs` prints the table as data, so that it exists in one place only. Each test
//! that it names is then run, with one `cargo test` per test binary. Tests that need root run as
//! root only, and the lab, which takes minutes, only on request; otherwise both are shown as not
//! run.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::packages::Group;
use crate::{build_ebpf, exec, prepare, setup};

/// The test that runs the packet rows on the loaded program.
const KERNEL_ROWS: (&str, &str) = ("xdp_rows", "the_rows_hold_in_the_kernel");

#[derive(clap::Args)]
pub struct Options {
    /// Also run the lab tests of the table (as root; takes minutes)
    #[arg(long)]
    lab: bool,
}

/// One test that a case names.
struct Named {
    name: String,
    package: String,
    target: String,
    root: bool,
}

impl Named {
    /// Whether it starts daemons in namespaces.
    fn is_lab(&self) -> bool {
        self.root && self.package == "vrrp-tests"
    }
}

struct Case {
    number: u64,
    title: String,
    level: String,
    lacks: Option<String>,
    rows: usize,
    wrong_rows: usize,
    tests: Vec<Named>,
}

/// Results of the tests by name; without those that were not run.
type Outcomes = BTreeMap<String, bool>;

/// The rows that failed on the loaded program; `None` if they were not run.
type KernelRows = Option<BTreeSet<u64>>;

/// The last lines printed are the totals; the exit code is 1 when a test or a row failed.
pub fn run(options: &Options) -> Result<ExitCode> {
    let root = exec::is_root();
    if options.lab && !root {
        bail!("the lab needs root");
    }
    if options.lab {
        prepare::run()?;
    } else if root {
        setup::ensure(Group::Bpf)?;
        build_ebpf::run()?;
    }
    let cases = table()?;
    let outcomes = run_tests(&cases, root, options.lab)?;
    let kernel = if root { Some(kernel_rows(&cases)?) } else { None };
    let failed = print(&cases, &outcomes, &kernel);
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The table, printed by its test.
fn table() -> Result<Vec<Case>> {
    let mut command = cargo_test("vrrp-tests", "conformance");
    command.args(["--exact", "every_entry_is_held", "--nocapture"]);
    let (output, _) = read(&mut command)?;
    // The test harness prints the test's name before the first row.
    let lines = output.lines().filter_map(|line| line.find("{\"").map(|at| &line[at..]));
    let cases: Vec<Case> = lines.map(case).collect::<Result<_>>()?;
    if cases.is_empty() {
        bail!("`{}` printed no table:\n{output}", exec::line(&command));
    }
    Ok(cases)
}

fn case(line: &str) -> Result<Case> {
    let value: Value =
        serde_json::from_str(line).with_context(|| format!("not an entry of the table: {line}"))?;
    let text = |value: &Value, key: &str| value[key].as_str().map(str::to_owned);
    let list = |key: &str| value[key].as_array().map(Vec::as_slice).unwrap_or_default();
    let named = |test: &Value| {
        Some(Named {
            name: text(test, "name")?,
            package: text(test, "package")?,
            target: text(test, "target")?,
            root: test["root"].as_bool()?,
        })
    };
    Ok(Case {
        number: value["number"].as_u64().with_context(|| format!("no number: {line}"))?,
        title: text(&value, "title").unwrap_or_default(),
        level: text(&value, "level").unwrap_or_default(),
        lacks: text(&value, "lacks"),
        rows: value["rows"].as_u64().and_then(|rows| usize::try_from(rows).ok()).unwrap_or(0),
        wrong_rows: list("wrong_rows").len(),
        tests: list("tests").iter().filter_map(named).collect(),
    })
}

/// Runs the tests of the table, binary by binary.
fn run_tests(cases: &[Case], root: bool, lab: bool) -> Result<Outcomes> {
    let mut binaries: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
    let runs = |test: &&Named| !test.root || (root && (lab || !test.is_lab()));
    for test in cases.iter().flat_map(|case| &case.tests).filter(runs) {
        binaries.entry((&test.package, &test.target)).or_default().insert(&test.name);
    }
    let notes = notes()?;
    let mut outcomes = Outcomes::new();
    for ((package, target), names) in binaries {
        let mut command = cargo_test(package, target);
        command
            .args(&names)
            .args(root.then_some("--include-ignored"))
            .env("VRRP_TEST_SKIPS", &notes);
        println!("conformance: {} tests of {package}, {target}", names.len());
        let (output, success) = read(&mut command)?;
        let mut seen: Outcomes = output
            .lines()
            .filter_map(outcome)
            .filter(|(name, _)| names.contains(name.as_str()))
            .collect();
        if !success {
            println!("{output}");
            if seen.values().all(|&passed| passed) {
                // A binary that did not compile, or died early: its tests without a result have
                // failed.
                for name in &names {
                    seen.entry((*name).to_owned()).or_insert(false);
                }
            }
        }
        outcomes.extend(seen);
    }
    let skipped =
        fs::read_to_string(&notes).with_context(|| format!("cannot read {}", notes.display()))?;
    for name in skipped.lines().filter_map(|note| note.split(": ").next()) {
        outcomes.remove(name);
    }
    Ok(outcomes)
}

/// The file in which tests note what they could not run.
fn notes() -> Result<PathBuf> {
    let directory = exec::target_dir().join("tmp");
    fs::create_dir_all(&directory).context("cannot make the directory for test notes")?;
    let path = directory.join("conformance-skips");
    fs::write(&path, "").with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

/// `test a::b ... ok`: the name's last part, and whether it passed; nothing for ignored tests.
fn outcome(line: &str) -> Option<(String, bool)> {
    let (path, result) = line.strip_prefix("test ")?.split_once(" ... ")?;
    let passed = match result {
        "ok" => true,
        "FAILED" => false,
        _ => return None,
    };
    Some((path.rsplit("::").next()?.to_owned(), passed))
}

/// Runs all rows on the loaded program. If it cannot be loaded, every case with a row has failed.
fn kernel_rows(cases: &[Case]) -> Result<BTreeSet<u64>> {
    let mut command = cargo_test("vrrp-tests", KERNEL_ROWS.0);
    command.args(["--exact", KERNEL_ROWS.1, "--ignored"]);
    println!("conformance: the packet rows on the loaded program");
    let (output, success) = read(&mut command)?;
    let failed: BTreeSet<u64> = output.lines().filter_map(number_of).collect();
    if !success {
        println!("{output}");
    }
    if !success && failed.is_empty() {
        return Ok(cases.iter().filter(|case| case.rows > 0).map(|case| case.number).collect());
    }
    Ok(failed)
}

/// The number at the begin of a failed row's sentence.
fn number_of(line: &str) -> Option<u64> {
    line.strip_prefix("VC-")?.get(..3)?.parse().ok()
}

/// `cargo test` of one binary; arguments that are added go to the test harness.
fn cargo_test(package: &str, target: &str) -> Command {
    let mut command = exec::cargo();
    command.args(["test", "--package", package]);
    match target {
        "lib" => command.arg("--lib"),
        name => command.args(["--test", name]),
    };
    // One at a time, so that no test's output breaks another's line.
    command.args(["--", "--test-threads=1"]);
    command.env("VRRP_AGENT_BIN", prepare::agent()).env("VRRP_EBPF_OBJ", build_ebpf::object());
    command
}

/// Its standard output, and whether it succeeded.
fn read(command: &mut Command) -> Result<(String, bool)> {
    let line = exec::line(command);
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start `{line}`"))?;
    Ok((String::from_utf8_lossy(&output.stdout).into_owned(), output.status.success()))
}

/// Prints the table and its totals; returns how many cases failed.
fn print(cases: &[Case], outcomes: &Outcomes, kernel: &KernelRows) -> usize {
    let (mut failed, mut not_run) = (0, BTreeSet::new());
    let mut levels: BTreeMap<&str, usize> = BTreeMap::new();
    println!(
        "\n{:<7} {:<10} {:>7} {:>7} {:>7}  CASE",
        "NUMBER", "LEVEL", "ROWS", "KERNEL", "TESTS"
    );
    for case in cases {
        let passed =
            case.tests.iter().filter(|test| outcomes.get(&test.name) == Some(&true)).count();
        let broken = case.tests.iter().any(|test| outcomes.get(&test.name) == Some(&false));
        not_run.extend(
            case.tests.iter().map(|test| &test.name).filter(|name| !outcomes.contains_key(*name)),
        );
        let kernel_broken = kernel.as_ref().is_some_and(|rows| rows.contains(&case.number));
        let bad = broken || kernel_broken || case.wrong_rows > 0;
        failed += usize::from(bad);
        *levels.entry(&case.level).or_default() += 1;
        let rows = share(case.rows - case.wrong_rows.min(case.rows), case.rows);
        let kernel = match kernel {
            _ if case.rows == 0 => String::new(),
            None => "not run".to_owned(),
            Some(_) if kernel_broken => "FAILED".to_owned(),
            Some(_) => "ok".to_owned(),
        };
        let tests = share(passed, case.tests.len());
        let mark = if bad { "FAILED: " } else { "" };
        println!(
            "VC-{:03}  {:<10} {rows:>7} {kernel:>7} {tests:>7}  {mark}{}",
            case.number, case.level, case.title
        );
        if let Some(lacks) = &case.lacks {
            println!("{:<44} not built: {lacks}", "");
        }
    }
    println!();
    for name in &not_run {
        println!("not run: {name}");
    }
    let by_level: Vec<String> =
        levels.iter().map(|(level, count)| format!("{count} {level}")).collect();
    let tests = outcomes.values().filter(|&&passed| passed).count();
    let rows: usize = cases.iter().map(|case| case.rows).sum();
    println!("{} cases: {}", cases.len(), by_level.join(", "));
    println!(
        "{rows} rows, {tests} tests passed, {} tests not run, {failed} cases failed",
        not_run.len()
    );
    failed
}

fn share(part: usize, whole: usize) -> String {
    if whole == 0 { String::new() } else { format!("{part}/{whole}") }
}

#[cfg(test)]
mod tests;
