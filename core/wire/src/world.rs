//! What the tests of this crate share.

use crate::Config;
use metainfo::{Geometry, PeerId};
use std::sync::Arc;
use std::time::Instant;

/// A moment to count virtual time from.
#[allow(clippy::disallowed_methods, reason = "an origin for virtual time; nothing depends on its value")]
pub(crate) fn origin() -> Instant {
    Instant::now()
}

/// Bytes in a piece of the torrent of the tests: four blocks, the last of them short.
pub(crate) const PIECE_LENGTH: u32 = 50_000;

/// Pieces of that torrent; the last one is a single byte.
pub(crate) const PIECE_COUNT: u32 = 20;

/// The sizes of that torrent.
pub(crate) fn geometry() -> Geometry {
    let total = u64::from(PIECE_LENGTH) * u64::from(PIECE_COUNT - 1) + 1;
    Geometry::new(PIECE_LENGTH, [total]).expect("small numbers")
}

/// The settings of one end.
pub(crate) fn config() -> Config {
    Config {
        info_hash: [0xaa; 20],
        peer_id: PeerId(*b"-SL0100-aaaaaaaaaaaa"),
        geometry: Some(Arc::new(geometry())),
        metadata: None,
        exchange_peers: false,
        punch_holes: true,
        dht_port: None,
        client: "starling 0.1".into(),
        listen_port: Some(6881),
        request_queue: 500,
        remote: "127.0.0.1:51413".parse().expect("an address"),
        upload_only: false,
    }
}
