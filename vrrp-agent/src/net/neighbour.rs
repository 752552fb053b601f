//! Makes the kernel resolve a next hop before the data plane needs it.

use std::net::IpAddr;

use futures_util::StreamExt;
use netlink_packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourExtFlags, NeighbourFlags, NeighbourMessage,
    NeighbourState,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use nix::errno::Errno;
use rtnetlink::packet_core::{NLM_F_ACK, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload};

use super::netlink::{Netlink, NetlinkError, request, unless_so};

impl Netlink {
    /// Asks the kernel to resolve `address` on interface `index` (NTF_USE), as if a packet were
    /// sent to it.
    ///
    /// The kernel solicits an unknown neighbour at once, confirms a stale one after its delay (5 s)
    /// and leaves a reachable one alone. The call does not wait for the answer: the result appears
    /// among the neighbours of the host view.
    ///
    /// Entries that the kernel does not manage itself (permanent, NOARP, externally learned,
    /// managed) are left as they are: since Linux 5.16 NTF_USE would turn one into an ordinary
    /// entry, which the kernel then resolves or loses.
    ///
    /// # Errors
    /// When the interface is gone or down, or without CAP_NET_ADMIN.
    pub async fn resolve_neighbour(&self, index: u32, address: IpAddr) -> Result<(), NetlinkError> {
        let action = || format!("resolve {address} on interface {index}");
        match self.neighbour(index, address).await? {
            None => {
                let add = self
                    .handle()?
                    .neighbours()
                    .add(index, address)
                    .state(NeighbourState::None)
                    .flags(NeighbourFlags::Use);
                // The entry exists: it is read and, if it is the kernel's own, used.
                unless_so(request(action, add.execute()).await, &[Errno::EEXIST]).map(drop)
            }
            Some(entry) if is_set_by_others(&entry) => Ok(()),
            Some(_) => {
                let mut message = entry_of(index, address);
                message.header.flags = NeighbourFlags::Use;
                // Neither NLM_F_CREATE nor NLM_F_REPLACE: nothing of the entry must change.
                let question = RouteNetlinkMessage::NewNeighbour(message);
                let outcome = request(action, self.ask(question, NLM_F_REQUEST | NLM_F_ACK)).await;
                unless_so(outcome.map(drop), &[Errno::ENOENT]).map(drop)
            }
        }
    }

    /// The kernel's entry of a neighbour.
    async fn neighbour(
        &self,
        index: u32,
        address: IpAddr,
    ) -> Result<Option<NeighbourMessage>, NetlinkError> {
        let question = RouteNetlinkMessage::GetNeighbour(entry_of(index, address));
        let action = || format!("read the neighbour {address} on interface {index}");
        match request(action, self.ask(question, NLM_F_REQUEST)).await {
            Ok(answer) => Ok(answer),
            Err(error) => unless_so(Err(error), &[Errno::ENOENT]).map(|_| None),
        }
    }

    async fn ask(
        &self,
        message: RouteNetlinkMessage,
        flags: u16,
    ) -> Result<Option<NeighbourMessage>, rtnetlink::Error> {
        let mut handle = self.handle().map_err(|_| rtnetlink::Error::RequestFailed)?;
        let mut question = NetlinkMessage::from(message);
        question.header.flags = flags;
        let mut answers = handle.request(question)?;
        while let Some(answer) = answers.next().await {
            match answer.payload {
                NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewNeighbour(entry)) => {
                    return Ok(Some(entry));
                }
                NetlinkPayload::Error(error) if error.code.is_some() => {
                    return Err(rtnetlink::Error::NetlinkError(error));
                }
                _ => {}
            }
        }
        Ok(None)
    }
}

fn entry_of(index: u32, address: IpAddr) -> NeighbourMessage {
    let mut message = NeighbourMessage::default();
    message.header.ifindex = index;
    let (family, destination) = match address {
        IpAddr::V4(address) => (AddressFamily::Inet, NeighbourAddress::Inet(address)),
        IpAddr::V6(address) => (AddressFamily::Inet6, NeighbourAddress::Inet6(address)),
    };
    message.header.family = family;
    message.attributes.push(NeighbourAttribute::Destination(destination));
    message
}

/// Whether the administrator or another program set the entry, or made the kernel manage it.
fn is_set_by_others(entry: &NeighbourMessage) -> bool {
    let managed = |attribute: &NeighbourAttribute| match attribute {
        NeighbourAttribute::ExtFlags(flags) => flags.contains(NeighbourExtFlags::Managed),
        _ => false,
    };
    matches!(entry.header.state, NeighbourState::Permanent | NeighbourState::Noarp)
        || entry.header.flags.contains(NeighbourFlags::ExtLearned)
        || entry.attributes.iter().any(managed)
}

#[cfg(test)]
mod tests;
