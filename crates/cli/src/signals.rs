//! Ctrl-C and termination: the first asks the run to stop soon, the second to stop now.

use seatrial_engine::Stop;
use tokio::sync::watch;

/// Listens until the returned task is dropped with its runtime.
pub(crate) fn listen() -> watch::Receiver<Stop> {
    outlive_file_size_limit();
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

/// A write beyond the limit of file sizes (`ulimit -f`) is an error that can be told, and not the end of the process: a
/// signal that is listened to does not kill, and stays so when nobody listens any more.
#[cfg(unix)]
fn outlive_file_size_limit() {
    /// SIGXFSZ on Linux, macOS and the BSDs.
    const FILE_SIZE_EXCEEDED: i32 = 25;
    let kind = tokio::signal::unix::SignalKind::from_raw(FILE_SIZE_EXCEEDED);
    // Where that fails, the process dies of such a write, and the record is as intact as after any death.
    let _ = tokio::signal::unix::signal(kind);
}

#[cfg(not(unix))]
const fn outlive_file_size_limit() {}

/// Waits for Ctrl-C or termination.
#[cfg(unix)]
pub(crate) async fn next_signal() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
pub(crate) async fn next_signal() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}
