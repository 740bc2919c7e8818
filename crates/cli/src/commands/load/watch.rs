//! Watching a load: figures on the screen while it runs, and Ctrl-C. Apart from the measuring loops, which are never waited
//! for: what is shown is what they last told.

use crate::output;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use seatrial_load::{Live, RunClock};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

/// Time between two pictures on a screen.
const LIVELY_EVERY: Duration = Duration::from_millis(250);
/// Time between plain lines where there is no screen.
const PLAIN_EVERY: Duration = Duration::from_secs(10);

/// Ends the load on Ctrl-C or SIGTERM: results so far are told. The thread ends with the process.
pub(super) fn listen(live: &Arc<Live>) {
    let live = Arc::clone(live);
    let listening = std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            // Without a runtime the default holds: the signal ends the process.
            let Ok(runtime) = runtime else { return };
            while runtime.block_on(crate::signals::next_signal()).is_ok() {
                output::stderr("\nstopping: requests under way are cut off\n");
                live.interrupt();
            }
        });
    drop(listening);
}

/// Shows figures until `done` says something, and returns that; `None` where it was lost.
pub(super) fn watch<T>(
    live: &Live,
    clock: RunClock,
    whole: Option<Duration>,
    done: &Receiver<T>,
) -> Option<T> {
    let bar = output::is_lively().then(|| new_bar(whole));
    let every = if bar.is_some() { LIVELY_EVERY } else { PLAIN_EVERY };
    loop {
        match done.recv_timeout(every) {
            Ok(result) => {
                if let Some(bar) = bar {
                    bar.finish_and_clear();
                }
                return Some(result);
            }
            Err(RecvTimeoutError::Disconnected) => return None,
            Err(RecvTimeoutError::Timeout) => {}
        }
        let text = describe(live, clock);
        match &bar {
            Some(bar) => {
                bar.set_position(clock.now_ns() / 1_000_000);
                bar.set_message(text);
            }
            None => output::stderr(&format!("{text}\n")),
        }
    }
}

fn new_bar(whole: Option<Duration>) -> ProgressBar {
    let length = whole.and_then(|whole| u64::try_from(whole.as_millis()).ok());
    let bar = ProgressBar::with_draw_target(length, ProgressDrawTarget::stderr_with_hz(4));
    let template = if length.is_some() {
        "{bar:24} {elapsed}  {msg}"
    } else {
        "{spinner} {elapsed}  {msg}"
    };
    bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

#[expect(clippy::cast_precision_loss, reason = "figures for the eye")]
fn describe(live: &Live, clock: RunClock) -> String {
    let counts = live.counts();
    let figures = live.figures();
    let seconds = clock.now_ns() as f64 / 1e9;
    let latency = |name: &str, histogram: &seatrial_load::TimeHistogram| {
        let p50 = histogram.quantile_ms(0.5)?;
        let p99 = histogram.quantile_ms(0.99)?;
        Some(format!("{name} p50 {p50:.1} p99 {p99:.1} ms"))
    };
    let mut parts = vec![
        format!("{:.0} s", seconds),
        format!("{:.1} req/s", counts.ok as f64 / seconds.max(0.001)),
        format!("{} in flight", counts.in_flight()),
        format!("{} failed", counts.failed),
    ];
    parts.extend(latency("first", &figures.first));
    parts.extend(latency("whole", &figures.whole));
    if let Some(lag) = figures.read_lag_ms_p99 {
        parts.push(format!("own lag p99 {lag:.2} ms"));
    }
    parts.join("  ")
}
