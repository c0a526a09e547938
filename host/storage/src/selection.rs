//! A change of mind about which files to keep.

use crate::DiskError;
use crate::backend::{self, Access};
use crate::file_pool::Slot;
use crate::paths;
use crate::torrent::{Place, Torrent};
use crate::transfer::Transfer;
use metainfo::{FileIndex, PieceIndex};
use std::io::IoSlice;
use std::os::fd::AsFd;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

/// Makes these the wanted files; `None` for all. What the edges file holds of a file that is wanted now moves into
/// that file. A file no longer wanted stays as it is.
pub(crate) fn select(
    transfer: &Transfer,
    torrent: &Torrent,
    selected: Option<&[FileIndex]>,
) -> Result<(), DiskError> {
    let _alone = torrent.naming.write().unwrap_or_else(PoisonError::into_inner);
    for (index, file) in torrent.files.iter().enumerate() {
        let wanted = selected.is_none_or(|list| list.contains(&FileIndex(index as u32)));
        if wanted && file.place() == Place::Edges {
            move_out_of_edges(transfer, torrent, index)?;
            file.set_place(Place::Part);
        }
        file.wanted.store(wanted, Ordering::Release);
    }
    torrent.count_incomplete();
    torrent.finished_told.store(false, Ordering::Release);
    Ok(())
}

/// Copies a file's stored bytes from the edges file. Pieces under way are not lost: they are re-read from the new
/// place, fail their hash there, and are fetched again.
fn move_out_of_edges(transfer: &Transfer, torrent: &Torrent, index: usize) -> Result<(), DiskError> {
    let geometry = &torrent.layout.geometry;
    let (start, length) = geometry.file_range(FileIndex(index as u32));
    for piece in geometry.file_pieces(FileIndex(index as u32)).map(PieceIndex) {
        if !torrent.stored.contains(piece) {
            continue;
        }
        let from = geometry.piece_offset(piece).max(start);
        let to = (geometry.piece_offset(piece) + u64::from(geometry.piece_size(piece))).min(start + length);
        let mut bytes = vec![0; (to - from) as usize];
        let edges = transfer.open(torrent, Slot::Edges, Access::Read)?;
        backend::read_all(&*transfer.backend, edges.as_fd(), &mut bytes, from)
            .map_err(|error| DiskError::new("read", &torrent.root.join(&torrent.edges), &error))?;
        let file = transfer.open(torrent, Slot::File(index as u32), Access::Create)?;
        let mut slices = [IoSlice::new(&bytes)];
        let moved = backend::write_all(&*transfer.backend, file.as_fd(), &mut slices, from - start)
            .and_then(|()| transfer.backend.sync(file.as_fd()));
        moved.map_err(|error| {
            DiskError::new("write", &torrent.root.join(&torrent.files[index].part), &error)
        })?;
    }
    Ok(())
}

/// Removes the unfinished files and the edges file.
pub(crate) fn remove_unfinished(torrent: &Torrent) -> Result<(), DiskError> {
    let unfinished = torrent.files.iter().filter(|file| file.place() == Place::Part).map(|file| &file.part);
    for path in unfinished.chain([&torrent.edges]) {
        match paths::remove(&torrent.root, path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(DiskError::new("remove", &torrent.root.join(path), &error));
            }
            _ => {}
        }
    }
    Ok(())
}
