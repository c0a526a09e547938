//! Bytes of a torrent to and from the files that hold them.

use crate::DiskError;
use crate::backend::{self, Access, Backend};
use crate::file_pool::{FilePool, OpenFile, Slot};
use crate::limits::ROOM_BYTES;
use crate::partial::Run;
use crate::torrent::{Place, Torrent};
use crate::uncache::Devices;
use metainfo::{BlockRequest, PieceIndex, Segment};
use std::io::{self, IoSlice};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The way to the files, shared by every thread.
pub(crate) struct Transfer {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) files: FilePool,
    pub(crate) devices: Devices,
}

/// Part of a range that lies in one file on disk.
pub(crate) struct Extent {
    pub(crate) slot: Slot,
    /// First byte inside that file.
    pub(crate) offset: u64,
    pub(crate) length: u64,
}

/// Where a segment's bytes are; `None` for zeros that are nowhere.
fn locate(torrent: &Torrent, segment: &Segment) -> Option<Extent> {
    match torrent.files[segment.file.as_usize()].place() {
        Place::Nowhere => None,
        Place::Part | Place::Final => {
            let slot = Slot::File(segment.file.0);
            Some(Extent { slot, offset: segment.offset, length: segment.length })
        }
        Place::Edges => {
            let start = torrent.layout.geometry.file_range(segment.file).0;
            Some(Extent { slot: Slot::Edges, offset: start + segment.offset, length: segment.length })
        }
    }
}

/// Where a piece's bytes are; zeros that are nowhere are left out.
pub(crate) fn piece_extents(torrent: &Torrent, piece: PieceIndex) -> impl Iterator<Item = Extent> {
    let length = torrent.layout.geometry.piece_size(piece);
    block_extents(torrent, BlockRequest { piece, begin: 0, length })
}

/// The extents of a block.
pub(crate) fn block_extents(torrent: &Torrent, block: BlockRequest) -> impl Iterator<Item = Extent> {
    let geometry = &torrent.layout.geometry;
    let offset = geometry.piece_offset(block.piece) + u64::from(block.begin);
    let segments = geometry.segments(offset, block.length.into());
    segments.filter_map(|segment| locate(torrent, &segment))
}

/// Names a failure; a vanished download directory is told apart from a vanished file.
fn explain(action: &'static str, torrent: &Torrent, slot: Slot, error: &io::Error) -> DiskError {
    let named = DiskError::new(action, &torrent.full_path(slot), error);
    if matches!(named, DiskError::Vanished { .. }) && !torrent.root.is_dir() {
        return DiskError::NoDirectory { path: torrent.root.clone() };
    }
    named
}

impl Transfer {
    pub(crate) fn new(backend: Arc<dyn Backend>, max_open_files: usize) -> Self {
        Self { backend, files: FilePool::new(max_open_files), devices: Devices::default() }
    }

    /// The open file behind a slot. The caller holds `torrent.naming`, so that the name does not change meanwhile.
    pub(crate) fn open(
        &self,
        torrent: &Torrent,
        slot: Slot,
        access: Access,
    ) -> Result<Arc<OpenFile>, DiskError> {
        let opener = || self.backend.open(&torrent.root, torrent.slot_path(slot), access);
        self.files
            .get_or_open((torrent.id, slot), access == Access::Create, opener)
            .map_err(|error| explain("open", torrent, slot, &error))
    }

