//! Helpers for tests: shared data, temporary suites, processes.
