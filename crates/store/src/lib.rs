//! Append-only record of runs: traits, SQLite back end, migrations, conformance suite.
