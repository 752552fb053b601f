//! Doubles of the maps and the packet socket, for tests without root: everything that a router's
//! outputs do is recorded in one list, in its order.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use vrrp_common::maps::{Liveness, RouterConf};
use vrrp_common::wire::vrrp::PRIORITY_RELEASE;

use tokio::sync::watch;

use super::command_queue::Inbox;
use super::driver::Frames;
use super::{Command, View};
use crate::net::packet_socket::FrameError;
use crate::plane::PlaneError;
use crate::plane::mastership::{Inherited, Mastership};
use vrrp_model::RouterIdx;
use vrrp_model::time::Instant;

/// One act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// An advert as a frame, by its priority.
    Advert(u8),
    /// Another frame: gratuitous ARP or a neighbour advertisement.
    Announcement,
    /// The router's configuration, with the priority that the kernel program compares with.
    Conf(u8),
    Mastership(Option<u64>),
    Lease(Instant),
}

/// The last advert of a node that leaves.
pub const FINAL_ADVERT: Act = Act::Advert(PRIORITY_RELEASE);

/// What was done so far, shared by both doubles.
#[derive(Debug, Clone, Default)]
pub struct Record(Rc<RefCell<Vec<Act>>>);

impl Record {
    fn add(&self, act: Act) {
        self.0.borrow_mut().push(act);
    }

    /// What was done since this was called last.
    pub fn take(&self) -> Vec<Act> {
        self.0.take()
    }
}

/// The maps of one router.
#[derive(Debug, Clone, Default)]
pub struct RecordingMaps {
    pub record: Record,
    pub inherited: Inherited,
}

impl Mastership for RecordingMaps {
    fn inherited(&self, _: RouterIdx) -> Result<Inherited, PlaneError> {
        Ok(self.inherited)
    }

    fn fenced(&self, _: RouterIdx) -> Result<u64, PlaneError> {
        Ok(self.inherited.fence)
    }

    fn heard(&self, _: RouterIdx) -> Result<Option<Liveness>, PlaneError> {
        Ok(None)
    }

    fn set_router(&mut self, _: RouterIdx, conf: &RouterConf) -> Result<(), PlaneError> {
        self.record.add(Act::Conf(conf.priority));
        Ok(())
    }

    fn set_mastership(&mut self, _: RouterIdx, epoch: Option<u64>) -> Result<(), PlaneError> {
        self.inherited.mastership = epoch.unwrap_or(0);
        self.record.add(Act::Mastership(epoch));
        Ok(())
    }

    fn set_lease(&mut self, _: RouterIdx, until: Instant) -> Result<(), PlaneError> {
        self.record.add(Act::Lease(until));
        Ok(())
    }
}

/// A packet socket through which every frame leaves.
pub struct RecordingFrames(pub Record);

impl Frames for RecordingFrames {
    fn send(&self, _: u32, frame: &[u8]) -> Result<(), FrameError> {
        /// Offset of the priority in an Ethernet frame with IPv4 without options.
        const PRIORITY: usize = 14 + 20 + 2;
        self.0.add(match frame.get(12..14) {
            Some([0x08, 0x00]) => Act::Advert(frame[PRIORITY]),
            _ => Act::Announcement,
        });
        Ok(())
    }
}

/// In place of the election thread.
pub struct Thread {
    pub inbox: Inbox,
    pub publish: watch::Sender<Arc<View>>,
    /// The thread that stands in for it ends when this is dropped.
    pub _end: std::sync::mpsc::Sender<()>,
}

impl Thread {
    /// The commands since this was called last.
    pub fn commands(&self) -> Vec<Command> {
        self.inbox.take()
    }
}
