//! What storage needs to know of a torrent: sizes, hashes, and where the files go.

use metainfo::{FileIndex, Geometry, InfoHash, Metainfo, PieceIndex};
use std::path::PathBuf;
use std::sync::Arc;

/// A torrent as storage sees it.
#[derive(Clone, Debug)]
pub struct Layout {
    /// The torrent's name, cleaned.
    pub name: String,
    /// What the resume record is filed under.
    pub info_hash: InfoHash,
    /// Sizes of pieces and files.
    pub geometry: Arc<Geometry>,
    /// SHA-1 of each piece; empty for a v2-only torrent.
    pub hashes: Arc<[[u8; 20]]>,
    /// Root of each piece's merkle tree, of a v2-only torrent (BEP 52); empty for others.
    pub roots: Arc<[[u8; 32]]>,
    /// The files in torrent order, as many as the geometry has.
    pub files: Vec<LayoutFile>,
}

/// One file of a torrent.
#[derive(Clone, Debug)]
pub struct LayoutFile {
    /// Path below the download directory, made of plain names only.
    pub path: PathBuf,
    /// What kind of file it is.
    pub kind: FileKind,
}

/// The kinds of file (BEP 47).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FileKind {
    /// Payload.
    Data {
        /// Gets the executable bit.
        executable: bool,
    },
    /// Zeros that only align the next file; never on disk.
    Pad,
    /// A symbolic link, made once everything is complete.
    Symlink {
        /// Where it points, as a path below the download directory.
        target: PathBuf,
    },
}

/// A torrent to be opened.
#[derive(Clone, Debug)]
pub struct TorrentLayout {
    /// The torrent.
    pub layout: Arc<Layout>,
    /// The folder that the torrent's file or folder appears in; it must exist.
    pub download_directory: PathBuf,
    /// The files to keep; `None` for all.
    pub selected: Option<Vec<FileIndex>>,
    /// Reserve the space before the first byte, instead of writing sparse files.
    pub preallocate: bool,
    /// Unfinished files have their final names too, without `.part` behind.
    pub plain_names: bool,
    /// What is there is looked at, and nothing is made.
    pub looks_only: bool,
}

impl Layout {
    /// The layout of a torrent. A hybrid one is looked at as v1, a v2-only one can be checked and no more.
    pub fn new(metainfo: &Metainfo) -> Self {
        let files = metainfo.files.iter().map(|file| {
            let kind = match &file.symlink {
                _ if file.pad => FileKind::Pad,
                Some(target) => FileKind::Symlink { target: target.iter().collect() },
                None => FileKind::Data { executable: file.executable },
            };
            LayoutFile { path: file.path.iter().collect(), kind }
        });
        Self {
            name: metainfo.name.clone(),
            info_hash: metainfo.info_hash(),
            geometry: metainfo.geometry.clone(),
            hashes: metainfo.piece_hashes.clone(),
            roots: if metainfo.info_hash_v1.is_none() { piece_roots(metainfo) } else { Arc::default() },
            files: files.collect(),
        }
    }

    /// The hash that `piece` must have.
    pub(crate) fn piece_hash(&self, piece: PieceIndex) -> Option<&[u8; 20]> {
        self.hashes.get(piece.as_usize())
    }
}

/// What the blocks of each piece hash to: a node of its file's piece layer, or the root of a file that is one piece.
fn piece_roots(metainfo: &Metainfo) -> Arc<[[u8; 32]]> {
    let geometry = &metainfo.geometry;
    let mut roots = vec![[0; 32]; geometry.piece_count() as usize];
    for (index, file) in (0..).map(FileIndex).zip(&metainfo.files) {
        let Some(root) = file.pieces_root else { continue };
        for (at, piece) in geometry.file_pieces(index).enumerate() {
            roots[piece as usize] = file.piece_layer.get(at).copied().unwrap_or(root);
        }
    }
    roots.into()
}
