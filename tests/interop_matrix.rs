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

/// Results between the peers alone test the harness.
#[test]
#[ignore = "needs root: network namespaces, keepalived and FRR"]
fn the_matrix_of_the_peers_among_themselves_is_as_written_down() -> Result<()> {
    play(peers::cases())
}
