//! Hashing what is on disk, on all cores.

use crate::DiskError;
use crate::backend::Access;
use crate::hashing::{self, PieceHasher};
use crate::limits::{CHECK_BATCH, CHECK_BYTES, CHECK_THREADS};
use crate::torrent::{Torrent, locked};
use crate::transfer::{Transfer, piece_extents};
use metainfo::{BlockRequest, PieceIndex};
use rustix::fs::SeekFrom;
use rustix::io::Errno;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};

/// How far a check is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CheckProgress {
    /// Bytes looked at.
    pub bytes_checked: u64,
    /// Bytes to look at in all.
    pub bytes_total: u64,
}

/// One check of some pieces of a torrent.
pub(crate) struct Check<'a> {
    pub(crate) transfer: &'a Transfer,
    pub(crate) torrent: &'a Torrent,
    /// The pieces to hash, ascending.
    pub(crate) pieces: &'a [PieceIndex],
    pub(crate) progress: &'a (dyn Fn(CheckProgress) + Sync),
    /// Set by someone else: stop early.
    pub(crate) cancelled: &'a AtomicBool,
}

/// What came of a check.
#[derive(Default)]
pub(crate) struct Outcome {
    /// The pieces that match, in no order.
    pub(crate) good: Vec<PieceIndex>,
    /// Bytes read and hashed; holes in sparse files are not.
    pub(crate) bytes_hashed: u64,
    /// The first failure other than data that is not there.
    pub(crate) failure: Option<DiskError>,
}

impl Check<'_> {
    /// Hashes the pieces on at most `threads` threads, this one counted.
    pub(crate) fn run(&self, threads: usize) -> Outcome {
        let batch = self.batch();
        let shared = Shared {
            next: AtomicUsize::new(0),
            batch,
            checked: AtomicU64::new(0),
            total: self.pieces.iter().map(|piece| self.size(*piece)).sum(),
            zeros: OnceLock::new(),
            outcome: Mutex::default(),
        };
        let threads = threads.clamp(1, CHECK_THREADS).min(self.pieces.len().div_ceil(batch).max(1));
        std::thread::scope(|scope| {
            for _ in 1..threads {
                // Without a second thread the first does it all.
                let _ = std::thread::Builder::new()
                    .name("check".into())
                    .spawn_scoped(scope, || self.work(&shared));
            }
            self.work(&shared);
        });
        shared.outcome.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn size(&self, piece: PieceIndex) -> u64 {
        u64::from(self.torrent.layout.geometry.piece_size(piece))
    }

    /// Pieces a thread takes at once: enough bytes for the disk to read ahead.
    fn batch(&self) -> usize {
        (CHECK_BATCH / self.torrent.layout.geometry.piece_length() as usize).max(1)
    }

    fn work(&self, shared: &Shared) {
        let mut buffer = vec![0; CHECK_BYTES];
        let mut mine = Outcome::default();
        loop {
            let first = shared.next.fetch_add(shared.batch, Ordering::Relaxed);
            let Some(rest) = self.pieces.get(first..).filter(|rest| !rest.is_empty()) else { break };
            let batch = &rest[..rest.len().min(shared.batch)];
            for piece in batch {
                if self.cancelled.load(Ordering::Relaxed) {
                    break;
                }
                if self.is_good(*piece, shared, &mut buffer, &mut mine) {
                    mine.good.push(*piece);
                }
            }
            let looked_at: u64 = batch.iter().map(|piece| self.size(*piece)).sum();
            let bytes_checked = shared.checked.fetch_add(looked_at, Ordering::Relaxed) + looked_at;
            (self.progress)(CheckProgress { bytes_checked, bytes_total: shared.total });
        }
        let mut outcome = locked(&shared.outcome);
        outcome.good.append(&mut mine.good);
        outcome.bytes_hashed += mine.bytes_hashed;
        outcome.failure = outcome.failure.take().or(mine.failure);
    }

    fn is_good(&self, piece: PieceIndex, shared: &Shared, buffer: &mut [u8], mine: &mut Outcome) -> bool {
        match self.hash(piece, shared, buffer, &mut mine.bytes_hashed) {
            Ok(hash) => self.torrent.layout.piece_hash(piece) == Some(&hash),
            Err(DiskError::Vanished { .. }) => false,
            Err(error) => {
                mine.failure.get_or_insert(error);
                false
            }
        }
    }

    fn hash(
        &self,
        piece: PieceIndex,
        shared: &Shared,
        buffer: &mut [u8],
        hashed: &mut u64,
    ) -> Result<[u8; 20], DiskError> {
        let size = self.size(piece) as u32;
        if self.is_hole(piece)? {
            let whole = size == self.torrent.layout.geometry.piece_length();
            let length = u64::from(size);
            let hash = || hashing::sha1_of_zeros(length);
            return Ok(if whole { *shared.zeros.get_or_init(hash) } else { hash() });
        }
        let mut hasher = PieceHasher::default();
        let mut begin = 0;
        while begin < size {
            let length = (size - begin).min(buffer.len() as u32);
            let part = &mut buffer[..length as usize];
            self.transfer.read(self.torrent, BlockRequest { piece, begin, length }, part)?;
            hasher.update(part);
            begin += length;
        }
        *hashed += u64::from(size);
        Ok(hasher.finish())
    }

    /// Whether every byte of a piece lies in a hole of a sparse file, or in no file.
    fn is_hole(&self, piece: PieceIndex) -> Result<bool, DiskError> {
        for extent in piece_extents(self.torrent, piece) {
            let file = self.transfer.open(self.torrent, extent.slot, Access::Read)?;
            if !file.is_sparse() {
                return Ok(false);
            }
            let end = extent.offset + extent.length;
            let data = match rustix::fs::seek(file.as_fd(), SeekFrom::Data(extent.offset)) {
                Ok(data) => data,
                // No data behind: a hole, if the file reaches so far.
                Err(Errno::NXIO) if file.length().is_some_and(|length| length >= end) => end,
                Err(_) => return Ok(false),
            };
            if data < end {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// What the threads of a check share.
struct Shared {
    next: AtomicUsize,
    batch: usize,
    checked: AtomicU64,
    total: u64,
    /// The hash of a whole piece of zeros.
    zeros: OnceLock<[u8; 20]>,
    outcome: Mutex<Outcome>,
}
