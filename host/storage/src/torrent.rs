//! What all threads know of one open torrent.

use crate::bits::AtomicBitfield;
use crate::events::DiskEvent;
use crate::file_pool::Slot;
use crate::layout::{FileKind, Layout};
use crate::outbox::Outbox;
use crate::worker::BlockPlace;
use crate::{DiskError, paths};
use metainfo::{Bitfield, FileIndex, PieceIndex};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

/// Where the bytes of a file are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Place {
    /// Nowhere: a pad file (zeros), a link, or an empty file.
    Nowhere,
    /// In the file, under its unfinished name.
    Part,
    /// In the file, under its own name.
    Final,
    /// In the edges file: nobody wants the file, but a piece reaches into it.
    Edges,
}

/// One file of an open torrent.
pub(crate) struct FileState {
    /// Path below the download directory once complete.
    pub(crate) path: PathBuf,
    /// Path until then; the same without unfinished names.
    pub(crate) part: PathBuf,
    pub(crate) length: u64,
    pub(crate) kind: FileKind,
    pub(crate) wanted: AtomicBool,
    /// Complete, synced and named.
    pub(crate) finished: AtomicBool,
    /// Its name is known to be on the device.
    pub(crate) linked: AtomicBool,
    /// Pieces not stored.
    pub(crate) missing: AtomicU32,
    place: AtomicU8,
}

impl FileState {
    pub(crate) fn place(&self) -> Place {
        match self.place.load(Ordering::Acquire) {
            1 => Place::Part,
            2 => Place::Final,
            3 => Place::Edges,
            _ => Place::Nowhere,
        }
    }

    pub(crate) fn set_place(&self, place: Place) {
        self.place.store(place as u8, Ordering::Release);
    }

    /// The path that the file's bytes are under now.
    pub(crate) fn current_path(&self) -> &Path {
        if self.place() == Place::Final { &self.path } else { &self.part }
    }

    /// Whether the file changes its name when it is complete.
    pub(crate) fn is_renamed(&self) -> bool {
        self.part != self.path
    }

    pub(crate) fn is_data(&self) -> bool {
        matches!(self.kind, FileKind::Data { .. })
    }

    pub(crate) fn is_wanted(&self) -> bool {
        self.wanted.load(Ordering::Acquire)
    }
}

/// Written, but not yet known to be on the device.
#[derive(Default)]
pub(crate) struct Dirty {
    pub(crate) pieces: Vec<PieceIndex>,
    pub(crate) bytes: u64,
    /// Some of it was there before this run and may be on the device already.
    pub(crate) found: bool,
    /// The sync thread knows that there is something to do.
    pub(crate) queued: bool,
}

/// One open torrent.
pub(crate) struct Torrent {
    /// Its number in this process.
    pub(crate) id: u64,
    pub(crate) layout: Arc<Layout>,
    /// The download directory.
    pub(crate) root: PathBuf,
    pub(crate) preallocate: bool,
    /// Nothing is made that is not there.
    pub(crate) looks_only: bool,
    pub(crate) files: Vec<FileState>,
    /// The edges file.
    pub(crate) edges: PathBuf,
    /// Verified and written: may be read.
    pub(crate) stored: AtomicBitfield,
    /// Of these, known to be on the device: may be recorded.
    pub(crate) synced: Mutex<Bitfield>,
    pub(crate) dirty: Mutex<Dirty>,
    /// Somebody reads all of it soon: what was synced stays in the page cache.
    pub(crate) keep_cached: AtomicBool,
    /// Held shared while bytes are written or files opened, alone while a file changes its name or place.
    pub(crate) naming: RwLock<()>,
    outbox: Outbox,
    /// Wanted files that miss pieces.
    incomplete: AtomicU32,
    /// The piece whose write failed last, until a retry works.
    pub(crate) fault: Mutex<Option<PieceIndex>>,
    pub(crate) finished_told: AtomicBool,
    pub(crate) closed: AtomicBool,
    /// What is there was found out: until then there is nothing to record.
    pub(crate) checked: AtomicBool,
    /// The record says what was here, but every piece is hashed.
    pub(crate) is_distrusted: AtomicBool,
    /// Blocks of unfinished pieces that are on disk, once it is closed.
    pub(crate) left: Mutex<Vec<BlockPlace>>,
    /// Held while incomplete, to keep other processes away.
    pub(crate) lock: Mutex<Option<OwnedFd>>,
    pub(crate) downloaded: AtomicU64,
    pub(crate) uploaded: AtomicU64,
}

