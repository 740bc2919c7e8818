//! One HTTP/1.1 connection that is driven by the call that uses it. Apart from the pool, which only keeps it.
//!
//! hyper gives a connection as a future that somebody has to poll. The usual way is a task per connection; here the
//! call polls it itself. That saves two task switches per read, and it makes a dropped call close its connection
//! without any message to anybody.

use crate::wire::{Stamps, Wire};
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1::{Builder, Connection, SendRequest};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::time::Instant;

/// Most bytes of an answer's head.
pub(crate) const HEAD_BYTES_MAX: usize = 64 * 1024;

/// A connection, ready for one request at a time.
pub(crate) struct Link {
    sender: SendRequest<Full<Bytes>>,
    connection: Connection<TokioIo<Wire>, Full<Bytes>>,
    /// The connection future is finished and must not be polled again.
    ended: bool,
    pub(crate) stamps: Arc<Stamps>,
    /// Since when nobody uses it.
    pub(crate) idle_since: Instant,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link")
            .field("ended", &self.ended)
            .field("stamps", &self.stamps)
            .finish_non_exhaustive()
    }
}

impl Link {
    /// Speaks HTTP/1.1 over `wire`. Nothing is sent yet.
    pub(crate) async fn try_new(wire: Wire, stamps: Arc<Stamps>) -> Result<Self, hyper::Error> {
        let mut builder = Builder::new();
        // The size of the buffer alone is no bound: a read may fill more than was asked for.
        builder
            .max_buf_size(HEAD_BYTES_MAX)
            .max_header_size(HEAD_BYTES_MAX);
        let (sender, connection) = builder.handshake(TokioIo::new(wire)).await?;
        Ok(Self {
            sender,
            connection,
            ended: false,
            stamps,
            idle_since: Instant::now(),
        })
    }

    /// Sends a request and waits for the head of the answer. `Ok(None)`: the connection ended without saying why.
    pub(crate) async fn ask(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<Option<Response<Incoming>>, hyper::Error> {
        self.stamps.arm();
        let mut answer = pin!(self.sender.send_request(request));
        poll_fn(|cx| {
            self.ended = self.ended || Pin::new(&mut self.connection).poll(cx).is_ready();
            match answer.as_mut().poll(cx) {
                Poll::Ready(result) => Poll::Ready(result.map(Some)),
                Poll::Pending if self.ended => Poll::Ready(Ok(None)),
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }

    /// The next piece of a body; `None` at its end.
    ///
    /// The socket is read only when the body has nothing left, and hyper hands over one piece at a time, so
    /// [`Stamps::last_read_ns`] is the stamp of the read that completed the piece.
    pub(crate) async fn next_piece(&mut self, body: &mut Incoming) -> Option<Result<Bytes, hyper::Error>> {
        loop {
            let frame = poll_fn(|cx| self.poll_frame(body, cx)).await?;
            match frame.map(hyper::body::Frame::into_data) {
                Ok(Ok(data)) if data.is_empty() => {}
                Ok(Ok(data)) => return Some(Ok(data)),
                // Trailers say nothing about an answer.
                Ok(Err(_trailers)) => {}
                Err(error) => return Some(Err(error)),
            }
        }
    }

    fn poll_frame(
        &mut self,
        body: &mut Incoming,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<hyper::body::Frame<Bytes>, hyper::Error>>> {
        let frame = Pin::new(&mut *body).poll_frame(cx);
        if frame.is_ready() || self.ended {
            // An ended connection has dropped its side of the body, which therefore is never pending.
            return frame;
        }
        self.ended = Pin::new(&mut self.connection).poll(cx).is_ready();
        Pin::new(body).poll_frame(cx)
    }

    /// Whether another request can be sent: polls once, which also notices a server that has hung up meanwhile.
    pub(crate) fn is_usable(&mut self, cx: &mut Context<'_>) -> bool {
        self.ended = self.ended || Pin::new(&mut self.connection).poll(cx).is_ready();
        !self.ended && self.sender.is_ready()
    }
}
