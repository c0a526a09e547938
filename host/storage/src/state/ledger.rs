//! The records of whole torrents, durable before anybody is told so.
//!
//! One thread writes. What waits when it is free becomes one transaction with one sync (group commit), so a thousand
//! changes at once cost little more than one. Torrent files lie beside the database, one a torrent: they are large,
//! never change, and the catalogue can be rebuilt from them.

use super::schema;
use super::{StateError, StateStore, hash_bytes};
use crate::limits::GROUP_COMMIT;
use metainfo::InfoHash;
use rusqlite::{Connection, params};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// A change to be made durable. Changes take effect in the order they were given.
#[derive(Clone, Debug)]
pub enum Change {
    /// The record of a torrent, new or in place of the old one.
    Put(InfoHash, String),
    /// A torrent and its torrent file go.
    Remove(InfoHash),
    /// A file beside the database, in place of one of that name.
    File(PathBuf, Arc<[u8]>),
    /// A file beside the database goes.
    RemoveFile(PathBuf),
    /// A value of the session.
    Set(&'static str, String),
}

/// One torrent's record, as it was written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TorrentRow {
    /// Which torrent.
    pub info_hash: InfoHash,
    /// What was written.
    pub record: String,
}

/// Everything that is recorded.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Contents {
    /// Every torrent. Rows that cannot be read are left out.
    pub torrents: Vec<TorrentRow>,
    /// Rows that could not be read.
    pub unreadable: usize,
    /// The values of the session.
    pub values: BTreeMap<String, String>,
}

/// What is called once a commit succeeded or failed, on the ledger's thread.
type Told = Box<dyn FnOnce(Result<(), String>) + Send>;

struct Request {
    changes: Vec<Change>,
    told: Option<Told>,
}

/// The writer of records. Dropping it writes what waits, and ends the thread.
pub struct Ledger {
    requests: Option<Sender<Request>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Ledger {
    /// Reads everything, and starts the thread that writes.
    pub fn start(state: &StateStore) -> Result<(Self, Contents), StateError> {
        let connection = schema::connect_again(&state.path)?;
        let contents = read(&connection)?;
        let (requests, inbox) = channel();
        let directory = state.path.parent().unwrap_or(Path::new("/")).to_path_buf();
        let writer = Writer { connection, directory };
        let thread = std::thread::Builder::new().name("ledger".into()).spawn(move || writer.run(&inbox));
        let thread = thread.map_err(|error| StateError::Open {
            path: state.path.to_path_buf(),
            reason: error.to_string(),
        })?;
        Ok((Self { requests: Some(requests), thread: Mutex::new(Some(thread)) }, contents))
    }

    /// Makes changes durable, then calls `told`.
    pub fn commit(&self, changes: Vec<Change>, told: impl FnOnce(Result<(), String>) + Send + 'static) {
        self.send(Request { changes, told: Some(Box::new(told)) });
    }

    /// Makes changes durable before long.
    pub fn note(&self, changes: Vec<Change>) {
        self.send(Request { changes, told: None });
    }

    fn send(&self, request: Request) {
        // The thread ends only after this sender is gone.
        if let Some(requests) = &self.requests {
            let _ = requests.send(request);
        }
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        self.requests = None;
        if let Some(thread) = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = thread.join();
        }
    }
}

fn read(connection: &Connection) -> Result<Contents, StateError> {
    let mut contents = Contents::default();
    let mut statement = connection.prepare("SELECT info_hash, record FROM torrents ORDER BY rowid")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let hash: rusqlite::Result<Vec<u8>> = row.get(0);
        let record: rusqlite::Result<String> = row.get(1);
        match (hash.ok().as_deref().and_then(info_hash), record) {
            (Some(info_hash), Ok(record)) => contents.torrents.push(TorrentRow { info_hash, record }),
            _ => contents.unreadable += 1,
        }
    }
    let mut statement = connection.prepare("SELECT key, value FROM session")?;
    let pairs = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    contents.values = pairs.filter_map(Result::ok).collect();
    Ok(contents)
}

pub(super) fn info_hash(bytes: &[u8]) -> Option<InfoHash> {
    let v1 = bytes.try_into().map(InfoHash::V1);
    v1.or_else(|_| bytes.try_into().map(InfoHash::V2)).ok()
}

/// The thread's side.
struct Writer {
    connection: Connection,
    directory: PathBuf,
}

impl Writer {
    fn run(mut self, inbox: &Receiver<Request>) {
        while let Ok(first) = inbox.recv() {
            let mut gathered = first.changes.len();
            let mut group = vec![first];
            while gathered < GROUP_COMMIT
                && let Ok(next) = inbox.try_recv()
            {
                gathered += next.changes.len();
                group.push(next);
            }
            let result = self.commit(&group).map_err(|error| error.to_string());
            if let Err(error) = &result {
                tracing::error!(%error, "the state database cannot be written");
            }
            for told in group.into_iter().filter_map(|request| request.told) {
                told(result.clone());
            }
        }
    }

