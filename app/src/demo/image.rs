//! The image of the demo: random bytes, hashed while they are written.

use metainfo::create::{NewFile, NewTorrent};
use sha1::{Digest, Sha1};
use sha2::Sha256;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// The same bytes in every run.
const SEED: u64 = 2;

/// A torrent of the demo has about so many pieces, so that there is something to share out.
const PIECES: u64 = 1024;

/// An image on disk and what is known of it.
pub(crate) struct Image {
    length: u64,
    pub(crate) sha256: [u8; 32],
    piece_length: u32,
    piece_hashes: Vec<[u8; 20]>,
}

impl Image {
    /// Writes `length` bytes to a new file at `path`, until `cancelled`.
    pub(crate) fn make(path: &Path, length: u64, cancelled: &AtomicBool) -> io::Result<Self> {
        let piece_length = (length / PIECES).next_power_of_two().clamp(16 << 10, 4 << 20) as u32;
        let mut rng = fastrand::Rng::with_seed(SEED);
        let mut file = File::create_new(path)?;
        let (mut sha256, mut piece_hashes) = (Sha256::new(), Vec::new());
        let mut piece = vec![0; piece_length as usize];
        let mut left = length;
        while left > 0 {
            if cancelled.load(Ordering::Relaxed) {
                return Err(io::ErrorKind::Interrupted.into());
            }
            piece.truncate(left.min(u64::from(piece_length)) as usize);
            rng.fill(&mut piece);
            file.write_all(&piece)?;
            sha256.update(&piece);
            piece_hashes.push(Sha1::digest(&piece).into());
            left -= piece.len() as u64;
        }
        Ok(Self { length, sha256: sha256.finalize().into(), piece_length, piece_hashes })
    }

    /// What goes into a torrent file, but for the sources.
    pub(crate) fn torrent(&self, name: &str) -> NewTorrent {
        NewTorrent {
            name: name.to_owned(),
            piece_length: self.piece_length,
            piece_hashes: self.piece_hashes.clone(),
            files: vec![NewFile { path: vec![name.to_owned()], length: self.length }],
            created_by: Some(concat!("starling ", env!("CARGO_PKG_VERSION")).to_owned()),
            ..NewTorrent::default()
        }
    }
}

/// The SHA-256 of a file.
pub(crate) fn sha256(path: &Path) -> io::Result<[u8; 32]> {
    let (mut file, mut hash) = (File::open(path)?, Sha256::new());
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hash.finalize().into()),
            read => hash.update(&buffer[..read]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::NAME;
    use metainfo::Metainfo;

    #[test]
    fn an_image_its_torrent_and_its_hash_belong_together() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(NAME);
        let image = Image::make(&path, 100_000, &AtomicBool::new(false)).unwrap();
        assert_eq!(sha256(&path).unwrap(), image.sha256);
        let metainfo = Metainfo::parse(&image.torrent(NAME).encode()).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!((bytes.len(), metainfo.geometry.total_length()), (100_000, 100_000));
        let hashes: Vec<[u8; 20]> = bytes.chunks(16_384).map(|piece| Sha1::digest(piece).into()).collect();
        assert_eq!(*metainfo.piece_hashes, hashes);
    }

    #[test]
    fn making_can_be_cancelled() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Image::make(&folder.path().join(NAME), 100_000, &AtomicBool::new(true)).is_err());
    }
}
