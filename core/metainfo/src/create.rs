//! Building a v1 torrent file (BEP 3, 12, 19, 27).

use bencode::{DictWriter, ListWriter};

/// One file to be described.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewFile {
    /// Components below the torrent's folder; not used for a single-file torrent.
    pub path: Vec<String>,
    /// Number of bytes.
    pub length: u64,
}

/// What a new torrent file is to hold. The maker lists the files and hashes the pieces.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct NewTorrent {
    /// The name of the file or folder.
    pub name: String,
    /// Bytes in a piece.
    pub piece_length: u32,
    /// SHA-1 of each piece of all files laid end to end.
    pub piece_hashes: Vec<[u8; 20]>,
    /// The files, in the order in which they were hashed.
    pub files: Vec<NewFile>,
    /// Whether the files lie in a folder called `name`. False needs exactly one file.
    pub is_multi_file: bool,
    /// Tiers of tracker URLs.
    pub trackers: Vec<Vec<String>>,
    /// Web seed URLs; those of a multi-file torrent name the folder above the torrent's own.
    pub web_seeds: Vec<String>,
    /// Free text.
    pub comment: Option<String>,
    /// The program's name and version.
    pub created_by: Option<String>,
    /// Seconds since 1970.
    pub creation_date: Option<i64>,
    /// No peers but those the trackers name.
    pub private: bool,
    /// A tracker's mark inside the info dict.
    pub source: Option<String>,
}

impl NewTorrent {
    /// The torrent file. It is not checked: [`crate::Metainfo::parse`] says what is wrong with it.
    pub fn encode(&self) -> Vec<u8> {
        let mut root = DictWriter::new();
        root.raw("info", self.encode_info());
        if let Some(first) = self.trackers.iter().flatten().next() {
            root.bytes("announce", first);
        }
        if self.trackers.iter().flatten().count() > 1 {
            let mut tiers = ListWriter::new();
            for tier in self.trackers.iter().filter(|tier| !tier.is_empty()) {
                tiers.list(&strings(tier));
            }
            root.list("announce-list", &tiers);
        }
        if !self.web_seeds.is_empty() {
            root.list("url-list", &strings(&self.web_seeds));
        }
        for (key, text) in [("comment", &self.comment), ("created by", &self.created_by)] {
            if let Some(text) = text {
                root.bytes(key, text);
            }
        }
        if let Some(seconds) = self.creation_date {
            root.integer("creation date", seconds);
        }
        root.encode()
    }

    /// The info dict alone: what the info-hash is taken of.
    pub fn encode_info(&self) -> Vec<u8> {
        let mut info = DictWriter::new();
        info.bytes("name", &self.name).integer("piece length", i64::from(self.piece_length));
        info.bytes("pieces", self.piece_hashes.as_flattened());
        if self.is_multi_file {
            let mut list = ListWriter::new();
            for file in &self.files {
                let mut dict = DictWriter::new();
                dict.integer("length", file.length.cast_signed()).list("path", &strings(&file.path));
                list.dict(&dict);
            }
            info.list("files", &list);
        } else {
            info.integer("length", self.files.first().map_or(0, |file| file.length.cast_signed()));
        }
        if self.private {
            info.integer("private", 1);
        }
        if let Some(source) = &self.source {
            info.bytes("source", source);
        }
        info.encode()
    }
}

fn strings(texts: &[String]) -> ListWriter {
    let mut list = ListWriter::new();
    for text in texts {
        list.bytes(text);
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Metainfo;

    fn new_torrent() -> NewTorrent {
        NewTorrent {
            name: "image".to_owned(),
            piece_length: 16_384,
            piece_hashes: vec![[7; 20]; 3],
            files: vec![
                NewFile { path: vec!["a".to_owned(), "b.iso".to_owned()], length: 40_000 },
                NewFile { path: vec!["c".to_owned()], length: 1 },
            ],
            is_multi_file: true,
            ..NewTorrent::default()
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let torrent = NewTorrent {
            trackers: vec![
                vec!["http://a/announce".to_owned(), "udp://b:1".to_owned()],
                vec!["http://c/x".to_owned()],
            ],
            web_seeds: vec!["http://seed/pool/".to_owned()],
            comment: Some("hello".to_owned()),
            created_by: Some("starling".to_owned()),
            creation_date: Some(1_700_000_000),
            private: true,
            source: Some("mark".to_owned()),
            ..new_torrent()
        };
        let read = Metainfo::parse(&torrent.encode()).expect("a good torrent");
        assert_eq!((&read.name, read.is_multi_file, read.private), (&torrent.name, true, true));
        assert_eq!((&read.trackers, &read.web_seeds), (&torrent.trackers, &torrent.web_seeds));
        assert_eq!((&read.comment, &read.created_by), (&torrent.comment, &torrent.created_by));
        assert_eq!((&read.source, read.creation_date), (&torrent.source, torrent.creation_date));
        assert_eq!(*read.piece_hashes, torrent.piece_hashes[..]);
        assert_eq!(read.files[0].path, ["image", "a", "b.iso"]);
        assert_eq!(read.files.iter().map(|file| file.length).collect::<Vec<_>>(), [40_000, 1]);
        assert_eq!(*read.info_bytes, torrent.encode_info());
        assert_eq!(Metainfo::from_info(&read.info_bytes).unwrap().info_hash_v1, read.info_hash_v1);
    }

    #[test]
    fn one_file_needs_no_folder_and_one_tracker_no_list() {
        let files = vec![NewFile { path: Vec::new(), length: 40_001 }];
        let trackers = vec![vec!["http://a/announce".to_owned()]];
        let torrent = NewTorrent { files, trackers, is_multi_file: false, ..new_torrent() };
        let read = Metainfo::parse(&torrent.encode()).expect("a good torrent");
        assert_eq!((read.is_multi_file, &read.files[0].path), (false, &vec!["image".to_owned()]));
        assert_eq!(read.trackers, torrent.trackers);
        assert!(!torrent.encode().windows(13).any(|bytes| bytes == b"announce-list"));
    }
}
