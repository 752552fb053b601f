//! However the agent ends, the host's own state is as before, even where it resembles the agent's.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use vrrp_tests::agent::AgentPaths;
use vrrp_tests::keepalived::Settings;
use vrrp_tests::names::{BACK_IF, FRONT_IF, Vip};
use vrrp_tests::netns::NetNs;
use vrrp_tests::process::{output, wait_until};
use vrrp_tests::scene::{Scene, plain_config};
use vrrp_tests::{LabOptions, Node, Router};

const NODE: Node = Node::Node1;
const VIP: Vip = Vip::Vip1;
const PATIENCE: Duration = Duration::from_secs(10);
/// The host's own addresses on the front interface; both are also excluded addresses of the router.
const OWN: [&str; 2] = ["192.168.1.248/24", "192.168.1.247/32"];
/// The virtual MAC of another VRID, which another program added to the interface's filter.
const THEIR_MAC: &str = "00:00:5e:00:01:99";
const OUR_MAC: &str = "00:00:5e:00:01:33";

fn settings() -> Settings {
    Settings { track_nginx: false, ..Settings::fast() }
}

/// One router, without services.
fn plain() -> String {
    let text = plain_config(NODE, &settings());
    text[..text.rfind("[[virtual_router]]").unwrap_or(text.len())].to_owned()
}

/// The features with most changes on a host: virtual MAC, direct return, NAT, excluded addresses.
fn everything() -> String {
    let keys = "virtual_mac = true\nexcluded_addresses = [\"192.168.1.248\", \"192.168.1.247\", \"192.168.1.246\"]\n";
    let services = "[[service]]\nname = \"web\"\naddress = \"192.168.1.249\"\nport = 80\ncheck = { type = \"none\" }\n\
                    backends = [{ address = \"192.168.1.205\" }, { address = \"192.168.1.206\" }]\n\
                    [[service]]\nname = \"nat\"\naddress = \"192.168.1.249\"\nport = 81\ncheck = { type = \"none\" }\n\
                    backends = [{ address = \"10.0.0.22\", forward = \"nat\", port = 8080 }]\n";
    format!("{}\n{keys}{services}", plain().trim_end())
}

/// The same node with the address of its interface among the excluded ones.
fn with_own_address_excluded() -> String {
    format!("{}\nexcluded_addresses = [\"192.168.1.205\"]\n", plain().trim_end())
}

fn said(netns: &NetNs, words: &str) -> Result<String> {
    let mut words = words.split(' ');
    let mut command = netns.command(words.next().unwrap_or_default())?;
    command.args(words);
    output(&mut command)
}

/// The lines that a command prints, sorted, without the kernel's own neighbour entries: groups and
/// the loopback interface.
fn lines(netns: &NetNs, words: &str) -> Result<String> {
    let of_kernel = |line: &&str| {
        ["lladdr 01:00:5e", "lladdr 33:33", "lladdr 00:00:00:00:00:00"]
            .iter()
            .any(|mac| line.contains(mac))
    };
    let text = said(netns, words)?;
    let mut lines: Vec<&str> = text.lines().filter(|line| !of_kernel(line)).collect();
    lines.sort_unstable();
    Ok(lines.join("\n"))
}

/// Everything that an agent could change, by kind.
fn state(netns: &NetNs) -> Result<BTreeMap<String, String>> {
    let mut state = BTreeMap::new();
    for words in [
        "ip -o addr show",
        "ip -4 route show table all",
        "ip -6 route show table all",
        "ip -4 rule show",
        "ip -6 rule show",
        "ip neigh show nud permanent",
        "ip neigh show nud noarp",
        "ip -d link show",
        "bridge fdb show",
        "tc qdisc show",
    ] {
        state.insert(words.to_owned(), lines(netns, words)?);
    }
    for interface in [FRONT_IF, BACK_IF, "other0"] {
        let words = format!("ethtool -k {interface}");
        state.insert(words.clone(), said(netns, &words)?);
    }
    state.extend(netns.run(|| {
        let mut settings = BTreeMap::new();
        for family in ["ipv4", "ipv6"] {
            for interface in fs::read_dir(format!("/proc/sys/net/{family}/conf"))?.flatten() {
                for setting in fs::read_dir(interface.path())?.flatten() {
                    // Some sysctls cannot be read until they were set.
                    if let Ok(value) = fs::read_to_string(setting.path()) {
                        settings.insert(setting.path().display().to_string(), value);
                    }
                }
            }
        }
        Ok(settings)
    })?);
    Ok(state)
}

