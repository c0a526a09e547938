//! Data on disk against a torrent, without touching anything.

use crate::backend::fs::FileSystem;
use crate::check::{Check, CheckProgress};
use crate::limits::OPEN_FILES;
use crate::outbox::Outbox;
use crate::resume::{locate_files, regular_length};
use crate::torrent::{Place, Torrent};
use crate::transfer::Transfer;
use crate::{DiskError, Layout, TorrentLayout, disk, paths};
use metainfo::{Bitfield, FileIndex, PieceIndex};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// What a verification found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VerifyReport {
    /// The pieces that match their hash.
    pub good: Bitfield,
    /// Bytes in these pieces.
    pub bytes_good: u64,
    /// Every file that has bytes on disk, in torrent order: no pad files, no links.
    pub files: Vec<FileReport>,
}

/// What a verification found of one file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileReport {
    /// The file.
    pub file: FileIndex,
    /// Where it was looked at: under its own name, or the unfinished one if only that is there.
    pub path: PathBuf,
    /// Bytes it should have.
    pub length: u64,
    /// How it is.
    pub verdict: Verdict,
}

/// How a file is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Every byte matches.
    Good,
    /// Every byte matches, but the file has its unfinished name.
    Unfinished,
    /// It is not there.
    Missing,
    /// It has too few bytes.
    Short {
        /// Bytes it has.
        length: u64,
        /// Pieces of it that do not match.
        bad_pieces: u32,
    },
    /// It has too many bytes.
    TooLong {
        /// Bytes it has.
        length: u64,
        /// Pieces of it that do not match.
        bad_pieces: u32,
    },
    /// It has the right length and wrong bytes.
    Bad {
        /// Pieces of it that do not match.
        bad_pieces: u32,
    },
    /// Everything that can be judged matches, but these pieces reach into files that are not whole.
    Unsure {
        /// Pieces that cannot be judged.
        pieces: u32,
    },
}

impl VerifyReport {
    /// Whether every file is there, whole, right, and under its own name.
    pub fn is_good(&self) -> bool {
        self.good.is_full() && self.files.iter().all(|file| file.verdict == Verdict::Good)
    }
}

/// Hashes everything in `directory` that belongs to the torrent, on all cores. Nothing is changed.
/// An error means that data which is there could not be read.
pub fn verify(
    layout: Layout,
    directory: &Path,
    progress: &(dyn Fn(CheckProgress) + Sync),
) -> Result<VerifyReport, DiskError> {
    let options = TorrentLayout {
        layout: Arc::new(layout),
        download_directory: directory.to_path_buf(),
        selected: None,
        preallocate: false,
        plain_names: false,
        looks_only: true,
    };
    let longest =
        paths::longest_name(directory).map_err(|error| match DiskError::new("open", directory, &error) {
            DiskError::Vanished { path } => DiskError::NoDirectory { path },
            other => other,
        })?;
    let torrent = Torrent::new(0, &options, Outbox::new(tokio::sync::mpsc::channel(1).0), longest);
    locate_files(&torrent)?;
    let transfer = Transfer::new(Arc::new(FileSystem), OPEN_FILES);
    let geometry = options.layout.geometry.clone();
    let pieces: Vec<_> = (0..geometry.piece_count()).map(PieceIndex).collect();
    let cancelled = AtomicBool::new(false);
    let check =
        Check { transfer: &transfer, torrent: &torrent, pieces: &pieces, progress, cancelled: &cancelled };
    let outcome = check.run(disk::cores());
    if let Some(error) = outcome.failure {
        return Err(error);
    }
    let mut good = Bitfield::new(geometry.piece_count());
    let mut bytes_good = 0;
    for piece in outcome.good {
        good.insert(piece);
        bytes_good += u64::from(geometry.piece_size(piece));
    }
    let files = judge(&torrent, &good)?;
    Ok(VerifyReport { good, bytes_good, files })
}

/// A verdict for each file.
fn judge(torrent: &Torrent, good: &Bitfield) -> Result<Vec<FileReport>, DiskError> {
    let geometry = &torrent.layout.geometry;
    let mut lengths = Vec::with_capacity(torrent.files.len());
    for file in &torrent.files {
        let path = if file.place() == Place::Part { &file.part } else { &file.path };
        lengths.push(if file.is_data() { regular_length(&torrent.root, path)? } else { Some(file.length) });
    }
    // A piece says nothing about a file if another one that it reaches into is not whole.
    let whole: Vec<_> =
        torrent.files.iter().zip(&lengths).map(|(file, length)| *length >= Some(file.length)).collect();
    let judged_by = |piece: PieceIndex, index: usize| {
        let size = u64::from(geometry.piece_size(piece));
        let mut segments = geometry.segments(geometry.piece_offset(piece), size);
        segments.all(|segment| segment.file.as_usize() == index || whole[segment.file.as_usize()])
    };
    let report = |(index, file): (usize, &crate::torrent::FileState)| {
        let wrong = geometry.file_pieces(FileIndex(index as u32)).map(PieceIndex);
        let (bad, unsure): (Vec<_>, Vec<_>) =
            wrong.filter(|piece| !good.contains(*piece)).partition(|piece| judged_by(*piece, index));
        let bad_pieces = bad.len() as u32;
        let verdict = match lengths[index] {
            None => Verdict::Missing,
            Some(length) if length < file.length => Verdict::Short { length, bad_pieces },
            Some(length) if length > file.length => Verdict::TooLong { length, bad_pieces },
            Some(_) if bad_pieces > 0 => Verdict::Bad { bad_pieces },
            Some(_) if !unsure.is_empty() => Verdict::Unsure { pieces: unsure.len() as u32 },
            Some(_) if file.place() == Place::Part => Verdict::Unfinished,
            Some(_) => Verdict::Good,
        };
        let unnamed = verdict == Verdict::Missing || file.length == 0;
        let path = if unnamed { file.path.clone() } else { file.current_path().to_path_buf() };
        FileReport { file: FileIndex(index as u32), path, length: file.length, verdict }
    };
    let on_disk = torrent.files.iter().enumerate().filter(|(_, file)| file.is_data());
    Ok(on_disk.map(report).collect())
}
