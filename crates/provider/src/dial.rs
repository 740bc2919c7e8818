//! Makes connections: name, TCP, TLS. Apart because each step fails in its own way and needs its own hint.

use crate::address::Address;
use crate::clock::Clock;
use crate::link::Link;
use crate::wire::{StampedTcp, Stamps, Wire};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use seatrial_types::CallErrorKind;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio_rustls::TlsConnector;

/// Longest time for name, TCP and TLS together.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Makes connections to one endpoint.
pub(crate) struct Dialer {
    host: String,
    port: u16,
    tls: Option<Tls>,
    clock: Clock,
}

/// What TLS needs, the system's certificates loaded at the first connection.
struct Tls {
    name: ServerName<'static>,
    extra: Vec<CertificateDer<'static>>,
    connector: OnceCell<Result<TlsConnector, String>>,
}

/// Why there is no connection. `problem` reads after "could not connect to URL: ".
#[derive(Debug)]
pub(crate) struct DialError {
    pub(crate) kind: CallErrorKind,
    pub(crate) problem: String,
    pub(crate) hint: Option<&'static str>,
}

impl std::fmt::Debug for Dialer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dialer")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("tls", &self.tls.is_some())
            .finish_non_exhaustive()
    }
}

/// Certificates of a PEM file; the error says what is wrong with it.
pub(crate) fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| error.to_string())?;
    if certificates.is_empty() {
        return Err("no certificate in it; hint: expected PEM, `-----BEGIN CERTIFICATE-----`".to_owned());
    }
    Ok(certificates)
}

impl Dialer {
    /// Connects to `address`, trusting `extra` beside the system's certificates. The error is a host name that no
    /// certificate can be made out to.
    pub(crate) fn try_new(
        address: &Address,
        extra: Vec<CertificateDer<'static>>,
        clock: Clock,
    ) -> Result<Self, String> {
        let tls = if address.https {
            let name = ServerName::try_from(address.host.clone())
                .map_err(|_| format!("has the host `{}`, which is not a valid name", address.host))?;
            Some(Tls {
                name,
                extra,
                connector: OnceCell::new(),
            })
        } else {
            None
        };
        Ok(Self {
            host: address.host.clone(),
            port: address.port,
            tls,
            clock,
        })
    }

    /// A new connection.
    pub(crate) async fn dial(&self) -> Result<Box<Link>, DialError> {
        match tokio::time::timeout(CONNECT_TIMEOUT, self.dial_untimed()).await {
            Ok(result) => result,
            Err(_elapsed) => Err(DialError {
                kind: CallErrorKind::Connect,
                problem: format!("no connection within {} s", CONNECT_TIMEOUT.as_secs()),
                hint: Some("is the host reachable from here"),
            }),
        }
    }

    async fn dial_untimed(&self) -> Result<Box<Link>, DialError> {
        let tcp = self.tcp().await?;
        // A request is one write, so there is nothing that waiting for more could join. Refusal costs 40 ms at worst.
        tcp.set_nodelay(true).ok();
        let stamps = Stamps::new(self.clock);
        let stamped = StampedTcp::new(tcp, Arc::clone(&stamps));
        let wire = match &self.tls {
            None => Wire::Plain(stamped),
            Some(tls) => Wire::Tls(Box::new(tls.shake_hands(stamped).await?)),
        };
        let link = Link::try_new(wire, stamps).await.map_err(|error| DialError {
            kind: CallErrorKind::Connect,
            problem: error.to_string(),
            hint: None,
        })?;
        Ok(Box::new(link))
    }

    async fn tcp(&self) -> Result<TcpStream, DialError> {
        let addresses: Vec<SocketAddr> = tokio::net::lookup_host((self.host.as_str(), self.port))
            .await
            .map_err(|error| DialError {
                kind: CallErrorKind::Connect,
                problem: format!("the name `{}` could not be resolved: {error}", self.host),
                hint: Some("check the host in base_url"),
            })?
            .collect();
        let mut last = None;
        for address in addresses {
            match TcpStream::connect(address).await {
                Ok(tcp) => return Ok(tcp),
                Err(error) => last = Some(error),
            }
        }
        let problem = last.map_or_else(
            || format!("the name `{}` has no address", self.host),
            |error| error.to_string(),
        );
        Err(DialError {
            kind: CallErrorKind::Connect,
            problem,
            hint: Some("is the server running, and is the address right"),
        })
    }
}

impl Tls {
    async fn shake_hands(
        &self,
        stamped: StampedTcp,
    ) -> Result<tokio_rustls::client::TlsStream<StampedTcp>, DialError> {
        let connector = self
            .connector
            .get_or_init(|| async {
                let extra = self.extra.clone();
                // Reading and parsing some 150 certificates takes milliseconds: not on a runtime thread.
                tokio::task::spawn_blocking(move || connector(extra))
                    .await
                    .unwrap_or_else(|error| Err(error.to_string()))
            })
            .await;
        let connector = connector.as_ref().map_err(|problem| DialError {
            kind: CallErrorKind::Tls,
            problem: problem.clone(),
            hint: Some("name a file of trusted certificates in SSL_CERT_FILE"),
        })?;
        connector
            .connect(self.name.clone(), stamped)
            .await
            .map_err(|error| {
                let tls = error
                    .get_ref()
                    .and_then(|inner| inner.downcast_ref::<rustls::Error>());
                DialError {
                    kind: if tls.is_some() {
                        CallErrorKind::Tls
                    } else {
                        CallErrorKind::Connect
                    },
                    problem: tls.map_or_else(|| error.to_string(), ToString::to_string),
                    hint: tls.map(hint),
                }
            })
    }
}

/// What to do about a failed handshake.
const fn hint(error: &rustls::Error) -> &'static str {
    match error {
        rustls::Error::InvalidCertificate(_) => {
            "if the certificate is your own, add its authority to SSL_CERT_FILE or to the target's certificates"
        }
        rustls::Error::InvalidMessage(_) => "is the endpoint http and not https",
        _ => "the endpoint must speak TLS 1.2 or 1.3",
    }
}

/// A connector that trusts the system's certificates and `extra`.
fn connector(extra: Vec<CertificateDer<'static>>) -> Result<TlsConnector, String> {
    Ok(TlsConnector::from(Arc::new(client_config(extra)?)))
}

/// How TLS is spoken: only with servers whose certificate the system or `extra` vouches for, and only for HTTP/1.1. The
/// error says which certificates cannot be used.
pub(crate) fn client_config(extra: Vec<CertificateDer<'static>>) -> Result<ClientConfig, String> {
    let native = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // Systems carry a few certificates that nothing can read any more; the others still count.
    roots.add_parsable_certificates(native.certs);
    let (_added, refused) = roots.add_parsable_certificates(extra);
    if refused > 0 {
        return Err(format!(
            "{refused} of the target's own certificates cannot be read"
        ));
    }
    if roots.is_empty() {
        let why = native.errors.first().map(ToString::to_string);
        let why = why.unwrap_or_else(|| "the system has none".to_owned());
        return Err(format!("no trusted certificates: {why}"));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
