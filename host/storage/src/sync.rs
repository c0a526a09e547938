//! The sync thread: makes what was written durable, then records it, then gives complete files their names.
//!
//! The order is what makes a crash harmless at any instant: bytes first, then the record that claims them.

use crate::events::DiskEvent;
use crate::file_pool::Slot;
use crate::finish;
use crate::limits::{OUTBOX_TICK, SYNC_BYTES, SYNC_INTERVAL};
use crate::state::{FileStamp, ResumeRecord, StateStore};
use crate::torrent::{Dirty, Place, Torrent, locked};
use crate::transfer::{Transfer, piece_extents};
use crate::uncache::Pace;
use crate::{BlockPool, DiskError, paths};
use metainfo::PieceIndex;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::Instant;
use tokio::sync::oneshot;

/// What the sync thread is asked to do.
pub(crate) enum Request {
    /// The torrent has something to sync, at the next tick.
    Dirty(Arc<Torrent>),
    /// Sync everything soon.
    Now,
    /// Sync one torrent, then answer.
    Sync(Arc<Torrent>, oneshot::Sender<Result<(), DiskError>>),
    /// Sync one torrent, record a clean stop, forget it, then answer.
    Close(Arc<Torrent>, oneshot::Sender<Result<(), DiskError>>),
    /// End the thread.
    Stop,
}

/// How other threads reach the sync thread.
#[derive(Clone)]
pub(crate) struct SyncHandle {
    pub(crate) requests: Sender<Request>,
    dirty_bytes: Arc<AtomicU64>,
}

impl SyncHandle {
    pub(crate) fn new(requests: Sender<Request>) -> Self {
        Self { requests, dirty_bytes: Arc::default() }
    }

    /// A piece was written: notes what must be synced, and tells of it before the sync thread can take it up.
    pub(crate) fn stored(&self, torrent: &Arc<Torrent>, piece: PieceIndex, tell: impl FnOnce()) {
        let size = u64::from(torrent.layout.geometry.piece_size(piece));
        let mut dirty = locked(&torrent.dirty);
        dirty.pieces.push(piece);
        dirty.bytes += size;
        self.queue(torrent, &mut dirty);
        tell();
        drop(dirty);
        let before = self.dirty_bytes.fetch_add(size, Ordering::AcqRel);
        if before < SYNC_BYTES && before + size >= SYNC_BYTES || torrent.is_complete() {
            let _ = self.requests.send(Request::Now);
        }
    }

    /// A check found a piece that an earlier run wrote.
    pub(crate) fn found(&self, torrent: &Arc<Torrent>, piece: PieceIndex) {
        locked(&torrent.dirty).found = true;
        self.stored(torrent, piece, || {});
    }

    /// Something beside pieces is to be recorded at the next tick.
    pub(crate) fn changed(&self, torrent: &Arc<Torrent>) {
        self.queue(torrent, &mut locked(&torrent.dirty));
    }

    /// Something beside pieces is to be synced, recorded or finished at once.
    pub(crate) fn touched(&self, torrent: &Arc<Torrent>) {
        self.changed(torrent);
        let _ = self.requests.send(Request::Now);
    }

    fn queue(&self, torrent: &Arc<Torrent>, dirty: &mut Dirty) {
        if !std::mem::replace(&mut dirty.queued, true) {
            let _ = self.requests.send(Request::Dirty(torrent.clone()));
        }
    }
}

/// The sync thread's state.
pub(crate) struct Syncer {
    pub(crate) transfer: Arc<Transfer>,
    pub(crate) pool: BlockPool,
    pub(crate) state: Option<StateStore>,
    pub(crate) handle: SyncHandle,
    /// Torrents with something to sync.
    pub(crate) dirty: BTreeMap<u64, Arc<Torrent>>,
    /// Torrents whose events wait for room.
    pub(crate) untold: BTreeMap<u64, Arc<Torrent>>,
}

impl Syncer {
    /// Works until told to stop.
    pub(crate) fn run(mut self, requests: &Receiver<Request>) {
        let mut tick = Instant::now() + SYNC_INTERVAL;
        loop {
            self.untold.retain(|_, torrent| torrent.flush_events());
            let now = Instant::now();
            let until_tick = tick.saturating_duration_since(now);
            let wait = if self.untold.is_empty() { until_tick } else { until_tick.min(OUTBOX_TICK) };
            match requests.recv_timeout(wait) {
                Ok(Request::Dirty(torrent)) => drop(self.dirty.insert(torrent.id, torrent)),
                Ok(Request::Sync(torrent, done)) => {
                    self.dirty.remove(&torrent.id);
                    let _ = done.send(self.sync(&torrent));
                    self.untold.insert(torrent.id, torrent);
                }
                Ok(Request::Close(torrent, done)) => {
                    self.dirty.remove(&torrent.id);
                    self.untold.remove(&torrent.id);
                    let _ = done.send(self.close(&torrent));
                }
                Ok(Request::Now) => self.sync_all(),
                Ok(Request::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) if now + wait < tick => {}
                Err(RecvTimeoutError::Timeout) => {
                    if self.dirty.is_empty() {
                        self.pool.trim();
                    }
                    self.sync_all();
                    tick = Instant::now() + SYNC_INTERVAL;
                }
            }
        }
    }

