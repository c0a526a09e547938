//! One peer's connection: bytes and orders in, facts and bytes out.
//!
//! This file routes; `receive.rs` judges what the peer says, `orders.rs` does what the swarm wants, `metadata.rs` has
//! the info dict, `early.rs` the time before it is known.

mod early;
mod metadata;
mod orders;
mod receive;
#[cfg(test)]
mod tests;

use crate::decoder::Decoder;
use crate::flood::Bucket;
use crate::handshake::{HANDSHAKE_LENGTH, OUR_RESERVED, OUR_RESERVED_WITH_DHT};
use crate::limits::{
    CHEAP_BURST, CHEAP_PER_SECOND, CHURN_LEAST, CHURN_PER_SECOND, CHURN_QUEUES, HANDSHAKE_TIMEOUT,
    HAVE_SLACK, KEEPALIVE_AFTER, KEEPALIVE_SPREAD, SILENCE_TIMEOUT, UNREQUESTED_BLOCKS, UNREQUESTED_REJECTS,
};
use crate::message::{Message, PIECE_HEADER_LENGTH};
use crate::outbox::Outbox;
use crate::requests::Requests;
use crate::uploads::Uploads;
use crate::{Close, Fact, Handshake, Order, Violation};
use early::Early;
use metadata::Exchange;
use metainfo::{BlockRequest, Geometry, PeerId, PieceIndex};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Settings of one connection.
#[derive(Clone, Debug)]
pub struct Config {
    /// The torrent, as cut to 20 bytes for the wire.
    pub info_hash: [u8; 20],
    /// Our id.
    pub peer_id: PeerId,
    /// Sizes of the torrent; `None` while its metadata is not known.
    pub geometry: Option<Arc<Geometry>>,
    /// The info dict, given to peers that ask for it (BEP 9).
    pub metadata: Option<Arc<[u8]>>,
    /// Take part in peer exchange (BEP 11); never for a private torrent (BEP 27).
    pub exchange_peers: bool,
    /// Take part in holepunching (BEP 55), where peers are exchanged: for whoever speaks uTP, which it is for.
    pub punch_holes: bool,
    /// Where our node of the DHT listens (BEP 5), told to peers that have one; 0 for one that only asks. `None` without a
    /// node, and for a private torrent (BEP 27).
    pub dht_port: Option<u16>,
    /// Our name and version, told in the extension handshake.
    pub client: String,
    /// Where we listen; not told if `None`.
    pub listen_port: Option<u16>,
    /// Requests of the peer that we queue (`reqq`).
    pub request_queue: u32,
    /// The other end, told back to it (`yourip`).
    pub remote: SocketAddr,
    /// We want no pieces from the start (BEP 21); implied when the first availability is of everything.
    pub upload_only: bool,
}

impl Config {
    /// Holes are punched for peers of peers, so a private torrent punches none (BEP 27).
    pub(crate) const fn punches_holes(&self) -> bool {
        self.exchange_peers && self.punch_holes
    }

