//! Idle connections of one endpoint. Apart because reuse has rules of its own: newest first, old ones dropped, dead
//! ones never handed out.

use crate::link::Link;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;
use tokio::time::Instant;

/// Longest time a connection is kept unused: below the 60 s to 75 s after which common servers and balancers hang up.
const IDLE_MAX: Duration = Duration::from_secs(55);

/// Idle connections, the newest at the back.
#[derive(Debug)]
pub(crate) struct Pool {
    idle: Mutex<VecDeque<Box<Link>>>,
    size_max: usize,
}

impl Pool {
    /// An empty pool that keeps at most `size_max` idle connections.
    pub(crate) const fn new(size_max: usize) -> Self {
        Self {
            idle: Mutex::new(VecDeque::new()),
            size_max,
        }
    }

    /// The connection that was used last and is still usable.
    pub(crate) async fn take(&self) -> Option<Box<Link>> {
        loop {
            let mut link = self.lock().pop_back()?;
            if link.idle_since.elapsed() > IDLE_MAX {
                // Everything in front of it is older still.
                self.lock().clear();
                return None;
            }
            if poll_fn(|cx| Poll::Ready(link.is_usable(cx))).await {
                return Some(link);
            }
        }
    }

    /// Keeps a connection whose answer was read to its end, if it can be used again.
    pub(crate) async fn put(&self, mut link: Box<Link>) {
        if !poll_fn(|cx| Poll::Ready(link.is_usable(cx))).await {
            return;
        }
        let now = Instant::now();
        link.idle_since = now;
        let mut idle = self.lock();
        while idle
            .front()
            .is_some_and(|oldest| now.duration_since(oldest.idle_since) > IDLE_MAX)
        {
            idle.pop_front();
        }
        if idle.len() < self.size_max {
            idle.push_back(link);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<Box<Link>>> {
        // Pushing and popping leaves no half-done state that a panic could reveal.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
