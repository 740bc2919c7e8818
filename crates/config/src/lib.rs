//! Reads, merges, explains and validates suites.
