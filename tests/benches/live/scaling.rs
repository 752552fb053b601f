//! The gain of a second CPU: the same frames made and forwarded on one CPU, then on two at once.

use std::sync::Barrier;
use std::thread;

use anyhow::{Context, Result};
use vrrp_tests::table::Spread;

use crate::Bench;
use crate::common::pin_to;
use crate::table::{MANY, NAT, OURS, Row, STEER, TUNNEL};

/// Minimum ratio of the packets per second of two CPUs to those of one.
const TARGET: f64 = 1.9;
const WHAT: [&str; 4] = [STEER, OURS, TUNNEL, NAT];

/// A row's packets a second on two CPUs as a multiple of those on one, each round.
pub struct Scaling {
    name: String,
    ratios: Vec<f64>,
}

/// Measures the first row with many flows of each kind. On a machine with one CPU nothing is
/// measured.
pub fn measure(bench: &mut Bench, rows: &[Row], rounds: usize) -> Result<Vec<Scaling>> {
    if bench.ksoftirqd.len() < 2 {
        return Ok(Vec::new());
    }
    let chosen = WHAT
        .iter()
        .filter_map(|what| rows.iter().find(|row| row.what == *what && row.traffic.flows == MANY));
    let mut results: Vec<(&Row, Scaling)> =
        chosen.map(|row| (row, Scaling { name: row.name(), ratios: Vec::new() })).collect();
    for _ in 0..rounds {
        for (row, scaling) in &mut results {
            let frames = bench.warm_up(row).with_context(|| row.name())?;
            let one = bench.send(row, frames)?.nanos();
            let two = both(bench, row, frames)?;
            scaling.ratios.push(2.0 * one / two);
        }
    }
    Ok(results.into_iter().map(|(_, scaling)| scaling).collect())
}

/// CPU time of a frame, ns, while two CPUs make and forward `frames` each.
fn both(bench: &Bench, row: &Row, frames: u32) -> Result<f64> {
    let frame = row.traffic.first();
    let before = bench.arrived(row)?;
    let start = Barrier::new(2);
    let cpus = [bench.cpu, usize::from(bench.cpu == 0)];
    let times = thread::scope(|scope| {
        let threads = cpus.map(|cpu| {
            let (frame, start) = (&frame, &start);
            scope.spawn(move || {
                pin_to(cpu);
                start.wait();
                bench.generate(frame, frames, cpu)
            })
        });
        threads
            .into_iter()
            .map(|thread| thread.join().ok().context("a sending thread panicked")?)
            .collect::<Result<Vec<_>>>()
    })?;
    let arrived = bench.arrivals(row, before, 2 * u64::from(frames))?;
    let nanos: i64 = times.iter().map(|(thread, ksoftirqd)| thread + ksoftirqd).sum();
    Ok(nanos as f64 / arrived as f64)
}

pub fn print(results: &[Scaling]) {
    println!();
    for Scaling { name, ratios } in results {
        let Some(ratio) = Spread::of(ratios.iter().copied()) else { continue };
        let verdict = if ratio.median >= TARGET { "met" } else { "NOT met" };
        println!(
            "target {name}, packets a second, two CPUs x one: {:.2} ({:.2}..{:.2}) >= {TARGET}: {verdict}",
            ratio.median, ratio.least, ratio.most
        );
    }
}
