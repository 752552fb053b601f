use std::path::Path;

use super::*;
use crate::effects::addresses::tests::config;
use crate::elector::Elector;

const IDX: RouterIdx = RouterIdx::new(3);

/// No address, no route and no interface, so that the machine of the test stays as it is.
fn wanted(mastership: Option<Announced>) -> Wanted {
    let masterships = mastership.map(|mastership| (IDX, mastership)).into_iter().collect();
    Wanted {
        config: Arc::new(config("")),
        desired: Arc::default(),
        host: Arc::default(),
        masterships: Arc::new(masterships),
        attached: BTreeSet::new(),
        in_maps: false,
        may_remove: false,
    }
}

fn host() -> Host {
    Host::open(Path::new("/nonexistent/api.sock")).expect("a netlink socket")
}

/// What is reported as installed when the host should be like these in turn.
async fn reported(states: Vec<Wanted>) -> Vec<Command> {
    let (elector, thread) = Elector::recording();
    let (found, _) = watch::channel(Programs::default());
    let (settle, _) = watch::channel(false);
    let report = Report { sender: elector.sender(), settle, found };
    let (send, newest) = watch::channel(None);
    let mut following = std::pin::pin!(host().follow(newest, report));
    for state in states {
        send.send_replace(Some(Arc::new(state)));
        assert!(futures_util::poll!(&mut following).is_pending(), "it follows");
    }
    drop(send);
    following.await;
    thread.commands()
}

#[tokio::test]
async fn a_mastership_is_reported_as_installed_once_and_again_when_its_addresses_change() {
    let of = |epoch, revision| wanted(Some(Announced { epoch, revision }));
    let installed = |epoch| Command::Installed { idx: IDX, epoch };
    assert_eq!(reported(vec![wanted(None)]).await, []);
    assert_eq!(reported(vec![of(1, 1), of(1, 1)]).await, [installed(1)]);
    assert_eq!(reported(vec![of(1, 1), of(1, 2)]).await, [installed(1), installed(1)]);
    assert_eq!(reported(vec![of(1, 1), of(2, 1)]).await, [installed(1), installed(2)]);
    let lost_between = vec![of(1, 1), wanted(None), of(1, 1)];
    assert_eq!(reported(lost_between).await, [installed(1), installed(1)]);
}

#[tokio::test]
async fn the_newest_state_is_made_true_though_the_loop_has_gone() {
    let (elector, thread) = Elector::recording();
    let task = HostTask::start(host(), elector.sender());
    task.want(wanted(None));
    task.want(wanted(Some(Announced { epoch: 7, revision: 1 })));
    task.finish().await.expect("the task ends");
    assert_eq!(thread.commands(), [Command::Installed { idx: IDX, epoch: 7 }]);
}
