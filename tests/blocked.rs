//! Nothing that blocks delays the election thread. Each possible blocker is blocked for more than a
//! second while a master advertises, and the capture shows whether any advert was late.
//!
//! Name resolution is missing here: the agent resolves no names, its configuration takes addresses
//! only.

use std::fmt::Write as _;
use std::fs::{self, File, Permissions};
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use vrrp_tests::agent::{self, AgentPaths};
use vrrp_tests::daemons::write;
use vrrp_tests::held::{HeldFile, HeldThreads};
use vrrp_tests::keepalived::Settings;
use vrrp_tests::names::{BACK_IF, METRICS_PORT, Vip};
use vrrp_tests::netns::NetNs;
use vrrp_tests::options::agent_binary;
use vrrp_tests::process::wait_until;
use vrrp_tests::scene::Scene;
use vrrp_tests::{LabOptions, Node, Router};

const MASTER: Node = Node::Node1;
const BACKUP: Node = Node::Node2;
const VIP: Vip = Vip::Vip1;

/// Ten adverts a second: a busy machine causes no gap as long as a block, and a block of a second
/// always causes one.
const INTERVAL: Duration = Duration::from_millis(100);
/// How long each one is blocked: several master down intervals.
const BLOCK: Duration = Duration::from_millis(1_500);
/// The longest pause between two adverts; a backup takes over after a longer one.
const LONGEST_PAUSE: Duration = INTERVAL.saturating_mul(3);
/// The latest wakeup of the thread on a machine that is busy with these tests, in seconds.
const LATEST: f64 = 0.2;
/// Services of the larger configuration.
const SERVICES: u16 = 60;
/// Clients that send requests and never read, for each server.
const CLIENTS: usize = 100;
/// Scripts that cannot be started: more than the runtime has workers.
const STARTERS: usize = 4;
const PATIENCE: Duration = Duration::from_secs(10);

/// Blocks something and releases it; returns a description.
type Block = fn(&World) -> Result<String>;

/// Two agents; the standard error of the master's is a pipe.
struct World {
    scene: Scene,
    agent: Agent,
}

/// The master's agent, and the thread that reads its log.
struct Agent {
    child: Child,
    paths: AgentPaths,
    log: Arc<Log>,
}

#[derive(Default)]
struct Log {
    /// While true the pipe is not read.
    unread: AtomicBool,
    dropped: AtomicBool,
}

