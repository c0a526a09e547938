//! Hashing what is on disk, on all cores, several pieces side by side on each.

mod leaves;

use crate::DiskError;
use crate::backend::Access;
use crate::hashing;
use crate::limits::{CHECK_BATCH, CHECK_BYTES, CHECK_THREADS, RIPE_PIECES};
use crate::torrent::{Torrent, locked};
use crate::transfer::{Transfer, piece_extents};
use hash::Sha1Stream;
use metainfo::{BlockRequest, PieceIndex};
use rustix::fs::{Advice, SeekFrom};
use rustix::io::Errno;
use std::num::NonZeroU64;
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

impl Outcome {
    /// Notes a failure; data that is not there is none.
    fn note(&mut self, error: DiskError) {
        if !matches!(error, DiskError::Vanished { .. }) {
            self.failure.get_or_insert(error);
        }
    }
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
            piece_length: self.torrent.layout.geometry.piece_length(),
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

    /// Pieces a thread takes at once: what vector registers hold side by side.
    fn batch(&self) -> usize {
        (CHECK_BATCH / self.torrent.layout.geometry.piece_length() as usize).clamp(1, RIPE_PIECES)
    }

    fn work(&self, shared: &Shared) {
        let mut buffer = vec![0; RIPE_PIECES * CHECK_BYTES];
        let mut mine = Outcome::default();
        loop {
            let first = shared.next.fetch_add(shared.batch, Ordering::Relaxed);
            let Some(rest) = self.pieces.get(first..).filter(|rest| !rest.is_empty()) else { break };
            let batch = &rest[..rest.len().min(shared.batch)];
            if self.torrent.layout.roots.is_empty() {
                // Only the last piece is shorter than the others.
                for alike in batch.chunk_by(|a, b| self.size(*a) == self.size(*b)) {
                    self.hash(alike, shared, &mut buffer, &mut mine);
                }
            } else {
                self.hash_leaves(batch, &mut buffer, &mut mine);
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

    /// Hashes pieces of one size side by side, a step of each at a time.
    fn hash(&self, pieces: &[PieceIndex], shared: &Shared, buffer: &mut [u8], mine: &mut Outcome) {
        let size = pieces.first().map_or(0, |piece| self.size(*piece) as u32);
        let mut rows: Vec<(PieceIndex, Sha1Stream)> = Vec::with_capacity(pieces.len());
        for piece in pieces {
            match self.is_hole(*piece) {
                Ok(true) => self.judge(*piece, shared.hash_of_zeros(size), mine),
                Ok(false) => rows.push((*piece, Sha1Stream::default())),
                Err(error) => mine.note(error),
            }
        }
        self.read_ahead(&rows);
        mine.bytes_hashed += u64::from(size) * rows.len() as u64;
        for begin in (0..size).step_by(CHECK_BYTES) {
            if self.cancelled.load(Ordering::Relaxed) {
                return;
            }
            let length = (size - begin).min(CHECK_BYTES as u32);
            let mut parts = buffer.chunks_mut(CHECK_BYTES).map(|part| &mut part[..length as usize]);
            let mut read = Vec::with_capacity(rows.len());
            rows.retain(|(piece, _)| {
                let Some(part) = parts.next() else { return false };
                let request = BlockRequest { piece: *piece, begin, length };
                let result = self.transfer.read(self.torrent, request, part);
                result.map(|()| read.push(&*part)).map_err(|error| mine.note(error)).is_ok()
            });
            let streams = rows.iter_mut().map(|(_, stream)| stream);
            let taken = hash::sha1_advance(&mut streams.zip(read.iter().copied()).collect::<Vec<_>>());
            if begin + length == size {
                for ((piece, stream), part) in rows.drain(..).zip(read) {
                    self.judge(piece, stream.finish(&part[taken..]), mine);
                }
            }
        }
    }

    fn judge(&self, piece: PieceIndex, hash: [u8; 20], mine: &mut Outcome) {
        if self.torrent.layout.piece_hash(piece) == Some(&hash) {
            mine.good.push(piece);
        }
    }

    /// Lets the disk read the pieces in their order while they are hashed side by side.
    fn read_ahead(&self, rows: &[(PieceIndex, Sha1Stream)]) {
        for extent in rows.iter().flat_map(|(piece, _)| piece_extents(self.torrent, *piece)) {
            if let Ok(file) = self.transfer.open(self.torrent, extent.slot, Access::Read) {
                // Advice: what cannot follow it reads when asked.
                let _ = rustix::fs::fadvise(
                    file.as_fd(),
                    extent.offset,
                    NonZeroU64::new(extent.length),
                    Advice::WillNeed,
                );
            }
        }
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
    piece_length: u32,
    outcome: Mutex<Outcome>,
}

impl Shared {
    fn hash_of_zeros(&self, size: u32) -> [u8; 20] {
        let hash = || hashing::sha1_of_zeros(u64::from(size));
        if size == self.piece_length { *self.zeros.get_or_init(hash) } else { hash() }
    }
}
