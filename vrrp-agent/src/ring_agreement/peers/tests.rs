use std::time::Duration;

use super::*;
use vrrp_model::{Hmac, HmacKey, HmacMode};

const NODE: [u8; 4] = [192, 0, 2, 6];
const STRANGER: [u8; 4] = [192, 0, 2, 66];

fn now() -> UnixTime {
    UnixTime(Duration::from_secs(1_700_000_000))
}

fn ring(port: u16, digest: u64) -> Ring {
    Ring { address: [192, 0, 2, 9].into(), port, protocol: 6, digest }
}

fn hmac(mode: HmacMode, secret: u8) -> Hmac {
    Hmac { mode, send: 1, keys: vec![HmacKey { id: 1, secret: vec![secret; 32] }] }
}

/// A node with services on ports 80 and 81; `NODE` is a known node.
fn node(number: u64, keys: Vec<Hmac>) -> Peers {
    let mut peers = Peers::new(number);
    let rings = vec![ring(80, 1), ring(81, 1)];
    peers.configure(&Own { rings, masters: vec![(NODE, 9_166).into()], peers: vec![], keys });
    peers
}

fn question(rings: &[Ring]) -> Vec<u8> {
    Message { wants_answer: true, rings: rings.to_vec() }.to_bytes()
}

#[test]
fn only_a_known_node_is_believed_and_only_about_our_services() {
    let mut peers = node(1, vec![]);
    let asked = question(&[ring(80, 2), ring(99, 2)]);
    assert_eq!(peers.take(NODE.into(), &asked, now()).rings, [ring(80, 2)]);
    assert_eq!(peers.take(STRANGER.into(), &asked, now()).rings, []);
}

#[test]
fn an_answer_is_never_longer_than_its_question() {
    for keys in [vec![], vec![hmac(HmacMode::Permissive, 7)]] {
        let mut peers = node(1, keys);
        for asked in [
            question(&[]),
            question(&[ring(99, 2)]),
            question(&[ring(81, 2)]),
            question(&[ring(81, 2); 40]),
        ] {
            for from in [NODE, STRANGER] {
                let answer = peers.take(from.into(), &asked, now()).answer.unwrap_or_default();
                assert!(answer.len() <= asked.len(), "{} bytes for {}", answer.len(), asked.len());
            }
        }
    }
}

#[test]
fn strangers_get_few_answers_a_second_and_known_nodes_all() {
    let mut peers = node(1, vec![]);
    let asked = question(&[ring(80, 2)]);
    let mut answered = |from: [u8; 4], at| {
        (0..100).filter(|_| peers.take(from.into(), &asked, at).answer.is_some()).count()
    };
    assert_eq!(answered(STRANGER, now()), 20);
    assert_eq!(answered(NODE, now()), 100);
    assert_eq!(answered(STRANGER, UnixTime(now().0 + Duration::from_secs(1))), 20);
}

#[test]
fn a_shared_key_makes_a_node_known_and_no_other_key_does() {
    let (mut one, mut other) =
        (node(1, vec![hmac(HmacMode::Enforce, 7)]), node(2, vec![hmac(HmacMode::Enforce, 7)]));
    let asked = other.questions(now()).remove(0).1;
    let taken = one.take(STRANGER.into(), &asked, now());
    assert_eq!(taken.rings, [ring(80, 1), ring(81, 1)]);
    let answer = taken.answer.unwrap();
    assert!(answer.len() <= asked.len());
    assert_eq!(other.take(STRANGER.into(), &answer, now()).rings, [ring(80, 1), ring(81, 1)]);

    let ignored = [
        (
            "not signed",
            node(1, vec![hmac(HmacMode::Enforce, 7)]).take(
                NODE.into(),
                &question(&[ring(80, 1)]),
                now(),
            ),
        ),
        ("another key", node(1, vec![hmac(HmacMode::Enforce, 8)]).take(NODE.into(), &asked, now())),
        ("its own", other.take(NODE.into(), &asked, now())),
        ("old", one.take(NODE.into(), &asked, UnixTime(now().0 + Duration::from_secs(60)))),
        ("altered", {
            let mut altered = asked.clone();
            altered[20] ^= 1;
            one.take(NODE.into(), &altered, now())
        }),
    ];
    for (what, taken) in ignored {
        assert_eq!(taken, Taken::default(), "{what}");
    }
}

#[test]
fn while_keys_are_rolled_out_both_forms_are_taken() {
    let mut permissive = node(1, vec![hmac(HmacMode::Permissive, 7)]);
    let plain = node(2, vec![hmac(HmacMode::ReceiveOnly, 7)]).questions(now()).remove(0).1;
    let signed = node(3, vec![hmac(HmacMode::Permissive, 7)]).questions(now()).remove(0).1;
    for asked in [plain, signed] {
        assert_eq!(permissive.take(NODE.into(), &asked, now()).rings.len(), 2);
    }
}

#[test]
fn any_bytes_are_answered_with_nothing() {
    let mut peers = node(1, vec![hmac(HmacMode::Permissive, 7)]);
    let signed = node(2, vec![hmac(HmacMode::Permissive, 7)]).questions(now()).remove(0).1;
    for len in 0..signed.len() {
        assert_eq!(peers.take(NODE.into(), &signed[..len], now()), Taken::default(), "{len} bytes");
    }
}
