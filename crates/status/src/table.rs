//! The snapshot as text tables for people.

mod upstreams;

use std::fmt::Write as _;

use vrrp_election::Role;

use super::{
    AddressStatus, BackendStatus, ElectionStatus, InterfaceStatus, RouterStatus, ScriptStatus,
    ServiceStatus, Status,
};

/// The tables `status` prints; no colour, no trailing blanks, ends with a newline.
pub fn render(status: &Status) -> String {
    let mut out = format!(
        "{}  vrrp-agent {}  pid {}  up {}  {}\n",
        status.node,
        status.version,
        status.pid,
        age(status.uptime_seconds),
        status.config
    );
    election(&mut out, &status.election);
    for (what, count) in status.shortages.iter().filter(|(_, count)| **count > 0) {
        let _ = writeln!(
            out,
            "lack of descriptors, memory, ports or processes: {what} not done {count} times"
        );
    }
    section(&mut out, &routers(&status.routers));
    section(&mut out, &services(&status.services));
    section(&mut out, &upstreams::table(&status.upstreams));
    section(&mut out, &scripts(&status.scripts));
    section(&mut out, &interfaces(&status.interfaces));
    out
}

/// The maximum lateness of the election thread, and a line for each privilege that it lacks.
fn election(out: &mut String, election: &ElectionStatus) {
    let _ = writeln!(
        out,
        "election thread: at most {:.3} ms late",
        election.lateness_max_seconds * 1_000.0
    );
    for missing in &election.missing {
        let _ = writeln!(out, "election thread: {}: {}", missing.what, missing.reason);
    }
}

fn routers(routers: &[RouterStatus]) -> Table {
    let mut table = Table::new(&[
        "ROUTER",
        "VRID",
        "IF",
        "ROLE",
        "FOR",
        "PRIO",
        "LEASE",
        "MASTER",
        "ADDRESSES",
        "WHY",
    ]);
    for router in routers {
        table.row([
            router.name.clone(),
            router.vrid.to_string(),
            router.interface.clone(),
            role(router),
            age(router.since_seconds),
            priority(router),
            lease(router.lease_remaining_ms),
            master(router),
            router
                .addresses
                .iter()
                .map(|address| held(router.role, address))
                .collect::<Vec<_>>()
                .join(" "),
            router.why(),
        ]);
    }
    table
}

/// Master and fault in capitals. A fenced master is marked, because it is not active.
fn role(router: &RouterStatus) -> String {
    let name = match router.role {
        Role::Master => "MASTER".to_owned(),
        Role::Fault => "FAULT".to_owned(),
        role => role.to_string(),
    };
    if router.fenced { format!("{name} (fenced)") } else { name }
}

fn priority(router: &RouterStatus) -> String {
    if router.priority == router.base_priority {
        router.priority.to_string()
    } else {
        format!("{} (base {})", router.priority, router.base_priority)
    }
}

fn lease(remaining_ms: Option<i64>) -> String {
    match remaining_ms {
        None => "-".to_owned(),
        Some(ms) if ms > 0 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        Some(_) => "lapsed".to_owned(),
    }
}

fn master(router: &RouterStatus) -> String {
    match (&router.master, router.role) {
        (_, Role::Master) if !router.fenced => "this node".to_owned(),
        (Some(master), _) => format!("{} ({})", master.source, master.priority),
        (None, _) => "-".to_owned(),
    }
}

/// Marks an address that a master lacks or that another role holds.
fn held(role: Role, address: &AddressStatus) -> String {
    match (role, address.installed) {
        (Role::Master, false) => format!("{} (missing)", address.address),
        (Role::Init | Role::Backup | Role::Fault, true) => format!("{} (held)", address.address),
        _ => address.address.to_string(),
    }
}

fn services(services: &[ServiceStatus]) -> Table {
    let mut table = Table::new(&[
        "SERVICE", "ADDRESS", "RING", "BACKEND", "STATE", "VIA", "WEIGHT", "SHARE", "PACKETS",
        "BYTES", "WHY",
    ]);
    for service in services {
        let slots: u64 = service.backends.iter().map(|backend| u64::from(backend.slots)).sum();
        let mut head = [
            service.name.clone(),
            format!("{}/{}", service.place(), service.protocol),
            ring(service),
        ];
        if service.backends.is_empty() {
            table.row(head.iter().cloned().chain(["none".to_owned()]));
        }
        for backend in &service.backends {
            table.row(head.into_iter().chain(backend_cells(backend, slots)));
            head = [String::new(), String::new(), String::new()];
        }
    }
    table
}