    fn sync_all(&mut self) {
        for torrent in std::mem::take(&mut self.dirty).into_values() {
            // Closing syncs and records by itself, for the last time.
            if torrent.is_closed() {
                continue;
            }
            // A failure is told as an event, and tried again when the owner says so.
            let _ = self.sync(&torrent);
            if torrent.flush_events() {
                self.untold.insert(torrent.id, torrent);
            }
        }
    }

    /// Syncs, records and finishes one torrent.
    fn sync(&self, torrent: &Torrent) -> Result<(), DiskError> {
        // A check that is under way, or was cut off, has found out nothing: names and records stay as they are.
        if !torrent.checked.load(Ordering::Acquire) {
            return Ok(());
        }
        let written = self.sync_written(torrent);
        let finished = written.and_then(|()| finish_and_demote(&self.transfer, torrent));
        self.record(torrent, false);
        finished
    }

    /// Makes the pieces written so far durable. Pieces whose sync fails are lost.
    fn sync_written(&self, torrent: &Torrent) -> Result<(), DiskError> {
        let dirty = std::mem::take(&mut *locked(&torrent.dirty));
        self.handle.dirty_bytes.fetch_sub(dirty.bytes, Ordering::AcqRel);
        let mut slots: BTreeMap<Slot, Vec<PieceIndex>> = BTreeMap::new();
        let naming = torrent.naming.read().unwrap_or_else(PoisonError::into_inner);
        for piece in &dirty.pieces {
            for extent in piece_extents(torrent, *piece) {
                slots.entry(extent.slot).or_default().push(*piece);
            }
        }
        let began = Instant::now();
        let syncs = slots.len() as u32;
        let mut failure = None;
        let mut lost = BTreeSet::new();
        for (slot, pieces) in slots {
            if let Err(error) = self.sync_slot(torrent, slot) {
                lost.extend(pieces);
                failure = Some(error);
            }
        }
        drop(naming);
        if let Some(error) = &failure {
            for piece in lost {
                torrent.remove_stored(piece, error);
            }
        }
        let mut synced = locked(&torrent.synced);
        for piece in dirty.pieces.iter().filter(|piece| torrent.stored.contains(**piece)) {
            synced.insert(*piece);
        }
        drop(synced);
        if failure.is_none() && !dirty.found && !dirty.pieces.is_empty() {
            self.transfer.uncache(
                torrent,
                &dirty.pieces,
                Pace { bytes: dirty.bytes, syncs, took: began.elapsed() },
            );
        }
        failure.map_or(Ok(()), Err)
    }

    fn sync_slot(&self, torrent: &Torrent, slot: Slot) -> Result<(), DiskError> {
        self.transfer.sync(torrent, slot)?;
        if let Slot::File(index) = slot
            && let file = &torrent.files[index as usize]
            && !file.linked.load(Ordering::Acquire)
        {
            finish::sync_folders(&self.transfer, torrent, file.current_path())?;
            file.linked.store(true, Ordering::Release);
        }
        Ok(())
    }

    /// Writes the resume record. A database that fails costs a check at the next start, not the download.
    fn record(&self, torrent: &Torrent, clean: bool) {
        let Some(state) = self.state.as_ref().filter(|_| torrent.checked.load(Ordering::Acquire)) else {
            return;
        };
        let record = ResumeRecord {
            pieces: locked(&torrent.synced).clone(),
            files: if clean { stamps(torrent) } else { Vec::new() },
            blocks: if clean { locked(&torrent.left).clone() } else { Vec::new() },
            clean,
            downloaded: torrent.downloaded.load(Ordering::Acquire),
            uploaded: torrent.uploaded.load(Ordering::Acquire),
        };
        if let Err(error) = state.save(&torrent.layout.info_hash, &torrent.root, &record) {
            tracing::warn!(%error, "the progress of {} could not be recorded", torrent.layout.name);
        }
    }

    fn close(&self, torrent: &Torrent) -> Result<(), DiskError> {
        let result = self.sync(torrent);
        self.record(torrent, result.is_ok() && locked(&torrent.dirty).pieces.is_empty());
        self.transfer.files.close_torrent(torrent.id);
        locked(&torrent.lock).take();
        result
    }
}

/// Gives complete files their names, and takes them from files that lost pieces.
fn finish_and_demote(transfer: &Transfer, torrent: &Torrent) -> Result<(), DiskError> {
    let demoted = torrent.files.iter().enumerate().try_for_each(|(index, file)| {
        let incomplete = file.place() == Place::Final && file.missing.load(Ordering::Acquire) > 0;
        if incomplete { finish::demote(transfer, torrent, index) } else { Ok(()) }
    });
    demoted.and_then(|()| finish::finish(transfer, torrent)).inspect_err(|error| {
        torrent.tell(DiskEvent::FinishFailed { error: error.clone() });
    })
}

/// What the files look like now, the edges file last.
pub(crate) fn stamps(torrent: &Torrent) -> Vec<Option<FileStamp>> {
    let files = torrent
        .files
        .iter()
        .map(|file| file.is_data().then(|| stamp(torrent, file.current_path())).flatten());
    files.chain([stamp(torrent, &torrent.edges)]).collect()
}

/// What a file looks like now; `None` if it is not there.
fn stamp(torrent: &Torrent, path: &Path) -> Option<FileStamp> {
    let stat = paths::stat(&torrent.root, path).ok().flatten()?;
    let mtime_ns = i128::from(stat.st_mtime) * 1_000_000_000 + i128::from(stat.st_mtime_nsec);
    Some(FileStamp { length: stat.st_size as u64, mtime_ns })
}
