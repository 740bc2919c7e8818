//! Where requests go, and what they are. Apart from the loop, which asks for bytes and knows neither prompts nor models.

use crate::AnswerForm;
use crate::dialogue::Dialogues;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

/// Most addresses of a host that are tried.
const ADDRESSES_TRIED_MAX: usize = 8;

/// What TLS needs.
#[derive(Debug, Clone)]
pub struct TlsTarget {
    /// Trusted certificates and protocols.
    pub config: Arc<ClientConfig>,
    /// Name that the server's certificate must have.
    pub name: ServerName<'static>,
}

/// Where requests go.
#[derive(Debug, Clone)]
pub struct Target {
    /// Addresses of the host, at least one; the next one is tried when none of the connections to one came about.
    pub addresses: Vec<SocketAddr>,
    /// `None` speaks plain HTTP.
    pub tls: Option<TlsTarget>,
    /// How answers are read.
    pub form: AnswerForm,
    /// Time for one request from due to its last byte.
    pub timeout: Duration,
    /// Whether every request makes a connection of its own.
    pub is_cold: bool,
}

/// The same addresses, the first that takes a connection in front: a name such as `localhost` has several, and servers
/// listen on one. A single address is not tried; where none answers the order stays, and the run tells why.
#[must_use]
pub fn reachable_first(mut addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    const TRY: Duration = Duration::from_secs(2);
    if addresses.len() > 1 {
        let reachable = addresses
            .iter()
            .take(ADDRESSES_TRIED_MAX)
            .position(|address| TcpStream::connect_timeout(address, TRY).is_ok());
        if let Some(index) = reachable {
            addresses.swap(0, index);
        }
    }
    addresses
}

/// Makes requests.
///
/// The loop asks while it measures: an implementation copies what was made before and touches neither files nor locks.
pub trait RequestSource: Send + Sync {
    /// Appends request `number` (HTTP, whole) to `out`; which prompt it is.
    fn push_request(&self, number: u64, out: &mut Vec<u8>) -> u32;

    /// Most bytes of answers to keep, for judging them afterwards; 0 keeps none.
    fn answers_bytes_max(&self) -> u64 {
        0
    }

    /// The conversations that these requests begin; `None` where each request stands alone.
    fn dialogues(&self) -> Option<&Dialogues> {
        None
    }
}

/// Requests made beforehand, taken in turn.
#[derive(Debug, Clone)]
pub struct FixedRequests(Vec<Arc<[u8]>>);

impl FixedRequests {
    /// Whole requests, at least one.
    #[must_use]
    pub const fn new(requests: Vec<Arc<[u8]>>) -> Self {
        Self(requests)
    }
}

impl RequestSource for FixedRequests {
    fn push_request(&self, number: u64, out: &mut Vec<u8>) -> u32 {
        let count = self.0.len().max(1) as u64;
        let index = u32::try_from(number % count).unwrap_or(0);
        if let Some(request) = self.0.get(index as usize) {
            out.extend_from_slice(request);
        }
        index
    }
}

/// The same requests, counted from another number on: blocks that must ask the same, and pairs of them that must not.
pub struct NumberedFrom {
    /// Where requests come from.
    pub source: Arc<dyn RequestSource>,
    /// What the first of them is called there.
    pub first: u64,
}

impl RequestSource for NumberedFrom {
    fn push_request(&self, number: u64, out: &mut Vec<u8>) -> u32 {
        self.source.push_request(number.wrapping_add(self.first), out)
    }

    fn dialogues(&self) -> Option<&Dialogues> {
        self.source.dialogues()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    /// Protects pairs of blocks: from the same number on the same requests are sent.
    #[test]
    fn numbers_begin_elsewhere() {
        let requests: Vec<Arc<[u8]>> = [b"a", b"b", b"c"].iter().map(|r| Arc::from(&r[..])).collect();
        let shifted = NumberedFrom {
            source: Arc::new(FixedRequests::new(requests)),
            first: 4,
        };
        let mut out = Vec::new();
        let prompts: Vec<u32> = (0..3)
            .map(|number| shifted.push_request(number, &mut out))
            .collect();
        assert_eq!((out.as_slice(), prompts), (&b"bca"[..], vec![1, 2, 0]));
    }

    /// Protects `localhost`: the address on which somebody listens is asked, and none is lost.
    #[test]
    fn who_listens_comes_first() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let there = listener.local_addr().unwrap();
        let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        assert_eq!(reachable_first(vec![nobody, there]), [there, nobody]);
        assert_eq!(reachable_first(vec![nobody]), [nobody]);
        assert_eq!(reachable_first(vec![nobody, nobody]), [nobody, nobody]);
    }
}