/// Digest and generation; the other node's ring, a drain, the sorry server or a missed quorum.
fn ring(service: &ServiceStatus) -> String {
    let mut text =
        format!("{} #{}", service.digest.get(..8).unwrap_or(&service.digest), service.generation);
    for peer in &service.peers {
        let _ = match peer.agrees {
            true => write!(text, " as {}", peer.node),
            false => write!(
                text,
                " NOT as {} ({})",
                peer.node,
                peer.digest.get(..8).unwrap_or(&peer.digest)
            ),
        };
    }
    if let Some(left) = service.draining_seconds {
        let _ = write!(text, ", drains for {}", age(left));
    }
    if service.sorry {
        text.push_str(", SORRY SERVER");
    } else if !service.quorum_met {
        text.push_str(", no quorum");
    }
    text
}

fn backend_cells(backend: &BackendStatus, slots: u64) -> [String; 8] {
    let share = match (u64::from(backend.slots) * 1_000).checked_div(slots) {
        Some(tenths) => format!("{}.{} %", tenths / 10, tenths % 10),
        None => "-".to_owned(),
    };
    [
        backend.name(),
        match (backend.drained_seconds, backend.usable) {
            (Some(since), _) => format!("{} (drained {})", backend.state, age(since)),
            (None, true) => backend.state.to_string(),
            (None, false) => format!("{} (unused)", backend.state),
        },
        backend.forward.to_string(),
        backend.weight.to_string(),
        share,
        backend.packets.to_string(),
        backend.bytes.to_string(),
        backend.reason.clone(),
    ]
}

fn scripts(scripts: &[ScriptStatus]) -> Table {
    let mut table = Table::new(&["SCRIPT", "STATE", "EXIT", "TOOK", "RUNS", "FAILED", "TIMED OUT"]);
    for script in scripts {
        table.row([
            script.name.clone(),
            script.state.to_string(),
            script.last_exit.map_or_else(|| "-".to_owned(), |code| code.to_string()),
            script.last_duration_ms.map_or_else(|| "-".to_owned(), |ms| format!("{ms} ms")),
            script.runs.to_string(),
            script.failures.to_string(),
            script.timeouts.to_string(),
        ]);
    }
    table
}

fn interfaces(interfaces: &[InterfaceStatus]) -> Table {
    let mut table =
        Table::new(&["IF", "LINK", "XDP", "PASS", "DROP", "TX", "REDIRECT", "BAD ADVERTS"]);
    for interface in interfaces {
        let verdict = |name: &str| interface.verdicts.get(name).copied().unwrap_or(0).to_string();
        let mut xdp = interface.xdp.mode.to_string();
        if let Some(reason) = &interface.xdp.reason {
            let _ = write!(xdp, " ({reason})");
        }
        table.row([
            interface.name.clone(),
            if interface.up { "up".to_owned() } else { "DOWN".to_owned() },
            xdp,
            verdict("pass"),
            verdict("drop"),
            verdict("tx"),
            verdict("redirect"),
            bad_adverts(interface),
        ]);
    }
    table
}

/// The sum, and the nonzero reasons: `17 (ttl 12, auth 5)`.
fn bad_adverts(interface: &InterfaceStatus) -> String {
    let seen: Vec<_> = interface
        .dropped_adverts
        .iter()
        .filter(|(_, count)| **count > 0)
        .map(|(reason, count)| format!("{reason} {count}"))
        .collect();
    let sum: u64 = interface.dropped_adverts.values().sum();
    if seen.is_empty() { sum.to_string() } else { format!("{sum} ({})", seen.join(", ")) }
}

/// Two units at most: `4.2 s`, `3m 12s`, `5h 01m`, `12d 4h`.
pub(super) fn age(seconds: f64) -> String {
    let whole = seconds.max(0.0) as u64;
    match whole {
        0..60 => format!("{:.1} s", seconds.max(0.0)),
        60..3_600 => format!("{}m {:02}s", whole / 60, whole % 60),
        3_600..86_400 => format!("{}h {:02}m", whole / 3_600, whole % 3_600 / 60),
        _ => format!("{}d {}h", whole / 86_400, whole % 86_400 / 3_600),
    }
}

/// A table without rows is left out.
fn section(out: &mut String, table: &Table) {
    if table.rows.len() > 1 {
        out.push('\n');
        table.write(out);
    }
}

/// Left-aligned columns two blanks apart; the first row is the heading.
struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    fn new(heading: &[&str]) -> Self {
        Self { rows: vec![heading.iter().map(|&cell| cell.to_owned()).collect()] }
    }

    fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    fn write(&self, out: &mut String) {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns)
            .map(|column| {
                let cells = self.rows.iter().filter_map(|row| row.get(column));
                cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
            })
            .collect();
        for row in &self.rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                let _ = write!(line, "{cell:<width$}  ");
            }
            out.push_str(line.trim_end());
            out.push('\n');
        }
    }
}
