//! Progress on standard error: a bar on a screen, a plain line now and then elsewhere.

use crate::output;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use seatrial_engine::Progress;
use std::time::Duration;

/// Time between plain lines where there is no screen.
const PLAIN_EVERY: Duration = Duration::from_secs(15);

/// Shows how far a run is.
pub(crate) struct Display {
    bar: Option<ProgressBar>,
    next_plain: Duration,
}

impl Display {
    pub(crate) fn new() -> Self {
        let bar = output::is_lively().then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(8));
            let style = ProgressStyle::with_template("{bar:28} {pos}/{len}  {msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar
        });
        Self {
            bar,
            next_plain: PLAIN_EVERY,
        }
    }

    pub(crate) fn show(&mut self, progress: &Progress) {
        match &self.bar {
            Some(bar) => {
                bar.set_length(progress.planned);
                bar.set_position(progress.finished);
                bar.set_message(describe(progress));
            }
            None if progress.elapsed >= self.next_plain => {
                self.next_plain = progress.elapsed + PLAIN_EVERY;
                output::stderr(&format!(
                    "{}/{}  {}\n",
                    progress.finished,
                    progress.planned,
                    describe(progress)
                ));
            }
            None => {}
        }
    }

    pub(crate) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn describe(progress: &Progress) -> String {
    let mut parts = Vec::new();
    if let Some(rate) = progress.rate_per_s() {
        parts.push(format!("{rate:.1}/s"));
        let left = progress.planned.saturating_sub(progress.finished);
        #[expect(clippy::cast_precision_loss, reason = "an ETA for people")]
        let seconds = left as f64 / rate;
        parts.push(format!("ETA {}", duration(seconds)));
    }
    if let Some(cost) = progress.cost {
        parts.push(format!("${:.4}", cost.to_usd_f64()));
    }
    parts.push(format!("{} errors", progress.errors));
    parts.push(format!("{} in flight", progress.in_flight));
    if progress.stopping {
        parts.push("stopping".to_owned());
    }
    parts.join("  ")
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "bounded just before"
)]
fn duration(seconds: f64) -> String {
    let whole = seconds.clamp(0.0, 359_999.0).round() as u64;
    match (whole / 3600, whole / 60 % 60, whole % 60) {
        (0, 0, seconds) => format!("{seconds}s"),
        (0, minutes, seconds) => format!("{minutes}m{seconds:02}s"),
        (hours, minutes, _) => format!("{hours}h{minutes:02}m"),
    }
}
