//! `vrrp-agent capture`: samples of the packets that the kernel program drops, as lines or as a
//! pcapng file.
//!
//! It works on the pinned maps and needs no running agent, as the program drops packets without one
//! too. The program samples only while a capture runs. A capture whose process was killed expires
//! after [`EXPIRES_AFTER`].

mod file;
mod line;
mod reasons;

use std::io;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail};
use aya::maps::perf::{PerfEvent, PerfEventArrayBuffer};
use aya::maps::{Array, Map, MapData, PerfEventArray};
use aya::util::online_cpus;
use tokio::time::{MissedTickBehavior, interval};
use vrrp_common::counter::DropReason;
use vrrp_common::maps::{CaptureConf, Captured, name};

use crate::clock;
use crate::plane::pins::{Kind, Pins};
use vrrp_model::time::Instant;

pub use reasons::parse as parse_reason;

/// The program stops sampling this long after the last renewal.
const EXPIRES_AFTER: Duration = Duration::from_secs(3);
/// Interval at which samples are read.
const FETCH: Duration = Duration::from_millis(50);
/// Buffer of each CPU, in pages.
const PAGES: usize = 64;

pub struct Options {
    /// Empty: all reasons.
    pub reasons: Vec<DropReason>,
    /// Samples one of this many packets.
    pub every: u32,
    /// Most bytes kept of a frame.
    pub snap: u32,
    /// Ends after this many packets.
    pub count: Option<u64>,
    /// Ends after this time.
    pub time: Option<Duration>,
    /// A pcapng file; `-` is standard output. `None`: one line per packet on standard output.
    pub write: Option<PathBuf>,
    pub bpf_dir: PathBuf,
}

/// The result of a capture.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Summary {
    pub captured: u64,
    /// Samples that were dropped because the buffers were full.
    pub lost: u64,
}

/// A captured packet.
struct Packet<'a> {
    at: SystemTime,
    ifindex: u32,
    reason: Option<DropReason>,
    /// Length of the whole frame in bytes.
    len: u32,
    frame: &'a [u8],
}

/// Output of captured packets.
trait Sink {
    fn packet(&mut self, packet: &Packet) -> Result<()>;
    fn flush(&mut self) -> io::Result<()>;
}

/// Captures until the count or time is reached, a signal arrives, or the reader of standard output
/// has closed it.
///
/// # Errors
/// No pinned maps, no permission, another running capture, or an output that cannot be written.
pub async fn run(options: &Options) -> Result<Summary> {
    let mut sink: Box<dyn Sink> = match &options.write {
        Some(path) => Box::new(file::Pcapng::create(path)?),
        None => Box::new(line::Lines::new()),
    };
    let mut capture = Capture::open(options)?;
    let mut fetch = interval(FETCH);
    fetch.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let end = options.time.map(|time| clock::now() + time);
    let mut summary = Summary::default();
    let mut stop = std::pin::pin!(stopped());
    loop {
        let ending = tokio::select! {
            _ = fetch.tick() => false,
            () = &mut stop => true,
        };
        let left = options.count.map_or(u64::MAX, |count| count - summary.captured);
        let fetched =
            capture.fetch(sink.as_mut(), left, &mut summary).and_then(|()| Ok(sink.flush()?));
        match fetched {
            Err(error) if is_broken_pipe(&error) => break,
            outcome => outcome?,
        }
        let enough = options.count.is_some_and(|count| summary.captured >= count);
        if ending || enough || end.is_some_and(|end| clock::now() >= end) {
            break;
        }
        capture.renew()?;
    }
    capture.end()?;
    Ok(summary)
}

async fn stopped() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.downcast_ref::<io::Error>().is_some_and(|io| io.kind() == io::ErrorKind::BrokenPipe)
    })
}

/// The maps of a running capture.
struct Capture {
    conf: Array<MapData, CaptureConf>,
    request: CaptureConf,
    buffers: Vec<PerfEventArrayBuffer<MapData>>,
    /// Wall clock at boot.
    booted: SystemTime,
}

