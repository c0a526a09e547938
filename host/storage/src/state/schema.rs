//! How the state database is opened, laid out and migrated.

use rusqlite::{Connection, ErrorCode};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use std::{fs, io};
use thiserror::Error;

/// The database inside the state directory.
pub const FILE_NAME: &str = "state.db";

/// How long to wait for another process that writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The migrations in order; each is applied once, and `migrations` remembers how many were.
const MIGRATIONS: &[&str] = &[
    "CREATE TABLE downloads (
        info_hash   BLOB NOT NULL,
        directory   BLOB NOT NULL,
        pieces      BLOB NOT NULL,
        piece_count INTEGER NOT NULL,
        files       BLOB NOT NULL,
        clean       INTEGER NOT NULL,
        downloaded  INTEGER NOT NULL,
        uploaded    INTEGER NOT NULL,
        updated     INTEGER NOT NULL,
        PRIMARY KEY (info_hash, directory)
    ) STRICT, WITHOUT ROWID",
    // Records and values are text whose meaning is the writer's; see `ledger`.
    "CREATE TABLE torrents (
        info_hash BLOB NOT NULL PRIMARY KEY,
        record    TEXT NOT NULL
    ) STRICT;
    CREATE TABLE session (
        key   TEXT NOT NULL PRIMARY KEY,
        value TEXT NOT NULL
    ) STRICT",
    // What web seeds are worth, by host; `speed` in bytes per second.
    "CREATE TABLE mirrors (
        host  TEXT NOT NULL PRIMARY KEY,
        speed INTEGER NOT NULL,
        seen  INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID",
    // Blocks of unfinished pieces that are on disk.
    "ALTER TABLE downloads ADD COLUMN blocks BLOB NOT NULL DEFAULT x''",
];

/// Why there is no connection.
#[derive(Debug, Error)]
pub(super) enum ConnectError {
    /// Not a database, damaged, or written by a newer program.
    #[error("it is damaged, or was written by a newer version")]
    Damaged,
    /// Anything else.
    #[error(transparent)]
    Database(rusqlite::Error),
}

impl From<rusqlite::Error> for ConnectError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged,
            _ => Self::Database(error),
        }
    }
}

/// Opens the database, checks it and brings its layout up to date.
pub(super) fn connect(path: &Path) -> Result<Connection, ConnectError> {
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // A commit need not be on the device at once: an older record only claims less.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if verdict != "ok" {
        return Err(ConnectError::Damaged);
    }
    let change = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    change.execute("CREATE TABLE IF NOT EXISTS migrations (version INTEGER PRIMARY KEY) STRICT", [])?;
    let done: u32 =
        change.query_row("SELECT coalesce(max(version), 0) FROM migrations", [], |row| row.get(0))?;
    if done as usize > MIGRATIONS.len() {
        return Err(ConnectError::Damaged);
    }
    for (version, migration) in (1u32..).zip(MIGRATIONS).skip(done as usize) {
        change.execute_batch(migration)?;
        change.execute("INSERT INTO migrations VALUES (?1)", [version])?;
    }
    change.commit()?;
    Ok(connection)
}

/// A further connection to a database that [`connect`] has checked. Its commits are on the device when they end.
pub(super) fn connect_again(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    Ok(connection)
}

/// Renames a damaged database and what belongs to it, with the time in the name. The answer is the new name.
pub(super) fn set_aside(path: &Path, now: SystemTime) -> io::Result<PathBuf> {
    let stamp = timestamp(now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()));
    let name = |suffix: &str, mark: &str| {
        let mut name = path.as_os_str().to_os_string();
        name.push(mark);
        name.push(suffix);
        PathBuf::from(name)
    };
    let mut mark = format!(".damaged-{stamp}");
    for attempt in 1.. {
        if !name("", &mark).exists() {
            break;
        }
        mark = format!(".damaged-{stamp}-{attempt}");
    }
    for suffix in ["-wal", "-shm", ""] {
        match fs::rename(name(suffix, ""), name(suffix, &mark)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            other => other?,
        }
    }
    Ok(name("", &mark))
}

/// Seconds since 1970 as `20261124-141500` (UTC).
fn timestamp(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Days from 1 March of year 0, in which a leap day is the last day of its year.
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!("{year:04}{month:02}{day:02}-{:02}{:02}{:02}", rest / 3600, rest / 60 % 60, rest % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_are_calendar_dates() {
        assert_eq!(timestamp(0), "19700101-000000");
        assert_eq!(timestamp(951_782_400 + 3661), "20000229-010101");
        assert_eq!(timestamp(1_795_529_700), "20261124-141500");
    }
}
