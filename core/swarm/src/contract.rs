//! What goes into a [`Swarm`](crate::Swarm) and what comes out of it.

use crate::fault::Fault;
use metainfo::{Bitfield, BlockIndex, BlockRequest, Geometry, PeerId, PieceIndex};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use wire::Order;

/// One connection of one torrent. Never used twice, so that blame can outlive the connection.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PeerKey(pub u32);

/// One web seed of one torrent. Never used twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct WebSeedKey(pub u32);

/// Who sent a block.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum SourceKey {
    /// A peer.
    Peer(PeerKey),
    /// A web seed.
    WebSeed(WebSeedKey),
}

impl SourceKey {
    /// Packs the key into an opaque tag that travels with a block through storage.
    pub const fn to_tag(self) -> u64 {
        match self {
            Self::Peer(key) => key.0 as u64,
            Self::WebSeed(key) => 1 << 32 | key.0 as u64,
        }
    }

    /// The inverse of [`Self::to_tag`].
    pub const fn from_tag(tag: u64) -> Self {
        let key = tag as u32;
        if tag >> 32 == 0 { Self::Peer(PeerKey(key)) } else { Self::WebSeed(WebSeedKey(key)) }
    }
}

/// Settings of one swarm.
#[derive(Clone, Debug)]
pub struct Config {
    /// Sizes of the torrent.
    pub geometry: Arc<Geometry>,
    /// Our id, to find connections to ourselves.
    pub peer_id: PeerId,
    /// The info-hash as it stands in handshakes, for allowed-fast sets (BEP 6).
    pub info_hash: [u8; 20],
    /// The pieces somebody selected; others are neither fetched nor counted.
    pub wanted: Bitfield,
    /// Fetch pieces in order of their index, from this one on; those before it come last.
    pub sequential: Option<PieceIndex>,
    /// Go on serving once every wanted piece is stored. False: the swarm falls silent at completion.
    pub seed: bool,
    /// Show each peer a few pieces at a time while everything is here (BEP 16).
    pub super_seed: bool,
    /// Meet peers at all. False: only web seeds.
    pub use_peers: bool,
    /// Exchange addresses with peers (BEP 11); never for a private torrent (BEP 27).
    pub exchange_peers: bool,
    /// Connections held at most.
    pub max_peers: usize,
    /// Outgoing connections under way at most.
    pub max_half_open: usize,
    /// Connections from one address (IPv6: one /64) at most; those of the local network may have more.
    pub max_peers_per_address: usize,
    /// Peers served at once, the optimistic one counted.
    pub upload_slots: usize,
    /// Requests we queue for one peer, as advertised (`reqq`).
    pub request_queue: u32,
    /// What web seeds are for.
    pub web_seed_policy: WebSeedPolicy,
    /// Connections to web seeds at most.
    pub web_seed_connections: usize,
    /// The torrent is so new that a mirror without the file may get it soon.
    pub mirrors_may_lag: bool,
}

/// Which pieces are fetched before others.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum Priority {
    /// Before all others.
    High,
    /// After those of high priority.
    #[default]
    Normal,
    /// When nothing else is left.
    Low,
}

impl Priority {
    /// All of them, the first to fetch first.
    pub(crate) const ALL: [Self; 3] = [Self::High, Self::Normal, Self::Low];
}

/// What web seeds are for, where there are peers too.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum WebSeedPolicy {
    /// Speed and nothing else.
    Fastest,
    /// Peers first where they can fill the link, web seeds for the rest.
    #[default]
    Balanced,
    /// Only what peers do not bring.
    Fallback,
}

/// What is known of a web seed before it is asked.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct WebSeedInfo {
    /// Its host, to know two URLs of one server.
    pub host: String,
    /// Bytes per second to be expected of it, from earlier times.
    pub score: Option<u64>,
    /// To be asked when others were: it is to serve those who find the file nowhere else.
    pub is_last_resort: bool,
}

/// Which end opened a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// We did.
    Outgoing,
    /// The peer did.
    Incoming,
}

/// Where an address came from. Earlier ones are trusted more.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum CandidateSource {
    /// The user named it.
    User,
    /// Local service discovery (BEP 14).
    Lsd,
    /// A tracker.
    Tracker,
    /// The distributed hash table (BEP 5).
    Dht,
    /// Another peer (BEP 11).
    Pex,
    /// It connected to us and told where it listens.
    Incoming,
    /// Remembered from an earlier run.
    Resume,
}