impl Capture {
    fn open(options: &Options) -> Result<Self> {
        let Some(pins) = Pins::find(Kind::Xdp, &options.bpf_dir) else {
            bail!(
                "nothing is pinned below {}: no agent with an XDP program has run with this --bpf-dir",
                options.bpf_dir.display()
            );
        };
        let open = |name: &str| -> Result<Map> {
            let data = MapData::from_pin(pins.map(name))
                .with_context(|| format!("opening the pinned map {name}"))?;
            Ok(Map::from_map_data(data)?)
        };
        let conf: Array<MapData, CaptureConf> = open(name::CAPTURE)?.try_into()?;
        if conf.get(&0, 0)?.until > clock::now().as_nanos() {
            bail!(
                "another capture is running; a killed one expires within {} s",
                EXPIRES_AFTER.as_secs()
            );
        }
        let mut events: PerfEventArray<MapData> = open(name::CAPTURED)?.try_into()?;
        let cpus =
            online_cpus().map_err(|(what, error)| anyhow::Error::from(error).context(what))?;
        let buffers = cpus
            .into_iter()
            .map(|cpu| Ok(events.open(cpu, Some(PAGES))?))
            .collect::<Result<_>>()?;
        let request = CaptureConf {
            reasons: reasons::mask(&options.reasons),
            until: 0,
            every: options.every,
            snap: options.snap,
        };
        let booted = clock::wall() - Duration::from_nanos(clock::now().as_nanos());
        let mut capture = Self { conf, request, buffers, booted };
        capture.renew()?;
        Ok(capture)
    }

    /// Renews the capture in the kernel's map.
    fn renew(&mut self) -> Result<()> {
        let until: Instant = clock::now() + EXPIRES_AFTER;
        self.request.until = until.as_nanos();
        Ok(self.conf.set(0, self.request, 0)?)
    }

    fn end(&mut self) -> Result<()> {
        Ok(self.conf.set(0, CaptureConf::default(), 0)?)
    }

    /// Passes waiting samples to `sink`, at most `left` of them, ordered by time: each CPU has a
    /// buffer of its own.
    fn fetch(&mut self, sink: &mut dyn Sink, left: u64, summary: &mut Summary) -> Result<()> {
        let mut samples: Vec<Vec<u8>> = Vec::new();
        for buffer in &mut self.buffers {
            buffer.for_each(|event| match event {
                PerfEvent::Lost { count } => summary.lost += count,
                // A sample that wraps around the end of the buffer has two parts.
                PerfEvent::Sample { head, tail } => samples.push([head, tail].concat()),
            });
        }
        samples.sort_by_key(|sample| sample.first_chunk::<8>().map(|at| u64::from_ne_bytes(*at)));
        for sample in samples.iter().take(usize::try_from(left).unwrap_or(usize::MAX)) {
            summary.captured += u64::from(write_sample(sample, self.booted, sink)?);
        }
        Ok(())
    }
}

/// Passes one sample to `sink`: metadata, the begin of the frame, padding. Returns false if it is
/// no sample.
fn write_sample(sample: &[u8], booted: SystemTime, sink: &mut dyn Sink) -> Result<bool> {
    const HEAD: usize = size_of::<Captured>();
    let Some((head, frame)) = sample.split_first_chunk::<HEAD>() else { return Ok(false) };
    let word =
        |at: usize| head[at..].first_chunk::<4>().map_or(0, |bytes| u32::from_ne_bytes(*bytes));
    let at = head.first_chunk::<8>().map_or(0, |bytes| u64::from_ne_bytes(*bytes));
    let (ifindex, code, len) = (word(8), word(12), word(16));
    let reason = DropReason::all().find(|reason| reason.code() == code);
    let frame = &frame[..frame.len().min(len as usize)];
    sink.packet(&Packet { at: booted + Duration::from_nanos(at), ifindex, reason, len, frame })?;
    Ok(true)
}
