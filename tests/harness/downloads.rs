//! Downloads that are slow enough to last through a test's steps.

use std::io::{Read, Write};
use std::net::{SocketAddr, SocketAddrV4, TcpStream};
use std::thread::{JoinHandle, sleep};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};

use crate::Lab;
use crate::daemons::BIG_FILE;
use crate::http::request;
use crate::names::{HTTP_PORT, Host, Vip};

/// A slow client: at this pace a download takes more than ten seconds.
const CHUNK: usize = 16 << 10;
const PAUSE: Duration = Duration::from_millis(5);
/// A download without progress for this long has failed.
const STANDSTILL: Duration = Duration::from_secs(3);

/// Running downloads of the big file.
#[derive(Debug)]
pub struct Downloads(Vec<JoinHandle<Result<String>>>);

impl Downloads {
    /// Starts `count` of them from the client.
    pub fn start(lab: &Lab, vip: Vip, count: usize) -> Result<Self> {
        let client = lab.topology().host(Host::Client);
        let server = SocketAddrV4::new(vip.address(), HTTP_PORT);
        (0..count).map(|_| client.spawn(move || download(server))).collect::<Result<_>>().map(Self)
    }

    /// Waits for their ends; returns for each the serving node, or the error.
    pub fn finish(self) -> Vec<Result<String>> {
        let end = |download: JoinHandle<Result<String>>| {
            download.join().map_err(|_| anyhow!("a download panicked")).flatten()
        };
        self.0.into_iter().map(end).collect()
    }
}

/// Downloads the big file slowly; returns the serving node.
fn download(server: SocketAddrV4) -> Result<String> {
    let mut stream =
        TcpStream::connect_timeout(&SocketAddr::V4(server), STANDSTILL).context("connecting")?;
    stream.set_read_timeout(Some(STANDSTILL))?;
    stream.write_all(&request("/big", None)).context("asking")?;
    let mut chunk = vec![0; CHUNK];
    let (mut head, mut received) = (Vec::new(), 0);
    loop {
        let read = stream.read(&mut chunk).with_context(|| format!("after {received} bytes"))?;
        if head.len() < CHUNK {
            head.extend_from_slice(&chunk[..read]);
        }
        received += read as u64;
        if read == 0 {
            break;
        }
        sleep(PAUSE);
    }
    let head = String::from_utf8_lossy(&head);
    let (head, _) = head.split_once("\r\n\r\n").context("no header")?;
    let body = received - head.len() as u64 - 4;
    ensure!(body == BIG_FILE, "cut short after {body} bytes");
    let node = head.lines().find_map(|line| line.strip_prefix("X-Node: ")).context("no node")?;
    Ok(node.to_owned())
}
