//! From a torrent's metainfo to what storage and swarm need of it.

use crate::api::AddTorrent;
use metainfo::{Bitfield, FileIndex, InfoHash, Metainfo, PieceIndex};
use std::sync::Arc;
use storage::{Layout, TorrentLayout};
use swarm::Priority;

impl AddTorrent {
    /// The pieces that hold a byte of a selected file.
    pub(crate) fn wanted_pieces(&self) -> Bitfield {
        let geometry = &self.metainfo.geometry;
        let Some(selected) = &self.selected else { return Bitfield::full(geometry.piece_count()) };
        let mut wanted = Bitfield::new(geometry.piece_count());
        for file in selected.iter().filter(|file| file.0 < geometry.file_count()) {
            for piece in geometry.file_pieces(*file) {
                wanted.insert(PieceIndex(piece));
            }
        }
        wanted
    }

    /// The priority of each piece: that of its file, the highest where it has several. None if all are alike.
    pub(crate) fn piece_priorities(&self) -> Vec<Priority> {
        let geometry = &self.metainfo.geometry;
        let priorities = &self.tuning.priorities;
        if priorities.iter().all(|priority| *priority == Priority::Normal) {
            return Vec::new();
        }
        let mut pieces = vec![Priority::Low; geometry.piece_count() as usize];
        let all = || (0..geometry.file_count()).map(FileIndex).collect();
        let files: Vec<FileIndex> = self.selected.clone().unwrap_or_else(all);
        for file in files.into_iter().filter(|file| file.0 < geometry.file_count()) {
            let priority = priorities.get(file.as_usize()).copied().unwrap_or_default();
            for piece in &mut pieces[range(geometry.file_pieces(file))] {
                *piece = priority.min(*piece);
            }
        }
        pieces
    }

    /// Bytes of the pieces that hold a byte of a selected file.
    pub fn bytes_wanted(&self) -> u64 {
        let wanted = self.wanted_pieces();
        wanted.iter().map(|piece| u64::from(self.metainfo.geometry.piece_size(piece))).sum()
    }

    /// The torrent as storage sees it.
    pub(crate) fn layout(&self, info_hash: [u8; 20]) -> TorrentLayout {
        let mut layout = layout(&self.metainfo, InfoHash::V1(info_hash));
        for (index, path) in &self.tuning.paths {
            if let Some(file) = layout.files.get_mut(index.as_usize()) {
                file.path.clone_from(path);
            }
        }
        TorrentLayout {
            layout: Arc::new(layout),
            download_directory: self.download_directory.clone(),
            selected: self.selected.clone(),
            preallocate: self.preallocate,
            plain_names: self.tuning.plain_names,
            looks_only: self.tuning.check_only,
        }
    }
}

const fn range(pieces: std::ops::Range<u32>) -> std::ops::Range<usize> {
    pieces.start as usize..pieces.end as usize
}

/// Sizes, hashes and file names of a torrent, as storage wants them, filed under one of its info-hashes.
pub fn layout(metainfo: &Metainfo, info_hash: InfoHash) -> Layout {
    Layout { info_hash, ..Layout::new(metainfo) }
}