fn ensure_same(
    before: &BTreeMap<String, String>,
    after: &BTreeMap<String, String>,
    when: &str,
) -> Result<()> {
    let keys = before.keys().chain(after.keys());
    let differs: Vec<String> = keys
        .filter(|key| before.get(*key) != after.get(*key))
        .map(|key| format!("{key}: before\n{:?}\nafter\n{:?}", before.get(key), after.get(key)))
        .collect();
    ensure!(differs.is_empty(), "{when}:\n{}", differs.join("\n"));
    Ok(())
}

/// State of other programs: each item resembles the agent's.
fn set_up_others(netns: &NetNs, others_program: &Path) -> Result<()> {
    let mac = Node::Node2.front_mac();
    netns.ip(&[
        format!("addr add {} dev {FRONT_IF}", OWN[0]),
        format!("addr add {} dev {FRONT_IF}", OWN[1]),
        format!("neigh replace {} lladdr {mac} dev {FRONT_IF} nud permanent", Node::Node2.front()),
        format!("neigh replace 10.0.0.22 lladdr 02:00:00:00:00:22 dev {BACK_IF} nud noarp"),
        format!("route add unreachable {} table 100 proto 112", VIP.address()),
        format!("route add local {} dev lo table local proto static metric 50", VIP.address()),
        "rule add to 192.168.1.249 lookup 100 prio 40000".to_owned(),
        "link add other0 type veth peer name other1".to_owned(),
        "link set other0 up".to_owned(),
        "link set other1 up".to_owned(),
    ])?;
    said(netns, &format!("bridge fdb add {THEIR_MAC} dev {FRONT_IF} self"))?;
    vrrp_tests::xdp::attach(netns, "other0", others_program)
}

struct Lab {
    scene: Scene,
    netns: NetNs,
    before: BTreeMap<String, String>,
}

impl Lab {
    fn run(&mut self, config: String) -> Result<()> {
        self.scene.lab.set_router(NODE, Router::AgentWith(config), settings());
        self.scene.lab.start_router(NODE)?;
        self.scene.router_when(NODE, VIP, "master", |router| router["role"] == "master")?;
        wait_until("the address", PATIENCE, || {
            self.scene.lab.holds(NODE, VIP.address()).is_ok_and(|holds| holds)
        })
    }

    /// Runs until every change is in place.
    fn run_with_everything(&mut self) -> Result<()> {
        self.run(everything())?;
        wait_until(
            "the settings of direct return and NAT, the filter and the excluded address",
            PATIENCE,
            || {
                let holds = |words: &str, text: &str| {
                    said(&self.netns, words).is_ok_and(|shown| shown.contains(text))
                };
                self.setting("ipv4", FRONT_IF, "arp_ignore") == "1"
                    && self.setting("ipv4", BACK_IF, "forwarding") == "1"
                    && holds("bridge fdb show", OUR_MAC)
                    && holds("ip -o addr show", "192.168.1.246/32")
                    && holds("ip route show table local", "local 192.168.1.249 dev lo proto 112")
            },
        )
        .with_context(|| self.scene.log(NODE))
    }

    fn setting(
        &self,
        family: &'static str,
        interface: &'static str,
        setting: &'static str,
    ) -> String {
        let read = move || {
            Ok(fs::read_to_string(format!("/proc/sys/net/{family}/conf/{interface}/{setting}"))?)
        };
        self.netns.run(read).unwrap_or_default().trim().to_owned()
    }

