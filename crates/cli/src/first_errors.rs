//! One error of each target in its own words, after a run that had errors: a class and a count do not say what to mend.
//! Apart from the session, which only knows how a run went as a whole.

use crate::error::CliError;
use crate::output;
use crate::session::store_error;
use seatrial_store::Events;
use seatrial_types::{CallError, Findings, RunId};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::ops::ControlFlow;

/// Samples that are read in search of errors; they are read whole, which is slow in large runs.
const SAMPLES_READ_MAX: usize = 20_000;
/// Targets of which an error is told.
const TARGETS_TOLD_MAX: usize = 10;
/// Characters of a message; providers and programs may be wordy.
const MESSAGE_CHARS_MAX: usize = 400;

/// Tells the first error of each target that has any, as a note.
pub(crate) fn tell(store: &impl Events, run: &RunId, findings: &Findings) -> Result<(), CliError> {
    let erring = findings.targets.iter().enumerate();
    let mut wanted: BTreeMap<usize, &str> = erring
        .filter(|(_, target)| !target.errors.is_empty())
        .map(|(index, target)| (index, target.name.as_str()))
        .take(TARGETS_TOLD_MAX)
        .collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let mut read = 0_usize;
    let mut text = String::new();
    let mut look = |sample: seatrial_types::SampleRecord| {
        read += 1;
        if let Err(error) = &sample.call.result
            && let Some(name) = wanted.remove(&usize::from(sample.key.target))
        {
            let message = said(error);
            let class = error.kind.as_str();
            let _ = writeln!(
                text,
                "first error of {name}, case {}: {class}: {message}",
                sample.case_id
            );
        }
        if wanted.is_empty() || read >= SAMPLES_READ_MAX {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    };
    store.for_each_sample(run, &mut look).map_err(store_error)?;
    output::stderr(&text);
    Ok(())
}

/// The message in one line of bounded length, without characters that would move a cursor.
fn said(error: &CallError) -> String {
    let one_line = error
        .message
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c });
    let mut message: String = one_line.take(MESSAGE_CHARS_MAX).collect();
    if error.message.chars().nth(MESSAGE_CHARS_MAX).is_some() {
        message.push('…');
    }
    message
}
