//! The table, and whether the targets are met.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::json;
use vrrp_common::wire::ipv4::{PROTO_TCP, PROTO_UDP};
use vrrp_tests::table::{self, Spread};

use crate::Sample;
use crate::common::traffic::Traffic;
use crate::table::{MANY, NFT, OURS, Row, STEER};

/// Least share of the minimal steering program's packets per second, and least multiple of nft's.
const OF_MINIMAL: f64 = 0.85;
const OF_NFT: f64 = 5.0;

type Results = [(Row, Vec<Sample>)];

pub fn print(results: &Results, json: Option<&Path>) -> Result<()> {
    let base = nanos(&results[0].1);
    let rows: Vec<Vec<String>> = results.iter().map(|(row, samples)| line(row, samples, base)).collect();
    println!(
        "\nOne CPU makes, forwards and counts every frame of 64 bytes; median (least..most) of {} rounds.",
        results[0].1.len()
    );
    table::print(&["path", "Mpps", "ns a packet", "less making and dropping", "lost", "ksoftirqd"], &rows);
    println!();
    for (name, protocol) in [("UDP", PROTO_UDP), ("TCP", PROTO_TCP)] {
        for (than, target) in [(STEER, OF_MINIMAL), (NFT, OF_NFT)] {
            let Some(ratio) = ratio(results, protocol, than) else { continue };
            let verdict = if ratio.median >= target { "met" } else { "NOT met" };
            println!(
                "target direct return, {name} {MANY} flows, packets a second, x {than}: {:.2} ({:.2}..{:.2}) >= {target}: {verdict}",
                ratio.median, ratio.least, ratio.most
            );
        }
    }
    if let Some(path) = json {
        let text = serde_json::to_string_pretty(&data(results)).context("writing the figures as data")?;
        std::fs::write(path, text).with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}

fn nanos(samples: &[Sample]) -> f64 {
    Spread::of(samples.iter().map(Sample::nanos)).map_or(f64::NAN, |spread| spread.median)
}

/// How many times the packets a second of another row ours does, both with many flows; round by round, since what else the
/// machine does changes from one to the next.
fn ratio(results: &Results, protocol: u8, than: &str) -> Option<Spread> {
    let samples = |what: &str| {
        let many = Traffic::v4(protocol, MANY);
        let wanted = |row: &Row| row.what == what && row.traffic == many;
        results.iter().find(|(row, _)| wanted(row)).map(|(_, samples)| samples)
    };
    let (ours, theirs) = (samples(OURS)?, samples(than)?);
    Spread::of(ours.iter().zip(theirs).map(|(ours, theirs)| theirs.nanos() / ours.nanos()))
}

fn line(row: &Row, samples: &[Sample], base: f64) -> Vec<String> {
    let rates = Spread::of(samples.iter().map(|sample| 1e3 / sample.nanos()));
    let rates = rates.map_or("-".to_owned(), |s| format!("{:.2} ({:.2}..{:.2})", s.median, s.least, s.most));
    let total = |part: fn(&Sample) -> f64| samples.iter().map(part).sum::<f64>();
    let lost = total(|sample| (sample.offered - sample.arrived) as f64);
    let softirq = total(|sample| sample.ksoftirqd as f64) / total(|sample| (sample.thread + sample.ksoftirqd) as f64);
    vec![
        row.name(),
        rates,
        format!("{:.0}", nanos(samples)),
        format!("{:.0}", nanos(samples) - base),
        if lost == 0.0 { "none".to_owned() } else { format!("{:.3} %", 100.0 * lost / total(|sample| sample.offered as f64)) },
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
