//! Complete files get their names; after the last one come links, and the end of what only downloading needs.

use crate::DiskError;
use crate::backend::Access;
use crate::events::DiskEvent;
use crate::file_pool::Slot;
use crate::layout::FileKind;
use crate::paths;
use crate::torrent::{FileState, Place, Torrent, locked};
use crate::transfer::Transfer;
use metainfo::{FileIndex, PieceIndex};
use rustix::fs::Mode;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

/// Finishes whatever can be: wanted files whose pieces are all synced, and the whole torrent after the last.
pub(crate) fn finish(transfer: &Transfer, torrent: &Torrent) -> Result<(), DiskError> {
    let mut all = true;
    for (index, file) in torrent.files.iter().enumerate() {
        let is_not_made = torrent.looks_only && file.length == 0;
        if !file.is_wanted() || file.finished.load(Ordering::Acquire) || !file.is_data() || is_not_made {
            continue;
        }
        if is_synced(torrent, index) {
            let renamed = file.place() != Place::Final;
            finish_file(transfer, torrent, index)?;
            file.finished.store(true, Ordering::Release);
            if renamed {
                torrent.tell(DiskEvent::FileCompleted { file: FileIndex(index as u32) });
            }
        } else {
            all = false;
        }
    }
    if all && !torrent.finished_told.load(Ordering::Acquire) {
        finish_torrent(transfer, torrent)?;
        torrent.finished_told.store(true, Ordering::Release);
        torrent.tell(DiskEvent::FilesFinished);
    }
    Ok(())
}

/// Whether every piece of a file is on the device.
fn is_synced(torrent: &Torrent, index: usize) -> bool {
    if torrent.files[index].missing.load(Ordering::Acquire) > 0 {
        return false;
    }
    let synced = locked(&torrent.synced);
    torrent
        .layout
        .geometry
        .file_pieces(FileIndex(index as u32))
        .all(|piece| synced.contains(PieceIndex(piece)))
}

fn finish_file(transfer: &Transfer, torrent: &Torrent, index: usize) -> Result<(), DiskError> {
    let file = &torrent.files[index];
    let slot = Slot::File(index as u32);
    let failed =
        |action, path: &Path, error: &io::Error| DiskError::new(action, &torrent.root.join(path), error);
    if file.length == 0 {
        let made = transfer.backend.open(&torrent.root, &file.path, Access::Create);
        let handle = made.map_err(|error| failed("create", &file.path, &error))?;
        return set_mode(file, &handle).map_err(|error| failed("change the mode of", &file.path, &error));
    }
    let handle = transfer.open(torrent, slot, Access::Create)?;
    trim(file, &handle).map_err(|error| failed("shorten", file.current_path(), &error))?;
    set_mode(file, &handle).map_err(|error| failed("change the mode of", file.current_path(), &error))?;
    if file.place() == Place::Part {
        let _alone = torrent.naming.write().unwrap_or_else(PoisonError::into_inner);
        if file.is_renamed() {
            let renamed = transfer.backend.rename(&torrent.root, &file.part, &file.path);
            renamed.map_err(|error| failed("give its final name to", &file.path, &error))?;
        }
        file.set_place(Place::Final);
        // Opened again, for reading only, by whoever needs it.
        transfer.files.close((torrent.id, slot));
    }
    sync_folders(transfer, torrent, &file.path)
}

/// Cuts off what a file has beyond its length.
fn trim(file: &FileState, handle: impl AsFd) -> io::Result<()> {
    if rustix::fs::fstat(&handle)?.st_size as u64 > file.length {
        rustix::fs::ftruncate(&handle, file.length)?;
        rustix::fs::fdatasync(&handle)?;
    }
    Ok(())
}

/// Whoever may read an executable file may run it: the umask is respected without asking for it.
fn set_mode(file: &FileState, handle: impl AsFd) -> io::Result<()> {
    if file.kind == (FileKind::Data { executable: true }) {
        let mode = Mode::from_raw_mode(rustix::fs::fstat(&handle)?.st_mode & 0o7777);
        let readers = Mode::from_raw_mode((mode.as_raw_mode() & 0o444) >> 2);
        if !mode.contains(readers) {
            rustix::fs::fchmod(&handle, mode | readers)?;
        }
    }
    Ok(())
}

/// Makes a name, and the folders that lead to it, durable.
pub(crate) fn sync_folders(transfer: &Transfer, torrent: &Torrent, path: &Path) -> Result<(), DiskError> {
    for folder in path.ancestors().skip(1) {
        let synced = transfer.backend.sync_directory(&torrent.root, folder);
        synced.map_err(|error| DiskError::new("sync", &torrent.root.join(folder), &error))?;
    }
    Ok(())
}

fn finish_torrent(transfer: &Transfer, torrent: &Torrent) -> Result<(), DiskError> {
    for file in torrent.files.iter().filter(|file| file.is_wanted()) {
        if let FileKind::Symlink { target } = &file.kind {
            // A link leads to a file of the torrent, so never out of the folder and never to another link.
            let leads_to_file =
                torrent.layout.files.iter().any(|other| {
                    matches!(other.kind, FileKind::Data { .. }) && other.path.starts_with(target)
                });
            if leads_to_file && paths::is_plain(target) {
                let made =
                    paths::symlink(&torrent.root, &file.path, &paths::relative_link(&file.path, target));
                made.map_err(|error| {
                    DiskError::new("make the link", &torrent.root.join(&file.path), &error)
                })?;
            }
        }
    }
    let edges_needed = torrent.files.iter().any(|file| file.place() == Place::Edges);
    if !edges_needed {
        transfer.files.close((torrent.id, Slot::Edges));
        // A leftover is harmless.
        let _ = paths::remove(&torrent.root, &torrent.edges);
    }
    // Nothing is written any more: others may read along.
    locked(&torrent.lock).take();
    Ok(())
}

/// Takes a file's final name away while it is not complete.
pub(crate) fn demote(transfer: &Transfer, torrent: &Torrent, index: usize) -> Result<(), DiskError> {
    let file = &torrent.files[index];
    let _alone = torrent.naming.write().unwrap_or_else(PoisonError::into_inner);
    if file.place() != Place::Final {
        return Ok(());
    }
    if file.is_renamed() {
        match transfer.backend.rename(&torrent.root, &file.path, &file.part) {
            Ok(()) => {}
            // It vanished: the unfinished file starts empty.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(DiskError::new("rename", &torrent.root.join(&file.path), &error)),
        }
    }
    file.set_place(Place::Part);
    file.linked.store(false, Ordering::Release);
    transfer.files.close((torrent.id, Slot::File(index as u32)));
    Ok(())
}