impl Drop for Agent {
    fn drop(&mut self) {
        // If it has ended by itself, this fails and is ignored.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
#[ignore = "needs root: network namespaces and XDP"]
fn nothing_that_blocks_delays_the_election_thread() -> Result<()> {
    let world = World::up()?;
    let blocks: [(&str, Block); 8] = [
        ("a tracked script hangs", a_script_hangs),
        ("the log is not read", the_log_is_not_read),
        ("routes and addresses come and go", netlink_is_flooded),
        ("rings are filled", rings_are_filled),
        ("clients ask and never read", clients_never_read),
        ("the configuration file does not open", the_file_does_not_open),
        ("scripts do not start", scripts_do_not_start),
        ("every other thread is stopped", all_other_threads_stop),
    ];
    for (what, block) in blocks {
        let (before, since) = (world.router()?, Instant::now());
        let seen = block(&world).with_context(|| format!("while {what}"))?;
        let told = world.check(&before, since).with_context(|| format!("while {what}"))?;
        println!("{what}: {seen}; {told}");
    }
    world.check_the_check()?;
    world.scene.lab.down()
}

impl World {
    fn up() -> Result<Self> {
        let settings = Settings { track_nginx: false, interval: INTERVAL, ..Settings::fast() };
        let text = config(BACKUP, Path::new("/run/vrrp-agent"), 0, 100);
        let options =
            LabOptions::new(Router::Nothing, Router::AgentWith(text)).with_settings(&settings);
        let mut scene = Scene::without_routers(options)?;
        let agent = Agent::start(&scene)?;
        scene.router_when(MASTER, VIP, "master", |router| router["role"] == "master")?;
        scene.lab.start_router(BACKUP)?;
        scene.router_when(BACKUP, VIP, "backup", |router| router["role"] == "backup")?;
        let world = Self { scene, agent };
        // Installing, announcing and the first full read are complete.
        sleep(Duration::from_secs(1));
        Ok(world)
    }

    fn netns(&self) -> NetNs {
        self.scene.lab.topology().host(MASTER.host())
    }

    fn router(&self) -> Result<Value> {
        self.scene.router(MASTER, VIP)
    }

    /// Name and finished runs of each script.
    fn script_runs(&self) -> Result<Vec<(String, u64)>> {
        let status = self.scene.status(MASTER)?;
        let scripts = status["scripts"].as_array().context("the scripts")?;
        let of =
            |script: &Value| Some((script["name"].as_str()?.to_owned(), script["runs"].as_u64()?));
        Ok(scripts.iter().filter_map(of).collect())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.agent.paths.dir.join(name)
    }

    /// Fails if the capture or the status shows a delay since `since`; returns the figures
    /// otherwise.
    fn check(&self, before: &Value, since: Instant) -> Result<String> {
        let now = Instant::now();
        let seen = self.scene.capture.so_far();
        ensure!(seen.lost == 0, "{} frames were not captured", seen.lost);
        let mut times: Vec<Instant> =
            seen.adverts(since, MASTER, VIP.vrid()).map(|(at, _)| at).collect();
        times.insert(0, since);
        times.push(now);
        let pause = times
            .windows(2)
            .map(|pair| pair[1].saturating_duration_since(pair[0]))
            .max()
            .unwrap_or_default();
        let (status, router) = (self.scene.status(MASTER)?, self.router()?);
        let late = status["election"]["lateness_max_seconds"].as_f64().context("the lateness")?;
        let usurper = seen.first_advert(since, BACKUP, VIP.vrid()).map(|at| at - since);
        let last = &router["last_transition_reason"];
        ensure!(
            usurper.is_none(),
            "{BACKUP} took over after {usurper:?}: no advert for {pause:?}, {late} s late, {last} at last"
        );
        ensure!(pause < LONGEST_PAUSE, "no advert for {pause:?}, {late} s late");
        let margin = router["lease_margin_min_seconds"].as_f64().context("the lease margin")?;
        let metrics = self.scene.lab.metrics(MASTER)?;
        let told = metrics.sum("vrrp_election_wakeup_lateness_max_seconds", &[]);
        ensure!(
            late < LATEST && told < LATEST,
            "the thread was {late} s late; the metric has {told} s"
        );
        ensure!(margin > 0.0, "a lease lapsed: {margin} s left");
        ensure!(
            before["epoch"] == router["epoch"] && before["transitions"] == router["transitions"],
            "{before} {router}"
        );
        Ok(format!(
            "{} adverts, at most {:.0} ms apart; at worst {:.3} ms late, {:.1} ms left of a lease",
            times.len() - 2,
            pause.as_secs_f64() * 1e3,
            late * 1e3,
            margin * 1e3
        ))
    }

    /// Stops the thread for as long as everything else was blocked: the check must notice that.
    fn check_the_check(&self) -> Result<()> {
        let (before, since) = (self.router()?, Instant::now());
        self.agent.signal(Signal::SIGSTOP)?;
        sleep(BLOCK);
        self.agent.signal(Signal::SIGCONT)?;
        self.scene.router_when(MASTER, VIP, "master again", |router| {
            router["epoch"] != before["epoch"]
        })?;
        let told = self.check(&before, since);
        ensure!(told.is_err(), "a frozen agent is not noticed: {told:?}");
        let late = self.scene.status(MASTER)?["election"]["lateness_max_seconds"]
            .as_f64()
            .unwrap_or_default();
        ensure!(late > 1.0, "a frozen thread is late: {late} s");
        println!(
            "the agent is frozen: {:#}; at worst {late:.3} s late",
            told.err().context("an error")?
        );
        Ok(())
    }
}

impl Agent {
    fn start(scene: &Scene) -> Result<Self> {
        let dir = scene.lab.dir(MASTER.host());
        let paths = AgentPaths::below(&dir);
        script(
            &dir.join("hang.sh"),
            &format!("while [ -e {}/hang ]; do sleep 0.1; done", dir.display()),
        )?;
        (0..STARTERS).try_for_each(|index| script(&starter(&dir, index), "exit 0"))?;
        let netns = scene.lab.topology().host(MASTER.host());
        let mut command =
            agent::daemon(&agent_binary(), &paths, &netns, &config(MASTER, &dir, 0, 200))?;
        command
            .args(["--log-level", "trace"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = command.spawn().context("starting the agent")?;
        let pipe = child.stderr.take().context("the agent's standard error")?;
        let log = Arc::new(Log::default());
        let (file, shared) = (File::create(scene.lab.router_log(MASTER))?, Arc::clone(&log));
        std::thread::spawn(move || shared.drain(pipe, file));
        Ok(Self { child, paths, log })
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal)
            .with_context(|| format!("sending {signal}"))
    }

    /// Loads `text` as the configuration.
    fn reload(&self, text: &str) -> Result<()> {
        let paths = &self.paths;
        let text = text.replace("/run/vrrp-agent", &paths.dir.to_string_lossy());
        write(
            &paths.dir.join("agent.toml"),
            &text.replace("/sys/fs/bpf/vrrp-agent", &paths.bpf_dir.to_string_lossy()),
        )?;
        let output = self.ask_for_reload().output()?;
        ensure!(
            output.status.success(),
            "the reload failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    }

    fn ask_for_reload(&self) -> Command {
        let mut command = Command::new(agent_binary());
        command.args(["reload", "--socket"]).arg(&self.paths.api_socket);
        command
    }

    /// Whether the agent's thread `name` waits in the kernel's function `place`.
    fn waits(&self, name: &str, place: &str) -> bool {
        let tasks =
            fs::read_dir(format!("/proc/{}/task", self.child.id())).into_iter().flatten().flatten();
        let read =
            |task: &Path, file: &str| fs::read_to_string(task.join(file)).unwrap_or_default();
        tasks
            .map(|task| task.path())
            .any(|task| read(&task, "comm").trim() == name && read(&task, "wchan").contains(place))
    }
}

impl Log {
    /// Reads the pipe to its end, except while it must stay full.
    fn drain(&self, mut pipe: ChildStderr, mut file: File) {
        let mut chunk = vec![0; 1 << 16];
        loop {
            if self.unread.load(Ordering::Relaxed) {
                sleep(Duration::from_millis(5));
                continue;
            }
            match pipe.read(&mut chunk) {
                Ok(len) if len > 0 => {
                    let text = &chunk[..len];
                    if String::from_utf8_lossy(text).contains("log lines dropped") {
                        self.dropped.store(true, Ordering::Relaxed);
                    }
                    // The file helps to find the cause of a failure.
                    let _ = file.write_all(text);
                }
                _ => return,
            }
        }
    }
}

/// A script that runs on the test's request, and an executable for it.
fn script(path: &Path, body: &str) -> Result<()> {
    write(path, &format!("#!/bin/sh\n{body}\n"))?;
    fs::set_permissions(path, Permissions::from_mode(0o755))
        .with_context(|| format!("making {} executable", path.display()))
}

fn starter(dir: &Path, index: usize) -> PathBuf {
    dir.join(format!("start{index}.sh"))
}

/// One virtual router and, on the master, tracked scripts below `dir`; the router is in fault when
/// one fails.
fn config(node: Node, dir: &Path, services: u16, priority: u8) -> String {
    let address = VIP.address();
    let mut scripts = Vec::new();
    if node == MASTER {
        scripts.push(("hang".to_owned(), dir.join("hang.sh")));
        scripts.extend((0..STARTERS).map(|index| (format!("start{index}"), starter(dir, index))));
    }
    let tracked: Vec<String> =
        scripts.iter().map(|(name, _)| format!("{{ script = \"{name}\" }}")).collect();
    let mut text = format!(
        "node = \"{node}\"\napi_socket = \"/run/vrrp-agent/api.sock\"\nbpf_dir = \"/sys/fs/bpf/vrrp-agent\"\n\n\
         [[virtual_router]]\nname = \"VI_1\"\ninterface = \"eth1\"\nvrid = {}\npriority = {priority}\ninterval = \"{}ms\"\n\
         addresses = [\"{address}\"]\ntrack_scripts = [{}]\n",
        VIP.vrid(),
        INTERVAL.as_millis(),
        tracked.join(", ")
    );
    for (name, path) in scripts {
        // Writing to a string cannot fail, here and below.
        let _ = write!(
            text,
            "\n[[script]]\nname = \"{name}\"\ncommand = [\"{}\"]\ninterval = \"100ms\"\ntimeout = \"30s\"\n",
            path.display()
        );
    }
    for port in 1..=services {
        let _ = write!(
            text,
            "\n[[service]]\nname = \"s{port}\"\naddress = \"{address}\"\nport = {port}\ncheck = {{ type = \"none\" }}\n\
             backends = [{{ address = \"{}\" }}, {{ address = \"{}\" }}]\n",
            MASTER.front(),
            BACKUP.front()
        );
    }
    text
}

/// Repeats `act` for [`BLOCK`]; returns how often.
fn repeat(mut act: impl FnMut() -> Result<()>) -> Result<u32> {
    let (begin, mut times) = (Instant::now(), 0);
    while begin.elapsed() < BLOCK {
        act()?;
        times += 1;
    }
    Ok(times)
}

fn a_script_hangs(world: &World) -> Result<String> {
    let runs = || -> Result<Option<u64>> {
        Ok(world.script_runs()?.into_iter().find(|(name, _)| name == "hang").map(|(_, runs)| runs))
    };
    write(&world.path("hang"), "")?;
    // The running script ends; the next one hangs.
    sleep(Duration::from_millis(300));
    let before = runs()?;
    sleep(BLOCK);
    ensure!(runs()? == before, "the script does not hang");
    fs::remove_file(world.path("hang"))?;
    Ok("no run ended".to_owned())
}

/// Meanwhile the election thread logs lines: its priority changes with each reload.
fn the_log_is_not_read(world: &World) -> Result<String> {
    world.agent.log.unread.store(true, Ordering::Relaxed);
    wait_until("the log thread waiting for a reader", PATIENCE, || {
        world.agent.waits("log", "pipe_write") || world.scene.status(MASTER).is_err()
    })?;
    let mut priority = 200;
    let times = repeat(|| {
        priority = if priority == 200 { 201 } else { 200 };
        flood(&world.netns(), 20)?;
        // Each change sends an advert at once, and peers drop adverts above four times the expected
        // rate.
        sleep(Duration::from_millis(100));
        world.agent.reload(&config(MASTER, &world.agent.paths.dir, 0, priority))
    })?;
    ensure!(world.agent.waits("log", "pipe_write"), "the log thread does not wait");
    world.agent.log.unread.store(false, Ordering::Relaxed);
    let dropped = || world.agent.log.dropped.load(Ordering::Relaxed);
    wait_until("the account of dropped lines", PATIENCE, dropped)?;
    Ok(format!("{times} reloads, lines were dropped"))
}

/// Adds and removes `count` routes and as many addresses on the back interface.
fn flood(netns: &NetNs, count: u16) -> Result<()> {
    let mut lines = String::new();
    for verb in ["add", "del"] {
        for index in 0..count {
            let [high, low] = index.to_be_bytes();
            let _ = writeln!(
                lines,
                "addr {verb} 10.8.{high}.{low}/32 dev {BACK_IF}\nroute {verb} 10.9.{high}.{low}/32 dev {BACK_IF}"
            );
        }
    }
    let mut ip = Command::new("ip")
        .args(["-n", netns.name(), "-batch", "-"])
        .stdin(Stdio::piped())
        .spawn()?;
    ip.stdin.take().context("the standard input of ip")?.write_all(lines.as_bytes())?;
    let status = ip.wait()?;
    ensure!(status.success(), "ip -batch ends with {status}");
    Ok(())
}

fn netlink_is_flooded(world: &World) -> Result<String> {
    const EACH: u16 = 400;
    let times = repeat(|| flood(&world.netns(), EACH))?;
    Ok(format!("{} changes", times * u32::from(EACH) * 4))
}

fn rings_are_filled(world: &World) -> Result<String> {
    let generation = |index: u16| -> Result<Option<u64>> {
        let status = world.scene.status(MASTER)?;
        Ok(status["services"][usize::from(index)]["generation"].as_u64())
    };
    let dir = &world.agent.paths.dir;
    let times = repeat(|| {
        world.agent.reload(&config(MASTER, dir, SERVICES, 200))?;
        wait_until("a ring of the last service", PATIENCE, || {
            generation(SERVICES - 1).is_ok_and(|known| known > Some(0))
        })?;
        world.agent.reload(&config(MASTER, dir, 0, 200))
    })?;
    Ok(format!("{times} times {SERVICES} services"))
}

/// Each requests more than its connection's buffers hold.
fn clients_never_read(world: &World) -> Result<String> {
    const REQUEST: &[u8] = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
    const STATUS: &[u8] = b"GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n";
    let server = SocketAddrV4::new(Ipv4Addr::LOCALHOST, METRICS_PORT);
    let over_tcp = world.netns().run(move || {
        let client = || -> Result<TcpStream> {
            let stream = TcpStream::connect(server)?;
            stream.set_nonblocking(true)?;
            stuff(&stream, REQUEST)?;
            Ok(stream)
        };
        (0..CLIENTS).map(|_| client()).collect::<Result<Vec<_>>>()
    })?;
    let client = || -> Result<UnixStream> {
        let stream = UnixStream::connect(&world.agent.paths.api_socket)?;
        stream.set_nonblocking(true)?;
        stuff(&stream, STATUS)?;
        Ok(stream)
    };
    let over_unix = (0..CLIENTS).map(|_| client()).collect::<Result<Vec<_>>>()?;
    sleep(BLOCK);
    Ok(format!("{} clients of the metrics, {} of the API", over_tcp.len(), over_unix.len()))
}

/// Writes a request repeatedly until the connection accepts no more.
fn stuff(mut stream: impl Write, request: &[u8]) -> Result<()> {
    for _ in 0..500 {
        match stream.write(request) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => bail!("a client cannot write: {error}"),
        }
    }
    Ok(())
}

fn the_file_does_not_open(world: &World) -> Result<String> {
    let held = HeldFile::take(&world.path("agent.toml"))?;
    let mut reload =
        world.agent.ask_for_reload().stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    sleep(BLOCK);
    ensure!(reload.try_wait()?.is_none(), "the reload does not wait for the file");
    drop(held);
    let status = reload.wait()?;
    ensure!(status.success(), "the reload ends with {status}");
    Ok("the reload waited and then went on".to_owned())
}

/// The kernel opens a program's file while the parent process waits in spawn.
fn scripts_do_not_start(world: &World) -> Result<String> {
    let dir = &world.agent.paths.dir;
    let held = (0..STARTERS)
        .map(|index| held_between_runs(&starter(dir, index)))
        .collect::<Result<Vec<_>>>()?;
    // Every script is due for its next start.
    sleep(Duration::from_millis(500));
    let before = world.script_runs()?;
    sleep(BLOCK);
    let after = world.script_runs()?;
    let stuck = |name: &str| name.starts_with("start");
    ensure!(
        before.iter().filter(|run| stuck(&run.0)).all(|run| after.contains(run)),
        "they start: {before:?} {after:?}"
    );
    ensure!(
        before.iter().filter(|run| !stuck(&run.0)).all(|run| !after.contains(run)),
        "others do not: {before:?} {after:?}"
    );
    drop(held);
    Ok(format!("{STARTERS} scripts waited, others ran, the status was shown"))
}

/// The agent loop, the runtime's workers, threads that read files or start scripts, the log thread.
fn all_other_threads_stop(world: &World) -> Result<String> {
    let held = HeldThreads::all_but(world.agent.child.id(), "election")?;
    sleep(BLOCK);
    ensure!(world.scene.lab.metrics(MASTER).is_err(), "a stopped agent answers");
    Ok(format!("{} threads were stopped", held.count()))
}

/// The shell of a running script has the file open.
fn held_between_runs(path: &Path) -> Result<HeldFile> {
    let begin = Instant::now();
    loop {
        match HeldFile::take(path) {
            Ok(held) => return Ok(held),
            Err(error) if begin.elapsed() > PATIENCE => return Err(error),
            Err(_) => sleep(Duration::from_millis(1)),
        }
    }
}
