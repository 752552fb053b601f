//! The vectors were computed independently of this code, by Python's `hmac`, as the draft
//! describes: `hmac.new(key, pseudo + message + prefix + bytes(16), 'sha256').digest()[:16]` with
//! the message's checksum zero. The same lines reproduce the draft's own vectors.

use std::time::Duration;

use vrrp_common::ip::Address;
use vrrp_common::reason::Reason;
use vrrp_common::wire::trailer;
use vrrp_common::wire::vrrp::{self, Carrier, Centis, Coverage};

use super::sequence::{Sequence, Serial, UnixTime, Window};
use super::{Authenticator, HmacError, Keyring};
use vrrp_model::{Hmac, HmacKey, HmacMode};

const SOURCE: [u8; 4] = [192, 0, 2, 1];
const OTHER_SOURCE: [u8; 4] = [192, 0, 2, 2];
const VIRTUAL: [u8; 4] = [203, 0, 113, 249];
/// fe80::1 and fe80::f9.
const SOURCE_V6: Address = Address::v6([0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
const VIRTUAL_V6: [u8; 16] = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xf9];
/// Half a second: a fraction of 0x8000.
const NOW: UnixTime = UnixTime(Duration::from_millis(1_700_000_000_500));
const INTERVAL: Duration = Duration::from_secs(1);

const IMAGE_V4: &str =
    "3133640100642d6dcb0071f9010700006553f10080000000b125be08d1a1f7c043bcdaed0cc7576f";
const IMAGE_V2: &str = "2133640100013dd0cb0071f9000000000000000001c800006553f1008000000142e3508745d2322b9123a4518b98d106";
const IMAGE_V6: &str = "31336401006498e8fe8000000000000000000000000000f901c800006553f10080000000b29f799ccf0b9dd20f06116d4601fc1d";

fn carrier(source: [u8; 4]) -> Carrier {
    Carrier::V4 { source, destination: vrrp::GROUP }
}

fn carrier_v6() -> Carrier {
    Carrier::V6 { source: SOURCE_V6, destination: vrrp::GROUP_V6 }
}

/// Key 7 of 32 bytes, key 200 of 64 bytes.
fn keys() -> Vec<HmacKey> {
    vec![
        HmacKey { id: 7, secret: (0x40..0x60).collect() },
        HmacKey { id: 200, secret: (0..64u8).map(|i| i.wrapping_mul(7).wrapping_add(1)).collect() },
    ]
}

fn hmac(mode: HmacMode, send: u8) -> Hmac {
    Hmac { mode, send, keys: keys() }
}

fn authenticator(mode: HmacMode, send: u8) -> Authenticator {
    Authenticator::new(&hmac(mode, send), INTERVAL).expect("good keys")
}

fn after(millis: u64) -> UnixTime {
    UnixTime(NOW.0 + Duration::from_millis(millis))
}

fn before(millis: u64) -> UnixTime {
    UnixTime(NOW.0 - Duration::from_millis(millis))
}

/// The bytes that `sender` puts on the wire.
fn signed(sender: &mut Authenticator, now: UnixTime, source: [u8; 4]) -> Vec<u8> {
    let mut buffer = [0; 64];
    let len = vrrp::emit_v3(&mut buffer, 51, 100, Centis(100), Coverage::MessageOnly, &[VIRTUAL])
        .expect("fits");
    let len = sender.sign(now, &carrier(source), &mut buffer, len).expect("fits");
    buffer[..len].to_vec()
}

fn signed_v6(sender: &mut Authenticator, now: UnixTime) -> Vec<u8> {
    let mut buffer = [0; 80];
    let coverage = Coverage::PseudoHeader(carrier_v6());
    let len =
        vrrp::emit_v3(&mut buffer, 51, 100, Centis(100), coverage, &[VIRTUAL_V6]).expect("fits");
    let len = sender.sign(now, &carrier_v6(), &mut buffer, len).expect("fits");
    buffer[..len].to_vec()
}

/// The result of `receiver`, after the rules of the message.
fn verify(
    receiver: &mut Authenticator,
    now: UnixTime,
    source: [u8; 4],
    packet: &[u8],
) -> Result<(), Reason> {
    let advert = vrrp::parse(packet, 0, packet.len(), &carrier(source))?;
    receiver.verify(now, &Address::v4(source), &advert, packet)
}

/// As [`verify`], with any checksum: a forgery may have a correct checksum.
fn verify_forged(receiver: &mut Authenticator, now: UnixTime, packet: &[u8]) -> Result<(), Reason> {
    let genuine = unhex(IMAGE_V4);
    let advert = vrrp::parse(&genuine[..], 0, genuine.len(), &carrier(SOURCE)).expect("valid");
    receiver.verify(now, &Address::v4(SOURCE), &advert, packet)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex"))
        .collect()
}

/// xorshift64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

#[test]
fn a_signed_advert_is_what_was_computed_elsewhere() {
    let mut sender = authenticator(HmacMode::Permissive, 7);
    assert_eq!(hex(&signed(&mut sender, NOW, SOURCE)), IMAGE_V4);
    let mut sender = authenticator(HmacMode::Enforce, 200);
    assert_eq!(hex(&signed_v6(&mut sender, NOW)), IMAGE_V6);
    let mut buffer = [0; 64];
    let len = vrrp::emit_v2(&mut buffer, 51, 100, 1, None, &[VIRTUAL]).expect("fits");
    let len = sender.sign(NOW, &carrier(SOURCE), &mut buffer, len).expect("fits");
    assert_eq!(hex(&buffer[..len]), IMAGE_V2, "of the same instant as the one before: counted on");
}

#[test]
fn what_was_computed_elsewhere_is_accepted_with_its_checksum() {
    let mut receiver = authenticator(HmacMode::Enforce, 7);
    assert_eq!(verify(&mut receiver, after(900), SOURCE, &unhex(IMAGE_V4)), Ok(()));
    assert_eq!(verify(&mut receiver, after(900), SOURCE, &unhex(IMAGE_V2)), Ok(()));
    let packet = unhex(IMAGE_V6);
    let advert = vrrp::parse(&packet[..], 0, packet.len(), &carrier_v6())
        .expect("the checksum covers the trailer");
    assert_eq!(receiver.verify(after(900), &SOURCE_V6, &advert, &packet), Ok(()));
}

#[test]
fn vc137_an_advert_without_a_trailer_is_dropped_only_where_one_is_required() {
    let bare = signed(&mut authenticator(HmacMode::ReceiveOnly, 7), NOW, SOURCE);
    assert_eq!(bare.len(), 12, "a receiver signs nothing");
    let outcomes = [HmacMode::ReceiveOnly, HmacMode::Permissive, HmacMode::Enforce]
        .map(|mode| verify(&mut authenticator(mode, 7), NOW, SOURCE, &bare));
    assert_eq!(outcomes, [Ok(()), Ok(()), Err(Reason::AuthMissing)]);
}

#[test]
fn vc137_a_roll_out_step_by_step_loses_no_advert() {
    let steps =
        [None, Some(HmacMode::ReceiveOnly), Some(HmacMode::Permissive), Some(HmacMode::Enforce)];
    for pair in steps.windows(2) {
        for (from, to) in [(pair[0], pair[1]), (pair[1], pair[0])] {
            let packet = match from {
                Some(mode) => signed(&mut authenticator(mode, 7), NOW, SOURCE),
                None => signed(&mut authenticator(HmacMode::ReceiveOnly, 7), NOW, SOURCE),
            };
            let accepted = match to {
                Some(mode) => verify(&mut authenticator(mode, 200), NOW, SOURCE, &packet).is_ok(),
                None => packet.len() == 12,
            };
            assert!(accepted, "{from:?} to {to:?}");
        }
    }
}

#[test]
fn vc138_a_present_trailer_is_verified_in_every_mode() {
    for mode in [HmacMode::ReceiveOnly, HmacMode::Permissive, HmacMode::Enforce] {
        let mut packet = unhex(IMAGE_V4);
        *packet.last_mut().expect("bytes") ^= 1;
        assert_eq!(
            verify(&mut authenticator(mode, 7), NOW, SOURCE, &packet),
            Err(Reason::AuthMac),
            "{mode:?}"
        );
    }
}

#[test]
fn vc138_every_changed_bit_but_of_the_checksum_is_refused_by_its_reason_and_moves_no_mark() {
    let genuine = unhex(IMAGE_V4);
    let mut receiver = authenticator(HmacMode::Enforce, 7);
    for at in 0..genuine.len() {
        for bit in 0..8 {
            let mut packet = genuine.clone();
            packet[at] ^= 1 << bit;
            if (6..8).contains(&at) {
                assert_eq!(
                    verify_forged(&mut authenticator(HmacMode::Enforce, 7), NOW, &packet),
                    Ok(()),
                    "the checksum is not covered"
                );
                continue;
            }
            let outcome = verify_forged(&mut receiver, NOW, &packet);
            let expected = match at {
                12 | 14 | 15 => Err(Reason::AuthReserved),
                13 => Err(Reason::AuthKey),
                // The lowest three bits of the seconds keep the time within the window.
                16..19 => Err(Reason::AuthStale),
                19 if bit > 2 => Err(Reason::AuthStale),
                _ => Err(Reason::AuthMac),
            };
            assert_eq!(outcome, expected, "byte {at}, bit {bit}");
        }
    }
    assert_eq!(
        verify(&mut receiver, NOW, SOURCE, &genuine),
        Ok(()),
        "none of them counts as received"
    );
}

#[test]
fn vc138_a_trailer_of_another_source_router_or_key_is_refused() {
    let packet = unhex(IMAGE_V4);
    let mut receiver = authenticator(HmacMode::Enforce, 7);
    assert_eq!(verify(&mut receiver, NOW, OTHER_SOURCE, &packet), Err(Reason::AuthMac));
    let mut keys = keys();
    keys[0].secret[31] ^= 1;
    let hmac = Hmac { mode: HmacMode::Enforce, send: 7, keys };
    let mut stranger = Authenticator::new(&hmac, INTERVAL).expect("good keys");
    assert_eq!(verify(&mut stranger, NOW, SOURCE, &packet), Err(Reason::AuthMac));
    let foreign = signed(&mut stranger, after(10), SOURCE);
    assert_eq!(verify(&mut receiver, after(10), SOURCE, &foreign), Err(Reason::AuthMac));
}

#[test]
fn vc138_any_of_the_keys_is_accepted_so_keys_are_changed_without_a_loss() {
    let mut receiver = authenticator(HmacMode::Enforce, 7);
    let mut sender = authenticator(HmacMode::Enforce, 200);
    assert_eq!(verify(&mut receiver, NOW, SOURCE, &signed(&mut sender, NOW, SOURCE)), Ok(()));
    let only_old = Hmac { keys: vec![keys().swap_remove(0)], ..hmac(HmacMode::Enforce, 7) };
    receiver.configure(&only_old, INTERVAL).expect("good keys");
    let next = signed(&mut sender, after(10), SOURCE);
    assert_eq!(verify(&mut receiver, after(10), SOURCE, &next), Err(Reason::AuthKey));
}

#[test]
fn vc139_an_advert_heard_before_is_dropped_also_after_a_reload() {
    let mut sender = authenticator(HmacMode::Enforce, 7);
    let mut receiver = authenticator(HmacMode::Enforce, 7);
    let first = signed(&mut sender, NOW, SOURCE);
    let second = signed(&mut sender, after(1), SOURCE);
    assert_eq!(verify(&mut receiver, after(2), SOURCE, &second), Ok(()));
    assert_eq!(verify(&mut receiver, after(3), SOURCE, &second), Err(Reason::AuthReplay));
    assert_eq!(
        verify(&mut receiver, after(3), SOURCE, &first),
        Err(Reason::AuthReplay),
        "an older one"
    );
    receiver.configure(&hmac(HmacMode::Permissive, 200), INTERVAL).expect("good keys");
    assert_eq!(verify(&mut receiver, after(3), SOURCE, &second), Err(Reason::AuthReplay));
    assert_eq!(
        verify(&mut receiver, after(4), SOURCE, &signed(&mut sender, after(4), SOURCE)),
        Ok(())
    );
}

#[test]
fn vc139_each_source_has_a_mark_of_its_own_and_the_one_heard_least_recently_makes_room() {
    let mut sender = authenticator(HmacMode::Enforce, 7);
    let mut receiver = authenticator(HmacMode::Enforce, 7);
    let source = |last: u8| [192, 0, 2, last];
    let packets: Vec<Vec<u8>> =
        (1..=9).map(|last| signed(&mut sender, NOW, source(last))).collect();
    // In reverse order, so that each is older than the one before.
    for last in (1..=8).rev() {
        assert_eq!(
            verify(&mut receiver, NOW, source(last), &packets[usize::from(last) - 1]),
            Ok(()),
            "source {last}"
        );
    }
    assert_eq!(verify(&mut receiver, NOW, source(9), &packets[8]), Ok(()));
    for last in (1..=7).chain([9]) {
        let again = verify(&mut receiver, NOW, source(last), &packets[usize::from(last) - 1]);
        assert_eq!(again, Err(Reason::AuthReplay), "source {last}");
    }
    assert_eq!(
        verify(&mut receiver, NOW, source(8), &packets[7]),
        Ok(()),
        "its mark made room for the ninth"
    );
}

#[test]
fn vc139_serial_numbers_are_compared_across_their_end() {
    let last = Serial::new(u64::MAX);
    assert!(Serial::new(0).follows(last) && !last.follows(Serial::new(0)));
    assert!(
        Serial::new(1 << 62).follows(Serial::new(1)) && !Serial::new(5).follows(Serial::new(5))
    );
    let half = Serial::new(1 << 63);
    assert!(!half.follows(Serial::new(0)) && !Serial::new(0).follows(half));
    // 2^32 seconds after 1970: one second before, one after.
    let (early, late) = (
        UnixTime(Duration::from_secs(u64::from(u32::MAX))),
        UnixTime(Duration::from_secs(1 << 32)),
    );
    assert!(Serial::at(late).follows(Serial::at(early)));
    assert!(Serial::at(early).is_within(Window::of_interval(INTERVAL), late));
    let mut receiver = authenticator(HmacMode::Enforce, 7);
    let mut sender = authenticator(HmacMode::Enforce, 7);
    for now in [early, late] {
        assert_eq!(verify(&mut receiver, now, SOURCE, &signed(&mut sender, now, SOURCE)), Ok(()));
    }
}

#[test]
fn vc139_a_mark_that_a_wrong_clock_set_is_no_bar_once_clocks_are_right() {
    let hour = 3_600_000;
    let mut receiver = authenticator(HmacMode::Enforce, 7);
    let mut sender = authenticator(HmacMode::Enforce, 7);
    assert_eq!(
        verify(&mut receiver, after(hour), SOURCE, &signed(&mut sender, after(hour), SOURCE)),
        Ok(())
    );
    let packet = signed(&mut sender, NOW, SOURCE);
    assert_eq!(verify(&mut receiver, NOW, SOURCE, &packet), Ok(()));
    assert_eq!(verify(&mut receiver, NOW, SOURCE, &packet), Err(Reason::AuthReplay));
}

#[test]
fn vc140_an_advert_from_outside_of_the_window_is_dropped_before_its_key_and_mac_are_looked_at() {
    let packet = unhex(IMAGE_V4);
    for (now, expected) in [
        (before(5_500), Ok(())),
        (before(5_501), Err(Reason::AuthStale)),
        (after(5_499), Ok(())),
        (after(5_500), Err(Reason::AuthStale)),
        (UnixTime(Duration::ZERO), Err(Reason::AuthStale)),
        (UnixTime(Duration::MAX), Err(Reason::AuthStale)),
    ] {
        assert_eq!(
            verify(&mut authenticator(HmacMode::Enforce, 7), now, SOURCE, &packet),
            expected,
            "{now:?}"
        );
    }
    let mut forged = packet.clone();
    forged[13..].fill(0xff);
    assert_eq!(
        verify_forged(&mut authenticator(HmacMode::Enforce, 7), NOW, &forged),
        Err(Reason::AuthStale)
    );
}

#[test]
fn vc140_the_window_is_three_intervals_within_bounds() {
    let accepted = |interval: u64, late: u64| {
        let window = Window::of_interval(Duration::from_millis(interval));
        Serial::at(NOW).is_within(window, UnixTime(NOW.0 + Duration::from_secs(late)))
    };
    for (interval, seconds) in
        [(10, 5), (1_000, 5), (1_700, 6), (2_000, 6), (2_500, 8), (10_000, 30), (255_000, 300)]
    {
        assert!(
            accepted(interval, seconds) && !accepted(interval, seconds + 1),
            "{interval} ms: {seconds} s"
        );
    }
}

#[test]
fn numbers_grow_whatever_the_clock_does_but_follow_one_that_was_set_back_far() {
    let window = Window::of_interval(INTERVAL);
    let mut sequence = Sequence::default();
    let first = sequence.next(NOW, window);
    assert_eq!(first, Serial::at(NOW));
    assert_eq!(first.number(), 0x6553_f100_8000_0000);
    let mut last = first;
    for now in [NOW, NOW, after(1), before(4_000), after(2), before(100)] {
        let next = sequence.next(now, window);
        assert!(next.follows(last), "{now:?}");
        last = next;
    }
    let far = before(20_000);
    assert_eq!(sequence.next(far, window), Serial::at(far));
}

#[test]
fn the_counter_carries_into_the_fraction() {
    let window = Window::of_interval(INTERVAL);
    let mut sequence = Sequence::default();
    let first = sequence.next(NOW, window);
    let last = (0..65_536).fold(first, |_, _| sequence.next(NOW, window));
    assert_eq!(last.number(), first.number() + 65_536);
}

#[test]
fn unusable_keys_are_refused_by_name() {
    let make = |send, keys| Keyring::new(&Hmac { mode: HmacMode::Enforce, send, keys }).map(|_| ());
    let key = |id, len| HmacKey { id, secret: vec![1; len] };
    assert_eq!(make(1, vec![key(1, 32), key(2, 64)]), Ok(()));
    assert_eq!(make(1, vec![key(1, 31)]), Err(HmacError::Length { id: 1, len: 31 }));
    assert_eq!(make(1, vec![key(1, 65)]), Err(HmacError::Length { id: 1, len: 65 }));
    assert_eq!(make(1, vec![key(1, 32), key(1, 32)]), Err(HmacError::Twice { id: 1 }));
    assert_eq!(make(3, vec![key(1, 32)]), Err(HmacError::NoSendKey { id: 3 }));
    let mut receiver = authenticator(HmacMode::Enforce, 7);
    assert!(receiver.configure(&hmac(HmacMode::Permissive, 8), INTERVAL).is_err());
    assert_eq!(
        verify(&mut receiver, NOW, SOURCE, &unhex(IMAGE_V4)),
        Ok(()),
        "the keys before are still there"
    );
}

#[test]
fn a_secret_is_never_printed() {
    let secret = b"correct horse battery staple 012";
    let keys = vec![HmacKey { id: 9, secret: secret.to_vec() }];
    let hmac = Hmac { mode: HmacMode::Enforce, send: 9, keys };
    let text = format!("{:?} {hmac:?}", Authenticator::new(&hmac, INTERVAL).expect("good keys"));
    assert!(text.contains("keys: [9]"), "{text}");
    for form in [
        String::from_utf8_lossy(&secret[..8]).into_owned(),
        hex(&secret[..4]),
        format!("{:?}", &secret[..4]),
    ] {
        assert!(!text.contains(form.trim_matches(['[', ']'])), "{text}");
    }
}

#[test]
fn random_adverts_make_the_round_trip() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for _ in 0..2_000 {
        let send = [7, 200][random.next() as usize % 2];
        let mut sender = authenticator(HmacMode::Enforce, send);
        let mut receiver = authenticator(HmacMode::Enforce, 207 - send);
        let source = (random.next() as u32).to_be_bytes();
        let addresses: Vec<[u8; 4]> =
            (0..=random.next() % 20).map(|_| (random.next() as u32).to_be_bytes()).collect();
        let mut buffer = [0; 256];
        let [vrid, priority, version, ..] = random.next().to_be_bytes();
        let len = if version % 2 == 0 {
            vrrp::emit_v2(&mut buffer, vrid, priority, 1, None, &addresses)
        } else {
            let coverage = Coverage::PseudoHeader(carrier(source));
            vrrp::emit_v3(&mut buffer, vrid, priority, Centis(100), coverage, &addresses)
        };
        let now = after(random.next() % 1_000_000_000);
        let len =
            sender.sign(now, &carrier(source), &mut buffer, len.expect("fits")).expect("fits");
        assert_eq!(
            verify(&mut receiver, now, source, &buffer[..len]),
            Ok(()),
            "{}",
            hex(&buffer[..len])
        );
        let at = random.next() as usize % len;
        buffer[at] ^= 1 << (random.next() % 8);
        assert!(
            verify(&mut receiver, now, source, &buffer[..len]).is_err(),
            "{}",
            hex(&buffer[..len])
        );
    }
}

#[test]
fn no_input_makes_it_panic() {
    let mut random = Random(42);
    let mut receiver = authenticator(HmacMode::Enforce, 7);
    let mut sender = authenticator(HmacMode::Enforce, 7);
    let mut refused = 0;
    for round in 0..20_000u64 {
        let mut packet: Vec<u8> = (0..random.next() % 80).map(|_| random.next() as u8).collect();
        // Every other trailer has a valid time and key, so that the later checks run too.
        if round % 2 == 0 && packet.len() >= trailer::LEN {
            let at = packet.len() - trailer::LEN;
            packet[at..at + 12].copy_from_slice(&unhex(IMAGE_V4)[12..24]);
        }
        refused += usize::from(verify_forged(&mut receiver, NOW, &packet).is_err());
        let room = packet.len();
        let len = random.next() as usize % 100;
        let outcome = sender.sign(UnixTime(Duration::MAX), &carrier(SOURCE), &mut packet, len);
        assert_eq!(outcome.is_some(), len >= 8 && len + trailer::LEN <= room, "{len} of {room}");
        let none = sender.sign(NOW, &carrier_v6(), &mut packet, usize::MAX);
        assert_eq!(none, None);
    }
    assert_eq!(refused, 20_000);
}
