//! The log of transitions, written outside the election thread.

use tokio::sync::{mpsc, watch};

use crate::elector::Transition;

/// Writes a line for each transition, until the election thread has ended or `ended` is true; what
/// waits then is written first.
pub async fn log(mut transitions: mpsc::Receiver<Transition>, mut ended: watch::Receiver<bool>) {
    let ended = async move {
        // A sender that is gone ends it too.
        let _ = ended.wait_for(|&ended| ended).await;
    };
    tokio::pin!(ended);
    loop {
        tokio::select! {
            biased;
            transition = transitions.recv() => match transition {
                Some(transition) => write(&transition),
                None => return,
            },
            () = &mut ended => break,
        }
    }
    while let Ok(transition) = transitions.try_recv() {
        write(&transition);
    }
}

fn write(transition: &Transition) {
    let Transition { instance, vrid, interface, from, to, reason, priority, peer, .. } = transition;
    tracing::info!(
        instance,
        vrid,
        interface,
        priority,
        peer = peer.map(|(source, _)| tracing::field::display(source)),
        peer_priority = peer.map(|(_, priority)| priority),
        "{} -> {}: {}",
        from.name(),
        to.name(),
        reason.name()
    );
}
