//! The socket, with a clock on it. Apart because these few lines are where every latency of Seatrial is measured:
//! below TLS, HTTP and JSON, so that none of their cost is taken for the target's.

use crate::Clock;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// No such moment yet.
const NEVER: u64 = u64::MAX;

/// What the socket of one connection saw since the last [`Stamps::arm`].
///
/// Atomics because a call may move between threads; they are never contended, and their order does not matter: the
/// same task writes and reads them.
#[derive(Debug)]
pub(crate) struct Stamps {
    clock: Clock,
    first_write_ns: AtomicU64,
    first_read_ns: AtomicU64,
    last_read_ns: AtomicU64,
}

impl Stamps {
    pub(crate) fn new(clock: Clock) -> Arc<Self> {
        Arc::new(Self {
            clock,
            first_write_ns: AtomicU64::new(NEVER),
            first_read_ns: AtomicU64::new(NEVER),
            last_read_ns: AtomicU64::new(NEVER),
        })
    }

    /// Forgets everything: the next write is the first byte of a request.
    pub(crate) fn arm(&self) {
        self.first_write_ns.store(NEVER, Relaxed);
        self.first_read_ns.store(NEVER, Relaxed);
        self.last_read_ns.store(NEVER, Relaxed);
    }

    /// When the first byte of the request was written.
    pub(crate) fn first_write_ns(&self) -> Option<u64> {
        moment(&self.first_write_ns)
    }

    /// When the first byte of the answer was read.
    pub(crate) fn first_read_ns(&self) -> Option<u64> {
        moment(&self.first_read_ns)
    }

    /// When the latest byte was read.
    pub(crate) fn last_read_ns(&self) -> Option<u64> {
        moment(&self.last_read_ns)
    }

    fn saw_read(&self) {
        let now_ns = self.clock.now_ns();
        if self.first_read_ns.load(Relaxed) == NEVER {
            self.first_read_ns.store(now_ns, Relaxed);
        }
        self.last_read_ns.store(now_ns, Relaxed);
    }
}

fn moment(cell: &AtomicU64) -> Option<u64> {
    Some(cell.load(Relaxed)).filter(|&ns| ns != NEVER)
}

/// A TCP stream that stamps what passes.
#[derive(Debug)]
pub(crate) struct StampedTcp {
    tcp: TcpStream,
    stamps: Arc<Stamps>,
}

impl StampedTcp {
    pub(crate) const fn new(tcp: TcpStream, stamps: Arc<Stamps>) -> Self {
        Self { tcp, stamps }
    }
}

impl StampedTcp {
    /// Writes, and stamps the first byte with the moment before the system call: on loopback the receiver may already
    /// answer while the call returns.
    fn poll_stamped_write(
        &mut self,
        write: impl FnOnce(Pin<&mut TcpStream>) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if self.stamps.first_write_ns.load(Relaxed) != NEVER {
            return write(Pin::new(&mut self.tcp));
        }
        let before_ns = self.stamps.clock.now_ns();
        let written = write(Pin::new(&mut self.tcp));
        if let Poll::Ready(Ok(1..)) = written {
            self.stamps.first_write_ns.store(before_ns, Relaxed);
        }
        written
    }
}

impl AsyncRead for StampedTcp {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.tcp).poll_read(cx, buffer);
        if read.is_ready() && buffer.filled().len() > before {
            self.stamps.saw_read();
        }
        read
    }
}

impl AsyncWrite for StampedTcp {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_stamped_write(|tcp| tcp.poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_stamped_write(|tcp| tcp.poll_write_vectored(cx, slices))
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}

/// A connection with or without TLS.
#[derive(Debug)]
pub(crate) enum Wire {
    /// http
    Plain(StampedTcp),
    /// https; boxed because its buffers are ten times the size
    Tls(Box<TlsStream<StampedTcp>>),
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_read(cx, buffer),
            Self::Tls(tls) => Pin::new(tls).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_write(cx, bytes),
            Self::Tls(tls) => Pin::new(tls).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_write_vectored(cx, slices),
            Self::Tls(tls) => Pin::new(tls).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(tcp) => tcp.is_write_vectored(),
            Self::Tls(tls) => tls.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            Self::Tls(tls) => Pin::new(tls).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Self::Tls(tls) => Pin::new(tls).poll_shutdown(cx),
        }
    }
}
