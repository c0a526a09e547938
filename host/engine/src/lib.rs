//! The BitTorrent engine: sessions, torrents, peers, trackers and web seeds on real sockets.

mod api;

pub use api::{
    AddError, AddTorrent, AfterCompletion, Event, Phase, Settings, Snapshot, SourceKind, SourceSnapshot, StartError,
    TorrentError, TorrentId,
};
