//! The words of the public API: what a user asks for, what they hear of, what they can look at.

use crate::address_filter::AddressFilter;
use crate::bind::{Bind, PeerSockets};
use crate::dht::DhtSettings;
use crate::encryption::Encryption;
use crate::limits::WEB_SEED_CONNECTIONS;
use crate::proxy::{Proxy, ProxyFor};
use crate::rate_limit::RateLimit;
use crate::transport::Transports;
use crate::tuning::Tuning;
use metainfo::{FileIndex, InfoHash, Magnet, Metainfo, PieceIndex};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use swarm::{CandidateSource, WebSeedState};
pub use swarm::{Priority, WebSeedPolicy};
use thiserror::Error;
use url::Url;

/// Settings of a session.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where to listen for peers; 0 lets the system choose.
    pub port: u16,
    /// The addresses that every socket is bound to.
    pub bind: Bind,
    /// An address of ours that trackers are told, in place of the one they see.
    pub announced_address: Option<IpAddr>,
    /// How the sockets of peers are set up.
    pub peer_sockets: PeerSockets,
    /// Folder of the state database; `None` keeps nothing between runs.
    pub state_directory: Option<PathBuf>,
    /// Download limit of the whole session in bytes per second.
    pub down_limit_bytes_per_second: Option<u64>,
    /// Upload limit of the whole session in bytes per second.
    pub up_limit_bytes_per_second: Option<u64>,
    /// Connections of all torrents at most.
    pub peer_limit: Option<usize>,
    /// Find peers on the local network (BEP 14).
    pub lsd: bool,
    /// Find peers through the distributed hash table (BEP 5); `None` leaves it alone.
    pub dht: Option<DhtSettings>,
    /// Exchange addresses with peers (BEP 11); private torrents never do.
    pub pex: bool,
    /// Which transports carry connections to peers.
    pub transports: Transports,
    /// Whether connections to peers are encrypted.
    pub encryption: Encryption,
    /// Listen for peers at all. False: the port is not opened.
    pub listen: bool,
    /// Ask the router for the port, so that peers outside reach us.
    pub port_mapping: bool,
    /// Addresses that no connection is made with; whoever holds a clone may replace them at any time.
    pub address_filter: AddressFilter,
    /// A file of certificates (PEM) that are trusted beside the system's.
    pub extra_ca: Option<PathBuf>,
    /// Connections to web seeds of all torrents at most.
    pub web_seed_connections: usize,
    /// What `proxy_for` names goes through it, and documents. What cannot go through it does not go at all.
    pub proxy: Option<Proxy>,
    /// What goes through the proxy, if there is one.
    pub proxy_for: ProxyFor,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            port: 51413,
            bind: Bind::default(),
            announced_address: None,
            peer_sockets: PeerSockets::default(),
            state_directory: None,
            down_limit_bytes_per_second: None,
            up_limit_bytes_per_second: None,
            peer_limit: None,
            lsd: true,
            pex: true,
            dht: None,
            transports: Transports::default(),
            encryption: Encryption::default(),
            listen: true,
            port_mapping: false,
            address_filter: AddressFilter::default(),
            extra_ca: None,
            web_seed_connections: WEB_SEED_CONNECTIONS,
            proxy: None,
            proxy_for: ProxyFor::default(),
        }
    }
}

/// How peers are met: what of a session's settings may change while it runs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ways {
    /// See [`Settings::announced_address`].
    pub announced_address: Option<IpAddr>,
    /// See [`Settings::peer_sockets`].
    pub peer_sockets: PeerSockets,
    /// See [`Settings::pex`].
    pub pex: bool,
    /// See [`Settings::transports`].
    pub transports: Transports,
    /// See [`Settings::encryption`].
    pub encryption: Encryption,
}

impl Ways {
    /// As the settings have it.
    pub fn of(settings: &Settings) -> Self {
        Self {
            announced_address: settings.announced_address,
            peer_sockets: settings.peer_sockets.clone(),
            pex: settings.pex,
            transports: settings.transports,
            encryption: settings.encryption,
        }
    }
}

