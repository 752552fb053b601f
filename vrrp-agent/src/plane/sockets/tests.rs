//! The socket programs in the kernel, on a cgroup of the tests' own. Servers listen on loopback
//! addresses of a new network namespace, which has no route to the upstreams' addresses.
#![allow(clippy::disallowed_methods, reason = "a test measures")]

use std::io::{ErrorKind, Read};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nix::mount::{MntFlags, umount2};
use socket2::{Domain, Socket, Type};
use vrrp_common::balance::{LEAST_CONNECTIONS, WEIGHTED_RANDOM};
use vrrp_common::ip::Address;
use vrrp_common::socket_maps::{Backend, Load, Outcomes, UpstreamKey};

use super::*;
use crate::net::testing::in_pair;
use vrrp_steering::desired::{Pool, place};

/// No host has these addresses.
const UPSTREAM: &str = "10.9.9.9:9000";
const UPSTREAM_V6: &str = "[2001:db8::9]:9000";

/// Upstream, members with their weights, balance.
type PoolOf<'a> = (&'a str, &'a [(SocketAddr, u32)], u32);

/// The whole process enters the cgroup: one test at a time.
static TURN: Mutex<()> = Mutex::new(());

/// A cgroup and a directory for pins; both are removed on drop.
struct Site {
    cgroup: Cgroup,
    home: PathBuf,
    pins: tempfile::TempDir,
    _turn: MutexGuard<'static, ()>,
}

impl Site {
    fn new() -> Self {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let root = cgroup::mount_point().expect("cgroups of version 2");
        let own = fs::read_to_string("/proc/self/cgroup").expect("this process's cgroups");
        let home =
            own.lines().find_map(|line| line.strip_prefix("0::/")).expect("one of version 2");
        let path = root.join(format!("vrrp-agent-test-{}", std::process::id()));
        fs::create_dir(&path).expect("a cgroup: needs root");
        let cgroup = Cgroup::find(&vrrp_model::Cgroup::Path(path), None).expect("the cgroup");
        Self {
            cgroup,
            home: root.join(home),
            pins: tempfile::tempdir().expect("a directory"),
            _turn: turn,
        }
    }

    /// Runs `act` as a process of the cgroup. Its sockets belong to the cgroup for as long as they
    /// live.
    fn inside<T>(&self, act: impl FnOnce() -> T) -> T {
        let enter =
            |path: &Path| fs::write(path.join("cgroup.procs"), "0").expect("moving this process");
        enter(&self.cgroup.path);
        let result = act();
        enter(&self.home);
        result
    }

    fn connect(&self, to: &str) -> std::io::Result<TcpStream> {
        self.inside(|| TcpStream::connect(to))
    }

    fn plane(&self) -> Steering {
        let plane = SocketPlane::open(self.pins.path()).expect("the programs load");
        let tables = SocketTables::open(&plane.maps).expect("their tables");
        let counters = SocketCounters::open(&plane.maps).expect("their counters");
        Steering { plane, tables, counters }
    }

    /// Attaches the programs and writes the pools.
    fn steer(&self, pools: &[PoolOf]) -> Steering {
        let mut steering = self.plane();
        steering.set(pools);
        steering.plane.attach(&self.cgroup).expect("the programs attach");
        steering
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = fs::write(self.home.join("cgroup.procs"), "0");
        umount2(self.pins.path(), MntFlags::MNT_DETACH).expect("unmounting");
        fs::remove_dir(&self.cgroup.path).expect("removing the cgroup");
    }
}

struct Steering {
    plane: SocketPlane,
    tables: SocketTables,
    counters: SocketCounters,
}

impl Steering {
    fn set(&mut self, pools: &[PoolOf]) {
        let backends: BTreeSet<Backend> =
            pools.iter().flat_map(|(_, members, _)| *members).map(|&(to, _)| place(to)).collect();
        let pool = |&(name, members, balance): &PoolOf| {
            let members = members.iter().map(|&(to, weight)| (place(to), weight)).collect();
            (key(name), Some(Pool { balance, members }))
        };
        self.tables.set_backends(&backends).expect("room for the backends");
        self.tables.set_pools(&pools.iter().map(pool).collect()).expect("room for the upstreams");
    }