/// Why an outgoing connection did not come about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ConnectFailure {
    /// Nobody listens there.
    Refused,
    /// No answer in time, or no route.
    Unreachable,
    /// Our own limit (file handles, ports); the address is not to blame.
    Local,
}

/// Why a connection is not taken in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// No room, and the newcomer is not better than anyone held.
    Full,
    /// Enough connections from that address.
    TooManyFromAddress,
    /// The address was banned.
    Banned,
    /// The torrent is stopped, or takes no peers.
    Stopped,
}

/// What storage tells the swarm.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StorageFact {
    /// An earlier run left these blocks of unfinished pieces on disk: they need not be fetched again. To be told before
    /// anything is asked of anybody.
    BlocksFound(Vec<BlockRequest>),
    /// The piece matched its hash and was written; it may be announced and served.
    /// `blocks` is filled only if the piece had failed before: who sent each block, and a digest of it.
    PieceStored {
        /// The piece.
        piece: PieceIndex,
        /// Per block: sender and digest.
        blocks: Vec<BlockDigest>,
    },
    /// The piece did not match its hash; its blocks were dropped.
    PieceFailed {
        /// The piece.
        piece: PieceIndex,
        /// Per block: sender and digest.
        blocks: Vec<BlockDigest>,
    },
    /// Blocks were lost to a fault of the disk: the piece starts over once [`StorageFact::Recovered`] comes.
    /// Nobody is to blame. Until then nothing is asked for.
    Failed {
        /// The piece.
        piece: PieceIndex,
    },
    /// Writing works again.
    Recovered,
    /// A piece that was ours is not any more (its file changed or vanished).
    PieceLost(PieceIndex),
}

/// Who sent a block of a piece, and what it looked like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BlockDigest {
    /// The block.
    pub block: BlockIndex,
    /// Its sender.
    pub source: SourceKey,
    /// Equal digests mean equal bytes, for blame.
    pub digest: u64,
}

/// What a web seed's fetcher tells the swarm.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum WebSeedFact {
    /// The range under way is answered, and the answer can be used.
    Answered {
        /// The host that answers, if it is another one: behind a redirect.
        redirected: Option<String>,
    },
    /// A block of the range under way arrived whole and went to storage.
    BlockReceived(BlockRequest),
    /// The range is over, whole or not; blocks not received are free again.
    Ended(FetchEnd),
    /// The server sends files from their start only (no `Range`). If the range under way begins where a file does,
    /// blocks come in order to the end of the torrent, until cancelled; any other range ends.
    NoRanges,
}

/// How a range from a web seed ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FetchEnd {
    /// Every byte came.
    Complete,
    /// We cut it off.
    Cancelled,
    /// It did not come, or not whole.
    Failed(Fault),
}

/// What a swarm tells one web seed's fetcher.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum WebSeedOrder {
    /// Fetch these bytes of the torrent, contiguous and block-aligned at both ends (or the torrent's end).
    /// Blocks inside may be received already or be wanted no more: their bytes are dropped.
    Fetch {
        /// First byte in the torrent.
        offset: u64,
        /// Number of bytes.
        length: u64,
    },
    /// Stop the range under way and close its connection.
    Cancel,
}

/// What a swarm wants done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Output {
    /// Open a connection; answer with `handle_connected` or `handle_connect_failed`.
    Connect(SocketAddr),
    /// As [`Self::Connect`], by uTP alone, and at once: the other end does the same (BEP 55).
    Punch(SocketAddr),
    /// An order for one connection.
    Peer(PeerKey, Order),
    /// An order for one web seed.
    WebSeed(WebSeedKey, WebSeedOrder),
    /// Take in one more fetcher for the URL of a web seed: it is redirected to several servers.
    OpenTwin {
        /// The web seed.
        of: WebSeedKey,
        /// What the new fetcher is called.
        key: WebSeedKey,
    },
    /// Something the user may hear of.
    Event(Event),
}

/// Something worth telling the layer above.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// A piece failed its hash.
    PieceFailed(PieceIndex),
    /// An address was banned for sending bad data.
    Banned(IpAddr),
    /// A web seed was given up for this torrent.
    WebSeedDropped(WebSeedKey),
    /// Every wanted piece is stored.
    Complete,
}
