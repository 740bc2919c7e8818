//! A simulated provider on loopback, for demonstrations and tests.
