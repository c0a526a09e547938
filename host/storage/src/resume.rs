//! Taking in a torrent: what is there already, what of it can be trusted, and what it is called.

use crate::DiskError;
use crate::backend::Access;
use crate::check::{Check, CheckProgress};
use crate::file_pool::Slot;
use crate::finish;
use crate::paths;
use crate::state::{FileStamp, ResumeRecord};
use crate::sync::stamps;
use crate::torrent::{Place, Torrent, locked};
use crate::transfer::{Extent, Transfer, block_extents, piece_extents};
use metainfo::{Bitfield, BlockRequest, FileIndex, PieceIndex};
use rustix::fs::FlockOperation;
use rustix::io::Errno;
use std::io::ErrorKind;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// What a check found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CheckReport {
    /// The pieces that are verified and stored.
    pub have: Bitfield,
    /// Blocks of other pieces that an earlier run left on disk: not verified, and not to be fetched again.
    pub blocks: Vec<BlockRequest>,
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

/// Finds each file under one of its names and locks the download.
pub(crate) fn prepare(torrent: &Torrent) -> Result<(), DiskError> {
    if !torrent.root.is_dir() {
        return Err(DiskError::NoDirectory { path: torrent.root.clone() });
    }
    check_paths(torrent)?;
    take_up_part_files(torrent)?;
    *locked(&torrent.lock) = lock(torrent)?;
    locate_files(torrent)
}

fn check_paths(torrent: &Torrent) -> Result<(), DiskError> {
    match torrent.files.iter().find(|file| !paths::is_plain(&file.path)) {
        Some(file) => Err(DiskError::UnsafePath { name: file.path.to_string_lossy().into_owned() }),
        None => Ok(()),
    }
}

/// Where unfinished files have their final names, those of an earlier run that had not get them now.
fn take_up_part_files(torrent: &Torrent) -> Result<(), DiskError> {
    let whole: Vec<PathBuf> = torrent.files.iter().map(|file| file.path.clone()).collect();
    for (file, part) in torrent.files.iter().zip(paths::part_paths(&whole)) {
        if file.is_renamed() || !file.is_data() || file.length == 0 {
            continue;
        }
        let is_there = |path: &Path| Ok(regular_length(&torrent.root, path)?.is_some());
        if is_there(&part)? && !is_there(&file.path)? {
            paths::rename(&torrent.root, &part, &file.path)
                .map_err(|error| DiskError::new("rename", &torrent.root.join(&part), &error))?;
        }
    }
    Ok(())
}

/// Finds each file under one of its names.
pub(crate) fn locate_files(torrent: &Torrent) -> Result<(), DiskError> {
    check_paths(torrent)?;
    for file in torrent.files.iter().filter(|file| file.is_data() && file.length > 0) {
        let length = |path: &Path| regular_length(&torrent.root, path);
        let (part, whole) = (length(&file.part)?, length(&file.path)?);
        file.set_place(match (part, whole) {
            (_, Some(length)) if length == file.length => Place::Final,
            (None, Some(_)) => Place::Final,
            (Some(_), _) => Place::Part,
            (None, None) if file.is_wanted() => Place::Part,
            (None, None) => Place::Edges,
        });
    }
    Ok(())
}

/// The length of a regular file; `None` if nothing is there; anything else is in the way.
pub(crate) fn regular_length(root: &Path, path: &Path) -> Result<Option<u64>, DiskError> {
    match paths::stat(root, path) {
        Ok(Some(stat)) if paths::is_regular(&stat) => Ok(Some(stat.st_size as u64)),
        Ok(Some(_)) => Err(DiskError::InTheWay { path: root.join(path) }),
        Ok(None) => Ok(None),
        Err(error) => Err(DiskError::new("look at", &root.join(path), &error)),
    }
}