    fn load(&self, server: &Server) -> Load {
        self.counters.load(self.tables.backend_index(&place(server.at)).expect("a place"))
    }

    fn outcomes(&self, upstream: &str) -> Outcomes {
        self.counters.outcomes(self.tables.upstream_index(&key(upstream)).expect("an index"))
    }
}

fn key(name: &str) -> UpstreamKey {
    let address: SocketAddr = name.parse().expect("an address");
    UpstreamKey { address: Address::from(address.ip()), port: address.port(), pad: [0; 6] }
}

struct Server {
    listener: TcpListener,
    at: SocketAddr,
}

impl Server {
    fn new(address: &str) -> Self {
        let listener = TcpListener::bind(address).expect("a listener");
        let at = listener.local_addr().expect("its address");
        Self { listener, at }
    }

    /// Accepts the waiting connections and returns their number.
    fn accepted(&self) -> usize {
        self.listener.set_nonblocking(true).expect("a mode");
        std::iter::from_fn(|| self.listener.accept().ok()).count()
    }
}

/// Runs `test` in a network namespace of its own, where loopback is up.
fn in_namespace(test: impl FnOnce(&Site) + Send + 'static) {
    in_pair(async move |_| test(&Site::new()));
}

#[test]
#[ignore = "needs root: BPF, cgroups, network namespaces"]
fn the_verifier_has_room_to_spare() {
    in_namespace(|site| {
        let mut steering = site.plane();
        for name in PROGRAMS {
            let info = program(&mut steering.plane.ebpf, name)
                .and_then(|program| Ok(program.info()?))
                .expect("a loaded program");
            let steps = info.verified_instruction_count().expect("a count");
            println!("{name}: {steps} steps of a million");
            assert!(steps < 250_000, "{name}: {steps}");
        }
    });
}

#[test]
#[ignore = "needs root: BPF, cgroups, network namespaces"]
fn connections_go_to_the_least_loaded_backend_and_are_uncounted_when_closed() {
    in_namespace(|site| {
        let (one, two) = (Server::new("127.0.0.1:0"), Server::new("127.0.0.2:0"));
        let steering = site.steer(&[(UPSTREAM, &[(one.at, 1), (two.at, 1)], LEAST_CONNECTIONS)]);
        let open: Vec<TcpStream> =
            (0..6).map(|_| site.connect(UPSTREAM).expect("a connection")).collect();
        assert_eq!((one.accepted(), two.accepted()), (3, 3));
        assert_eq!((steering.load(&one).in_flight, steering.load(&two).in_flight), (3, 3));
        for stream in &open {
            assert_eq!(stream.peer_addr().expect("a peer").to_string(), UPSTREAM);
        }
        drop(open);
        for server in [&one, &two] {
            assert_eq!(steering.load(server).in_flight, 0);
            assert_eq!((steering.load(server).connects, steering.load(server).failures), (3, 0));
        }
        assert_eq!(steering.outcomes(UPSTREAM), Outcomes { steered: 6, refused: 0, uncounted: 0 });
    });
}

