//! The table, and whether the targets are met.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::json;
use vrrp_tests::table::{self, Spread};

use crate::Sample;
use crate::table::{MANY, NFT, OURS, Row, STEER};
use vrrp_common::wire::ipv4::{PROTO_TCP, PROTO_UDP};

/// Least share of the minimal steering program's packets per second, and least multiple of nft's.
const OF_MINIMAL: f64 = 0.85;
const OF_NFT: f64 = 5.0;

type Results = [(Row, Vec<Sample>)];

pub fn print(results: &Results, json: Option<&Path>) -> Result<bool> {
    let base = nanos(&results[0].1);
    let rows: Vec<Vec<String>> = results.iter().map(|(row, samples)| line(row, samples, base)).collect();
    println!("\nOne CPU makes, forwards and counts every frame of 64 bytes; median (least..most) of {} rounds.", results[0].1.len());
    table::print(&["path", "Mpps", "ns a packet", "less making and dropping", "lost", "ksoftirqd"], &rows);
    println!();
    let mut met = true;
    for (name, protocol) in [("UDP", PROTO_UDP), ("TCP", PROTO_TCP)] {
        let ours = rate(results, OURS, protocol);
        for (than, target) in [(STEER, OF_MINIMAL), (NFT, OF_NFT)] {
            let ratio = ours / rate(results, than, protocol);
            let verdict = if ratio >= target { "met" } else { "NOT met" };
            met &= ratio >= target;
            println!("target direct return, {name} 32k flows, x {than}: {ratio:.2} >= {target}: {verdict}");
        }
    }
    if let Some(path) = json {
        let text = serde_json::to_string_pretty(&data(results)).context("writing the figures as data")?;
        std::fs::write(path, text).with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(met)
}

fn nanos(samples: &[Sample]) -> f64 {
    Spread::of(samples.iter().map(Sample::nanos)).map_or(f64::NAN, |spread| spread.median)
}

/// Packets a nanosecond of the row with many flows.
fn rate(results: &Results, what: &str, protocol: u8) -> f64 {
    let wanted = |row: &Row| row.what == what && row.traffic.protocol == protocol && row.traffic.flows == MANY;
    results.iter().find(|(row, _)| wanted(row)).map_or(f64::NAN, |(_, samples)| 1.0 / nanos(samples))
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
