use super::*;

fn address(protocol: u8) -> Address {
    let address = "192.0.2.100".parse().expect("an address");
    Address {
        address,
        prefix_len: 32,
        protocol,
        label: None,
        scope: 0,
        secondary: false,
        usable: true,
        deprecated: false,
    }
}

#[test]
fn the_next_agent_reads_the_recorded_changes_and_an_empty_record_leaves_no_file() {
    let dir = tempfile::tempdir().expect("a directory");
    let socket = dir.path().join("api.sock");
    let mut record = Record::load(&socket);
    let changed = Changed { index: 2, setting: Setting::ArpIgnore, former: 0, set: 1 };
    record.edit(|kept| kept.settings.push(changed.clone()));
    record.edit(|kept| {
        kept.macs.insert((2, [0, 0, 0x5e, 0, 1, 51]));
    });
    let next = Record::load(&socket);
    assert_eq!((next.kept().settings.as_slice(), next.kept().macs.len()), (&[changed][..], 1));
    record.edit(|kept| *kept = Kept { place: kept.place.clone(), ..Kept::default() });
    assert_eq!(fs::read_dir(dir.path()).expect("readable").count(), 0);
}

#[test]
fn the_record_of_another_boot_or_namespace_is_ignored() {
    let dir = tempfile::tempdir().expect("a directory");
    let socket = dir.path().join("api.sock");
    let kept = Kept {
        place: "another".to_owned(),
        macs: BTreeSet::from([(2, [0; 6])]),
        ..Kept::default()
    };
    fs::write(socket.with_extension("changes.json"), serde_json::to_vec(&kept).expect("text"))
        .expect("written");
    assert!(Record::load(&socket).kept().macs.is_empty());
}

#[test]
fn an_address_is_ours_by_mark_and_prefix_or_by_record_where_there_are_no_marks() {
    let link = Link { index: 2, ..Link::default() };
    let mut record = Record::default();
    assert!(
        !record.is_ours(&link, &address(ADDRESS_PROTOCOL), || false),
        "of a keepalived with other routers"
    );
    assert!(record.is_ours(&link, &address(ADDRESS_PROTOCOL), || true));
    assert!(
        !record.is_ours(&link, &address(0), || true),
        "the host's own, though the configuration names it"
    );
    record.edit(|kept| {
        kept.addresses.insert(own(2, &address(0)));
    });
    assert!(record.is_ours(&link, &address(ADDRESS_PROTOCOL), || false));
    assert!(!record.is_ours(&link, &address(0), || true), "added by hand after ours had gone");
    record.unmarked = true;
    assert!(record.is_ours(&link, &address(0), || false));
    assert!(!record.is_ours(&link, &Address { prefix_len: 24, ..address(0) }, || true));
}
