//! One peer's connection: bytes and orders in, facts and bytes out.

use crate::{Fact, Handshake, Order};
use metainfo::{BlockRequest, Geometry, PeerId};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

/// Settings of one connection.
#[derive(Clone, Debug)]
pub struct Config {
    /// The torrent, as cut to 20 bytes for the wire.
    pub info_hash: [u8; 20],
    /// Our id.
    pub peer_id: PeerId,
    /// Sizes of the torrent.
    pub geometry: Arc<Geometry>,
    /// Our name and version, told in the extension handshake.
    pub client: String,
    /// Where we listen; not told if `None`.
    pub listen_port: Option<u16>,
    /// Requests of the peer that we queue (`reqq`).
    pub request_queue: u32,
    /// The other end, told back to it (`yourip`).
    pub remote: SocketAddr,
    /// We want no pieces from the start (BEP 21).
    pub upload_only: bool,
}

/// The block payload the stream stands in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Payload {
    /// The block.
    pub request: BlockRequest,
    /// Bytes of it already taken from the stream.
    pub received: u32,
    /// The block was asked for. False: the host throws the bytes away.
    pub wanted: bool,
}

/// One peer's connection.
#[derive(Debug)]
pub struct Connection {
    config: Config,
    closed: bool,
}

impl Connection {
    /// A connection we opened: queues our handshake and expects theirs within 10 seconds in all.
    pub fn outgoing(config: Config, _seed: u64, _now: Instant) -> Self {
        Self { config, closed: false }
    }

    /// A connection the peer opened. The listener read `theirs`; bytes glued behind it go to
    /// [`Self::handle_bytes`].
    pub fn incoming(config: Config, _theirs: Handshake, _seed: u64, _now: Instant) -> Self {
        Self { config, closed: false }
    }

    /// Takes bytes from the stream until a block payload begins (its header is consumed, the payload is not) or
    /// all are taken. The answer is how many were taken.
    pub fn handle_bytes(&mut self, _now: Instant, bytes: &[u8]) -> usize {
        bytes.len()
    }

    /// The block payload the stream stands in, if it does. The host takes payload bytes from the stream itself
    /// and tells [`Self::handle_payload`].
    pub fn payload(&self) -> Option<Payload> {
        None
    }

    /// So many payload bytes were taken from the stream. The last one of a wanted block makes
    /// [`Fact::BlockReceived`].
    pub fn handle_payload(&mut self, _now: Instant, _length: u32) {}

    /// Does what the swarm wants.
    pub fn handle_order(&mut self, _now: Instant, order: Order) {
        self.closed |= matches!(order, Order::Close(_));
    }

    /// Requests of ours not yet answered in full, the block under way counted.
    pub fn outstanding(&self) -> usize {
        0
    }

    /// Takes the next request of the peer to serve: the host writes [`crate::piece_header`] and the block, then
    /// calls [`Self::handle_uploaded`], or [`Self::handle_unavailable`] if it cannot.
    pub fn next_upload(&mut self) -> Option<BlockRequest> {
        None
    }

    /// Whether [`Self::next_upload`] has something.
    pub fn uploads_pending(&self) -> bool {
        false
    }

    /// A block taken from [`Self::next_upload`] was written to the socket to its end.
    pub fn handle_uploaded(&mut self, _now: Instant, _request: BlockRequest) {}

    /// A block taken from [`Self::next_upload`] cannot be served.
    pub fn handle_unavailable(&mut self, _now: Instant, _request: BlockRequest) {}

    /// Moves control bytes waiting for the socket to the end of `out`. False if there were none.
    pub fn poll_transmit(&mut self, _out: &mut Vec<u8>) -> bool {
        false
    }

    /// So many bytes, control and blocks, were written to the socket.
    pub fn handle_written(&mut self, _now: Instant, _bytes: usize) {}

    /// To be called at [`Self::poll_timeout`].
    pub fn handle_timeout(&mut self, _now: Instant) {}

    /// When [`Self::handle_timeout`] is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    /// The next fact for the swarm.
    pub fn poll_fact(&mut self) -> Option<Fact> {
        let _ = &self.config;
        None
    }

    /// Whether the connection is over: the host collects the last facts and closes the socket.
    pub fn is_closed(&self) -> bool {
        self.closed
    }
}
