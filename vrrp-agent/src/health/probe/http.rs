//! Requests of HTTP, and whether their answers are good.

#[cfg(test)]
mod tests;

use std::error::Error;
use std::io;
use std::net::SocketAddr;

use http_body_util::{BodyExt, Empty};
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::header::{CONNECTION, HOST, USER_AGENT};
use hyper::{Request, Response, Version};
use hyper_util::rt::TokioIo;
use md5::{Digest, Md5};
use regex::bytes::Regex;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;

use super::failure::{Failure, connect};
use super::held::Held;
use super::tls;
use vrrp_model::{BodyRegex, HttpCheck, HttpRequest, HttpVersion};

/// A longer body is not read to its end where only the status counts.
const LONGEST_IGNORED: usize = 64 * 1024;
/// A regex is searched in this much of a body.
const LONGEST_SEARCHED: usize = 1024 * 1024;

/// A check whose expressions are compiled.
pub(super) struct Prepared {
    check: HttpCheck,
    /// `None`: without TLS.
    tls: Option<tls::Client>,
    /// By request.
    expressions: Vec<Option<Regex>>,
}

impl Prepared {
    /// # Errors
    /// Why it cannot be asked.
    pub(super) fn new(check: &HttpCheck) -> Result<Self, Unprepared> {
        let compile = |request: &HttpRequest| {
            request.body.as_ref().map(|body| Regex::new(&body.pattern)).transpose()
        };
        let expressions = check.requests.iter().map(compile).collect::<Result<_, _>>()?;
        let tls = check.tls.as_ref().map(|_| tls::Client::new()).transpose()?;
        Ok(Self { check: check.clone(), tls, expressions })
    }

    /// Sends the requests one after the other. Returns what the last answer was, and its connection
    /// if it stays open.
    pub(super) async fn ask(&self, at: SocketAddr) -> Result<(String, Option<Held>), Failure> {
        let mut last = ("no request".to_owned(), None);
        let several = self.check.requests.len() > 1;
        for (request, expression) in self.check.requests.iter().zip(&self.expressions) {
            let asked =
                Asked { request, version: self.check.version, expression: expression.as_ref() };
            last = self.ask_one(&asked, at).await.map_err(|failure| match failure {
                Failure::Backend(why) if several => {
                    Failure::Backend(format!("{}: {why}", request.path))
                }
                other => other,
            })?;
        }
        Ok(last)
    }

    async fn ask_one(
        &self,
        asked: &Asked<'_>,
        at: SocketAddr,
    ) -> Result<(String, Option<Held>), Failure> {
        let stream = connect(at).await?;
        let (Some(client), Some(sni)) = (&self.tls, &self.check.tls) else {
            return asked.exchange(stream, at).await;
        };
        let name = tls::server_name(sni, asked.request.host.as_deref(), at.ip())
            .map_err(|error| Failure::Backend(format!("no server name for TLS: {error}")))?;
        asked.exchange(client.open(stream, name).await?, at).await
    }
}

/// Why a check cannot be asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unprepared {
    #[error("the regex is none: {0}")]
    Expression(#[from] regex::Error),
    #[error("there is no TLS: {0}")]
    Tls(#[from] tokio_rustls::rustls::Error),
}

/// One request.
struct Asked<'a> {
    request: &'a HttpRequest,
    version: HttpVersion,
    expression: Option<&'a Regex>,
}

/// What was read of a body.
struct Body {
    /// Nothing is left unread.
    whole: bool,
    digest: [u8; 16],
    /// Its beginning, if an expression is searched in it.
    text: Vec<u8>,
}

