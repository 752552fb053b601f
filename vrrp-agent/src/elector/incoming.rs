//! What an advert is looked at for once it is acceptable by its form: its authentication, and what
//! is odd about it.

use std::net::IpAddr;

use vrrp_common::ip::Address;
use vrrp_common::reason::Reason;
use vrrp_common::wire::vrrp::Advert;

use super::advert::{self, Received};
use super::driver::{Io, RouterDriver};
use vrrp_election::auth::sequence::UnixTime;
use vrrp_model::{ChecksumForm, HmacMode};

impl RouterDriver {
    /// Verifies the addresses and the authentication of an advert that is acceptable otherwise.
    /// Short lists were compared before.
    ///
    /// # Errors
    /// The first rule it breaks.
    pub fn verify(
        &mut self,
        now: UnixTime,
        advert: &Advert,
        received: &Received,
    ) -> Result<(), Reason> {
        if !received.lists_address_of(&self.router) {
            return Err(Reason::AddressList);
        }
        match &mut self.auth {
            Some(auth) => auth.verify(now, &received.source, advert, received.message),
            None => Ok(()),
        }
    }

    /// Tells the kernel program whose adverts get through whatever others send: it cannot verify
    /// them.
    pub(super) fn trust(&mut self, source: IpAddr, io: &mut Io) {
        let enforced = self.router.hmac.as_ref().is_some_and(|hmac| hmac.mode == HmacMode::Enforce);
        let source = if enforced { source.into() } else { Address::UNSPECIFIED };
        if self.trusted != source {
            self.trusted = source;
            self.write_conf(io);
        }
    }

    /// Takes note of what is odd about an advert that is valid all the same (RFC 9568 section 7.1:
    /// log, and go on).
    pub fn look_at(&mut self, advert: &Advert, received: &Received) {
        let note = |odd: bool, count: &mut u64, what: &str| {
            if !odd {
                return;
            }
            *count += 1;
            if count.is_power_of_two() {
                let peer = received.source.ip();
                tracing::warn!(instance = self.router.name, %peer, count, "{what}");
            }
        };
        let counts = &mut self.counts;
        let other = advert.interval != advert::centis(self.router.interval);
        note(
            other,
            &mut counts.interval_errors,
            "a peer advertises at another interval: a backup follows the master's",
        );
        let other = !received.lists_addresses_of(&self.router);
        note(
            other,
            &mut counts.address_list_errors,
            "a peer advertises other addresses: the files of the nodes differ",
        );
        let bare = advert.message_only && self.router.checksum != ChecksumForm::MessageOnly;
        note(
            bare,
            &mut counts.message_only_received,
            "a peer's checksum leaves the pseudo-header out: it may refuse ours",
        );
    }
}
