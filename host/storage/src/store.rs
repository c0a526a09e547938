//! One torrent's data: what the engine holds.

use crate::check::CheckProgress;
use crate::disk::Shared;
use crate::resume::{self, CheckControl, CheckReport};
use crate::state::ResumeRecord;
use crate::sync::Request;
use crate::torrent::{Torrent, locked};
use crate::worker::Job;
use crate::{Block, BlockBuffer, DiskError, readers, selection};
use metainfo::{Bitfield, BlockRequest, FileIndex, PieceIndex};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use tokio::sync::oneshot;

/// One torrent's data on disk. Cloning shares it.
#[derive(Clone)]
pub struct TorrentStore {
    pub(crate) torrent: Arc<Torrent>,
    pub(crate) shared: Arc<Shared>,
}

/// How an attempt to read without waiting ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TryRead {
    /// The bytes are in the buffer.
    Done,
    /// The bytes are not in memory: use [`TorrentStore::read`].
    WouldBlock,
    /// The piece is not stored, or there is no such block.
    Unavailable,
}

impl TorrentStore {
    /// Takes in a block. Never blocks; the pool bounds what is under way. A block that is already there is dropped.
    pub fn write(&self, block: Block) {
        let piece = block.request.piece;
        self.shared.send(&self.torrent, piece, Job::Write(self.torrent.clone(), vec![block]));
    }

    /// Takes in a burst of blocks and leaves the vector empty. Cheaper than one by one.
    pub fn write_all(&self, blocks: &mut Vec<Block>) {
        let worker = |block: &Block| self.shared.worker(&self.torrent, block.request.piece);
        let mut rest = std::mem::take(blocks);
        while let Some(first) = rest.first() {
            let (piece, chosen) = (first.request.piece, worker(first));
            let (batch, others) = rest.into_iter().partition(|block| worker(block) == chosen);
            self.shared.send(&self.torrent, piece, Job::Write(self.torrent.clone(), batch));
            rest = others;
        }
    }

    /// Reads a block of a stored piece if that needs no waiting. `into` has `request.length` bytes.
    pub fn try_read(&self, request: BlockRequest, into: &mut [u8]) -> TryRead {
        if !self.is_readable(request) || into.len() != request.length as usize {
            return TryRead::Unavailable;
        }
        if self.shared.transfer.read_cached(&self.torrent, request, into) {
            TryRead::Done
        } else {
            TryRead::WouldBlock
        }
    }

    /// Reads a block of a stored piece into the first `request.length` bytes of `buffer`.
    /// A failure is told as [`DiskEvent::PieceLost`](crate::DiskEvent::PieceLost) too.
    pub async fn read(&self, request: BlockRequest, buffer: BlockBuffer) -> Result<BlockBuffer, DiskError> {
        if !self.is_readable(request) || buffer.len() < request.length as usize {
            return Err(DiskError::NotStored);
        }
        let (reply, answer) = oneshot::channel();
        self.shared.read(readers::Read { torrent: self.torrent.clone(), request, buffer, reply });
        answer.await.unwrap_or(Err(DiskError::Closed))
    }

    fn is_readable(&self, request: BlockRequest) -> bool {
        let torrent = &self.torrent;
        torrent.layout.geometry.holds(request)
            && torrent.stored.contains(request.piece)
            && !torrent.is_closed()
    }

    /// Finds out what is there, by the resume record where it can be trusted and by hashing elsewhere.
    /// Call it once, before the first write. Dropping the future stops it.
    pub async fn check(
        &self,
        progress: impl Fn(CheckProgress) + Send + Sync + 'static,
    ) -> Result<CheckReport, DiskError> {
        let (torrent, shared) = (self.torrent.clone(), self.shared.clone());
        let stop = StopOnDrop::default();
        let cancelled = stop.0.clone();
        let work = move || {
            // One torrent at a time: a check keeps every core and the disk busy by itself.
            let _turn = locked(&shared.checking);
            let record = shared.load(&torrent);
            if torrent.is_distrusted.load(Ordering::Acquire) {
                // Whoever is killed meanwhile hashes everything at its next start.
                shared.forget(&torrent);
            }
            let control =
                CheckControl { threads: shared.check_threads, progress: &progress, cancelled: &cancelled };
            let (report, found) = resume::check(&shared.transfer, &torrent, record.as_ref(), &control)?;
            torrent.downloaded.store(report.downloaded, Ordering::Release);
            torrent.uploaded.store(report.uploaded, Ordering::Release);
            shared.take_up(&torrent, &report.blocks);
            for piece in found {
                shared.sync.found(&torrent, piece);
            }
            shared.sync.touched(&torrent);
            Ok(report)
        };
        crate::disk::on_thread("check", work).await
    }

