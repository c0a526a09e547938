//! What storage tells the owner of a torrent.

use crate::DiskError;
use metainfo::{BlockIndex, FileIndex, PieceIndex};

/// Something that happened to a torrent's data.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DiskEvent {
    /// The piece matched its hash and was written. From now on it can be read.
    PieceStored {
        /// The piece.
        piece: PieceIndex,
        /// Who sent each block, and its digest; filled only if the piece had failed before.
        blocks: Vec<BlockReport>,
    },
    /// The piece did not match its hash; its blocks were dropped.
    PieceFailed {
        /// The piece.
        piece: PieceIndex,
        /// Who sent each block, and its digest.
        blocks: Vec<BlockReport>,
    },
    /// The blocks of the piece were lost to a fault of the disk; nobody is to blame. Writing is tried again by
    /// [`TorrentStore::retry`](crate::TorrentStore::retry).
    WriteFailed {
        /// The piece that starts over.
        piece: PieceIndex,
        /// What is wrong.
        error: DiskError,
    },
    /// Writing works again.
    Recovered,
    /// A piece that was stored cannot be read any more, or could not be synced: it is not ours now.
    PieceLost {
        /// The piece.
        piece: PieceIndex,
        /// What is wrong.
        error: DiskError,
    },
    /// Every byte of the file is verified and synced, and the file has its final name.
    FileCompleted {
        /// The file.
        file: FileIndex,
    },
    /// Every wanted file is complete, synced, and has its final name. Told once after a check that finds
    /// everything there, too.
    FilesFinished,
    /// Finishing a file (sync, rename, symlink) failed; its pieces are stored all the same. Tried again by
    /// [`TorrentStore::retry`](crate::TorrentStore::retry).
    FinishFailed {
        /// What is wrong.
        error: DiskError,
    },
}

/// Who sent a block of a piece, and what it looked like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BlockReport {
    /// The block.
    pub block: BlockIndex,
    /// The tag the block came with.
    pub source: u64,
    /// A keyed digest: equal within one process means equal bytes.
    pub digest: u64,
}