#[test]
#[ignore = "needs root: BPF, cgroups, network namespaces"]
fn weights_divide_connections_in_flight_and_chances() {
    in_namespace(|site| {
        let (one, two) = (Server::new("127.0.0.1:0"), Server::new("127.0.0.2:0"));
        let mut steering =
            site.steer(&[(UPSTREAM, &[(one.at, 1), (two.at, 3)], LEAST_CONNECTIONS)]);
        let open: Vec<TcpStream> =
            (0..40).map(|_| site.connect(UPSTREAM).expect("a connection")).collect();
        assert_eq!((steering.load(&one).in_flight, steering.load(&two).in_flight), (10, 30));
        drop(open);
        steering.set(&[(UPSTREAM, &[(one.at, 1), (two.at, 3)], WEIGHTED_RANDOM)]);
        let before = steering.load(&one).connects;
        for _ in 0..400 {
            drop(site.connect(UPSTREAM).expect("a connection"));
            one.accepted();
            two.accepted();
        }
        let chosen = steering.load(&one).connects - before;
        // 100 are expected; nine standard deviations either way.
        assert!(
            (22..178).contains(&chosen),
            "{chosen} of 400 went to the one with a quarter of the weight"
        );
    });
}

#[test]
#[ignore = "needs root: BPF, cgroups, network namespaces"]
fn a_backend_that_refuses_is_avoided_until_all_others_are_suspect_too() {
    in_namespace(|site| {
        let (well, dead) = (Server::new("127.0.0.1:0"), Server::new("127.0.0.2:0"));
        let steering = site.steer(&[(UPSTREAM, &[(well.at, 1), (dead.at, 1)], LEAST_CONNECTIONS)]);
        let Server { listener, at } = dead;
        let dead =
            Server { listener: TcpListener::bind("127.0.0.3:0").expect("another listener"), at };
        drop(listener);
        let held = site
            .connect(UPSTREAM)
            .or_else(|_| site.connect(UPSTREAM))
            .expect("a connection to the one that lives");
        let begin = Instant::now();
        let failures = (0..50).filter(|_| site.connect(UPSTREAM).is_err()).count();
        let took = begin.elapsed();
        // One at first, and one each time that the suspicion ends.
        let expected = 1 + took.as_secs() as usize;
        assert!(steering.load(&dead).failures <= expected as u64 + 1, "{:?}", steering.load(&dead));
        assert!(failures <= expected, "{failures} of 50 failed in {took:?}");
        assert!(
            steering.load(&dead).failures > 0 && steering.load(&dead).in_flight == 0,
            "{:?}",
            steering.load(&dead)
        );
        assert_eq!((steering.load(&well).failures, steering.load(&well).suspect_until), (0, 0));
        drop(held);
    });
}

#[test]
#[ignore = "needs root: BPF, cgroups, network namespaces"]
fn a_connection_that_both_sides_close_is_no_failure_and_one_that_is_reset_is() {
    in_namespace(|site| {
        let server = Server::new("127.0.0.1:0");
        let steering = site.steer(&[(UPSTREAM, &[(server.at, 1)], LEAST_CONNECTIONS)]);
        // Both sides close before the socket does: its state is then that of a refused one.
        let mut stream = site.connect(UPSTREAM).expect("a connection");
        let (peer, _) = server.listener.accept().expect("the connection");
        stream.shutdown(Shutdown::Write).expect("half closed");
        drop(peer);
        assert_eq!(stream.read(&mut [0]).expect("the end"), 0);
        drop(stream);
        let load = steering.load(&server);
        assert_eq!(
            (load.connects, load.failures, load.in_flight, load.suspect_until),
            (1, 0, 0, 0)
        );
        // Reset.
        let mut stream = site.connect(UPSTREAM).expect("a connection");
        let (peer, _) = server.listener.accept().expect("the connection");
        Socket::from(peer).set_linger(Some(Duration::ZERO)).expect("an option");
        assert_eq!(stream.read(&mut [0]).expect_err("a reset").kind(), ErrorKind::ConnectionReset);
        drop(stream);
        let load = steering.load(&server);
        assert_eq!((load.connects, load.failures, load.in_flight), (2, 1, 0));
        assert!(load.suspect_until > 0);
        // Never accepted: reset when the listener goes.
        let mut stream = site.connect(UPSTREAM).expect("a connection");
        let Server { listener, at } = server;
        drop(listener);
        assert_eq!(stream.read(&mut [0]).expect_err("a reset").kind(), ErrorKind::ConnectionReset);
        drop(stream);
        let load =
            steering.counters.load(steering.tables.backend_index(&place(at)).expect("a place"));
        assert_eq!((load.connects, load.failures, load.in_flight), (3, 2, 0));
    });
}