/// One torrent to be taken in.
#[derive(Clone, Debug)]
pub struct AddTorrent {
    /// The parsed metainfo.
    pub metainfo: Arc<Metainfo>,
    /// The folder that the torrent's file or folder appears in.
    pub download_directory: PathBuf,
    /// The files to fetch; `None` for all.
    pub selected: Option<Vec<FileIndex>>,
    /// Fetch pieces in order, from this one on; those before it come last.
    pub sequential: Option<PieceIndex>,
    /// Reserve the space on disk before the first byte, instead of writing sparse files.
    pub preallocate: bool,
    /// Peers the user named.
    pub peers: Vec<SocketAddr>,
    /// Web seeds the user named, beside the torrent's own.
    pub web_seeds: Vec<Url>,
    /// Talk to peers (and so to trackers and LSD) at all.
    pub use_peers: bool,
    /// Use web seeds at all.
    pub use_web_seeds: bool,
    /// What web seeds are for, where there are peers too.
    pub web_seed_policy: WebSeedPolicy,
    /// Connections to web seeds at most; those of all torrents have a limit too.
    pub web_seed_connections: usize,
    /// End with [`Event::Failed`] on the first fault of the disk, instead of waiting for it to come back.
    pub stop_on_disk_error: bool,
    /// What happens once everything selected is complete.
    pub after_completion: AfterCompletion,
    /// What a long-lived client sets beside.
    pub tuning: Tuning,
}

/// A torrent known by its magnet link, whose metadata is to be found.
#[derive(Clone, Debug)]
pub struct AddMagnet {
    /// The link.
    pub magnet: Magnet,
    /// Peers the user named, beside those of the link.
    pub peers: Vec<SocketAddr>,
    /// Tiers of trackers in place of the link's own.
    pub trackers: Option<Vec<Vec<String>>>,
    /// Talk to peers (and so to trackers, DHT and LSD) at all.
    pub use_peers: bool,
    /// Connections at most.
    pub max_peers: Option<usize>,
    /// What limits the download, in place of the session's limit.
    pub down: Option<Arc<RateLimit>>,
    /// What limits the upload, in place of the session's limit.
    pub up: Option<Arc<RateLimit>>,
}

impl AddMagnet {
    /// A link with nothing added to it.
    pub const fn new(magnet: Magnet) -> Self {
        Self {
            magnet,
            peers: Vec::new(),
            trackers: None,
            use_peers: true,
            max_peers: None,
            down: None,
            up: None,
        }
    }
}

/// What a torrent does once everything selected is complete and verified.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct AfterCompletion {
    /// Go on seeding. False: fall silent at completion.
    pub seed: bool,
    /// Stop seeding at this ratio of bytes given to bytes of the selected files.
    pub ratio: Option<f64>,
    /// Stop seeding after this time.
    pub time: Option<Duration>,
}

/// The life of a torrent, as told to one listener in order.
#[derive(Clone, PartialEq, Debug)]
pub enum Event {
    /// Files already present were looked at; so much is there.
    Checked {
        /// Bytes of the selected files found good.
        bytes_present: u64,
    },
    /// The metadata of a magnet link is here and verified; its last event. A torrent added with it soon goes on with the
    /// peers that are met already.
    Metadata {
        /// Parsed.
        metainfo: Arc<Metainfo>,
        /// A torrent file of it, with the link's trackers and web seeds.
        torrent_file: Arc<[u8]>,
    },
    /// A piece failed its hash and is fetched again.
    PieceFailed {
        /// The piece.
        piece: PieceIndex,
    },
    /// Something about a peer, tracker or web seed that a user may want to know, at most a few a second.
    Source {
        /// What kind of source.
        kind: SourceKind,
        /// Its address or URL, credentials removed.
        name: String,
        /// What happened, one line.
        state: String,
    },
    /// Everything selected is complete, verified, and under its final name.
    Complete,
    /// Seeding ended because its goal (ratio or time) was reached.
    SeedingDone,
    /// The torrent stopped on a fault; what was verified is kept.
    Failed(TorrentError),
}

/// The kinds of source.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SourceKind {
    /// A peer.
    Peer,
    /// A tracker.
    Tracker,
    /// A web seed.
    WebSeed,
}

/// Why a torrent stopped by itself.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum TorrentError {
    /// A fault of the disk; the text names the file and what to do.
    #[error("{0}")]
    Disk(String),
    /// A magnet link whose metadata cannot come from anywhere; the text says why.
    #[error("the metadata cannot be fetched: {0}")]
    NoMetadata(String),
    /// The metadata that a magnet link means is no usable torrent.
    #[error("the metadata that the link means is no usable torrent: {0}")]
    BadMetadata(String),
}

