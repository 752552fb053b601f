//! The table of results, and the check of the targets.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::json;
use vrrp_tests::table::{self, Spread};

use crate::Sample;
use crate::table::{FLOOD, NFT, OURS, PARSED_DROP, Row, STEER, TUNNEL};

/// Minimum of a row's packets per second, as a multiple of another row's with the same frames.
const TARGETS: [(&str, &str, f64); 4] =
    [(OURS, STEER, 0.95), (OURS, NFT, 5.0), (TUNNEL, STEER, 0.85), (FLOOD, PARSED_DROP, 0.8)];

type Results = [(Row, Vec<Sample>)];

pub fn print(results: &Results, json: Option<&Path>) -> Result<()> {
    let base = nanos(&results[0].1);
    let rows: Vec<Vec<String>> =
        results.iter().map(|(row, samples)| line(row, samples, base)).collect();
    println!(
        "\nOne CPU makes, forwards and counts every frame of 64 bytes; median (least..most) of {} rounds.",
        results[0].1.len()
    );
    table::print(
        &["path", "Mpps", "ns a packet", "less making and dropping", "lost", "ksoftirqd"],
        &rows,
    );
    println!();
    for (ours, theirs, target) in TARGETS {
        for (row, samples) in results.iter().filter(|(row, _)| row.what == ours) {
            let Some(ratio) = ratio(results, row, samples, theirs) else { continue };
            let verdict = if ratio.median >= target { "met" } else { "NOT met" };
            println!(
                "target {}, packets a second, x {theirs}: {:.2} ({:.2}..{:.2}) >= {target}: {verdict}",
                row.name(),
                ratio.median,
                ratio.least,
                ratio.most
            );
        }
    }
    if let Some(path) = json {
        let text =
            serde_json::to_string_pretty(&data(results)).context("writing the figures as data")?;
        std::fs::write(path, text).with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}

fn nanos(samples: &[Sample]) -> f64 {
    Spread::of(samples.iter().map(Sample::nanos)).map_or(f64::NAN, |spread| spread.median)
}

/// The packets per second of `row` as a multiple of those of the row `theirs` with the same frames,
/// round by round, since the machine's speed changes between rounds.
fn ratio(results: &Results, row: &Row, samples: &[Sample], theirs: &str) -> Option<Spread> {
    let same = |other: &Row| {
        other.what == theirs && other.traffic == row.traffic && other.advert == row.advert
    };
    let (_, others) = results.iter().find(|(other, _)| same(other))?;
    Spread::of(samples.iter().zip(others).map(|(ours, theirs)| theirs.nanos() / ours.nanos()))
}

fn line(row: &Row, samples: &[Sample], base: f64) -> Vec<String> {
    let rates = Spread::of(samples.iter().map(|sample| 1e3 / sample.nanos()));
    let rates = rates
        .map_or("-".to_owned(), |s| format!("{:.2} ({:.2}..{:.2})", s.median, s.least, s.most));
    let total = |part: fn(&Sample) -> f64| samples.iter().map(part).sum::<f64>();
    let lost = total(|sample| (sample.offered - sample.arrived) as f64);
    let softirq = total(|sample| sample.ksoftirqd as f64)
        / total(|sample| (sample.thread + sample.ksoftirqd) as f64);
    vec![
        row.name(),
        rates,
        format!("{:.0}", nanos(samples)),
        format!("{:.0}", nanos(samples) - base),
        if lost == 0.0 {
            "none".to_owned()
        } else {
            format!("{:.3} %", 100.0 * lost / total(|sample| sample.offered as f64))
        },
        format!("{:.0} %", 100.0 * softirq),
    ]
}

fn data(results: &Results) -> serde_json::Value {
    let samples = |samples: &[Sample]| -> Vec<serde_json::Value> {
        let one = |s: &Sample| json!({"offered": s.offered, "arrived": s.arrived, "cpu_ns": s.thread + s.ksoftirqd});
        samples.iter().map(one).collect()
    };
    results.iter().map(|(row, all)| json!({"path": row.name(), "samples": samples(all)})).collect()
}