    /// The handshake that we send.
    pub const fn handshake(&self) -> Handshake {
        Handshake {
            reserved: if self.dht_port.is_some() { OUR_RESERVED_WITH_DHT } else { OUR_RESERVED },
            info_hash: self.info_hash,
            peer_id: self.peer_id,
        }
    }
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

/// Where a connection is in its life.
#[derive(Clone, Debug)]
enum Phase {
    /// The peer's handshake, as far as it came.
    Handshake { bytes: [u8; HANDSHAKE_LENGTH], filled: usize, until: Instant },
    /// Messages.
    Open,
    /// Over.
    Closed,
}

/// One peer's connection: the whole protocol behind one socket, without the socket.
///
/// The host feeds it the stream and orders, writes what [`Self::poll_transmit`] and [`Self::next_upload`] give,
/// takes facts up with [`Self::poll_fact`] and wakes it at [`Self::poll_timeout`]. Block payloads go round it:
/// see [`Self::payload`].
#[derive(Debug)]
pub struct Connection {
    config: Config,
    /// Sizes of the torrent, or of the largest there can be.
    geometry: Arc<Geometry>,
    /// `None` once the metadata is known.
    early: Option<Early>,
    exchange: Exchange,
    phase: Phase,
    decoder: Decoder,
    payload: Option<Payload>,
    outbox: Outbox,
    requests: Requests,
    uploads: Uploads,
    facts: VecDeque<Fact>,
    /// Payload bytes written and not yet told.
    uploaded: u32,
    /// The end, until it is told.
    close: Option<Close>,
    /// Both ends speak the fast extension.
    fast: bool,
    /// The peer speaks the extension protocol.
    extended: bool,
    /// The peer has a node of the DHT.
    dht: bool,
    /// The peer told where that is.
    dht_told: bool,
    /// We told what we have.
    availability_sent: bool,
    /// The peer told what it has, or began to ask and send without.
    availability_known: bool,
    we_are_choked: bool,
    we_are_interested: bool,
    peer_is_interested: bool,
    /// What we last said about wanting pieces, or will say first.
    upload_only: bool,
    /// The peer's number of the message that a piece was lost, if it takes one.
    dont_have_number: Option<u8>,
    /// The peer's number of peer exchange, if it takes part.
    pex_number: Option<u8>,
    /// The peer's number of holepunching, if it speaks of that.
    holepunch_number: Option<u8>,
    /// When the peer last told of others.
    pex_at: Option<Instant>,
    /// The peer's number of the upload-only message, if it takes one.
    upload_only_number: Option<u8>,
    /// Pieces the peer lets us ask for while choked.
    allowed_fast: Vec<PieceIndex>,
    haves_left: u32,
    unrequested_blocks_left: u32,
    unrequested_rejects_left: u32,
    /// Pays for messages that are cheap to send.
    cheap: Bucket,
    /// Pays for requests that lead to nothing.
    churn: Bucket,
    /// When the last byte came.
    heard: Instant,
    keepalive_after: Duration,
}

impl Connection {
    /// A connection we opened: queues our handshake and expects theirs within 10 seconds in all.
    pub fn outgoing(config: Config, seed: u64, now: Instant) -> Self {
        let mut connection = Self::new(config, seed, now);
        connection.send_handshake(now);
        connection
    }

    /// A connection we opened, whose host has sent [our handshake](Config::handshake) before.
    pub fn greeted(config: Config, seed: u64, now: Instant) -> Self {
        Self::new(config, seed, now)
    }

    /// A connection the peer opened. The listener read `theirs`; bytes glued behind it go to
    /// [`Self::handle_bytes`].
    pub fn incoming(config: Config, theirs: Handshake, seed: u64, now: Instant) -> Self {
        let mut connection = Self::new(config, seed, now);
        // Nothing is said to who asks for another torrent; who uses our own id is told, since it may be us.
        if theirs.info_hash == connection.config.info_hash {
            connection.send_handshake(now);
        }
        connection.greet(&theirs);
        connection
    }

