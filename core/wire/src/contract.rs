//! What passes between one peer's [`Connection`](crate::Connection) and the torrent's swarm: facts go up,
//! orders come down. In the simulation these are function calls, in the engine a bounded channel.

use crate::Holepunch;
use metainfo::{Bitfield, BlockRequest, PeerId, PieceIndex};
use std::net::{IpAddr, SocketAddr};

/// What a connection tells its swarm. Facts are already checked: an index in a fact lies inside the torrent,
/// a block was asked for, and the order of messages is legal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fact {
    /// The handshake is over; always the first fact, unless the connection ends before it ([`Fact::Closed`] alone).
    Handshaken {
        /// The other end's id.
        peer_id: PeerId,
        /// Both ends speak the fast extension (BEP 6).
        fast: bool,
        /// The other end speaks the extension protocol (BEP 10).
        extended: bool,
    },
    /// An extension handshake, the first or a later one (BEP 10).
    Extended(ExtendedHandshake),
    /// What the peer has, told after the handshake; have-all and have-none arrive as this too. A peer that tells
    /// nothing has nothing: that is told with its first `have`, request or block, or never. Told again, it adds.
    Availability(Bitfield),
    /// The peer got one more piece.
    Have(PieceIndex),
    /// The peer lost a piece (BEP 54).
    DontHave(PieceIndex),
    /// The peer chokes us. Without the fast extension every outstanding request is gone; the connection then
    /// tells a [`Fact::Rejected`] for each of them after this fact.
    Choked,
    /// The peer lets us ask.
    Unchoked,
    /// The peer wants something of ours.
    Interested,
    /// The peer wants nothing of ours.
    NotInterested,
    /// The peer advises to ask for this piece (BEP 6).
    Suggested(PieceIndex),
    /// This piece may be asked for while choked (BEP 6).
    AllowedFast(PieceIndex),
    /// A block that was asked for arrived whole and went to storage; the bytes are not here.
    BlockReceived(BlockRequest),
    /// A request will not be answered: rejected (BEP 6), lost to a choke, or ordered when the peer did not let us ask.
    Rejected(BlockRequest),
    /// Payload bytes written to the peer since the last such fact.
    Uploaded(u32),
    /// A piece of the info dict that was asked for arrived (BEP 9); nothing in it was checked.
    Metadata {
        /// Its number; pieces are 16 KiB.
        piece: u32,
        /// Size of the whole, as claimed with it.
        total_size: Option<u32>,
        /// The piece.
        bytes: Vec<u8>,
    },
    /// The peer will not send this piece of the info dict.
    MetadataRejected(u32),
    /// Peer exchange (BEP 11): addresses the peer knows, at most fifty of each family but for the first time.
    Peers(Vec<SocketAddr>),
    /// About a connection between two that know each other through a third (BEP 55).
    Holepunch(Holepunch),
    /// The peer's node of the DHT (BEP 5), told once, as claimed.
    DhtNode(SocketAddr),
    /// The connection is over; always the last fact.
    Closed(Close),
}

/// What a swarm tells one connection to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Order {
    /// Tell the peer what we have; the first order after [`Fact::Handshaken`], given once.
    Availability(Bitfield),
    /// One more piece is ours.
    Have(PieceIndex),
    /// A piece is ours no more (BEP 54), told to a peer that speaks of that.
    DontHave(PieceIndex),
    /// Ask for a block that is not being asked for. Answered by one [`Fact::BlockReceived`] or [`Fact::Rejected`], unless
    /// it is taken back.
    Request(BlockRequest),
    /// Take a request back (end game, or a file no longer wanted). A block already on its way in is still received;
    /// one that comes later is thrown away.
    Cancel(BlockRequest),
    /// Stop serving the peer. Its queued requests are dropped (rejected with the fast extension).
    Choke,
    /// Serve the peer.
    Unchoke,
    /// Tell that we want something.
    Interested,
    /// Tell that we want nothing.
    NotInterested,
    /// These pieces may be asked for while choked (BEP 6).
    AllowedFast(Vec<PieceIndex>),
    /// Announce that we only upload from now on (BEP 21).
    UploadOnly(bool),
    /// Ask for a piece of the info dict (BEP 9). Answered by [`Fact::Metadata`] or [`Fact::MetadataRejected`], or never.
    AskMetadata(u32),
    /// Tell of peers that came, with their flags, and of peers that went (BEP 11), if the peer takes part in that.
    Peers {
        /// Who came.
        added: Vec<(SocketAddr, u8)>,
        /// Who went.
        dropped: Vec<SocketAddr>,
    },
    /// Speak of a connection between two others, or with one (BEP 55), to a peer that speaks of that.
    Holepunch(Holepunch),
    /// Close the connection.
    Close(Close),
}

/// The useful part of an extension handshake (BEP 10).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ExtendedHandshake {
    /// Name and version, cleaned for display, at most 64 characters.
    pub client: Option<String>,
    /// How many requests the peer queues, at least 1 (`reqq`).
    pub request_queue: Option<u32>,
    /// The peer wants no pieces (BEP 21); `None` if it did not say.
    pub upload_only: Option<bool>,
    /// Where the peer listens (`p`), never 0.
    pub listen_port: Option<u16>,
    /// Our address as the peer sees it (`yourip`).
    pub your_ip: Option<IpAddr>,
    /// The peer takes part in peer exchange (BEP 11).
    pub exchanges_peers: bool,
    /// The peer helps others to connect to each other through their routers (BEP 55).
    pub punches_holes: bool,
    /// Size of the info dict (BEP 9), as claimed by a peer that may be asked for it.
    pub metadata_size: Option<u32>,
}

/// Why a connection ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Close {
    /// The other end closed or the network broke.
    Remote,
    /// The peer broke the protocol.
    Violation(Violation),
    /// Nothing came for too long, or the handshake took too long.
    TimedOut,
    /// The peer does not read what we send.
    NotReading,
    /// A second connection to the same peer.
    Duplicate,
    /// A connection to ourselves.
    Myself,
    /// Both ends are seeds, or neither wants anything.
    NothingToTrade,
    /// Room was needed for a better peer.
    Replaced,
    /// The peer sent data that failed its hash.
    Banned,
    /// The torrent stopped.
    Stopped,
}

/// How a peer broke the protocol. Counted, closes the connection, may ban; never an error of ours.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Violation {
    /// The handshake is not one, or names another torrent.
    BadHandshake,
    /// A length prefix larger than any legal message of that id.
    Oversized,
    /// A message whose length does not fit its id.
    WrongLength,
    /// A piece, begin or length outside the torrent.
    OutOfRange,
    /// A bitfield of wrong length or with spare bits set.
    BadBitfield,
    /// A message not legal in this state, or of an extension that was not agreed on.
    Unexpected,
    /// Blocks that were never asked for, beyond a small allowance.
    Unrequested,
    /// Cheap messages, rejects or requests without end.
    Flood,
    /// An extension message that is not what it should be.
    BadExtension,
}