#[test]
#[ignore = "needs root: BPF, cgroups, network namespaces"]
fn without_a_usable_backend_connections_are_refused_at_once() {
    in_namespace(|site| {
        let server = Server::new("127.0.0.1:0");
        let steering = site.steer(&[
            (UPSTREAM, &[(server.at, 0)], LEAST_CONNECTIONS),
            ("10.9.9.9:9001", &[], WEIGHTED_RANDOM),
        ]);
        for upstream in [UPSTREAM, "10.9.9.9:9001"] {
            let error = site.connect(upstream).expect_err("refused");
            assert_eq!(error.kind(), ErrorKind::PermissionDenied);
            assert_eq!(
                steering.outcomes(upstream),
                Outcomes { steered: 0, refused: 1, uncounted: 0 }
            );
        }
        assert_eq!(steering.load(&server), Load { epoch: 1, ..Load::default() });
    });
}

#[test]
#[ignore = "needs root: BPF, cgroups, network namespaces"]
fn other_processes_other_addresses_and_udp_are_left_alone() {
    in_namespace(|site| {
        let server = Server::new("127.0.0.1:0");
        let steering = site.steer(&[(UPSTREAM, &[(server.at, 1)], LEAST_CONNECTIONS)]);
        TcpStream::connect(UPSTREAM).expect_err("nothing leads there from outside the cgroup");
        site.connect("10.9.9.9:9001").expect_err("another port");
        let direct = site.connect(&server.at.to_string()).expect("past the upstream");
        assert_eq!(direct.peer_addr().expect("a peer"), server.at);
        let datagrams = site.inside(|| {
            std::net::UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.connect(UPSTREAM))
        });
        datagrams.expect_err("UDP is not steered");
        assert_eq!(steering.outcomes(UPSTREAM), Outcomes::default());
        assert_eq!(steering.load(&server).in_flight, 0);
    });
}

#[test]
#[ignore = "needs root: BPF, cgroups, network namespaces"]
fn ipv6_is_steered_and_so_are_ipv4_mapped_addresses() {
    in_namespace(|site| {
        let (v4, v6) = (Server::new("127.0.0.1:0"), Server::new("[::1]:0"));
        let pools: &[PoolOf] = &[
            (UPSTREAM, &[(v4.at, 1)], LEAST_CONNECTIONS),
            (UPSTREAM_V6, &[(v6.at, 1)], LEAST_CONNECTIONS),
        ];
        let steering = site.steer(pools);
        let stream = site.connect(UPSTREAM_V6).expect("a connection");
        assert_eq!(stream.peer_addr().expect("a peer").to_string(), UPSTREAM_V6);
        let mapped = "[::ffff:10.9.9.9]:9000";
        let other = site.connect(mapped).expect("a connection");
        assert_eq!(other.peer_addr().expect("a peer").to_string(), mapped);
        assert_eq!((v6.accepted(), v4.accepted()), (1, 1));
        assert_eq!((steering.load(&v6).in_flight, steering.load(&v4).in_flight), (1, 1));
        drop((stream, other));
        assert_eq!((steering.load(&v6).in_flight, steering.load(&v4).in_flight), (0, 0));
    });
}