impl Asked<'_> {
    async fn exchange<S>(
        &self,
        stream: S,
        at: SocketAddr,
    ) -> Result<(String, Option<Held>), Failure>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let request = self.request(at)?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| Failure::of_hyper("no HTTP", &error))?;
        // The connection makes progress only while it is polled; dropping the set aborts it.
        let mut driver = JoinSet::new();
        driver.spawn(connection);
        let response = sender
            .send_request(request)
            .await
            .map_err(|error| Failure::of_hyper("no HTTP answer", &error))?;
        let closes = response.version() == Version::HTTP_10
            || response.headers().get(CONNECTION).is_some_and(|value| value == "close");
        let status = response.status().as_u16();
        let whole = self.judge(response).await?;
        let held: Option<Held> = (whole && !closes).then(|| {
            let until_closed = async move {
                let _keeps_it_open = sender;
                driver.join_next().await;
            };
            Box::pin(until_closed) as Held
        });
        Ok((format!("HTTP {status}"), held))
    }

    fn request(&self, at: SocketAddr) -> Result<Request<Empty<Bytes>>, Failure> {
        let HttpRequest { path, host, .. } = self.request;
        let version = match self.version {
            HttpVersion::Http10 => Version::HTTP_10,
            HttpVersion::Http11 => Version::HTTP_11,
        };
        let host = host.clone().unwrap_or_else(|| at.to_string());
        Request::get(path)
            .version(version)
            .header(HOST, host)
            .header(USER_AGENT, concat!("vrrp-agent/", env!("CARGO_PKG_VERSION")))
            .body(Empty::new())
            .map_err(|error| Failure::Backend(format!("cannot ask for {path}: {error}")))
    }

    /// Whether the answer is good; returns whether all of it was read.
    async fn judge(&self, response: Response<Incoming>) -> Result<bool, Failure> {
        let status = response.status().as_u16();
        if !self.request.status.iter().any(|range| range.contains(&status)) {
            return Err(Failure::Backend(format!("HTTP {status}")));
        }
        let body = self.read(response.into_body()).await?;
        if self.request.digest.is_some_and(|expected| body.digest != expected) {
            let found = u128::from_be_bytes(body.digest);
            return Err(Failure::Backend(format!("the body's digest is {found:032x}")));
        }
        if let (Some(BodyRegex { no_match, .. }), Some(expression)) =
            (&self.request.body, self.expression)
            && matches(expression, &body.text) == *no_match
        {
            let what = if *no_match { "the regex matches" } else { "the regex does not match" };
            return Err(Failure::Backend(format!("{what} the body")));
        }
        Ok(body.whole)
    }

    /// Reads as much of the body as the check needs.
    async fn read(&self, mut body: Incoming) -> Result<Body, Failure> {
        let HttpRequest { digest, body: searched, .. } = self.request;
        let limit = match (digest, searched) {
            (Some(_), _) => usize::MAX,
            (None, Some(_)) => LONGEST_SEARCHED,
            (None, None) => LONGEST_IGNORED,
        };
        let (mut hash, mut text, mut length, mut whole) = (Md5::new(), Vec::new(), 0_usize, true);
        let length_is_known = body.size_hint().exact().is_some();
        while let Some(frame) = body.frame().await {
            let frame = match frame {
                Ok(frame) => frame,
                // Servers end connections without an end of TLS, and clients bear it.
                Err(error) if !length_is_known && ends_without_tls(&error) => {
                    whole = false;
                    break;
                }
                Err(error) => {
                    return Err(Failure::Backend(format!("answer broke off: {error}")));
                }
            };
            let Ok(data) = frame.into_data() else { continue };
            length = length.saturating_add(data.len());
            if digest.is_some() {
                hash.update(&data);
            }
            if searched.is_some() {
                let room = LONGEST_SEARCHED.saturating_sub(text.len());
                text.extend_from_slice(data.get(..room).unwrap_or(&data));
            }
            if length > limit {
                whole = false;
                break;
            }
        }
        Ok(Body { whole, digest: hash.finalize().into(), text })
    }
}

/// A connection that TLS did not end.
fn ends_without_tls(error: &hyper::Error) -> bool {
    let cause = error.source().and_then(|cause| cause.downcast_ref::<io::Error>());
    cause.is_some_and(|cause| cause.kind() == io::ErrorKind::UnexpectedEof)
}

/// PCRE2's `$` also stands before the last line end, that of the crate at the very end alone.
fn matches(expression: &Regex, body: &[u8]) -> bool {
    let without_line_end = body.strip_suffix(b"\n");
    expression.is_match(body) || without_line_end.is_some_and(|body| expression.is_match(body))
}
