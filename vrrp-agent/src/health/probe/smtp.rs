//! A mail server's greeting, and its answers to HELO and QUIT (RFC 5321).

#[cfg(test)]
mod tests;

use std::net::SocketAddr;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use super::failure::{Failure, connect};

/// A longer line is no answer.
const LONGEST_LINE: u64 = 4096;

pub(super) async fn talk(at: SocketAddr, helo: &str) -> Result<String, Failure> {
    let mut stream = BufReader::new(connect(at).await?);
    expect(&mut stream, "the greeting", "220").await?;
    say(&mut stream, &format!("HELO {helo}\r\n")).await?;
    expect(&mut stream, "the answer to HELO", "250").await?;
    say(&mut stream, "QUIT\r\n").await?;
    expect(&mut stream, "the answer to QUIT", "221").await?;
    Ok("SMTP 250".to_owned())
}

async fn say(stream: &mut BufReader<TcpStream>, line: &str) -> Result<(), Failure> {
    stream.write_all(line.as_bytes()).await.map_err(|error| Failure::of("", &error))
}

/// Reads an answer, which may have several lines: a `-` follows the code of all but the last.
async fn expect(stream: &mut BufReader<TcpStream>, what: &str, code: &str) -> Result<(), Failure> {
    loop {
        let mut line = Vec::new();
        let read = stream.take(LONGEST_LINE).read_until(b'\n', &mut line).await;
        read.map_err(|error| Failure::of("", &error))?;
        let Some((found, rest)) = line.split_at_checked(3) else {
            return Err(Failure::Backend(format!("{what} broke off")));
        };
        if found != code.as_bytes() {
            let found = String::from_utf8_lossy(found);
            return Err(Failure::Backend(format!("{what} is {found}, not {code}")));
        }
        if !rest.starts_with(b"-") {
            return Ok(());
        }
    }
}