    /// Files first, so that no record is without its file; files that go, last.
    fn commit(&mut self, group: &[Request]) -> Result<(), StateError> {
        let changes = || group.iter().flat_map(|request| &request.changes);
        let failed = |path: &Path, error: &io::Error| StateError::Open {
            path: path.to_path_buf(),
            reason: error.to_string(),
        };
        let mut folders: Vec<PathBuf> = Vec::new();
        for change in changes() {
            if let Change::File(name, bytes) = change {
                let path = self.directory.join(name);
                write_file(&path, bytes).map_err(|error| failed(&path, &error))?;
                let folder = path.parent().unwrap_or(&self.directory).to_path_buf();
                if !folders.contains(&folder) {
                    folders.push(folder);
                }
            }
        }
        for folder in &folders {
            sync_folder(folder).map_err(|error| failed(folder, &error))?;
        }
        let transaction =
            self.connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        for change in changes() {
            apply(&transaction, change)?;
        }
        transaction.commit()?;
        for change in changes() {
            if let Change::RemoveFile(name) = change {
                // Without its record it is only a file too many.
                let _ = fs::remove_file(self.directory.join(name));
            }
        }
        Ok(())
    }
}

fn apply(connection: &Connection, change: &Change) -> Result<(), StateError> {
    match change {
        Change::Put(hash, record) => {
            let mut statement = connection.prepare_cached(
                "INSERT INTO torrents (info_hash, record) VALUES (?1, ?2)
                 ON CONFLICT (info_hash) DO UPDATE SET record = excluded.record",
            )?;
            statement.execute(params![hash_bytes(hash), record])?;
        }
        Change::Remove(hash) => {
            connection.execute("DELETE FROM torrents WHERE info_hash = ?1", params![hash_bytes(hash)])?;
            connection.execute("DELETE FROM downloads WHERE info_hash = ?1", params![hash_bytes(hash)])?;
        }
        Change::Set(key, value) => {
            connection.execute(
                "INSERT OR REPLACE INTO session (key, value) VALUES (?1, ?2)",
                params![key, value],
            )?;
        }
        Change::File(..) | Change::RemoveFile(_) => {}
    }
    Ok(())
}

/// Writes a file so that it is there in full or not at all.
fn write_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent()
        && !folder.exists()
    {
        fs::create_dir_all(folder)?;
        folder.parent().map_or(Ok(()), sync_folder)?;
    }
    let mut unfinished = path.as_os_str().to_os_string();
    unfinished.push(".new");
    let mut file = File::create(&unfinished)?;
    file.write_all(bytes)?;
    file.sync_data()?;
    fs::rename(&unfinished, path)
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    const HASH: InfoHash = InfoHash::V1([7; 20]);
    const OTHER: InfoHash = InfoHash::V2([8; 32]);

    fn open(directory: &Path) -> (Ledger, Contents) {
        Ledger::start(&StateStore::open(directory).unwrap()).unwrap()
    }

    fn commit(ledger: &Ledger, changes: Vec<Change>) {
        let (done, wait) = mpsc::channel();
        ledger.commit(changes, move |result| done.send(result).unwrap());
        wait.recv().unwrap().unwrap();
    }

    #[test]
    fn what_was_committed_is_there_after_a_kill() {
        let directory = tempfile::tempdir().unwrap();
        let (ledger, contents) = open(directory.path());
        assert_eq!(contents, Contents::default());
        let file = PathBuf::from("torrents/x.torrent");
        commit(
            &ledger,
            vec![
                Change::File(file.clone(), b"d4:infoe".as_slice().into()),
                Change::Put(HASH, "one".into()),
                Change::Put(OTHER, "two".into()),
                Change::Put(HASH, "three".into()),
                Change::Set("stats", "{}".into()),
            ],
        );
        // Nothing is closed in order.
        std::mem::forget(ledger);
        let (ledger, contents) = open(directory.path());
        let records: Vec<_> = contents.torrents.iter().map(|row| (row.info_hash, &*row.record)).collect();
        assert_eq!(records, [(HASH, "three"), (OTHER, "two")]);
        assert_eq!(contents.values["stats"], "{}");
        assert_eq!(fs::read(directory.path().join(&file)).unwrap(), b"d4:infoe");
        commit(&ledger, vec![Change::Remove(HASH), Change::RemoveFile(file.clone())]);
        assert!(!directory.path().join(&file).exists());
        drop(ledger);
        assert_eq!(open(directory.path()).1.torrents.len(), 1);
    }

    #[test]
    fn a_bad_row_costs_one_torrent() {
        let directory = tempfile::tempdir().unwrap();
        let (ledger, _) = open(directory.path());
        commit(&ledger, vec![Change::Put(HASH, "good".into())]);
        drop(ledger);
        let connection = Connection::open(directory.path().join(schema::FILE_NAME)).unwrap();
        connection.execute("INSERT INTO torrents VALUES (x'00', 'no hash')", []).unwrap();
        drop(connection);
        let (_, contents) = open(directory.path());
        assert_eq!((contents.torrents.len(), contents.unreadable), (1, 1));
    }
}
