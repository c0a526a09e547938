//! What is looked up only when somebody asks.

use crate::catalogue::entry::Priority;
use metainfo::Bitfield;
use std::net::SocketAddr;
use std::ops::Range;

/// Which details are wanted; each costs something.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Wanted {
    /// [`Details::files`].
    pub files: bool,
    /// [`Details::peers`].
    pub peers: bool,
    /// [`Details::trackers`].
    pub trackers: bool,
    /// [`Details::web_seeds`].
    pub web_seeds: bool,
    /// [`Details::pieces`].
    pub pieces: bool,
    /// [`Details::availability`].
    pub availability: bool,
}

/// Details of one torrent; what was not wanted is empty.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Details {
    /// The files in torrent order, pad files left out; empty without metadata.
    pub files: Vec<FileDetails>,
    /// Connected peers.
    pub peers: Vec<PeerDetails>,
    /// Trackers by tier.
    pub trackers: Vec<TrackerDetails>,
    /// Web seeds, the user's own first.
    pub web_seeds: Vec<WebSeedDetails>,
    /// The pieces verified and stored; `None` without metadata.
    pub pieces: Option<Bitfield>,
    /// Connected peers that have each piece, −1 for pieces that are ours; empty without metadata.
    pub availability: Vec<i32>,
}

/// One file of a torrent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileDetails {
    /// The path in the torrent, its root included, as it is called now.
    pub path: String,
    /// Bytes.
    pub length: u64,
    /// Of them verified and stored.
    pub bytes_completed: u64,
    /// It is fetched.
    pub wanted: bool,
    /// Before or after others.
    pub priority: Priority,
    /// The pieces it has bytes in.
    pub pieces: Range<u32>,
}

/// One connected peer.
#[derive(Clone, PartialEq, Debug)]
pub struct PeerDetails {
    /// Its address.
    pub address: SocketAddr,
    /// The client's name, empty if it told none.
    pub client: String,
    /// Its id.
    pub peer_id: [u8; 20],
    /// Part of the torrent that it has, 0 to 1.
    pub progress: f64,
    /// Bytes per second from it.
    pub down_rate: u64,
    /// Bytes per second to it.
    pub up_rate: u64,
    /// Payload bytes from it.
    pub bytes_down: u64,
    /// Payload bytes to it.
    pub bytes_up: u64,
    /// It opened the connection.
    pub is_incoming: bool,
    /// The connection is encrypted.
    pub is_encrypted: bool,
    /// The connection runs over uTP.
    pub is_utp: bool,
    /// It chokes us.
    pub client_is_choked: bool,
    /// We want something of it.
    pub client_is_interested: bool,
    /// We choke it.
    pub peer_is_choked: bool,
    /// It wants something of us.
    pub peer_is_interested: bool,
    /// All of this in letters: [`engine::PeerReport::flags`].
    pub flags: String,
}

/// Connected peers by where their address came from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PeersFrom {
    /// An earlier run.
    pub cache: u32,
    /// The DHT.
    pub dht: u32,
    /// They connected to us.
    pub incoming: u32,
    /// The local network.
    pub lpd: u32,
    /// The extension protocol.
    pub ltep: u32,
    /// Other peers.
    pub pex: u32,
    /// Trackers.
    pub tracker: u32,
}

/// What a tracker is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum TrackerState {
    /// Not asked while things are as they are.
    #[default]
    Inactive,
    /// Asked at its time.
    Waiting,
    /// To be asked as soon as there is room.
    Queued,
    /// Being asked.
    Active,
}

/// One tracker. Times are seconds since 1970, 0 for never; counts are −1 while unknown.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TrackerDetails {
    /// Stays with the URL.
    pub id: u32,
    /// From 0.
    pub tier: u32,
    /// The announce URL.
    pub announce: String,
    /// The scrape URL; empty where there is none.
    pub scrape: String,
    /// It is a spare: another of its tier is asked.
    pub is_backup: bool,
    /// What it is doing.
    pub state: TrackerState,
    /// It was asked in this run.
    pub has_announced: bool,
    /// When it was last asked.
    pub last_announce: i64,
    /// The last answer was good.
    pub last_succeeded: bool,
    /// The last answer did not come in time.
    pub last_timed_out: bool,
    /// What it said last, an error or `Success`.
    pub last_result: String,
    /// Peers in its last answer.
    pub last_peer_count: u32,
    /// When it is asked next.
    pub next_announce: i64,
    /// When it was last scraped: the beginning.
    pub scrape_began: i64,
    /// When it was last scraped: the end.
    pub last_scrape: i64,
    /// The last scrape brought counts.
    pub scrape_succeeded: bool,
    /// The last scrape was not answered in time.
    pub scrape_timed_out: bool,
    /// Why the last scrape brought nothing.
    pub scrape_result: String,
    /// When it is scraped next.
    pub next_scrape: i64,
    /// Peers that have everything.
    pub seeders: i64,
    /// Peers that do not.
    pub leechers: i64,
    /// Downloads ever completed.
    pub downloads: i64,
}

/// One web seed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct WebSeedDetails {
    /// The URL as it stands in the torrent or as the user gave it.
    pub url: String,
    /// The user's own: it is not in the torrent.
    pub is_own: bool,
    /// In a word: `idle`, `fetching`, `pausing`, `dropped`, `stopped`, or `unusable`.
    pub state: &'static str,
    /// A range is under way.
    pub is_downloading: bool,
    /// Bytes per second from it.
    pub down_rate: u64,
    /// Payload bytes from it in this run.
    pub bytes_down: u64,
    /// What went wrong last; empty if nothing did.
    pub last_error: String,
}