    /// Writes runs of a piece, one call for each file that a run touches. The answer is the files written to.
    pub(crate) fn write(
        &self,
        torrent: &Torrent,
        piece: PieceIndex,
        runs: &[Run<'_>],
    ) -> Result<Vec<Slot>, DiskError> {
        let geometry = &torrent.layout.geometry;
        let mut written = Vec::new();
        for run in runs {
            let length = run.slices.iter().map(|slice| slice.len() as u64).sum();
            let mut cursor = Cursor { slices: &run.slices, skip: 0 };
            for segment in geometry.segments(geometry.piece_offset(piece) + u64::from(run.begin), length) {
                let mut slices = cursor.take(segment.length as usize);
                let Some(extent) = locate(torrent, &segment) else { continue };
                let file = self.open(torrent, extent.slot, Access::Create)?;
                if extent.length >= ROOM_BYTES && file.is_on_ext4() {
                    self.backend.make_room(file.as_fd(), extent.offset, extent.length);
                }
                backend::write_all(&*self.backend, file.as_fd(), &mut slices, extent.offset)
                    .map_err(|error| explain("write", torrent, extent.slot, &error))?;
                if !written.contains(&extent.slot) {
                    written.push(extent.slot);
                }
            }
        }
        Ok(written)
    }

    /// Reads a range of a piece, waiting for the disk.
    pub(crate) fn read(
        &self,
        torrent: &Torrent,
        request: BlockRequest,
        into: &mut [u8],
    ) -> Result<(), DiskError> {
        let geometry = &torrent.layout.geometry;
        let start = geometry.piece_offset(request.piece) + u64::from(request.begin);
        let mut rest = into;
        for segment in geometry.segments(start, u64::from(request.length)) {
            let (part, behind) = rest.split_at_mut(segment.length as usize);
            rest = behind;
            let Some(extent) = locate(torrent, &segment) else {
                part.fill(0);
                continue;
            };
            let file = self.open(torrent, extent.slot, Access::Read)?;
            backend::read_all(&*self.backend, file.as_fd(), part, extent.offset)
                .map_err(|error| explain("read", torrent, extent.slot, &error))?;
        }
        Ok(())
    }

    /// Reads a range of a piece if every byte is in memory. False if that takes waiting.
    pub(crate) fn read_cached(&self, torrent: &Torrent, request: BlockRequest, into: &mut [u8]) -> bool {
        let geometry = &torrent.layout.geometry;
        let start = geometry.piece_offset(request.piece) + u64::from(request.begin);
        let mut rest = into;
        for segment in geometry.segments(start, u64::from(request.length)) {
            let (mut part, behind) = rest.split_at_mut(segment.length as usize);
            rest = behind;
            let Some(extent) = locate(torrent, &segment) else {
                part.fill(0);
                continue;
            };
            let Some(file) = self.files.get((torrent.id, extent.slot), false).filter(|file| !file.is_slow())
            else {
                return false;
            };
            let mut offset = extent.offset;
            while !part.is_empty() {
                match self.backend.read_cached(file.as_fd(), part, offset) {
                    Ok(0) => return false,
                    Ok(n) => {
                        part = &mut part[n..];
                        offset += n as u64;
                    }
                    Err(error) => {
                        let never = error.kind() == io::ErrorKind::Unsupported;
                        file.always_slow.fetch_or(never, Ordering::Relaxed);
                        return false;
                    }
                }
            }
        }
        true
    }

    /// Waits until what was written to a slot is on the device.
    pub(crate) fn sync(&self, torrent: &Torrent, slot: Slot) -> Result<(), DiskError> {
        let file = self.open(torrent, slot, Access::Read)?;
        self.backend.sync(file.as_fd()).map_err(|error| explain("sync", torrent, slot, &error))
    }
}

/// Cuts a list of slices into consecutive parts.
struct Cursor<'a> {
    slices: &'a [&'a [u8]],
    /// Bytes of the first slice already taken.
    skip: usize,
}

impl<'a> Cursor<'a> {
    /// The next `length` bytes.
    fn take(&mut self, mut length: usize) -> Vec<IoSlice<'a>> {
        let mut taken = Vec::with_capacity(self.slices.len());
        while length > 0 {
            let Some((first, behind)) = self.slices.split_first() else { break };
            let slice = &first[self.skip..];
            if slice.len() > length {
                taken.push(IoSlice::new(&slice[..length]));
                self.skip += length;
                break;
            }
            taken.push(IoSlice::new(slice));
            length -= slice.len();
            self.slices = behind;
            self.skip = 0;
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_are_cut_at_file_borders() {
        let slices: Vec<&[u8]> = vec![b"abcd", b"efgh"];
        let mut cursor = Cursor { slices: &slices, skip: 0 };
        let mut take = |n| cursor.take(n).iter().map(|slice| slice.to_vec()).collect::<Vec<_>>();
        assert_eq!(take(1), [b"a"]);
        assert_eq!(take(4), [&b"bcd"[..], b"e"]);
        assert_eq!(take(3), [b"fgh"]);
    }
}
