//! The BitTorrent engine: sessions, torrents, peers, trackers and web seeds on real sockets.

mod address_filter;
mod api;
mod bind;
mod dht;
mod dial;
mod discovery;
mod dormitory;
mod encryption;
mod fetch_torrent;
mod fetcher;
mod http;
mod http_tracker;
mod layout;
mod limits;
mod listen;
mod lsd;
mod magnet;
mod mirrors;
mod names;
mod peer;
mod peer_places;
mod port_map;
mod proxy;
#[cfg(test)]
#[path = "../tests/proxy_server/mod.rs"]
#[allow(dead_code, reason = "what only whole sessions need")]
mod proxy_server;
mod rate_limit;
pub mod runtime;
mod session;
mod torrent;
mod tracker_server;
mod transport;
mod tuning;
mod udp;
mod udp_tracker;
mod utp;
mod web_seed;
mod web_seed_places;

pub use self::dht::{
    DhtError, DhtKey, DhtNode, DhtSettings, DhtTables, Kept, PeerLookup, Update, UpdateError, Updates,
};
pub use ::dht::{ItemFault, MutableItem, Pong};
pub use address_filter::AddressFilter;
pub use api::{
    AddError, AddMagnet, AddTorrent, AfterCompletion, Event, Phase, Priority, Settings, Snapshot, SourceKind,
    SourceSnapshot, StartError, TorrentError, TorrentId, TrackerWord, Ways, WebSeedPolicy,
};
pub use bind::{Bind, BindError, Family, Interface, PeerSockets};
pub use dormitory::{SleepingTorrent, Stirred};
pub use encryption::Encryption;
pub use fetch_torrent::{FetchError, fetch_file, fetch_torrent, is_metalink, read_torrent};
pub use fetcher::{Answer, Fetcher, NamedBy};
pub use http::{HttpError, HttpSettings, without_credentials};
pub use layout::layout;
pub use limits::{SCRAPE_HASHES, WEB_SEED_CONNECTIONS};
pub use proxy::{Proxy, ProxyError, ProxyFor, UnknownTraffic};
pub use rate_limit::RateLimit;
pub use session::{Reachability, Session};
pub use swarm::{CandidateSource, Direction, PeerSnapshot, WebSeedState};
pub use torrent::{Change, Control, PeerReport, Report, Torrent, WebSeedReport};
pub use tracker::{AnnounceError, ScrapeCounts, TrackerSnapshot, TrackerStatus};
pub use tracker_server::TrackerServer;
pub use transport::{Link, Transports};
pub use tuning::Tuning;
