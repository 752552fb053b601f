//! The packet rows on the host: the parser and the policy give each frame's expected result.

mod rows;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{env, fs};

use vrrp_common::classify::{Class, classify};
use vrrp_common::wire::{ipv4, ipv6};

#[test]
fn the_rows_hold_on_the_host() {
    let rows = rows::table();
    let wrong: Vec<String> = rows
        .iter()
        .filter_map(|row| {
            let seen = rows::see(&row.world, &row.frame);
            (seen != row.seen).then(|| format!("{}: saw {seen:?}, not {:?}", row.says, row.seen))
        })
        .collect();
    assert!(wrong.is_empty(), "{} of {} rows:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
}

#[test]
fn there_are_many_rows_and_none_twice() {
    let rows = rows::table();
    assert!(rows.len() > 500, "{}", rows.len());
    let mut sentences: Vec<&str> = rows.iter().map(|row| row.says.as_str()).collect();
    sentences.sort_unstable();
    let twice: Vec<_> =
        sentences.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
    assert_eq!(twice, Vec::<&str>::new());
}

/// A VRRP packet in the format of the fuzz target `advert`: flags (bit 0: IPv6; the checksum is
/// unchanged), source, destination, message.
fn message(frame: &[u8]) -> Option<Vec<u8>> {
    let Class::Vrrp(vrrp) = classify(frame) else { return None };
    let packet = &frame[vrrp.ethernet.network..];
    if let Some(ip) = ipv4::parse(packet, 0) {
        let message = packet.get(ip.header_len..)?;
        return Some([&[0], ip.source.as_slice(), &ip.destination, message].concat());
    }
    let ip = ipv6::parse(packet, 0)?;
    let message = packet.get(ip.header_len..)?;
    Some([&[1], ip.source.octets().as_slice(), &ip.destination.octets(), message].concat())
}

fn write_all(directory: &Path, seeds: &BTreeSet<Vec<u8>>) {
    fs::create_dir_all(directory).expect("a directory for seeds");
    for (number, seed) in seeds.iter().enumerate() {
        fs::write(directory.join(format!("row-{number:04}")), seed).expect("a seed");
    }
}

/// `cargo xtask fuzz` sets `VRRP_FUZZ_SEEDS` to the output directory.
#[test]
fn the_rows_become_seeds_of_the_fuzz_targets() {
    let frames: BTreeSet<Vec<u8>> = rows::table()
        .into_iter()
        .flat_map(|row| row.before.into_iter().chain([row.frame]))
        .collect();
    let messages: BTreeSet<Vec<u8>> = frames.iter().filter_map(|frame| message(frame)).collect();
    assert!(frames.len() > 300, "{} different frames", frames.len());
    for family in [0, 1] {
        assert!(
            messages.iter().filter(|message| message[0] == family).count() > 30,
            "messages of family {family}"
        );
    }
    let temporary = tempfile::tempdir().expect("a directory");
    let directory =
        env::var_os("VRRP_FUZZ_SEEDS").map_or_else(|| temporary.path().to_owned(), PathBuf::from);
    write_all(&directory.join("frame"), &frames);
    write_all(&directory.join("advert"), &messages);
}
