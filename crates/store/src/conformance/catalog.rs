//! Checks of `Catalog`: plans, runs, sessions. Apart from the checks of samples, which need specimens.

use super::specimens::{header, key, plain_sample, start_run};
use crate::{RunRow, RunStatus, Store, StoreError};
use seatrial_types::{ContentHash, RunId};
use std::ops::ControlFlow;

pub(super) fn plans_are_kept_once(store: &mut dyn Store) {
    let hash = ContentHash::of(b"plan");
    assert_eq!(
        store.plan(hash).expect("plans are read"),
        None,
        "an empty store has no plan"
    );
    let body = "{\"suite\":\"\u{0}é🦀\"}".repeat(10_000);
    store.put_plan(hash, &body).expect("a plan is kept");
    store
        .put_plan(hash, "another text")
        .expect("a plan that is there is no error");
    assert_eq!(
        store.plan(hash).expect("plans are read"),
        Some(body),
        "the first text stays"
    );
    assert_eq!(store.plan(ContentHash::of(b"x")).expect("plans are read"), None);
}

pub(super) fn runs_live_and_end(store: &mut dyn Store) {
    let id = start_run(store, "run-1", "plan");
    let started = RunRow {
        header: header("run-1", "plan"),
        status: RunStatus::Running,
        ended_at: None,
        exit_code: None,
        samples_finished: 0,
    };
    assert_eq!(store.run(&id).expect("a run is read"), Some(started.clone()));
    assert_eq!(store.findings(&id).expect("findings are read"), None);
    let again = store.create_run(&header("run-1", "plan"));
    assert!(
        matches!(again, Err(StoreError::RunExists { run }) if run == id),
        "an id is taken once"
    );
    let no_plan = store.create_run(&header("run-2", "unknown plan"));
    assert!(
        matches!(no_plan, Err(StoreError::PlanUnknown { .. })),
        "a run needs its plan"
    );
    assert_eq!(
        store.runs(10).expect("runs are read").len(),
        1,
        "refused runs leave nothing behind"
    );

    for status in RunStatus::ALL {
        let findings = format!("{{\"verdict\":\"{}\"}}", status.as_str());
        store
            .end_run(&id, status, "2026-01-31T13:00:00Z", 130, Some(&findings))
            .expect("a run ends");
        let ended = RunRow {
            status,
            ended_at: Some("2026-01-31T13:00:00Z".to_owned()),
            exit_code: Some(130),
            ..started.clone()
        };
        assert_eq!(store.run(&id).expect("a run is read"), Some(ended));
        assert_eq!(store.findings(&id).expect("findings are read"), Some(findings));
    }
    store
        .end_run(&id, RunStatus::Finished, "2026-01-31T14:00:00Z", 0, None)
        .expect("a run ends again");
    assert!(
        store.findings(&id).expect("findings are read").is_some(),
        "no findings leave the old ones"
    );
    store.reopen_run(&id).expect("a run is reopened");
    assert_eq!(
        store.run(&id).expect("a run is read"),
        Some(started),
        "as it was at the start"
    );
    assert_eq!(
        store.findings(&id).expect("findings are read"),
        None,
        "findings of before are not shown"
    );

    let mut bare = header("run-3", "plan");
    bare.suite_path = None;
    bare.samples_planned = u64::MAX;
    store.create_run(&bare).expect("a run is created");
    let row = store
        .run(&bare.id)
        .expect("a run is read")
        .expect("the run is there");
    assert_eq!(row.header, bare);
}

pub(super) fn runs_are_found_by_plan(store: &mut dyn Store) {
    let [a, b] = ["a", "b"].map(|plan| ContentHash::of(plan.as_bytes()));
    assert_eq!(store.newest_run_of(a).expect("runs are read"), None);
    assert_eq!(store.newest_unfinished_run_of(a).expect("runs are read"), None);
    // Ids and clocks in another order than creation: creation counts.
    let first = start_run(store, "z", "a");
    let second = start_run(store, "y", "a");
    let third = start_run(store, "x", "b");
    let ids = |limit| -> Vec<RunId> {
        let rows = store.runs(limit).expect("runs are read");
        rows.into_iter().map(|row| row.header.id).collect()
    };
    assert_eq!(
        ids(10),
        [third.clone(), second.clone(), first.clone()],
        "newest first"
    );
    assert_eq!(
        ids(2),
        [third.clone(), second.clone()],
        "at most as many as asked"
    );
    assert_eq!(ids(0), []);
    let id_of =
        |row: Result<Option<RunRow>, StoreError>| row.expect("runs are read").map(|row| row.header.id);
    assert_eq!(id_of(store.newest_run_of(a)), Some(second.clone()));
    assert_eq!(id_of(store.newest_run_of(b)), Some(third));
    for (status, expected) in [
        (RunStatus::Running, &second),
        (RunStatus::Interrupted, &second),
        (RunStatus::Stopped, &second),
        (RunStatus::Finished, &first),
    ] {
        store
            .end_run(&second, status, "2026-01-31T13:00:00Z", 0, None)
            .expect("a run ends");
        let found = id_of(store.newest_unfinished_run_of(a));
        assert_eq!(
            found.as_ref(),
            Some(expected),
            "newest that is not finished, after {status:?}"
        );
    }
    assert_eq!(id_of(store.newest_run_of(a)), Some(second), "whatever its status");
    store
        .end_run(&first, RunStatus::Finished, "2026-01-31T13:00:00Z", 0, None)
        .expect("a run ends");
    assert_eq!(id_of(store.newest_unfinished_run_of(a)), None);
}

pub(super) fn unknown_runs_are_errors(store: &mut dyn Store) {
    let id = RunId::from_text("nobody");
    assert_eq!(store.run(&id).expect("runs are read"), None);
    let failures = [
        store
            .end_run(&id, RunStatus::Finished, "2026-01-31T13:00:00Z", 0, Some("{}"))
            .err(),
        store.reopen_run(&id).err(),
        store.findings(&id).err(),
        store.append_session(&id, "{}").err(),
        store.sessions(&id).err(),
        store.append(&id, &[plain_sample(key(0, 0, 0, 0))]).err(),
        store.append(&id, &[]).err(),
        store.finished_keys(&id, &mut |_| {}).err(),
        store
            .for_each_figures(&id, &mut |_| ControlFlow::Continue(()))
            .err(),
        store
            .for_each_sample(&id, &mut |_| ControlFlow::Continue(()))
            .err(),
        store.count(&id).err(),
    ];
    for (index, failure) in failures.into_iter().enumerate() {
        assert!(
            matches!(&failure, Some(StoreError::RunUnknown { run }) if *run == id),
            "call {index} on an unknown run gave {failure:?}"
        );
    }
}

pub(super) fn sessions_keep_their_order(store: &mut dyn Store) {
    let (id, other) = (start_run(store, "run", "plan"), start_run(store, "other", "plan"));
    assert_eq!(
        store.sessions(&id).expect("sessions are read"),
        Vec::<String>::new()
    );
    let texts: Vec<_> = (0..12)
        .map(|index| format!("{{\"part\":{index},\"é\":\"\u{0}\"}}"))
        .collect();
    for text in &texts {
        store.append_session(&id, text).expect("a session is kept");
        store.append_session(&other, "{}").expect("a session is kept");
    }
    assert_eq!(store.sessions(&id).expect("sessions are read"), texts);
}