    fn new(config: Config, seed: u64, now: Instant) -> Self {
        let geometry = config.geometry.clone().unwrap_or_else(early::largest);
        let piece_count = geometry.piece_count();
        let is_early = config.geometry.is_none();
        let spread = fastrand::Rng::with_seed(seed).u64(..KEEPALIVE_SPREAD.as_millis() as u64);
        let churn = config.request_queue.saturating_mul(CHURN_QUEUES).max(CHURN_LEAST);
        Self {
            phase: Phase::Handshake {
                bytes: [0; HANDSHAKE_LENGTH],
                filled: 0,
                until: now + HANDSHAKE_TIMEOUT,
            },
            decoder: if is_early { Decoder::early(piece_count) } else { Decoder::new(piece_count) },
            early: is_early.then(Early::default),
            exchange: Exchange::default(),
            geometry,
            payload: None,
            outbox: Outbox::new(u64::from(piece_count.div_ceil(8)), now),
            requests: Requests::default(),
            uploads: Uploads::new(config.request_queue as usize),
            facts: VecDeque::new(),
            uploaded: 0,
            close: None,
            fast: false,
            extended: false,
            dht: false,
            dht_told: false,
            availability_sent: false,
            availability_known: false,
            we_are_choked: true,
            we_are_interested: false,
            peer_is_interested: false,
            upload_only: config.upload_only,
            dont_have_number: None,
            pex_number: None,
            holepunch_number: None,
            pex_at: None,
            upload_only_number: None,
            allowed_fast: Vec::new(),
            haves_left: piece_count.saturating_add(HAVE_SLACK),
            unrequested_blocks_left: UNREQUESTED_BLOCKS,
            unrequested_rejects_left: UNREQUESTED_REJECTS,
            cheap: Bucket::new(CHEAP_BURST, CHEAP_PER_SECOND, now),
            churn: Bucket::new(churn, CHURN_PER_SECOND, now),
            heard: now,
            keepalive_after: KEEPALIVE_AFTER + Duration::from_millis(spread),
            config,
        }
    }

    fn send_handshake(&mut self, now: Instant) {
        self.outbox.push_bytes(now, &self.config.handshake().encode());
    }

    /// Takes bytes from the stream until a block payload begins (its header is consumed, the payload is not) or
    /// all are taken. The answer is how many were taken. Once closed it takes everything and looks at nothing.
    pub fn handle_bytes(&mut self, now: Instant, bytes: &[u8]) -> usize {
        let mut rest = bytes;
        if !bytes.is_empty() && !self.is_closed() {
            self.heard = now;
            self.outbox.watch(now);
            self.read_handshake(&mut rest);
            self.read_messages(now, &mut rest);
        }
        if self.is_closed() { bytes.len() } else { bytes.len() - rest.len() }
    }

    /// The block payload the stream stands in, if it does. The host takes payload bytes from the stream itself
    /// and tells [`Self::handle_payload`].
    pub const fn payload(&self) -> Option<Payload> {
        self.payload
    }

    /// So many payload bytes were taken from the stream. The last one of a wanted block makes
    /// [`Fact::BlockReceived`].
    pub fn handle_payload(&mut self, now: Instant, length: u32) {
        self.heard = now;
        let Some(payload) = &mut self.payload else { return };
        payload.received = payload.received.saturating_add(length).min(payload.request.length);
        if payload.received == payload.request.length {
            if payload.wanted {
                self.facts.push_back(Fact::BlockReceived(payload.request));
            }
            self.payload = None;
        }
    }

    /// Does what the swarm wants. Before the handshake is over only [`Order::Close`] means something.
    pub fn handle_order(&mut self, now: Instant, order: Order) {
        match (order, &self.phase) {
            (Order::Close(why), _) => self.close(why),
            (order, Phase::Open) => {
                self.outbox.watch(now);
                self.obey(now, order);
            }
            _ => {}
        }
    }

    /// Requests of ours not yet answered in full, the block under way counted.
    pub fn outstanding(&self) -> usize {
        self.requests.len() + usize::from(self.payload.is_some_and(|payload| payload.wanted))
    }

    /// Takes the next request of the peer to serve: the host writes [`crate::piece_header`] and the block, then
    /// calls [`Self::handle_uploaded`], or [`Self::handle_unavailable`] if it cannot.
    pub fn next_upload(&mut self) -> Option<BlockRequest> {
        let request = self.uploads.next()?;
        self.outbox.lend(PIECE_HEADER_LENGTH + u64::from(request.length));
        Some(request)
    }

    /// Whether [`Self::next_upload`] has something.
    pub fn uploads_pending(&self) -> bool {
        !self.uploads.is_empty()
    }

