//! Orders of people: a reload, a drain, or a hand-over, which is answered when it has ended.

use tokio::sync::oneshot;

use super::Agent;
use crate::clock;
use crate::elector::{Command, View};
use crate::http::Order;
use vrrp_election::handover::{Move, Reply, Target};

/// A hand-over under way, and who waits for its end.
pub type Pending = (Move, oneshot::Sender<Reply>);

impl Agent {
    pub(super) fn on_order(&mut self, order: Order) {
        match order {
            Order::Reload(answer) => self.load(Some(answer)),
            // Shutting down: dropping the reply channel tells the client (503).
            Order::Failover(..) | Order::Failback(..) if self.lifecycle.ending.is_some() => {}
            Order::Failover(name, answer) => {
                if let Err((reply, answer)) = self.fail_over(&name, answer) {
                    tell(reply, answer);
                }
            }
            Order::Failback(name, answer) => tell(self.fail_back(&name), answer),
            Order::Drain(request, answer) => self.drain(&request, answer),
        }
    }

    /// Begins a hand-over, or answers why there is none.
    fn fail_over(
        &mut self,
        name: &str,
        answer: oneshot::Sender<Reply>,
    ) -> Result<(), (Reply, oneshot::Sender<Reply>)> {
        let view = self.inputs.view.borrow().clone();
        let (config, indices) = (&self.known.running.config, &self.known.running.indices);
        let begun = Target::find(config, name).and_then(|target| {
            Ok((
                Move::begin(clock::now(), &target, config, indices, &view)?,
                target.indices(indices),
            ))
        });
        match begun {
            Ok((begun, indices)) => {
                tracing::info!(name, "asked to hand over");
                self.outputs.elector.send(Command::Standby { indices });
                self.outputs.moves.push((begun, answer));
                Ok(())
            }
            Err(reply) => Err((reply, answer)),
        }
    }

    fn fail_back(&self, name: &str) -> Reply {
        let (config, indices) = (&self.known.running.config, &self.known.running.indices);
        match Target::find(config, name) {
            Ok(target) => {
                tracing::info!(name, "standby ends by order");
                // The answer is about how it was before: the thread may handle it at once.
                let reply = target.failback(config, indices, &self.inputs.view.borrow());
                self.outputs.elector.send(Command::EndStandby { indices: target.indices(indices) });
                reply
            }
            Err(reply) => reply,
        }
    }

    /// Answers for the hand-overs that have ended.
    pub(super) fn follow_moves(&mut self, view: &View) {
        for (mut pending, answer) in std::mem::take(&mut self.outputs.moves) {
            match pending.observe(view) {
                Some(reply) => tell(reply, answer),
                None => self.outputs.moves.push((pending, answer)),
            }
        }
    }
}

fn tell(reply: Reply, answer: oneshot::Sender<Reply>) {
    for line in reply.message.lines() {
        tracing::info!("{line}");
    }
    // The client may have gone away meanwhile; the order holds all the same.
    let _ = answer.send(reply);
}