/// Locks, whoever panicked while holding it: the data behind is valid at every step.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Torrent {
    /// A torrent of which nothing is known yet. Every file is in its unfinished place.
    pub(crate) fn new(id: u64, options: &crate::TorrentLayout, outbox: Outbox, longest_name: usize) -> Self {
        let layout = options.layout.clone();
        let geometry = layout.geometry.clone();
        let whole: Vec<_> = layout.files.iter().map(|file| paths::fit(&file.path, longest_name)).collect();
        let parts = if options.plain_names { whole.clone() } else { paths::part_paths(&whole) };
        let file = |(index, ((file, path), part)): (usize, ((&crate::LayoutFile, PathBuf), PathBuf))| {
            let index = FileIndex(index as u32);
            let length = geometry.file_range(index).1;
            let data = matches!(file.kind, FileKind::Data { .. });
            let place = if data && length > 0 { Place::Part } else { Place::Nowhere };
            let pieces = geometry.file_pieces(index);
            FileState {
                part,
                path,
                length,
                kind: file.kind.clone(),
                wanted: AtomicBool::new(options.selected.as_ref().is_none_or(|list| list.contains(&index))),
                finished: AtomicBool::new(false),
                linked: AtomicBool::new(false),
                missing: AtomicU32::new(pieces.end - pieces.start),
                place: AtomicU8::new(place as u8),
            }
        };
        let files = layout.files.iter().zip(whole).zip(parts).enumerate().map(file).collect();
        let hash = layout.info_hash.wire_bytes();
        let mark = format!("{:02x}{:02x}{:02x}{:02x}", hash[0], hash[1], hash[2], hash[3]);
        let edges = paths::fit(Path::new(&format!(".{}-{mark}.edges", layout.name)), longest_name);
        let pieces = geometry.piece_count();
        let torrent = Self {
            id,
            root: options.download_directory.clone(),
            preallocate: options.preallocate,
            looks_only: options.looks_only,
            files,
            edges,
            stored: AtomicBitfield::new(pieces),
            synced: Mutex::new(Bitfield::new(pieces)),
            dirty: Mutex::default(),
            keep_cached: AtomicBool::new(false),
            naming: RwLock::default(),
            outbox,
            incomplete: AtomicU32::new(0),
            fault: Mutex::default(),
            finished_told: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            checked: AtomicBool::new(false),
            is_distrusted: AtomicBool::new(false),
            left: Mutex::default(),
            lock: Mutex::default(),
            downloaded: AtomicU64::new(0),
            uploaded: AtomicU64::new(0),
            layout,
        };
        torrent.count_incomplete();
        torrent
    }

    /// Tells the owner something. True if events wait for room: call [`Self::flush_events`] before long.
    pub(crate) fn tell(&self, event: DiskEvent) -> bool {
        self.outbox.send(event)
    }

    /// Sends events that waited for room. True if some still wait.
    pub(crate) fn flush_events(&self) -> bool {
        self.outbox.flush()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// The full path of what a slot holds now.
    pub(crate) fn full_path(&self, slot: Slot) -> PathBuf {
        self.root.join(self.slot_path(slot))
    }

    /// The path below the download directory of what a slot holds now.
    pub(crate) fn slot_path(&self, slot: Slot) -> &Path {
        match slot {
            Slot::File(index) => self.files[index as usize].current_path(),
            Slot::Edges => &self.edges,
        }
    }

    /// The files that a piece has bytes in.
    pub(crate) fn piece_files(&self, piece: PieceIndex) -> impl Iterator<Item = &FileState> {
        let geometry = &self.layout.geometry;
        let segments = geometry.segments(geometry.piece_offset(piece), u64::from(geometry.piece_size(piece)));
        segments.map(|segment| &self.files[segment.file.as_usize()])
    }

    /// Marks a piece as readable and counts it for its files. The caller holds `naming`.
    pub(crate) fn insert_stored(&self, piece: PieceIndex) {
        if !self.stored.insert(piece) {
            return;
        }
        for file in self.piece_files(piece) {
            if file.missing.fetch_sub(1, Ordering::AcqRel) == 1 && file.is_wanted() {
                self.incomplete.fetch_sub(1, Ordering::AcqRel);
            }
        }
    }

    /// Takes a piece back: it is not ours any more, and its files are unfinished again. The caller does not hold
    /// `naming`, and has the sync thread look at the torrent afterwards.
    pub(crate) fn remove_stored(&self, piece: PieceIndex, error: &DiskError) {
        let _names = self.naming.read().unwrap_or_else(PoisonError::into_inner);
        if !self.stored.remove(piece) {
            return;
        }
        for file in self.piece_files(piece) {
            if file.missing.fetch_add(1, Ordering::AcqRel) == 0 && file.is_wanted() {
                self.incomplete.fetch_add(1, Ordering::AcqRel);
            }
            file.finished.store(false, Ordering::Release);
        }
        self.finished_told.store(false, Ordering::Release);
        locked(&self.synced).remove(piece);
        self.tell(DiskEvent::PieceLost { piece, error: error.clone() });
    }

    /// Counts the wanted files that miss pieces, after a change of what is wanted. The caller holds `naming` alone.
    pub(crate) fn count_incomplete(&self) {
        let missing = |file: &&FileState| file.is_wanted() && file.missing.load(Ordering::Acquire) > 0;
        self.incomplete.store(self.files.iter().filter(missing).count() as u32, Ordering::Release);
    }

    /// Whether every wanted file has all its pieces.
    pub(crate) fn is_complete(&self) -> bool {
        self.incomplete.load(Ordering::Acquire) == 0
    }
}
