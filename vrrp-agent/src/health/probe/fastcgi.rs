//! A FastCGI server's answer to FCGI_GET_VALUES (FastCGI specification 1.0, section 4.1), which
//! runs no script.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::failure::{Failure, connect};

const VERSION: u8 = 1;
const GET_VALUES: u8 = 9;
const GET_VALUES_RESULT: u8 = 10;
/// The requested name. Its value does not matter: some servers omit unknown names.
const NAME: &[u8] = b"FCGI_MPXS_CONNS";
const HEADER: usize = 8;

/// Connects, sends the request, and closes: an open connection would occupy a php-fpm worker.
pub(super) async fn get_values(at: SocketAddr) -> Result<String, Failure> {
    let mut stream = connect(at).await?;
    stream.write_all(&question()).await.map_err(|error| Failure::of("", &error))?;
    let mut header = [0; HEADER];
    stream
        .read_exact(&mut header)
        .await
        .map_err(|error| Failure::of("no FastCGI answer: ", &error))?;
    let [version, kind, ..] = header;
    match (version, kind) {
        (VERSION, GET_VALUES_RESULT) => {}
        (VERSION, _) => return Err(Failure::Backend(format!("FastCGI answer of type {kind}"))),
        _ => return Err(Failure::Backend("no FastCGI answer".to_owned())),
    }
    // Read to its end, so that closing sends no reset.
    let rest = u64::from(u16::from_be_bytes([header[4], header[5]])) + u64::from(header[6]);
    let read = tokio::io::copy(&mut stream.take(rest), &mut tokio::io::sink()).await;
    match read {
        Ok(read) if read == rest => Ok("FastCGI values".to_owned()),
        Ok(_) => Err(Failure::Backend("FastCGI answer broke off".to_owned())),
        Err(error) => Err(Failure::of("FastCGI answer broke off: ", &error)),
    }
}

/// A record of one name without a value, padded to a multiple of eight bytes.
fn question() -> Vec<u8> {
    let length = 2 + NAME.len();
    let padding = length.next_multiple_of(8) - length;
    let mut record = vec![VERSION, GET_VALUES, 0, 0, 0, length as u8, padding as u8, 0];
    record.extend([NAME.len() as u8, 0]);
    record.extend(NAME);
    record.resize(HEADER + length + padding, 0);
    record
}
