//! One torrent's data: what the engine holds.

use crate::{Block, BlockBuffer, DiskError};
use metainfo::{Bitfield, BlockRequest, FileIndex, PieceIndex};
use std::path::PathBuf;
use std::sync::Arc;

/// One torrent's data on disk. Cloning shares it.
#[derive(Clone)]
pub struct TorrentStore(Arc<Inner>);

struct Inner {
    pieces: u32,
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

/// How far a check is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CheckProgress {
    /// Bytes looked at.
    pub bytes_checked: u64,
    /// Bytes to look at in all.
    pub bytes_total: u64,
}

/// What a check found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CheckReport {
    /// The pieces that are verified and stored.
    pub have: Bitfield,
    /// Pieces that the resume record had and that are gone.
    pub lost: u32,
    /// Files that the resume record knew and that are gone.
    pub missing_files: Vec<PathBuf>,
    /// Bytes that had to be hashed.
    pub bytes_hashed: u64,
    /// Payload bytes received in earlier runs.
    pub downloaded: u64,
    /// Payload bytes given in earlier runs.
    pub uploaded: u64,
}

impl TorrentStore {
    /// Takes in a block. Never blocks; the pool bounds what is under way. A block that is already there is dropped.
    pub fn write(&self, block: Block) {
        drop(block);
    }

    /// Takes in a burst of blocks and leaves the vector empty.
    pub fn write_all(&self, blocks: &mut Vec<Block>) {
        for block in blocks.drain(..) {
            self.write(block);
        }
    }

    /// Reads a block of a stored piece if that needs no waiting. `into` has `request.length` bytes.
    pub fn try_read(&self, request: BlockRequest, into: &mut [u8]) -> TryRead {
        let _ = (request, into);
        TryRead::Unavailable
    }

    /// Reads a block of a stored piece into the first `request.length` bytes of `buffer`.
    /// A failure is told as [`DiskEvent::PieceLost`](crate::DiskEvent::PieceLost) too.
    pub async fn read(&self, request: BlockRequest, buffer: BlockBuffer) -> Result<BlockBuffer, DiskError> {
        let _ = (request, buffer);
        std::future::ready(()).await;
        Err(DiskError::NotStored)
    }

    /// Finds out what is there, by the resume record where it can be trusted and by hashing elsewhere.
    /// Call it once, before the first write.
    pub async fn check(
        &self,
        progress: impl Fn(CheckProgress) + Send + Sync + 'static,
    ) -> Result<CheckReport, DiskError> {
        drop(progress);
        std::future::ready(()).await;
        Ok(CheckReport {
            have: self.stored(),
            lost: 0,
            missing_files: Vec::new(),
            bytes_hashed: 0,
            downloaded: 0,
            uploaded: 0,
        })
    }

    /// The pieces verified and stored now.
    pub fn stored(&self) -> Bitfield {
        Bitfield::new(self.0.pieces)
    }

    /// Forgets the blocks of an unfinished piece.
    pub fn discard(&self, piece: PieceIndex) {
        let _ = piece;
    }

    /// Tries again whatever failed last; [`DiskEvent::Recovered`](crate::DiskEvent::Recovered) follows if it works.
    /// To be called every so often (30 s) after a write or a finish failed.
    pub fn retry(&self) {}

    /// Changes which files are kept; `None` for all.
    pub async fn set_selected(&self, selected: Option<Vec<FileIndex>>) -> Result<(), DiskError> {
        let _ = selected;
        std::future::ready(()).await;
        Ok(())
    }

    /// Payload bytes received and given over all runs, to be recorded with the next sync.
    pub fn set_totals(&self, downloaded: u64, uploaded: u64) {
        let _ = (downloaded, uploaded);
    }

    /// Syncs and records everything stored so far.
    pub async fn sync(&self) -> Result<(), DiskError> {
        std::future::ready(()).await;
        Ok(())
    }

    /// Drops unfinished pieces, syncs and records the rest, closes the files. Blocks written later are dropped.
    pub async fn close(&self) -> Result<(), DiskError> {
        std::future::ready(()).await;
        Ok(())
    }
}
