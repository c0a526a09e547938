//! The state database: what survives between runs (SQLite, WAL).
//!
//! A record claims only pieces that were synced before it was written. Losing the last records (a power cut; WAL
//! without a sync at each commit) therefore costs a check of some pieces, never a wrong claim.

mod ledger;
mod mirrors;
mod schema;

pub use ledger::{Change, Contents, Ledger, TorrentRow};
pub use mirrors::MirrorScore;
pub use schema::FILE_NAME as STATE_FILE;

use metainfo::{Bitfield, BlockIndex, InfoHash, PieceIndex};
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::HashMap;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};
use thiserror::Error;

/// The state database of one state directory. Cloning shares it.
#[derive(Clone)]
pub struct StateStore {
    connection: Arc<Mutex<Connection>>,
    path: Arc<Path>,
    set_aside: Option<Arc<Path>>,
}

/// What is remembered of one download.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ResumeRecord {
    /// Pieces whose bytes were synced.
    pub pieces: Bitfield,
    /// The files as they were at a clean stop, in torrent order and the edges file last; `None` for a file that was
    /// not there. Empty after any other stop.
    pub files: Vec<Option<FileStamp>>,
    /// Blocks of unfinished pieces that were written before a clean stop, not verified. Empty after any other stop.
    pub blocks: Vec<(PieceIndex, BlockIndex)>,
    /// The last run ended in order, so that `files` can be trusted.
    pub clean: bool,
    /// Payload bytes received over all runs.
    pub downloaded: u64,
    /// Payload bytes given over all runs.
    pub uploaded: u64,
}

/// What tells whether somebody touched a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FileStamp {
    /// Bytes in the file.
    pub length: u64,
    /// Time of the last change, nanoseconds since 1970.
    pub mtime_ns: i128,
}

/// Why the state database cannot be used.
#[derive(Debug, Error)]
pub enum StateError {
    /// The folder or file cannot be made or opened.
    #[error("cannot use the state database {}: {reason}", .path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The database refused.
    #[error("the state database failed: {0}")]
    Database(#[from] rusqlite::Error),
}

impl StateStore {
    /// Opens or makes the database in `directory`, which is made if missing. A database that is damaged, or newer
    /// than this program, is set aside (see [`Self::set_aside`]) and a new one begun.
    pub fn open(directory: &Path) -> Result<Self, StateError> {
        let path = directory.join(schema::FILE_NAME);
        let failed = |reason: String| StateError::Open { path: path.clone(), reason };
        std::fs::create_dir_all(directory).map_err(|error| failed(error.to_string()))?;
        match schema::connect(&path) {
            Ok(connection) => {
                Ok(Self { connection: Arc::new(Mutex::new(connection)), path: path.into(), set_aside: None })
            }
            Err(schema::ConnectError::Damaged) => {
                let aside =
                    schema::set_aside(&path, SystemTime::now()).map_err(|error| failed(error.to_string()))?;
                tracing::warn!("the state database was damaged; it is now {}", aside.display());
                let connection = schema::connect(&path).map_err(|error| failed(error.to_string()))?;
                Ok(Self {
                    connection: Arc::new(Mutex::new(connection)),
                    path: path.into(),
                    set_aside: Some(aside.into()),
                })
            }
            Err(error) => Err(failed(error.to_string())),
        }
    }

    /// Where the damaged database was put that was found on opening.
    pub fn set_aside(&self) -> Option<&Path> {
        self.set_aside.as_deref()
    }

