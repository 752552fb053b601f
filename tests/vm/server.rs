//! A small HTTP server that returns the name of its host, in a thread inside that host's namespace.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result};
use vrrp_tests::names::Host;
use vrrp_tests::netns::NetNs;

/// How long a client may take to send a request. Health checks hold connections without a request.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(2);

/// A running server. Dropping the value ends it.
#[derive(Debug)]
pub struct Server {
    pub host: Host,
    pub port: u16,
    stop: Arc<AtomicBool>,
    clients: Arc<Mutex<Vec<IpAddr>>>,
    thread: Option<JoinHandle<Result<()>>>,
}

impl Server {
    /// Listens on all addresses of `host`, of both families.
    pub fn start(netns: &NetNs, host: Host, port: u16) -> Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let clients = Arc::new(Mutex::new(Vec::new()));
        let listener = netns.run(move || {
            let listener = TcpListener::bind((Ipv6Addr::UNSPECIFIED, port))
                .with_context(|| format!("port {port} of {host}"))?;
            listener.set_nonblocking(true).context("a listener that does not block")?;
            Ok(listener)
        })?;
        let (flag, seen) = (Arc::clone(&stop), Arc::clone(&clients));
        let thread = Some(netns.spawn(move || accept(&listener, host, &flag, &seen))?);
        Ok(Self { host, port, stop, clients, thread })
    }

    /// The addresses that requests came from, since the last call.
    pub fn take_clients(&self) -> Vec<IpAddr> {
        std::mem::take(&mut *self.clients.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // The port is free once the thread has ended.
            let _ = thread.join();
        }
    }
}

fn accept(
    listener: &TcpListener,
    host: Host,
    stop: &AtomicBool,
    clients: &Arc<Mutex<Vec<IpAddr>>>,
) -> Result<()> {
    while !stop.load(Ordering::Relaxed) {
        match listener.accept() {
            Ok((stream, peer)) => {
                let clients = Arc::clone(clients);
                std::thread::spawn(move || {
                    // A client that closes early is no error.
                    let _ = answer(stream, peer, host, &clients);
                });
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::sleep(PAUSE),
            Err(error) => return Err(error).context("accepting"),
        }
    }
    Ok(())
}

fn answer(
    mut stream: TcpStream,
    peer: SocketAddr,
    host: Host,
    clients: &Mutex<Vec<IpAddr>>,
) -> Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut request = [0; 1024];
    if stream.read(&mut request)? == 0 {
        return Ok(());
    }
    clients.lock().unwrap_or_else(PoisonError::into_inner).push(peer.ip().to_canonical());
    let body = format!("{host}\n");
    write!(
        stream,
        "HTTP/1.0 200 OK\r\nX-Node: {host}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )?;
    Ok(())
}
