//! Counters of one swarm and views of its sources, for people to look at.

use crate::contract::{CandidateSource, Direction, PeerKey, WebSeedKey};
use metainfo::PeerId;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;
use wire::Violation;

/// Counters of one swarm since it was made. Bytes are payload bytes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Stats {
    /// Received from peers, useful or not.
    pub bytes_from_peers: u64,
    /// Received from web seeds, useful or not.
    pub bytes_from_web_seeds: u64,
    /// Received twice or for nothing, failed pieces included.
    pub bytes_wasted: u64,
    /// Given to peers.
    pub bytes_uploaded: u64,
    /// Pieces that matched their hash and were written.
    pub pieces_stored: u64,
    /// Pieces that did not match their hash.
    pub pieces_failed: u64,
    /// Requests sent to peers.
    pub requests: u64,
    /// Requests taken back.
    pub cancels: u64,
    /// Requests that peers rejected or lost to a choke.
    pub rejects: u64,
    /// Blocks asked of a second source although a first was asked already.
    pub end_game_requests: u64,
    /// Peers found snubbed.
    pub snubs: u64,
    /// Connections taken in.
    pub peers_connected: u64,
    /// Connections refused at admission.
    pub peers_refused: u64,
    /// Connections closed to make room for better peers.
    pub peers_evicted: u64,
    /// Addresses banned.
    pub peers_banned: u64,
    /// Connections closed for a violation, by kind.
    pub violations: BTreeMap<Violation, u64>,
}

/// One connection at one moment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PeerSnapshot {
    /// Its key.
    pub key: PeerKey,
    /// The other end.
    pub address: SocketAddr,
    /// Who opened it.
    pub direction: Direction,
    /// The other end's id, once the handshake is over.
    pub peer_id: Option<PeerId>,
    /// The client's name, where one was told.
    pub client: Option<String>,
    /// How many pieces the peer has.
    pub pieces: u32,
    /// Payload bytes received.
    pub bytes_down: u64,
    /// Payload bytes given.
    pub bytes_up: u64,
    /// Bytes per second received, over the last seconds.
    pub down_rate: u64,
    /// Bytes per second given, over the last seconds.
    pub up_rate: u64,
    /// Requests the peer has not answered.
    pub outstanding: u32,
    /// We do not serve the peer.
    pub am_choking: bool,
    /// We serve it by chance, not for what it gives.
    pub is_optimistic: bool,
    /// We want something of it.
    pub am_interested: bool,
    /// The peer does not serve us.
    pub peer_choking: bool,
    /// The peer wants something of ours.
    pub peer_interested: bool,
    /// The peer owes us blocks and sent none for long.
    pub snubbed: bool,
    /// Where its address came from; `None` if nobody told us where it listens.
    pub source: Option<CandidateSource>,
}

/// What a web seed is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WebSeedState {
    /// Nothing to ask of it now, or no connection for it.
    Idle,
    /// A range is under way.
    Fetching,
    /// Asked again after a pause.
    Waiting,
    /// Not asked again for this torrent.
    Dropped,
}

/// One web seed at one moment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WebSeedSnapshot {
    /// Its key.
    pub key: WebSeedKey,
    /// What it is doing.
    pub state: WebSeedState,
    /// Why it does not do more, for a person.
    pub reason: Option<String>,
    /// How long it is left alone.
    pub retry_in: Option<Duration>,
    /// Payload bytes received.
    pub bytes_down: u64,
    /// Bytes per second received, over the last seconds.
    pub down_rate: u64,
    /// Bytes per second that its ranges came with, earlier runs of the program included; `None` if nothing came.
    pub speed: Option<u64>,
    /// Connections to it, or to servers that it leads to.
    pub connections: u32,
    /// Pieces it spoilt.
    pub bad_pieces: u32,
}
