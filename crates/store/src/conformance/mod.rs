//! What every back end must do, as one suite that its own tests run. Apart from any back end: it sees the traits alone.
//!
//! A failing check panics, with the reason: this module is compiled for tests only (feature `conformance`).

mod answers;
mod catalog;
mod events;
mod random;
mod specimens;

use crate::Store;

pub use specimens::{header, plain_sample, start_run};

/// Runs all checks. `make` gives a new, empty store each time.
///
/// # Panics
/// Where the back end does not do what the traits promise.
pub fn check(make: &mut dyn FnMut() -> Box<dyn Store>) {
    catalog::plans_are_kept_once(make().as_mut());
    catalog::runs_live_and_end(make().as_mut());
    catalog::runs_are_found_by_plan(make().as_mut());
    catalog::unknown_runs_are_errors(make().as_mut());
    catalog::sessions_keep_their_order(make().as_mut());
    events::every_field_comes_back(make().as_mut());
    events::random_samples_come_back(make().as_mut());
    events::shared_texts_come_back(make().as_mut());
    events::order_is_by_key(make().as_mut());
    events::appending_is_idempotent(make().as_mut());
    events::errors_are_forgotten(make().as_mut());
    events::runs_do_not_mix(make().as_mut());
    events::reading_stops_when_told(make().as_mut());
    answers::answers_come_back(make().as_mut());
    answers::the_first_stays_unless_replaced(make().as_mut());
    answers::nothing_is_kept_of_a_refused_batch(make().as_mut());
}