    /// What is remembered of a download. A record that makes no sense is as good as none.
    pub fn load(&self, info_hash: &InfoHash, directory: &Path) -> Result<Option<ResumeRecord>, StateError> {
        let connection = self.connection();
        let mut statement = connection.prepare_cached(
            "SELECT pieces, piece_count, files, clean, downloaded, uploaded, blocks FROM downloads
             WHERE info_hash = ?1 AND directory = ?2",
        )?;
        let row = statement
            .query_row(params![hash_bytes(info_hash), directory.as_os_str().as_bytes()], |row| {
                let pieces: Vec<u8> = row.get(0)?;
                let (files, blocks): (Vec<u8>, Vec<u8>) = (row.get(2)?, row.get(6)?);
                Ok(Bitfield::from_bytes(&pieces, row.get(1)?).map(|pieces| ResumeRecord {
                    pieces,
                    files: decode_stamps(&files),
                    blocks: decode_blocks(&blocks),
                    clean: row.get(3).unwrap_or(false),
                    downloaded: row.get::<_, i64>(4).map_or(0, i64::unsigned_abs),
                    uploaded: row.get::<_, i64>(5).map_or(0, i64::unsigned_abs),
                }))
            })
            .optional()?;
        Ok(row.flatten())
    }

    /// How many pieces are recorded for each torrent, over all its folders the most.
    pub fn recorded_pieces(&self) -> Result<HashMap<InfoHash, u32>, StateError> {
        let connection = self.connection();
        let mut statement = connection.prepare("SELECT info_hash, pieces, piece_count FROM downloads")?;
        let mut rows = statement.query([])?;
        let mut counts = HashMap::new();
        while let Some(row) = rows.next()? {
            let (hash, pieces): (Vec<u8>, Vec<u8>) = (row.get(0)?, row.get(1)?);
            let pieces = Bitfield::from_bytes(&pieces, row.get(2)?);
            if let (Some(hash), Some(pieces)) = (ledger::info_hash(&hash), pieces) {
                let count: &mut u32 = counts.entry(hash).or_default();
                *count = pieces.count().max(*count);
            }
        }
        Ok(counts)
    }

    /// Remembers a download, in place of what was remembered.
    pub fn save(
        &self,
        info_hash: &InfoHash,
        directory: &Path,
        record: &ResumeRecord,
    ) -> Result<(), StateError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let connection = self.connection();
        let mut statement = connection.prepare_cached(
            "INSERT OR REPLACE INTO downloads
             (info_hash, directory, pieces, piece_count, files, clean, downloaded, uploaded, updated, blocks)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?;
        statement.execute(params![
            hash_bytes(info_hash),
            directory.as_os_str().as_bytes(),
            record.pieces.as_bytes(),
            record.pieces.length(),
            encode_stamps(&record.files),
            record.clean,
            clamp(record.downloaded),
            clamp(record.uploaded),
            clamp(now),
            encode_blocks(&record.blocks),
        ])?;
        Ok(())
    }

    /// Forgets a download.
    pub fn remove(&self, info_hash: &InfoHash, directory: &Path) -> Result<(), StateError> {
        let key = params![hash_bytes(info_hash), directory.as_os_str().as_bytes()];
        self.connection().execute("DELETE FROM downloads WHERE info_hash = ?1 AND directory = ?2", key)?;
        Ok(())
    }

