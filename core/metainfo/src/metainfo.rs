//! The contents of a torrent file, checked and made safe (BEP 3, 12, 19, 27, 47, 52).

use crate::{Geometry, InfoHash, PieceIndex};
use std::sync::Arc;

/// One torrent: what a .torrent file holds. Everything in it was checked; paths are safe to join to a folder.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Metainfo {
    /// SHA-1 of the info dict; `None` for a v2-only torrent.
    pub info_hash_v1: Option<[u8; 20]>,
    /// SHA-256 of the info dict; `None` for a v1-only torrent (BEP 52).
    pub info_hash_v2: Option<[u8; 32]>,
    /// The name of the file, or of the folder of a multi-file torrent; a safe path component.
    pub name: String,
    /// The original bytes of the name, for the URLs of web seeds.
    pub raw_name: Vec<u8>,
    /// Whether the files lie in a folder called [`Metainfo::name`].
    pub is_multi_file: bool,
    /// Sizes of pieces and files, pad files counted. The files of a v2-only torrent are laid out as the v1 view
    /// of the same torrent has them: each starts on a piece border, after a pad file where needed.
    pub geometry: Arc<Geometry>,
    /// SHA-1 of each piece; empty for a v2-only torrent.
    pub piece_hashes: Arc<[[u8; 20]]>,
    /// The files in torrent order, as many as the geometry has; pad files are among them.
    pub files: Vec<File>,
    /// No peers but those the trackers name (BEP 27).
    pub private: bool,
    /// Free text by the maker; may hold line breaks, other control characters are replaced.
    pub comment: Option<String>,
    /// The program that made the torrent.
    pub created_by: Option<String>,
    /// When it was made, in seconds since 1970.
    pub creation_date: Option<i64>,
    /// The tracker's mark inside the info dict, used by private trackers.
    pub source: Option<String>,
    /// Tiers of tracker URLs in the torrent's order (BEP 12); no empty tier, no URL twice.
    pub trackers: Vec<Vec<String>>,
    /// URLs of web seeds (BEP 19), as they stand in the torrent, no URL twice. They may be relative or broken.
    pub web_seeds: Vec<String>,
    /// DHT nodes, host and port (BEP 5).
    pub nodes: Vec<(String, u16)>,
    /// The info dict as it stands in the file: what the info-hashes are taken of, and what BEP 9 sends.
    pub info_bytes: Arc<[u8]>,
}

/// One file of a torrent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct File {
    /// Safe components relative to the download folder; the torrent's name comes first in a multi-file torrent.
    /// No two files that are not pads have one path, and no file's path runs through another file or a symlink.
    pub path: Vec<String>,
    /// The original components inside the torrent (without the torrent's name in a multi-file torrent, just the
    /// name in a single-file one), for the URLs of web seeds.
    pub raw_path: Vec<Vec<u8>>,
    /// Number of bytes.
    pub length: u64,
    /// A pad file (BEP 47): zeros, never on disk.
    pub pad: bool,
    /// To be made executable (BEP 47).
    pub executable: bool,
    /// The target of a symlink (BEP 47), relative to the download folder like [`File::path`]; it is inside the
    /// torrent's folder.
    pub symlink: Option<Vec<String>>,
    /// Root of the file's merkle tree (BEP 52); `None` in v1-only torrents, for pads, symlinks and empty files.
    pub pieces_root: Option<[u8; 32]>,
    /// The hashes of the file's pieces (BEP 52), checked against the root; empty where the file has no root, is
    /// not longer than a piece (the root says it all), or the torrent leaves the layer out.
    pub piece_layer: Arc<[[u8; 32]]>,
}

impl Metainfo {
    /// The SHA-1 that `piece` must have; `None` past the end or for a v2-only torrent.
    pub fn piece_hash(&self, piece: PieceIndex) -> Option<[u8; 20]> {
        self.piece_hashes.get(piece.as_usize()).copied()
    }

    /// The hash this torrent goes by where only one can be told: v1 if there is one.
    pub fn info_hash(&self) -> InfoHash {
        match (self.info_hash_v1, self.info_hash_v2) {
            (Some(hash), _) => InfoHash::V1(hash),
            (None, hash) => InfoHash::V2(hash.unwrap_or_default()),
        }
    }

    /// The 20 bytes of [`Metainfo::info_hash`] for handshakes and announces.
    pub fn wire_info_hash(&self) -> [u8; 20] {
        self.info_hash().wire_bytes()
    }
}
