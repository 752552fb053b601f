use super::*;
use vrrp_model::Family;

const SOCKET: SocketKey = SocketKey { ifindex: 3, family: Family::V4, group: None };

const fn r(index: u32) -> RouterIdx {
    RouterIdx::new(index)
}

fn at(millis: u64) -> Instant {
    Instant::from_micros(millis * 1_000)
}

#[test]
fn the_earliest_deadline_is_the_next_and_all_that_have_come_are_due() {
    let mut index = Index::default();
    index.update(r(1), Some(at(30)), None);
    index.update(r(2), Some(at(10)), None);
    index.update(r(3), None, None);
    assert_eq!(
        (index.next(), index.due(at(9)), index.due(at(30))),
        (Some(at(10)), vec![], vec![r(2), r(1)])
    );
    index.update(r(2), Some(at(40)), None);
    assert_eq!((index.next(), index.due(at(40))), (Some(at(30)), vec![r(1), r(2)]));
    index.remove(r(1));
    index.update(r(2), None, None);
    assert_eq!(index.next(), None);
}

#[test]
fn an_advert_finds_its_router_wherever_that_has_moved() {
    let mut index = Index::default();
    assert!(index.update(r(1), None, Some((SOCKET, 51))));
    assert!(!index.update(r(1), Some(at(1)), Some((SOCKET, 51))));
    assert_eq!((index.addressee(SOCKET, 51), index.addressee(SOCKET, 52)), (Some(r(1)), None));
    assert!(index.update(r(2), None, Some((SOCKET, 51))), "it takes the name over");
    assert!(index.update(r(1), None, Some((SOCKET, 52))), "before the first has left it");
    assert_eq!(
        (index.addressee(SOCKET, 51), index.addressee(SOCKET, 52)),
        (Some(r(2)), Some(r(1)))
    );
    index.remove(r(2));
    assert_eq!(index.addressee(SOCKET, 51), None);
}
