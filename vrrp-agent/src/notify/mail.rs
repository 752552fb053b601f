//! Mails that wait, and how one is sent. A server that hangs delays other mails and nothing else.

use std::collections::VecDeque;

use lettre::address::AddressError;
use lettre::message::Mailbox;
use lettre::transport::smtp::extension::ClientId;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};

use vrrp_model::Mail;
use vrrp_notify::Letter;

/// Mails that may wait for the one that is being sent.
const MOST_WAITING: usize = 64;

/// Steps of the dialogue with a server, and as many again.
const STEPS: u32 = 12;

#[derive(Debug, thiserror::Error)]
pub enum MailError {
    #[error("an address of the mail: {0}")]
    Address(#[from] AddressError),
    #[error("the mail: {0}")]
    Message(#[from] lettre::error::Error),
    #[error("the mail server: {0}")]
    Server(#[from] lettre::transport::smtp::Error),
    #[error("the mail server did not answer in time")]
    Timeout,
}

/// A mail and its server.
#[derive(Debug, Clone)]
pub struct Parcel {
    pub mail: Mail,
    pub letter: Letter,
}

/// Mails in their order, one at a time.
#[derive(Debug, Default)]
pub struct Outbox {
    waiting: VecDeque<Parcel>,
    sending: bool,
}

impl Outbox {
    /// Appends a mail. Returns how many older ones were left out for it.
    pub fn push(&mut self, parcel: Parcel) -> usize {
        self.waiting.push_back(parcel);
        let left_out = self.waiting.len().saturating_sub(MOST_WAITING);
        self.waiting.drain(..left_out);
        left_out
    }

    /// The next mail, unless one is being sent; it counts as being sent from now on.
    pub fn ready(&mut self) -> Option<Parcel> {
        if self.sending {
            return None;
        }
        let parcel = self.waiting.pop_front();
        self.sending = parcel.is_some();
        parcel
    }

    /// The mail was sent, or failed.
    pub fn finish(&mut self) {
        self.sending = false;
    }

    pub fn is_empty(&self) -> bool {
        !self.sending && self.waiting.is_empty()
    }
}

/// Sends one mail to all its addresses. There is no second attempt, as in keepalived.
pub async fn send(parcel: Parcel) -> Result<(), MailError> {
    let Parcel { mail, letter } = parcel;
    let Mail { server, port, from, to, helo, timeout } = mail;
    let mut message = Message::builder()
        .from(mailbox(&from)?)
        .user_agent("vrrp-agent".to_owned())
        .subject(letter.subject);
    for address in &to {
        message = message.to(mailbox(address)?);
    }
    let message = message.body(letter.body)?;
    let transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(server)
        .port(port)
        .hello_name(ClientId::Domain(helo))
        .timeout(Some(timeout))
        .build();
    let sent = tokio::time::timeout(timeout * STEPS, transport.send(message)).await;
    sent.map_err(|_| MailError::Timeout)??;
    Ok(())
}

fn mailbox(address: &str) -> Result<Mailbox, AddressError> {
    Ok(Mailbox::new(None, address.parse()?))
}