/// Locks what the download is known by: its folder, or its one file, which is made for that. Where nothing may be made
/// and nothing is there, there is nothing to lock.
fn lock(torrent: &Torrent) -> Result<Option<OwnedFd>, DiskError> {
    let shared = torrent.files.iter().find_map(|file| {
        let mut components = file.path.components();
        let first = components.next();
        components.next().and(first).map(Component::as_os_str)
    });
    let failed =
        |action, path: &Path, error: &std::io::Error| DiskError::new(action, &torrent.root.join(path), error);
    let (path, handle) = if let Some(folder) = shared {
        let path = PathBuf::from(folder);
        let handle = paths::open_directory(&torrent.root, &path, !torrent.looks_only);
        if torrent.looks_only && matches!(&handle, Err(error) if error.kind() == ErrorKind::NotFound) {
            return Ok(None);
        }
        (path.clone(), handle.map_err(|error| failed("open the folder", &path, &error))?)
    } else if let Some(file) = torrent.files.iter().find(|file| file.length > 0) {
        let whole = regular_length(&torrent.root, &file.path)?.is_some();
        let part = regular_length(&torrent.root, &file.part)?.is_some();
        if torrent.looks_only && !whole && !part {
            return Ok(None);
        }
        let path = if whole && !part { &file.path } else { &file.part };
        let handle = paths::open_file(&torrent.root, path, !whole, !whole);
        (path.clone(), handle.map_err(|error| failed("open", path, &error))?)
    } else {
        let handle = paths::open_root(&torrent.root);
        let handle = handle.map_err(|error| failed("open the folder", Path::new(""), &error))?;
        return Ok(Some(handle));
    };
    match rustix::fs::flock(&handle, FlockOperation::NonBlockingLockExclusive) {
        Err(Errno::WOULDBLOCK) => Err(DiskError::InUse { path: torrent.root.join(path) }),
        // File systems without locks: do without.
        _ => Ok(Some(handle)),
    }
}

/// Which pieces a resume record vouches for, and which need a look.
struct Plan {
    trusted: Bitfield,
    doubtful: Vec<PieceIndex>,
    blocks: Vec<BlockRequest>,
    missing_files: Vec<PathBuf>,
}

fn plan(torrent: &Torrent, record: Option<&ResumeRecord>) -> Plan {
    let geometry = &torrent.layout.geometry;
    let all = (0..geometry.piece_count()).map(PieceIndex);
    let Some(record) = record.filter(|record| record.pieces.length() == geometry.piece_count()) else {
        return Plan {
            trusted: Bitfield::new(geometry.piece_count()),
            doubtful: all.collect(),
            blocks: Vec::new(),
            missing_files: Vec::new(),
        };
    };
    let now = stamps(torrent);
    let clean = record.clean && record.files.len() == now.len();
    let at = |list: &[Option<FileStamp>], slot| match slot {
        Slot::File(index) => list.get(index as usize).copied().flatten(),
        Slot::Edges => list.last().copied().flatten(),
    };
    let untouched = |extent: &Extent| clean && at(&now, extent.slot) == at(&record.files, extent.slot);
    let reaches = |extent: &Extent| {
        at(&now, extent.slot).is_some_and(|stamp| stamp.length >= extent.offset + extent.length)
    };
    let plausible = |extent: &Extent| !clean && reaches(extent);
    let mut trusted = Bitfield::new(geometry.piece_count());
    let mut doubtful = Vec::new();
    for piece in all {
        let recorded = record.pieces.contains(piece);
        let mut extents = piece_extents(torrent, piece);
        if recorded && extents.all(|extent| untouched(&extent) || plausible(&extent)) {
            trusted.insert(piece);
        } else if recorded || !piece_extents(torrent, piece).all(|extent| untouched(&extent)) {
            doubtful.push(piece);
        }
    }
    // A file that was not there and is not may be another than the one that the block lay in: its bytes have to be there.
    let is_there = |extent: &Extent| untouched(extent) && reaches(extent);
    let left = record.blocks.iter().filter_map(|(piece, block)| geometry.block(*piece, *block));
    let blocks =
        left.filter(|block| block_extents(torrent, *block).all(|extent| is_there(&extent))).collect();
    let missing = torrent.files.iter().enumerate().filter(|(index, file)| {
        file.is_data()
            && file.length > 0
            && file.place() != Place::Edges
            && now[*index].is_none()
            && has_piece_of(torrent, Some(record), *index)
    });
    let missing_files = missing.map(|(_, file)| torrent.root.join(&file.path)).collect();
    Plan { trusted, doubtful, blocks, missing_files }
}

