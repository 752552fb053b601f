//! Whole frames that arrive at one interface of one host.

use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use socket2::{Domain, Protocol, Socket, Type};

use crate::names::Mac;
use crate::netns::NetNs;
use crate::sys;

/// Longer than any frame of the lab.
const FRAME: usize = 2_048;

/// Waits for a frame.
#[derive(Debug)]
pub struct Tap(JoinHandle<Result<Vec<u8>>>);

impl Tap {
    /// Listens on `interface` from now on, for at most `patience`, for the first frame to `mac`
    /// that `wanted` accepts.
    pub fn listen(
        host: &NetNs,
        interface: &str,
        mac: Mac,
        patience: Duration,
        wanted: impl Fn(&[u8]) -> bool + Send + 'static,
    ) -> Result<Self> {
        let interface = interface.to_owned();
        // Opened before this returns, so that the next frame is received.
        let socket = host.run(move || open(&interface))?;
        Ok(Self(std::thread::spawn(move || wait(&socket, mac, patience, wanted))))
    }

    /// The frame.
    pub fn frame(self) -> Result<Vec<u8>> {
        self.0.join().map_err(|_| anyhow!("the tap panicked"))?
    }
}

fn open(interface: &str) -> Result<Socket> {
    let protocol = Protocol::from(i32::from(sys::ETH_P_ALL_BE));
    let socket = Socket::new(Domain::PACKET, Type::RAW, Some(protocol))
        .context("opening a packet socket")?;
    let index =
        nix::net::if_::if_nametoindex(interface).with_context(|| format!("finding {interface}"))?;
    sys::bind_packet(&socket, index).with_context(|| format!("binding to {interface}"))?;
    socket.set_read_timeout(Some(Duration::from_millis(20))).context("setting a time limit")?;
    Ok(socket)
}

fn wait(
    socket: &Socket,
    mac: Mac,
    patience: Duration,
    wanted: impl Fn(&[u8]) -> bool,
) -> Result<Vec<u8>> {
    use std::io::Read;
    let deadline = Instant::now() + patience;
    let mut bytes = [0; FRAME];
    while Instant::now() < deadline {
        let mut reader = socket;
        // Nothing yet.
        let Ok(length) = reader.read(&mut bytes) else { continue };
        let frame = &bytes[..length];
        if frame.starts_with(&mac.0) && wanted(frame) {
            return Ok(frame.to_vec());
        }
    }
    bail!("no such frame within {patience:?}")
}