#[test]
#[ignore = "needs root: BPF, cgroups, network namespaces"]
fn a_socket_that_retries_is_counted_once() {
    in_namespace(|site| {
        let (server, other) = (Server::new("127.0.0.1:0"), Server::new("127.0.0.2:0"));
        let Server { listener, at } = server;
        drop(listener);
        let steering = site.steer(&[(UPSTREAM, &[(at, 1)], LEAST_CONNECTIONS)]);
        let socket =
            site.inside(|| Socket::new(Domain::IPV4, Type::STREAM, None)).expect("a socket");
        let upstream = UPSTREAM.parse::<SocketAddr>().expect("an address").into();
        socket.connect(&upstream).expect_err("refused");
        socket.connect(&upstream).expect_err("refused");
        let server = Server { listener: TcpListener::bind(at).expect("the listener is back"), at };
        assert_eq!(steering.load(&server).in_flight, 1);
        socket.connect(&upstream).expect("a connection");
        let load = steering.load(&server);
        assert_eq!((load.in_flight, load.connects, load.failures), (1, 3, 2));
        drop(socket);
        assert_eq!((steering.load(&server).in_flight, steering.load(&server).failures), (0, 2));

        // A socket that gives up on the upstream and connects elsewhere.
        drop(server);
        let socket =
            site.inside(|| Socket::new(Domain::IPV4, Type::STREAM, None)).expect("a socket");
        socket.connect(&upstream).expect_err("refused");
        socket.connect(&other.at.into()).expect("a connection");
        assert_eq!(socket.peer_addr().expect("a peer").as_socket(), Some(other.at));
        let place = steering.tables.backend_index(&place(at)).expect("a place");
        assert_eq!(
            (steering.counters.load(place).in_flight, steering.counters.load(place).failures),
            (0, 3)
        );
    });
}

#[test]
#[ignore = "needs root: BPF, cgroups, network namespaces"]
fn the_next_agent_goes_on_with_connections_and_counts() {
    in_namespace(|site| {
        let (one, two) = (Server::new("127.0.0.1:0"), Server::new("127.0.0.2:0"));
        let members = [(one.at, 1), (two.at, 1)];
        let pools: &[PoolOf] = &[(UPSTREAM, &members, LEAST_CONNECTIONS)];
        let first = site.steer(pools);
        assert!(!first.plane.has_counted_without_gap(), "no agent ran before");
        let mut open: Vec<TcpStream> =
            (0..4).map(|_| site.connect(UPSTREAM).expect("a connection")).collect();
        // Killed: its links and maps live on in their pins.
        drop(first);
        open.extend((0..2).map(|_| site.connect(UPSTREAM).expect("steered without an agent")));
        drop(open.drain(..1));

        let mut second = site.plane();
        assert!(second.plane.has_counted_without_gap());
        second.set(pools);
        let sum =
            |steering: &Steering| steering.load(&one).in_flight + steering.load(&two).in_flight;
        assert_eq!(sum(&second), 5);
        second.plane.attach(&site.cgroup).expect("the programs attach");
        assert_eq!(
            second.plane.pins.as_ref().map(|pins| pins.cgroup_links().len()),
            Some(PROGRAMS.len())
        );
        open.push(site.connect(UPSTREAM).expect("a connection"));
        assert_eq!(sum(&second), 6);
        drop(open);
        assert_eq!((second.load(&one).in_flight, second.load(&two).in_flight), (0, 0));
    });
}

#[test]
#[ignore = "needs root: BPF, cgroups, network namespaces"]
fn programs_of_two_agents_count_a_connection_once() {
    in_namespace(|site| {
        let server = Server::new("127.0.0.1:0");
        let steering = site.steer(&[(UPSTREAM, &[(server.at, 1)], LEAST_CONNECTIONS)]);
        // As during an upgrade: both agents' programs are attached to the cgroup, over the same
        // maps.
        let mut other = site.plane();
        let directory = File::open(&site.cgroup.path).expect("the cgroup");
        let attach = |name| {
            attach(program(&mut other.plane.ebpf, name).expect("a program"), &directory)
                .expect("a link")
        };
        let links: Vec<FdLink> = PROGRAMS.into_iter().map(attach).collect();
        let stream = site.connect(UPSTREAM).expect("a connection");
        assert_eq!(stream.peer_addr().expect("a peer").to_string(), UPSTREAM);
        let load = steering.load(&server);
        assert_eq!((load.in_flight, load.connects, load.failures), (1, 1, 0));
        drop(stream);
        let load = steering.load(&server);
        assert_eq!((load.in_flight, load.connects, load.failures), (0, 1, 0));
        drop(links);
    });
}