/// Whether a record has a piece of a file.
fn has_piece_of(torrent: &Torrent, record: Option<&ResumeRecord>, index: usize) -> bool {
    let mut pieces = torrent.layout.geometry.file_pieces(FileIndex(index as u32)).map(PieceIndex);
    record.is_some_and(|record| pieces.any(|piece| record.pieces.contains(piece)))
}

/// How a check reports and is stopped.
pub(crate) struct CheckControl<'a> {
    pub(crate) threads: usize,
    pub(crate) progress: &'a (dyn Fn(CheckProgress) + Sync),
    pub(crate) cancelled: &'a AtomicBool,
}

/// Finds out which pieces are there, marks them as stored, and settles what the files are called.
/// The second answer is the pieces found by hashing: they are still to be synced and recorded.
pub(crate) fn check(
    transfer: &Transfer,
    torrent: &Torrent,
    record: Option<&ResumeRecord>,
    control: &CheckControl<'_>,
) -> Result<(CheckReport, Vec<PieceIndex>), DiskError> {
    let is_trusted = !torrent.is_distrusted.load(Ordering::Acquire);
    let plan = plan(torrent, record.filter(|_| is_trusted));
    let CheckControl { threads, progress, cancelled } = *control;
    let check = Check { transfer, torrent, pieces: &plan.doubtful, progress, cancelled };
    let outcome = check.run(threads);
    if let Some(error) = outcome.failure {
        return Err(error);
    }
    if cancelled.load(Ordering::Acquire) {
        return Err(DiskError::Closed);
    }
    for piece in plan.trusted.iter().chain(outcome.good.iter().copied()) {
        torrent.insert_stored(piece);
    }
    *locked(&torrent.synced) = plan.trusted;
    torrent.checked.store(true, Ordering::Release);
    for (index, file) in torrent.files.iter().enumerate() {
        if file.is_data() && file.length > 0 {
            settle(transfer, torrent, index, has_piece_of(torrent, record, index))?;
        }
    }
    let have = torrent.stored.snapshot();
    let lost = record.map_or(0, |record| record.pieces.iter().filter(|piece| !have.contains(*piece)).count());
    let blocks = plan.blocks.into_iter().filter(|block| !have.contains(block.piece)).collect();
    let report = CheckReport {
        have,
        blocks,
        lost: lost as u32,
        missing_files: plan.missing_files,
        bytes_hashed: outcome.bytes_hashed,
        downloaded: record.map_or(0, |record| record.downloaded),
        uploaded: record.map_or(0, |record| record.uploaded),
    };
    Ok((report, outcome.good))
}

/// After a check: an incomplete file loses its final name, one that is not ours is left alone, and space is reserved.
///
/// A file of another length without one good piece is somebody else's, unless the record says that `was_ours`: then it
/// was cut off or overwritten, and is fetched again. Not to take that back would stop the torrent for good.
fn settle(transfer: &Transfer, torrent: &Torrent, index: usize, was_ours: bool) -> Result<(), DiskError> {
    let file = &torrent.files[index];
    let missing = file.missing.load(Ordering::Acquire);
    if file.place() == Place::Final {
        let path = torrent.root.join(&file.path);
        let length = regular_length(&torrent.root, &file.path)?;
        if missing == 0 && length == Some(file.length) {
            return Ok(());
        }
        let pieces = torrent.layout.geometry.file_pieces(FileIndex(index as u32));
        let ours = was_ours || missing < pieces.end - pieces.start;
        let foreign = !ours && length.is_some_and(|length| length > 0 && length != file.length);
        if foreign && file.is_wanted() {
            return Err(DiskError::InTheWay { path });
        }
        if !ours && !file.is_wanted() {
            file.set_place(Place::Edges);
            return Ok(());
        }
        finish::demote(transfer, torrent, index)?;
    }
    if torrent.preallocate && !torrent.looks_only && file.is_wanted() && missing > 0 {
        let handle = transfer.open(torrent, Slot::File(index as u32), Access::Create)?;
        let reserved = transfer.backend.allocate(handle.as_fd(), file.length);
        reserved
            .map_err(|error| DiskError::new("reserve space for", &torrent.root.join(&file.part), &error))?;
    }
    Ok(())
}
