//! A simulated provider in a thread of its own, for the demonstration and for tests that are not asynchronous. Apart
//! from `server`, which knows nothing of threads.

use crate::config::SimConfig;
use crate::record::{LatencyReport, LogEntry, SimStats};
use crate::server::{Provider, Sim};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread::JoinHandle;
use std::time::Instant;
use tokio::sync::oneshot;

/// A provider that serves until this is dropped.
#[derive(Debug)]
pub struct SimHandle {
    addr: SocketAddr,
    provider: Arc<Provider>,
    runtime: tokio::runtime::Handle,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl SimHandle {
    /// Starts a provider on a free port of 127.0.0.1, in its own thread with its own single-threaded runtime. It can be
    /// asked as soon as this returns.
    ///
    /// # Errors
    /// Those of [`Sim::bind`], and when the system gives no thread.
    pub fn spawn(config: SimConfig) -> io::Result<Self> {
        Self::spawn_at(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), config)
    }

    /// The same at a given address.
    ///
    /// # Errors
    /// Those of [`SimHandle::spawn`].
    pub fn spawn_at(addr: SocketAddr, config: SimConfig) -> io::Result<Self> {
        let sim = Sim::bind(addr, config)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (addr, provider) = (sim.local_addr(), sim.provider());
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("seatrial-sim".to_owned())
            .spawn(move || {
                // A sender that is gone means stop as well.
                runtime.block_on(sim.run(async { stopped.await.unwrap_or(()) }))
            })?;
        Ok(Self {
            addr,
            provider,
            runtime: handle,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The base URL for a client, such as `http://127.0.0.1:4711/v1`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.addr)
    }

    /// Counters now. A client that has read the end of an answer finds it counted.
    #[must_use]
    pub fn stats(&self) -> SimStats {
        self.on_server(|provider| provider.record.stats(provider.config.seed))
    }

    /// Every entry of the log that is still kept, oldest first.
    #[must_use]
    pub fn log(&self) -> Vec<LogEntry> {
        self.on_server(|provider| {
            let mut entries = Vec::new();
            let mut after = Some(0);
            while let Some(from) = after {
                let page = provider.record.log_page(from);
                after = page.next;
                entries.extend(page.entries);
            }
            entries
        })
    }

    /// Percentiles over the log, of one model or of all.
    #[must_use]
    pub fn latency(&self, model: Option<&str>) -> LatencyReport {
        let model = model.map(str::to_owned);
        self.on_server(move |provider| provider.record.latency(0, model.as_deref()))
    }

    /// Asks on the server's own thread: there, between the last write of an answer and its entry in the record, nothing
    /// else runs, so that nobody sees an answer that is not yet counted.
    fn on_server<T: Send + 'static>(&self, ask: impl Fn(&Provider) -> T + Send + Sync + 'static) -> T {
        let (send, receive) = sync_channel(1);
        let ask = Arc::new(ask);
        let (there, provider) = (Arc::clone(&ask), Arc::clone(&self.provider));
        self.runtime.spawn(async move {
            let _nobody_left = send.send(there(&provider));
        });
        // Without an answer the server has ended, and nothing changes any more.
        receive.recv().unwrap_or_else(|_| ask(&self.provider))
    }

    /// Zero of the log's nanoseconds, so that a client in this process can compare its own times.
    #[must_use]
    pub fn epoch(&self) -> Instant {
        self.provider.record.epoch
    }
}

impl Drop for SimHandle {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // Its result could only be a log file that could not be flushed, or a panic that was printed already.
            let _ended = thread.join();
        }
    }
}