#[test]
#[ignore = "needs root: BPF, cgroups, network namespaces"]
fn connections_that_no_program_counted_are_forgotten_with_a_new_epoch() {
    in_namespace(|site| {
        let server = Server::new("127.0.0.1:0");
        let mut steering = site.steer(&[(UPSTREAM, &[(server.at, 1)], LEAST_CONNECTIONS)]);
        let (early, closed) = (
            site.connect(UPSTREAM).expect("a connection"),
            site.connect(UPSTREAM).expect("a connection"),
        );
        assert!(
            steering.plane.detach_others(&BTreeSet::new()),
            "connections are left that no program counts"
        );
        // The kernel releases the programs a little later.
        while site.connect(UPSTREAM).is_ok() {}
        std::thread::sleep(Duration::from_millis(200));
        let stale = steering.load(&server).in_flight;
        drop(closed);
        assert!(
            stale >= 2 && steering.load(&server).in_flight == stale,
            "the closed one is still counted"
        );
        steering.tables.restart_counts().expect("a new epoch");
        steering.plane.attach(&site.cgroup).expect("the programs attach");
        assert_eq!(steering.load(&server).in_flight, 0);
        let late = site.connect(UPSTREAM).expect("a connection");
        drop(early);
        assert_eq!(steering.load(&server).in_flight, 1);
        drop(late);
        assert_eq!(steering.load(&server).in_flight, 0);
    });
}

#[test]
#[ignore = "needs root: BPF, cgroups, network namespaces"]
fn a_backend_keeps_its_counts_over_a_reload_and_a_new_one_starts_at_zero() {
    in_namespace(|site| {
        let (one, two) = (Server::new("127.0.0.1:0"), Server::new("127.0.0.2:0"));
        let mut steering = site.steer(&[(UPSTREAM, &[(one.at, 1)], LEAST_CONNECTIONS)]);
        let held = site.connect(UPSTREAM).expect("a connection");
        steering.set(&[(UPSTREAM, &[(one.at, 0), (two.at, 1)], LEAST_CONNECTIONS)]);
        let other = site.connect(UPSTREAM).expect("a connection");
        assert_eq!(
            (steering.load(&one).in_flight, steering.load(&two).in_flight),
            (1, 1),
            "drained, and counted on"
        );
        steering.set(&[(UPSTREAM, &[(two.at, 1)], LEAST_CONNECTIONS)]);
        steering.set(&[(UPSTREAM, &[(one.at, 1), (two.at, 1)], LEAST_CONNECTIONS)]);
        assert_eq!(steering.load(&one).in_flight, 0, "another index, or the same with a new epoch");
        drop(held);
        assert_eq!((steering.load(&one).in_flight, steering.load(&two).in_flight), (0, 1));
        drop(other);
        assert_eq!(steering.load(&two).in_flight, 0);
    });
}

#[test]
fn a_unit_is_found_wherever_its_slice_is() {
    let root = tempfile::tempdir().expect("a directory");
    let deep = root.path().join("system.slice/system-php.slice/php@1.service");
    fs::create_dir_all(&deep).expect("a tree");
    assert_eq!(cgroup::search(root.path(), "php@1.service", 6), Some(deep));
    assert_eq!(cgroup::search(root.path(), "nginx.service", 6), None);
    let error = Cgroup::find(&vrrp_model::Cgroup::Path(root.path().to_owned()), None)
        .expect_err("no cgroup");
    assert_eq!(error, CgroupError::OtherVersion(root.path().to_owned()));
    let missing = root.path().join("gone");
    assert_eq!(
        Cgroup::find(&vrrp_model::Cgroup::Path(missing.clone()), None),
        Err(CgroupError::Missing(missing))
    );
}
