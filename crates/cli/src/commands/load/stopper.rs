//! Ctrl-C for commands that run one load after the other: what is under way is cut off, and nothing more is begun. Apart
//! from a single load, which needs no place to find the one that is under way.

use crate::output;
use seatrial_load::Live;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

/// Listens for Ctrl-C and SIGTERM until the process ends.
#[derive(Clone, Default)]
pub(crate) struct Stopper {
    current: Arc<Mutex<Option<Arc<Live>>>>,
    is_stopped: Arc<AtomicBool>,
}

impl Stopper {
    /// Begins to listen.
    pub(crate) fn listen() -> Self {
        let stopper = Self::default();
        let listener = stopper.clone();
        let listening = std::thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                // Without a runtime the default holds: the signal ends the process.
                let Ok(runtime) = runtime else { return };
                while runtime.block_on(crate::signals::next_signal()).is_ok() {
                    output::stderr("\nstopping: requests under way are cut off\n");
                    listener.stop();
                }
            });
        drop(listening);
        stopper
    }

    fn stop(&self) {
        self.is_stopped.store(true, Relaxed);
        let live = self
            .current
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Some(live) = live {
            live.interrupt();
        }
    }

    /// Makes this load the one that a signal ends.
    pub(super) fn begin(&self, live: &Arc<Live>) {
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(live));
        // The signal may have come between two loads.
        if self.is_stopped() {
            live.interrupt();
        }
    }

    /// Whether somebody asked to stop.
    pub(crate) fn is_stopped(&self) -> bool {
        self.is_stopped.load(Relaxed)
    }
}
