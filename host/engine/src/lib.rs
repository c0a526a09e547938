//! The BitTorrent engine: sessions, torrents, peers, trackers and web seeds on real sockets.

mod api;
mod limits;
mod lsd;
mod rate_limit;
mod tracker_server;
mod udp_tracker;

pub use api::{
    AddError, AddTorrent, AfterCompletion, Event, Phase, Settings, Snapshot, SourceKind, SourceSnapshot,
    StartError, TorrentError, TorrentId,
};
pub use rate_limit::RateLimit;
pub use tracker_server::TrackerServer;