    /// What is remembered under one folder is remembered under another from now on.
    pub fn relocate(&self, info_hash: &InfoHash, from: &Path, to: &Path) -> Result<(), StateError> {
        let (from, to) = (from.as_os_str().as_bytes(), to.as_os_str().as_bytes());
        self.connection().execute(
            "UPDATE OR REPLACE downloads SET directory = ?3 WHERE info_hash = ?1 AND directory = ?2",
            params![hash_bytes(info_hash), from, to],
        )?;
        Ok(())
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn hash_bytes(info_hash: &InfoHash) -> &[u8] {
    match info_hash {
        InfoHash::V1(hash) => hash,
        InfoHash::V2(hash) => hash,
    }
}

/// SQLite counts in signed numbers.
fn clamp(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// 25 bytes a file: whether it was there, length, time of change.
const STAMP_BYTES: usize = 1 + 8 + 16;

fn encode_stamps(stamps: &[Option<FileStamp>]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(stamps.len() * STAMP_BYTES);
    for stamp in stamps {
        let (there, length, mtime_ns) = stamp.map_or((0, 0, 0), |stamp| (1, stamp.length, stamp.mtime_ns));
        bytes.push(there);
        bytes.extend(length.to_le_bytes());
        bytes.extend(mtime_ns.to_le_bytes());
    }
    bytes
}

fn decode_stamps(bytes: &[u8]) -> Vec<Option<FileStamp>> {
    let stamp = |bytes: &[u8]| {
        let (there, rest) = bytes.split_first()?;
        let (length, mtime_ns) = rest.split_first_chunk::<8>()?;
        let mtime_ns = i128::from_le_bytes(mtime_ns.try_into().ok()?);
        (*there == 1).then_some(FileStamp { length: u64::from_le_bytes(*length), mtime_ns })
    };
    bytes.chunks_exact(STAMP_BYTES).map(stamp).collect()
}

/// 8 bytes a block: the piece, and its place in that.
fn encode_blocks(blocks: &[(PieceIndex, BlockIndex)]) -> Vec<u8> {
    blocks
        .iter()
        .flat_map(|(piece, block)| [piece.0.to_le_bytes(), block.0.to_le_bytes()])
        .flatten()
        .collect()
}

fn decode_blocks(bytes: &[u8]) -> Vec<(PieceIndex, BlockIndex)> {
    let block = |bytes: &[u8]| {
        let (piece, block) = bytes.split_first_chunk::<4>()?;
        Some((PieceIndex(u32::from_le_bytes(*piece)), BlockIndex(u32::from_le_bytes(block.try_into().ok()?))))
    };
    bytes.chunks_exact(8).filter_map(block).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: InfoHash = InfoHash::V1([7; 20]);

    fn record() -> ResumeRecord {
        let mut pieces = Bitfield::new(13);
        pieces.insert(PieceIndex(12));
        let stamp = FileStamp { length: 5, mtime_ns: -1 };
        ResumeRecord {
            pieces,
            files: vec![Some(stamp), None],
            blocks: vec![(PieceIndex(3), BlockIndex(1)), (PieceIndex(3), BlockIndex(u32::MAX))],
            clean: true,
            downloaded: 9,
            uploaded: u64::MAX >> 1,
        }
    }

    #[test]
    fn records_come_back_over_openings() {
        let directory = tempfile::tempdir().unwrap();
        let state = StateStore::open(directory.path()).unwrap();
        assert_eq!(state.load(&HASH, Path::new("/a")).unwrap(), None);
        state.save(&HASH, Path::new("/a"), &record()).unwrap();
        state.save(&HASH, Path::new("/b"), &ResumeRecord { clean: false, ..record() }).unwrap();
        drop(state);
        let state = StateStore::open(directory.path()).unwrap();
        assert_eq!(state.load(&HASH, Path::new("/a")).unwrap(), Some(record()));
        state.remove(&HASH, Path::new("/a")).unwrap();
        assert_eq!(state.load(&HASH, Path::new("/a")).unwrap(), None);
        assert!(!state.load(&HASH, Path::new("/b")).unwrap().unwrap().clean);
        assert!(state.set_aside().is_none());
    }

    #[test]
    fn two_processes_may_share_it() {
        let directory = tempfile::tempdir().unwrap();
        let (a, b) =
            (StateStore::open(directory.path()).unwrap(), StateStore::open(directory.path()).unwrap());
        a.save(&HASH, Path::new("/a"), &record()).unwrap();
        assert_eq!(b.load(&HASH, Path::new("/a")).unwrap(), Some(record()));
    }

    #[test]
    fn a_damaged_or_newer_database_is_set_aside() {
        for damage in [&b"this is no database, but it is long enough to be looked at"[..], b"newer"] {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join(schema::FILE_NAME);
            if damage == b"newer" {
                drop(StateStore::open(directory.path()).unwrap());
                Connection::open(&path).unwrap().execute("INSERT INTO migrations VALUES (9999)", []).unwrap();
            } else {
                std::fs::write(&path, damage).unwrap();
            }
            let state = StateStore::open(directory.path()).unwrap();
            assert!(state.set_aside().unwrap().exists());
            state.save(&HASH, Path::new("/a"), &record()).unwrap();
        }
    }

    #[test]
    fn an_empty_file_is_a_new_database() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join(schema::FILE_NAME), b"").unwrap();
        assert!(StateStore::open(directory.path()).unwrap().set_aside().is_none());
    }
}
