//! TLS of checks. As in keepalived, every certificate is accepted: a check asks whether a backend
//! serves, and backends are asked by their addresses, which certificates seldom name. Nothing
//! secret is sent.

use std::net::IpAddr;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::{CertificateDer, InvalidDnsNameError, ServerName, UnixTime};
use tokio_rustls::rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};

use super::failure::Failure;
use vrrp_model::Sni;

/// Opens TLS on connections.
#[derive(Clone)]
pub(super) struct Client(TlsConnector);

impl Client {
    /// # Errors
    /// The versions of TLS and the algorithms of this build do not fit together.
    pub(super) fn new() -> Result<Self, Error> {
        let provider = Arc::new(ring::default_provider());
        let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
            .with_no_client_auth();
        Ok(Self(TlsConnector::from(Arc::new(config))))
    }

    /// Does the handshake with a server at `address`. An address as `name` is not indicated.
    pub(super) async fn open(
        &self,
        stream: TcpStream,
        name: ServerName<'static>,
    ) -> Result<TlsStream<TcpStream>, Failure> {
        let opened = self.0.connect(name, stream).await;
        opened.map_err(|error| Failure::of("no TLS: ", &error))
    }
}

/// The name for the handshake: the address of the server where none is to be indicated.
///
/// # Errors
/// The name is not one of DNS.
pub(super) fn server_name(
    sni: &Sni,
    host: Option<&str>,
    address: IpAddr,
) -> Result<ServerName<'static>, InvalidDnsNameError> {
    let name = match sni {
        Sni::Off => None,
        Sni::Name(name) => Some(name.as_str()),
        // Without its port. An address in brackets is no name.
        Sni::Host => host
            .filter(|host| !host.starts_with('['))
            .map(|host| host.split_once(':').map_or(host, |(name, _)| name)),
    };
    match name {
        Some(name) => ServerName::try_from(name.to_owned()),
        None => Ok(ServerName::IpAddress(address.into())),
    }
}

/// Accepts every certificate, and every signature by it.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