    /// The pieces verified and stored now.
    pub fn stored(&self) -> Bitfield {
        self.torrent.stored.snapshot()
    }

    /// What the state database remembers of this download.
    pub fn record(&self) -> Option<ResumeRecord> {
        self.shared.load(&self.torrent)
    }

    /// Has the check hash everything, whatever the state database remembers of this download.
    pub fn distrust_record(&self) {
        self.torrent.is_distrusted.store(true, Ordering::Release);
    }

    /// Forgets the blocks of an unfinished piece.
    pub fn discard(&self, piece: PieceIndex) {
        self.shared.send(&self.torrent, piece, Job::Discard(self.torrent.clone(), piece));
    }

    /// Tries again whatever failed last; [`DiskEvent::Recovered`](crate::DiskEvent::Recovered) follows if it works.
    /// To be called every so often (30 s) after a write or a finish failed.
    pub fn retry(&self) {
        let fault = *locked(&self.torrent.fault);
        if let Some(piece) = fault {
            self.shared.send(&self.torrent, piece, Job::Probe(self.torrent.clone(), piece));
        }
        self.shared.sync.touched(&self.torrent);
    }

    /// Changes which files are kept; `None` for all.
    pub async fn set_selected(&self, selected: Option<Vec<FileIndex>>) -> Result<(), DiskError> {
        let (torrent, shared) = (self.torrent.clone(), self.shared.clone());
        let work = move || {
            selection::select(&shared.transfer, &torrent, selected.as_deref())?;
            shared.sync.touched(&torrent);
            Ok(())
        };
        crate::disk::on_thread("select", work).await
    }

    /// Payload bytes received and given over all runs, to be recorded with the next sync.
    pub fn set_totals(&self, downloaded: u64, uploaded: u64) {
        self.torrent.downloaded.store(downloaded, Ordering::Release);
        self.torrent.uploaded.store(uploaded, Ordering::Release);
        self.shared.sync.changed(&self.torrent);
    }

    /// Syncs and records everything stored so far.
    pub async fn sync(&self) -> Result<(), DiskError> {
        let (done, answer) = oneshot::channel();
        let _ = self.shared.sync.requests.send(Request::Sync(self.torrent.clone(), done));
        answer.await.unwrap_or(Err(DiskError::Closed))
    }

    /// Writes what there is of unfinished pieces, syncs and records everything, closes the files. Blocks written later
    /// are dropped.
    pub async fn close(&self) -> Result<(), DiskError> {
        for answer in self.shared.ask_all(&self.torrent, Job::Leave) {
            let left = answer.await.unwrap_or_default();
            locked(&self.torrent.left).extend(left);
        }
        self.torrent.closed.store(true, Ordering::Release);
        for answer in self.shared.ask_all(&self.torrent, Job::Close) {
            let _ = answer.await;
        }
        let (done, answer) = oneshot::channel();
        let _ = self.shared.sync.requests.send(Request::Close(self.torrent.clone(), done));
        answer.await.unwrap_or(Err(DiskError::Closed))
    }

    /// Removes the unfinished files and the record of a closed torrent that is not wanted any more.
    /// Complete files stay.
    pub async fn remove_unfinished(&self) -> Result<(), DiskError> {
        let (torrent, shared) = (self.torrent.clone(), self.shared.clone());
        let work = move || {
            let _alone = torrent.naming.write().unwrap_or_else(PoisonError::into_inner);
            selection::remove_unfinished(&torrent)?;
            shared.forget(&torrent);
            Ok(())
        };
        crate::disk::on_thread("remove", work).await
    }
}

/// Tells a check on another thread that nobody waits for it any more.
#[derive(Default)]
struct StopOnDrop(Arc<std::sync::atomic::AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}