    fn reload(&self, config: &str) -> Result<()> {
        let paths = AgentPaths::below(&self.scene.lab.dir(NODE.host()));
        let file = paths.dir.join("agent.toml");
        let running = fs::read_to_string(&file)?;
        // Node name and paths of the lab come before the tables.
        let head = &running[..running.find("[[").unwrap_or(0)];
        let tables = &config[config.find("[[").unwrap_or(0)..];
        fs::write(&file, format!("{head}{tables}"))?;
        self.scene.expect_output(NODE, &["reload"], 0, "")
    }

    fn detach(&self) -> Result<()> {
        let paths = AgentPaths::below(&self.scene.lab.dir(NODE.host()));
        let asked: Command = self
            .scene
            .lab
            .vrrp_agent(NODE, &["detach", "--bpf-dir", &paths.bpf_dir.to_string_lossy()]);
        let mut command = self.netns.command(&asked.get_program().to_string_lossy())?;
        command.args(asked.get_args());
        output(&mut command).map(drop)
    }

    fn ensure_as_before(&self, when: &str) -> Result<()> {
        ensure_same(&self.before, &state(&self.netns)?, when).with_context(|| self.scene.log(NODE))
    }
}

#[test]
#[ignore = "needs root: network namespaces and XDP"]
fn the_hosts_own_state_is_as_before_after_a_reload_a_stop_a_kill_and_a_detach() -> Result<()> {
    let routers = [Node::Node1, Node::Node2].map(|_| Router::AgentWith(plain()));
    let [one, two] = routers;
    let scene = Scene::without_routers(LabOptions::new(one, two).with_settings(&settings()))?;
    let netns = scene.lab.topology().host(NODE.host());
    // The program that the lab attached on the switch.
    set_up_others(&netns, &scene.lab.run_dir().join("switch-bpf/pass"))?;
    // IPv6 addresses leave their tentative state.
    wait_until("all addresses", PATIENCE, || {
        said(&netns, "ip -o addr show tentative").is_ok_and(|shown| shown.is_empty())
    })?;
    let before = state(&netns)?;
    let mut lab = Lab { scene, netns, before };

    lab.run_with_everything()?;
    sleep(Duration::from_secs(6));
    for (kind, words) in [
        ("static neighbours", "ip neigh show nud permanent"),
        ("others' neighbours", "ip neigh show nud noarp"),
    ] {
        let now = lines(&lab.netns, words)?;
        ensure!(Some(&now) == lab.before.get(words), "{kind} after they were confirmed: {now}");
    }
    lab.reload(&with_own_address_excluded())?;
    wait_until(
        "settings that nothing needs any more are given back while it runs",
        PATIENCE,
        || {
            lab.setting("ipv4", FRONT_IF, "arp_ignore") == "0"
                && lab.setting("ipv4", BACK_IF, "forwarding") == "0"
        },
    )?;
    let shown = said(&lab.netns, "ip -o addr show")?;
    ensure!(
        shown.contains("192.168.1.205/24") && OWN.iter().all(|own| shown.contains(own)),
        "the host's own addresses: {shown}"
    );
    lab.scene.router_when(NODE, VIP, "master all the time", |router| router["role"] == "master")?;

    lab.reload(&everything())?;
    wait_until("all of it again", PATIENCE, || lab.setting("ipv4", FRONT_IF, "arp_ignore") == "1")?;
    lab.scene.lab.stop_router(NODE)?;
    lab.detach()?;
    lab.ensure_as_before("stopped as a direct-return backend, and detached")?;

    lab.run_with_everything()?;
    lab.scene.lab.kill_router(NODE)?;
    lab.detach()?;
    lab.ensure_as_before("killed, and detached")?;

    lab.run_with_everything()?;
    lab.scene.lab.kill_router(NODE)?;
    lab.run(plain())?;
    lab.scene.lab.stop_router(NODE)?;
    lab.ensure_as_before("killed, started with less, and stopped")?;
    lab.scene.lab.down()
}
