//! The list of virtual addresses that the agent may install, in a file beside its API socket: `vrrp-agent detach` goes by it, also
//! where no kernel program and so no map knows them.
//!
//! The file is written before the first address is installed and at a reload, never when an address moves. A clean stop removes it.
//! An address is the agent's if it is on the list, on that interface and with that prefix length, and bears the agent's mark. Kernels
//! before 5.18 have no marks: there an address that the host had before the agent never gets on the list.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use crate::model::Config;
use crate::net::addresses::ADDRESS_PROTOCOL;
use crate::net::view::{Address, HostView, Link};
use crate::plane::refusal;

/// The first kernel that marks addresses (IFA_PROTO).
const MARKS_SINCE: (u32, u32) = (5, 18);
const HEAD: &str = "# Virtual addresses that vrrp-agent may have installed here; `vrrp-agent detach` removes them.\n";

/// Interface, address and prefix length.
pub type Entry = (String, IpAddr, u8);

/// Where the agent with this API socket keeps its list.
pub fn path(api_socket: &Path) -> PathBuf {
    api_socket.with_extension("addresses")
}

/// Puts the addresses of `config` on the list at `path`. Those that are on it stay: an address that a reload took out may still be installed.
///
/// # Errors
/// The file cannot be read or replaced.
pub fn remember(path: &Path, config: &Config, host: &HostView) -> io::Result<()> {
    let known = read(path)?;
    let wanted = entries(config).filter(|entry| !is_the_hosts(entry, host)).chain(known.iter().cloned());
    let entries: BTreeSet<Entry> = wanted.collect();
    if entries == known {
        return Ok(());
    }
    let mut text = HEAD.to_owned();
    for (interface, address, prefix_len) in &entries {
        let _ = writeln!(text, "{interface} {address}/{prefix_len}");
    }
    let mut new = path.to_owned().into_os_string();
    new.push(".new");
    fs::write(&new, text)?;
    fs::rename(&new, path)
}

/// The list; empty where there is none.
///
/// # Errors
/// The file is there and cannot be read.
pub fn read(path: &Path) -> io::Result<BTreeSet<Entry>> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
        Err(error) => return Err(error),
    };
    Ok(text.lines().filter_map(entry).collect())
}

/// Removes the list; none there is fine.
///
/// # Errors
/// It cannot be removed.
pub fn forget(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// The addresses of this host that are on the list and the agent's, with the interfaces that hold them.
pub fn left<'a>(list: &'a BTreeSet<Entry>, host: &'a HostView) -> impl Iterator<Item = (&'a Link, &'a Address)> {
    let marked = kernel_marks();
    let held = host.links.values().flat_map(|link| link.addresses.iter().map(move |held| (link, held)));
    held.filter(move |(link, held)| {
        let listed = list.contains(&(link.name.clone(), held.address, held.prefix_len));
        listed && (held.protocol == ADDRESS_PROTOCOL || !marked)
    })
}

fn kernel_marks() -> bool {
    refusal::version(&refusal::release()).is_none_or(|found| found >= MARKS_SINCE)
}

fn entries(config: &Config) -> impl Iterator<Item = Entry> {
    config.routers.iter().flat_map(|router| {
        router.addresses.iter().chain(&router.excluded_addresses).map(|virtual_address| {
            let interface = virtual_address.device.as_ref().unwrap_or(&router.interface).clone();
            (interface, virtual_address.address, virtual_address.prefix_len)
        })
    })
}

/// Whether the host has the address by other means than this agent.
fn is_the_hosts((interface, address, prefix_len): &Entry, host: &HostView) -> bool {
    host.link_by_name(interface).is_some_and(|link| {
        let same = |held: &&Address| held.address == *address && held.prefix_len == *prefix_len;
        link.addresses.iter().find(same).is_some_and(|held| held.protocol != ADDRESS_PROTOCOL)
    })
}

fn entry(line: &str) -> Option<Entry> {
    let (interface, network) = line.split_once(' ')?;
    let (address, prefix_len) = network.split_once('/')?;
    Some((interface.to_owned(), address.parse().ok()?, prefix_len.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Language, Mode, Source, parse};

    fn config(api_socket: &Path) -> Config {
        let text = include_str!("config/testdata/node1.toml");
        let outcome = parse(&Source::new("F", text.as_bytes()), Language::Toml, Mode::Strict, "host");
        Config { api_socket: api_socket.to_owned(), ..outcome.config.expect("a good file") }
    }

    fn host(held: &[(&str, u8, u8)]) -> HostView {
        let address = |&(address, prefix_len, protocol): &(&str, u8, u8)| Address {
            address: address.parse().expect("an address"),
            prefix_len,
            protocol,
            label: None,
            scope: 0,
            secondary: false,
            usable: true,
        };
        let addresses = held.iter().map(address).collect();
        let link = Link { name: "eth1".to_owned(), index: 2, up: true, addresses, ..Link::default() };
        HostView { links: [(2, link)].into(), ..HostView::default() }
    }

    const VIP: &str = "192.168.1.249";

    #[test]
    fn what_was_put_on_the_list_is_read_from_it_until_it_is_removed() {
        let directory = tempfile::tempdir().expect("a directory");
        let config = config(&directory.path().join("api.sock"));
        let path = path(&config.api_socket);
        assert_eq!(read(&path).expect("no list"), BTreeSet::new());
        remember(&path, &config, &host(&[])).expect("a list");
        let expected: BTreeSet<Entry> = entries(&config).collect();
        assert!(expected.contains(&("eth1".to_owned(), VIP.parse().expect("an address"), 32)), "{expected:?}");
        assert_eq!(read(&path).expect("the list"), expected);
        // After a reload without them they may still be installed.
        remember(&path, &Config { routers: Vec::new(), ..config.clone() }, &host(&[])).expect("a list");
        assert_eq!(read(&path).expect("the list"), expected);
        forget(&path).expect("removed");
        forget(&path).expect("removed already");
        assert_eq!(read(&path).expect("no list"), BTreeSet::new());
    }

    #[test]
    fn an_address_that_the_host_has_by_other_means_never_gets_on_the_list() {
        let directory = tempfile::tempdir().expect("a directory");
        let config = config(&directory.path().join("api.sock"));
        let listed = |host: &HostView| {
            let path = path(&config.api_socket);
            forget(&path).expect("a clean begin");
            remember(&path, &config, host).expect("a list");
            read(&path).expect("the list").iter().any(|(_, address, _)| address.to_string() == VIP)
        };
        assert!(!listed(&host(&[(VIP, 32, 0)])));
        assert!(listed(&host(&[(VIP, 32, ADDRESS_PROTOCOL)])), "an earlier agent left it");
        assert!(listed(&host(&[(VIP, 24, 0)])), "another prefix length is another address");
    }

    #[test]
    fn only_what_matches_list_interface_prefix_and_mark_is_taken_for_the_agents() {
        let list: BTreeSet<Entry> = [("eth1".to_owned(), VIP.parse().expect("an address"), 32)].into();
        let left = |held: (&str, u8, u8)| left(&list, &host(&[held])).count();
        assert_eq!(left((VIP, 32, ADDRESS_PROTOCOL)), 1);
        assert_eq!(left((VIP, 24, ADDRESS_PROTOCOL)), 0);
        assert_eq!(left((VIP, 32, 0)), 0, "without the mark it is the host's");
        assert_eq!(left(("192.168.1.205", 32, ADDRESS_PROTOCOL)), 0);
    }
}
