//! Torrents whose content both processes know without telling each other: one pattern, over and over.

use bencode::{DictWriter, ListWriter};
use metainfo::Metainfo;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

/// Bytes after which the content repeats; a multiple of every piece length used here.
pub(crate) const PATTERN: usize = 4 << 20;

/// The content's bytes, once.
pub(crate) fn pattern() -> Vec<u8> {
    let mut rng = fastrand::Rng::with_seed(2026);
    let mut bytes = vec![0; PATTERN];
    rng.fill(&mut bytes);
    bytes
}

/// One torrent of a series: the number is part of the name, so that each has an info-hash of its own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Payload {
    pub(crate) number: u32,
    pub(crate) length: u64,
    pub(crate) piece_length: u32,
}

impl Payload {
    pub(crate) fn name(self) -> String {
        format!("payload-{}", self.number)
    }

    /// Its metainfo, as one file.
    pub(crate) fn metainfo(self) -> anyhow::Result<Arc<Metainfo>> {
        let pattern = pattern();
        let piece = self.piece_length as usize;
        let slices: Vec<[&[u8]; 1]> = pattern.chunks(piece).map(|piece| [piece]).collect();
        let messages: Vec<&[&[u8]]> = slices.iter().map(<[_; 1]>::as_slice).collect();
        let hashes = hash::sha1_many(&messages);
        let count = self.length.div_ceil(u64::from(self.piece_length)) as usize;
        let pieces: Vec<u8> = hashes.iter().cycle().take(count).flatten().copied().collect();
        let mut info = DictWriter::new();
        info.integer("length", self.length.cast_signed())
            .bytes("name", self.name())
            .integer("piece length", self.piece_length.into())
            .bytes("pieces", pieces);
        parse(&info)
    }

    /// Writes its file into a folder.
    pub(crate) fn write(self, folder: &Path) -> io::Result<()> {
        std::fs::create_dir_all(folder)?;
        let pattern = pattern();
        let mut file = File::create(folder.join(self.name()))?;
        let mut left = self.length;
        while left > 0 {
            let part = left.min(PATTERN as u64);
            file.write_all(&pattern[..part as usize])?;
            left -= part;
        }
        Ok(())
    }
}

/// A torrent of so many files of equal length, whose content nobody has.
pub(crate) fn many_files(files: usize, length: u64, piece_length: u32) -> Vec<u8> {
    let mut list = ListWriter::new();
    for number in 0..files {
        let mut path = ListWriter::new();
        path.bytes(format!("folder-{}", number / 1000)).bytes(format!("file-{number}"));
        let mut file = DictWriter::new();
        file.integer("length", length.cast_signed()).list("path", &path);
        list.dict(&file);
    }
    let pieces = (files as u64 * length).div_ceil(piece_length.into());
    let mut info = DictWriter::new();
    info.list("files", &list)
        .bytes("name", "many")
        .integer("piece length", piece_length.into())
        .bytes("pieces", vec![7; 20 * pieces as usize]);
    torrent(&info)
}

fn torrent(info: &DictWriter) -> Vec<u8> {
    let mut torrent = DictWriter::new();
    torrent.dict("info", info);
    torrent.encode()
}

fn parse(info: &DictWriter) -> anyhow::Result<Arc<Metainfo>> {
    Ok(Arc::new(Metainfo::parse(&torrent(info))?))
}
