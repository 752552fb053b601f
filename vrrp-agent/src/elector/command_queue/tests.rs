use super::*;
use vrrp_model::RouterIdx;

#[test]
fn commands_arrive_in_their_order_and_once() {
    let (outbox, inbox) = pair();
    assert_eq!(inbox.take(), []);
    for idx in (0..3).map(RouterIdx::new) {
        outbox.push(Command::Remove { idx });
    }
    assert_eq!(inbox.take(), [0, 1, 2].map(|idx| Command::Remove { idx: RouterIdx::new(idx) }));
    assert_eq!(inbox.take(), []);
    assert!(!inbox.is_orphan());
    drop(outbox);
    assert!(inbox.is_orphan());
}

#[test]
fn a_command_that_is_being_handed_over_is_not_waited_for() {
    let (outbox, inbox) = pair();
    outbox.push(Command::Shutdown);
    let held = outbox.0.lock().expect("no panic");
    assert_eq!(inbox.take(), []);
    drop(held);
    assert_eq!(inbox.take(), [Command::Shutdown]);
}
