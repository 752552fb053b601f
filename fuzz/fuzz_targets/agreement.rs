//! Any bytes as a datagram of the ring comparison: it has one encoding and no more rings than are
//! allowed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vrrp_steering::ring_agreement::{MAX_LEN, MOST, Message};

fuzz_target!(|bytes: &[u8]| {
    let Some(message) = Message::parse(bytes) else { return };
    assert!(message.rings.len() <= MOST && bytes.len() <= MAX_LEN);
    assert_eq!(message.to_bytes(), bytes);
    // More rings than fit one datagram.
    let rings = message.rings.repeat(3);
    let split: Vec<Message> = Message::of(&rings, message.wants_answer);
    assert!(split.iter().all(|part| Message::parse(&part.to_bytes()).as_ref() == Some(part)));
    assert_eq!(split.iter().flat_map(|part| part.rings.clone()).collect::<Vec<_>>(), rings);
});
