//! How every connection is set up. Apart because each of these numbers is a promise: durability, memory, waiting.

use rusqlite::Connection;
use rusqlite::config::DbConfig;
use std::time::Duration;

/// How long a writer waits for another process to finish its transaction. A transaction is a batch: milliseconds.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// Bytes of a page. Chosen by measurement: `docs/design/0002-record-layout.md`.
pub(crate) const PAGE_BYTES: u32 = 8192;

/// Memory for pages that SQLite keeps, in KiB.
const PAGE_CACHE_KIB: i64 = 8 * 1024;

/// Prepared statements that are kept; there are about twenty.
const STATEMENTS_KEPT: usize = 32;

/// Pages in the write-ahead log after which a commit copies them into the database: small enough that this takes
/// milliseconds, large enough that its two syncs are spread over many batches.
const CHECKPOINT_PAGES: i64 = 1000;

/// A log that a long reader has let grow is cut back to this, in bytes.
const LOG_BYTES_KEPT: i64 = 16 << 20;

/// Applies the settings that belong to a connection, not to the file.
pub(crate) fn apply(conn: &Connection) -> rusqlite::Result<()> {
    conn.busy_timeout(BUSY_TIMEOUT)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    // Plans must not depend on the values that are bound: SQLite would make some statements anew for each value, which
    // costs more than running them.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    // An acknowledged batch survives power loss: sync the log at each commit, past the drive's cache on macOS.
    conn.pragma_update(None, "synchronous", "FULL")?;
    conn.pragma_update(None, "fullfsync", true)?;
    conn.pragma_update(None, "checkpoint_fullfsync", true)?;
    conn.pragma_update(None, "foreign_keys", true)?;
    conn.pragma_update(None, "cache_size", -PAGE_CACHE_KIB)?;
    conn.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    conn.pragma_update(None, "journal_size_limit", LOG_BYTES_KEPT)?;
    // The file may come from elsewhere: functions in its views may do nothing but compute.
    conn.pragma_update(None, "trusted_schema", false)
}
