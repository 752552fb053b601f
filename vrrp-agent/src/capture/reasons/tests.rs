use std::collections::BTreeSet;

use vrrp_common::counter::RouterCounter;
use vrrp_common::reason::Reason;

use super::*;

#[test]
fn every_reason_has_a_name_and_a_bit_of_its_own() {
    let all: Vec<DropReason> = DropReason::all().collect();
    assert_eq!(all.iter().map(|reason| reason.label()).collect::<BTreeSet<_>>().len(), all.len());
    assert_eq!(mask(&[]).iter().map(|word| word.count_ones()).sum::<u32>() as usize, all.len());
    for reason in all {
        assert_eq!(parse(reason.label()), Ok(reason));
    }
}

#[test]
fn reasons_are_where_the_program_looks() {
    assert_eq!(mask(&[DropReason::Advert(Reason::Ttl)]), [1 << Reason::Ttl as u32, 0]);
    assert_eq!(
        mask(&[DropReason::Router(RouterCounter::NoBackend)]),
        [0, 1 << RouterCounter::NoBackend as u32]
    );
}

#[test]
fn an_unknown_name_is_answered_with_the_known_ones() {
    let said = parse("no_backends").expect_err("unknown");
    assert!(said.contains("did you mean `no_backend`?") && said.contains("checksum"), "{said}");
}
