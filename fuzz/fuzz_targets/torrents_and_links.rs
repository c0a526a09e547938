//! Torrent files and magnet links: what is read is written, and read again as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use metainfo::{Magnet, Metainfo};

fuzz_target!(|bytes: &[u8]| {
    let _ = bencode::decode(bytes, bencode::Limits::default());
    if let Ok(metainfo) = Metainfo::parse(bytes) {
        assert!(metainfo.magnet().means(&metainfo));
    }
    if let Some(magnet) = std::str::from_utf8(bytes).ok().and_then(|text| text.parse::<Magnet>().ok()) {
        assert_eq!(magnet.to_string().parse(), Ok(magnet));
    }
});
