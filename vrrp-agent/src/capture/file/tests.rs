use std::time::Duration;

use pcap_file::pcapng::{Block, PcapNgReader};
use vrrp_common::counter::{DropReason, RouterCounter};

use super::*;

#[test]
fn what_is_written_is_read_back() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let mut pcapng = Pcapng::create(file.path()).expect("writable");
    let at = UNIX_EPOCH + Duration::from_nanos(1_764_000_000_123_456_789);
    let frame: Vec<u8> = (0..60).collect();
    for (ifindex, len) in [(1, 60), (9_999, 1_514), (1, 60)] {
        let reason = Some(DropReason::Router(RouterCounter::NoBackend));
        pcapng.packet(&Packet { at, ifindex, reason, len, frame: &frame }).expect("writable");
    }
    pcapng.flush().expect("writable");
    let mut reader =
        PcapNgReader::new(File::open(file.path()).expect("there")).expect("a pcapng file");
    let (mut interfaces, mut packets) = (Vec::new(), Vec::new());
    while let Some(block) = reader.next_block() {
        match block.expect("well-formed") {
            Block::InterfaceDescription(interface) => interfaces.push(interface.into_owned()),
            Block::EnhancedPacket(packet) => packets.push(packet.into_owned()),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(interfaces.len(), 2);
    assert_eq!(interfaces[1].options[0], InterfaceDescriptionOption::IfName("#9999".into()));
    assert_eq!(packets.iter().map(|packet| packet.interface_id).collect::<Vec<_>>(), [0, 1, 0]);
    assert_eq!(packets[1].original_len, 1_514);
    assert_eq!(packets[0].data.as_ref(), frame);
    assert_eq!(packets[0].timestamp, at.duration_since(UNIX_EPOCH).expect("after"));
    assert_eq!(packets[0].options, [EnhancedPacketOption::Comment("dropped: no_backend".into())]);
}
