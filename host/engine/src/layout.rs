//! From a torrent's metainfo to what storage and swarm need of it.

use crate::api::AddTorrent;
use metainfo::{Bitfield, InfoHash, Metainfo, PieceIndex};
use std::sync::Arc;
use storage::{Layout, TorrentLayout};

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
        }
    }
}

/// Sizes, hashes and file names of a torrent, as storage wants them, filed under one of its info-hashes.
pub fn layout(metainfo: &Metainfo, info_hash: InfoHash) -> Layout {
    Layout { info_hash, ..Layout::new(metainfo) }
}
