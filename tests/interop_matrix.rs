//! The interop matrix: our agent against Debian's keepalived and FRR's vrrpd, row by row.
//! `docs/interop.md` has the table.
//!
//! `VRRP_MATRIX=word` runs the cases with that word in their name.

mod matrix;

use anyhow::{Result, ensure};
use matrix::{Case, frr, keepalived, peers, run};

fn play(cases: Vec<Case>) -> Result<()> {
    let word = std::env::var("VRRP_MATRIX").unwrap_or_default();
    let all = [keepalived::cases(), frr::cases(), peers::cases()].concat();
    ensure!(all.iter().any(|case| case.name.contains(&word)), "no case has `{word}` in its name");
    let chosen: Vec<Case> = cases.into_iter().filter(|case| case.name.contains(&word)).collect();
    run::play(&chosen)
}

#[test]
#[ignore = "needs root: network namespaces and keepalived"]
fn the_matrix_with_keepalived_is_as_written_down() -> Result<()> {
    play(keepalived::cases())
}

#[test]
#[ignore = "needs root: network namespaces and FRR"]
fn the_matrix_with_frr_is_as_written_down() -> Result<()> {
    play(frr::cases())
}

/// The tables hold what a run observed, times too, so no program can write them without root. Their
/// cases and remarks come from the same data, in the same order.
#[test]
fn the_tables_of_the_document_have_the_cases_and_remarks_of_the_matrix() {
    let page = include_str!("../docs/interop.md");
    let written: Vec<(&str, &str)> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.strip_suffix('|'))
        .filter(|line| !line.starts_with("case |"))
        .map(|line| (line.split(" | ").next().unwrap_or_default(), remark(line)))
        .collect();
    let cases = [keepalived::cases(), frr::cases(), peers::cases()].concat();
    let expected: Vec<(&str, &str)> = cases.iter().map(|case| (case.name, case.remark)).collect();
    assert_eq!(written, expected, "write docs/interop.md with `cargo xtask interop --table FILE`");
    let count = format!("# {} cases", cases.len());
    assert!(page.contains(&count), "docs/interop.md does not say `{count}`");
}

/// The last cell of a row, without the bar behind it.
fn remark(row: &str) -> &str {
    row.rsplit_once("| ").map_or("", |(_, remark)| remark.trim_end())
}

/// Results between the peers alone test the harness.
#[test]
#[ignore = "needs root: network namespaces, keepalived and FRR"]
fn the_matrix_of_the_peers_among_themselves_is_as_written_down() -> Result<()> {
    play(peers::cases())
}