/// Why a session did not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// The port is taken or the address is not ours.
    #[error("cannot listen on {address}: {source}; choose another with --port or --bind")]
    Listen {
        /// Where we tried.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The state database cannot be used.
    #[error("cannot use the state database in {path}: {reason}")]
    State {
        /// The folder.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The storage threads cannot start.
    #[error("{0}")]
    Disk(String),
}

/// Why a torrent was not taken in.
#[derive(Debug, Error)]
pub enum AddError {
    /// The session has it already.
    #[error("the torrent is already being fetched")]
    Duplicate,
    /// The link has no info-hash but a publisher, who is to be asked first, see
    /// [`Session::latest`](crate::Session::latest).
    #[error("the link names a publisher (xs=urn:btpk:) and no torrent")]
    Unresolved,
    /// Only v2 hashes: the transfer of those is not built yet.
    #[error("this is a v2-only torrent (BEP 52): starling can show it but not transfer it yet")]
    V2Only,
    /// A fault of the disk; the text names the file and what to do.
    #[error("{0}")]
    Disk(String),
}

/// What a torrent is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Phase {
    /// Looking for the metadata of a magnet link.
    Metadata,
    /// Looking at files already present.
    #[default]
    Checking,
    /// Fetching.
    Downloading,
    /// Everything is stored; files are being synced and get their final names.
    Finishing,
    /// Complete and giving back.
    Seeding,
    /// Stopped, or complete and silent.
    Stopped,
    /// Stopped on a fault.
    Failed,
}

/// A torrent at one moment. All sizes in bytes, of the selected files unless it says otherwise.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Snapshot {
    /// What it is doing.
    pub phase: Phase,
    /// Bytes selected.
    pub bytes_wanted: u64,
    /// Bytes of them verified and stored.
    pub bytes_done: u64,
    /// Bytes looked at while [`Phase::Checking`].
    pub bytes_checked: u64,
    /// Bytes of the metadata that are here, while [`Phase::Metadata`].
    pub metadata_bytes: u64,
    /// Bytes of the metadata as peers claim them; 0 while none does.
    pub metadata_size: u64,
    /// Payload bytes received from peers in this run.
    pub bytes_from_peers: u64,
    /// Payload bytes received from web seeds in this run.
    pub bytes_from_web_seeds: u64,
    /// Bytes verified and stored, selected or not.
    pub bytes_have: u64,
    /// Bytes that arrived of pieces that are not whole and verified yet.
    pub bytes_partial: u64,
    /// Bytes selected, missing, and offered by somebody connected.
    pub bytes_available: u64,
    /// Bytes of pieces that failed their hash.
    pub bytes_corrupt: u64,
    /// Payload bytes received twice or for nothing, failed pieces included.
    pub bytes_wasted: u64,
    /// Payload bytes given in this run.
    pub bytes_uploaded: u64,
    /// Bytes per second received, over the last seconds.
    pub down_rate: u64,
    /// Bytes per second given, over the last seconds.
    pub up_rate: u64,
    /// Connections with a finished handshake.
    pub peers_connected: u32,
    /// Peers that a block came from lately.
    pub peers_active: u32,
    /// Peers that a block went to lately.
    pub peers_served: u32,
    /// Connected peers by where their address came from.
    pub peers_by_source: BTreeMap<CandidateSource, u32>,
    /// What the trackers say, where it is not good.
    pub tracker_word: Option<TrackerWord>,
    /// Web seeds with a range under way.
    pub web_seeds_active: u32,
    /// Web seeds known.
    pub web_seeds_known: u32,
    /// Each web seed, and each peer connected.
    pub sources: Vec<SourceSnapshot>,
}

impl Snapshot {
    /// Seconds until everything selected is there at the present rate; `None` if that is not known.
    pub fn eta_seconds(&self) -> Option<u64> {
        let left = self.bytes_wanted.saturating_sub(self.bytes_done);
        (self.phase == Phase::Downloading && self.down_rate > 0).then(|| left.div_ceil(self.down_rate))
    }
}

/// What a tracker says that a user should read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TrackerWord {
    /// It refused, which is more than a warning.
    pub is_error: bool,
    /// Its words.
    pub text: String,
}

/// One source at one moment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SourceSnapshot {
    /// What kind of source.
    pub kind: SourceKind,
    /// Its address or URL, credentials removed.
    pub name: String,
    /// The client's name, where one was told.
    pub client: Option<String>,
    /// Payload bytes received from it.
    pub bytes_down: u64,
    /// Payload bytes given to it.
    pub bytes_up: u64,
    /// Bytes per second received from it, over the last seconds.
    pub down_rate: u64,
    /// What a web seed is doing; `None` for a peer.
    pub state: Option<WebSeedState>,
    /// Why a web seed does not do more, for a person.
    pub reason: Option<String>,
}

/// Names a torrent in a session.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct TorrentId(pub InfoHash);
