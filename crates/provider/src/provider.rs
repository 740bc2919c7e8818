//! The sum of all ways to get an answer. An enum and not a trait: the set is closed, and a call stays free of a boxed
//! future.

use crate::{Exec, Recorded, Remote};
use seatrial_types::{Call, ModelRequest};

/// A target that can be called.
#[derive(Debug)]
pub enum Provider {
    /// An endpoint that is called over HTTP.
    Remote(Box<Remote>),
    /// A program.
    Exec(Box<Exec>),
    /// Answers from a file.
    Recorded(Box<Recorded>),
}

impl Provider {
    /// Asks, retries where that can help, and never fails: errors are in the [`Call`].
    ///
    /// Dropping the future abandons the call: its connection is closed, nothing else keeps running. A program that was
    /// asked goes on until [`Provider::close`].
    pub async fn call(&self, request: &ModelRequest) -> Call {
        match self {
            Self::Remote(remote) => remote.call(request).await,
            Self::Exec(exec) => exec.call(request).await,
            Self::Recorded(recorded) => recorded.call(request),
        }
    }

    /// Ends what keeps running between calls: programs are asked to end, and killed when they do not.
    pub async fn close(&self) {
        if let Self::Exec(exec) = self {
            exec.close().await;
        }
    }
}

impl From<Remote> for Provider {
    fn from(remote: Remote) -> Self {
        Self::Remote(Box::new(remote))
    }
}

impl From<Exec> for Provider {
    fn from(exec: Exec) -> Self {
        Self::Exec(Box::new(exec))
    }
}

impl From<Recorded> for Provider {
    fn from(recorded: Recorded) -> Self {
        Self::Recorded(Box::new(recorded))
    }
}
