//! Ctrl-C and termination: the first asks the run to stop soon, the second to stop now.

use seatrial_engine::Stop;
use tokio::sync::watch;

/// Listens until the returned task is dropped with its runtime.
pub(crate) fn listen() -> watch::Receiver<Stop> {
    let (sender, receiver) = watch::channel(Stop::No);
    tokio::spawn(async move {
        for wanted in [Stop::Soon, Stop::Now] {
            if next_signal().await.is_err() || sender.send(wanted).is_err() {
                return;
            }
            if wanted == Stop::Soon {
                crate::output::stderr(
                    "\nstopping: waiting for calls under way (Ctrl-C again to abandon them)\n",
                );
            }
        }
    });
    receiver
}

#[cfg(unix)]
async fn next_signal() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn next_signal() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}
