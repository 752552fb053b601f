use std::io::Read;

use nix::errno::Errno;
use socket2::{Domain, Protocol, Socket, Type};

use super::{FrameError, PacketSocket, addressing};
use crate::net::testing::{in_pair, interface, ip, soon};

/// A broadcast frame of an EtherType that no protocol uses.
fn frame() -> Vec<u8> {
    let mut frame = vec![0xff; 6];
    frame.extend([2, 0, 0, 0, 0, 1, 0x88, 0xb5]);
    frame.extend([7; 46]);
    frame
}

#[test]
fn a_frame_shorter_than_its_header_has_no_addressing() {
    assert_eq!(addressing(&frame()), Some(([0xff; 6], 0x88b5)));
    assert_eq!(addressing(&[0; 13]), None);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_frame_arrives_as_it_was_sent() {
    in_pair(async |pair| {
        let sender = PacketSocket::open().expect("a socket");
        let left = interface("left");
        pair.enter_right();
        let protocol = Protocol::from(i32::from(0x88b5_u16.to_be()));
        let mut receiver =
            Socket::new(Domain::PACKET, Type::RAW.nonblocking(), Some(protocol)).expect("a socket");
        sender.send(left.index, &frame()).expect("sent");
        let mut buffer = [0; 128];
        let length = soon(|| receiver.read(&mut buffer).ok()).await.expect("a frame");
        assert_eq!(buffer[..length], frame());
    });
}

#[test]
#[ignore = "needs root: network namespaces"]
fn refusals_are_distinguished() {
    in_pair(async |_| {
        let sender = PacketSocket::open().expect("a socket");
        let left = interface("left");
        ip("link set left down");
        let errno = |result| match result {
            Err(FrameError::Send { source, .. }) => source.raw_os_error().map(Errno::from_raw),
            other => panic!("{other:?}"),
        };
        assert_eq!(errno(sender.send(left.index, &frame())), Some(Errno::ENETDOWN));
        assert_eq!(errno(sender.send(4_000, &frame())), Some(Errno::ENXIO));
        assert!(matches!(sender.send(left.index, &[0; 4]), Err(FrameError::Short(4))));
    });
}