    /// A block taken from [`Self::next_upload`] was written to the socket to its end. Nobody is told after the end.
    pub fn handle_uploaded(&mut self, now: Instant, request: BlockRequest) {
        self.outbox.watch(now);
        let is_told = self.is_closed() && self.close.is_none();
        if !is_told {
            self.uploaded = self.uploaded.saturating_add(request.length);
        }
    }

    /// A block taken from [`Self::next_upload`] cannot be served: rejected with the fast extension, else dropped.
    pub fn handle_unavailable(&mut self, now: Instant, request: BlockRequest) {
        self.outbox.unlend(PIECE_HEADER_LENGTH + u64::from(request.length));
        if matches!(self.phase, Phase::Open) {
            self.reject(now, request);
        }
    }

    /// Moves control bytes waiting for the socket to the end of `out`. False if there were none. They go before
    /// blocks that [`Self::next_upload`] gives later. After the end there may be last words.
    pub fn poll_transmit(&mut self, out: &mut Vec<u8>) -> bool {
        self.outbox.take(out)
    }

    /// So many bytes, control and blocks, were written to the socket. Without this the connection takes the peer
    /// for one that does not read.
    pub fn handle_written(&mut self, now: Instant, bytes: usize) {
        if bytes > 0 {
            self.outbox.written(now, bytes as u64);
            self.give_metadata(now);
        }
    }

    /// To be called at [`Self::poll_timeout`]: closes on silence, sends keepalives.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.outbox.watch(now);
        match self.phase {
            Phase::Handshake { until, .. } if now >= until => self.close(Close::TimedOut),
            Phase::Open if now >= self.heard + SILENCE_TIMEOUT => self.close(Close::TimedOut),
            Phase::Open if self.outbox.is_stalled(now) => self.close(Close::NotReading),
            Phase::Open if self.outbox.is_clear() && now >= self.keepalive_at() => {
                self.send(now, &Message::KeepAlive);
            }
            _ => {}
        }
    }

    /// When [`Self::handle_timeout`] is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.phase {
            Phase::Handshake { until, .. } => Some(until),
            Phase::Open => Some((self.heard + SILENCE_TIMEOUT).min(self.outbox.timeout(self.keepalive_at()))),
            Phase::Closed => None,
        }
    }

    fn keepalive_at(&self) -> Instant {
        self.outbox.active() + self.keepalive_after
    }

    /// The next fact for the swarm. [`Fact::Closed`] is the last one.
    pub fn poll_fact(&mut self) -> Option<Fact> {
        if let Some(fact) = self.facts.pop_front() {
            return Some(fact);
        }
        if self.uploaded > 0 {
            return Some(Fact::Uploaded(std::mem::take(&mut self.uploaded)));
        }
        self.close.take().map(Fact::Closed)
    }

    /// Whether the connection is over: the host writes last words if it can at once, collects the last facts and
    /// closes the socket.
    pub const fn is_closed(&self) -> bool {
        matches!(self.phase, Phase::Closed)
    }

    /// Ends the connection, once.
    fn close(&mut self, why: Close) {
        if !self.is_closed() {
            self.phase = Phase::Closed;
            self.close = Some(why);
            self.payload = None;
            self.requests = Requests::default();
            self.uploads.clear();
        }
    }

    /// Lines up a message; a peer that leaves too much unread is closed.
    fn send(&mut self, now: Instant, message: &Message<'_>) {
        if !self.outbox.push(now, message) {
            self.close(Close::NotReading);
        }
    }

    /// Tells that a request is not served: said aloud with the fast extension only (BEP 6).
    fn reject(&mut self, now: Instant, request: BlockRequest) {
        if self.fast {
            self.send(now, &Message::Reject(request));
        }
    }

    fn violate(&mut self, violation: Violation) {
        self.close(Close::Violation(violation));
    }
}
