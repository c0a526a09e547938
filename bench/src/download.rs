//! One torrent's brain while it fetches, from peers that answer at once and a disk that never fails.

use metainfo::{Bitfield, BlockRequest, Geometry, PeerId, PieceIndex};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use swarm::{Config, Direction, Output, PeerKey, StorageFact, Swarm, WebSeedPolicy};
use wire::{Fact, Order};

/// The size of a swarm.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Pieces of the torrent.
    pub pieces: u32,
    /// Bytes of a piece.
    pub piece_length: u32,
    /// Peers connected.
    pub peers: u32,
    /// What each has, in percent of the pieces; the first has everything.
    pub percent: u32,
    /// Bytes per second that all of them send together.
    pub rate_bytes_per_second: u64,
}

/// A download under way.
pub struct Download {
    swarm: Swarm,
    geometry: Arc<Geometry>,
    now: Instant,
    /// Time from one block to the next.
    step: Duration,
    peers: Vec<PeerKey>,
    asked: VecDeque<(PeerKey, BlockRequest)>,
    /// Blocks received of each piece.
    received: Vec<u32>,
}

impl Download {
    /// A swarm of that shape, everybody connected, unchoked, and told what the others have.
    ///
    /// # Panics
    /// When the torrent is larger than torrents may be.
    pub fn new(shape: Shape, now: Instant) -> Self {
        let total = u64::from(shape.pieces) * u64::from(shape.piece_length);
        let geometry = Arc::new(Geometry::new(shape.piece_length, [total]).expect("a legal size"));
        let block = u64::from(metainfo::BLOCK_LENGTH.min(shape.piece_length));
        let mut download = Self {
            swarm: Swarm::new(config(&geometry), Bitfield::new(shape.pieces), 1, now),
            now,
            step: Duration::from_nanos(block * 1_000_000_000 / shape.rate_bytes_per_second.max(1)),
            peers: Vec::new(),
            asked: VecDeque::new(),
            received: vec![0; shape.pieces as usize],
            geometry,
        };
        let mut rng = fastrand::Rng::with_seed(7);
        for number in 0..shape.peers {
            let percent = if number == 0 { 100 } else { shape.percent };
            let key = download.connect(number, availability(shape.pieces, percent, &mut rng));
            download.peers.push(key);
        }
        download
    }

    fn connect(&mut self, number: u32, have: Bitfield) -> PeerKey {
        let [_, a, b, c] = number.to_be_bytes();
        let address = SocketAddr::from(([10, a, b, c], 6881));
        let key = self.swarm.handle_connected(self.now, address, Direction::Incoming).expect("there is room");
        let mut peer_id = PeerId([9; 20]);
        peer_id.0[..4].copy_from_slice(&number.to_be_bytes());
        let handshaken = Fact::Handshaken { peer_id, fast: true, extended: true };
        for fact in [handshaken, Fact::Availability(have), Fact::Unchoked, Fact::Interested] {
            self.swarm.handle_fact(self.now, key, fact);
        }
        self.drain();
        key
    }

    /// Takes the swarm's orders, of which only requests matter here.
    fn drain(&mut self) {
        while let Some(output) = self.swarm.poll_output() {
            if let Output::Peer(key, Order::Request(request)) = output {
                self.asked.push_back((key, request));
            }
        }
    }

    /// The next block arrives, and what follows from it: its piece stored where it was the last, clocks, new requests.
    pub fn block(&mut self) {
        while self.asked.is_empty() && !self.swarm.is_complete() {
            self.pass(Duration::from_millis(500));
        }
        let Some((key, request)) = self.asked.pop_front() else { return };
        self.now += self.step;
        self.swarm.handle_fact(self.now, key, Fact::BlockReceived(request));
        let piece = request.piece;
        let received = &mut self.received[piece.as_usize()];
        *received += 1;
        if *received == self.geometry.block_count(piece) {
            self.swarm.handle_storage(self.now, StorageFact::PieceStored { piece, blocks: Vec::new() });
        }
        self.pass(Duration::ZERO);
    }

    /// Time goes by.
    pub fn pass(&mut self, time: Duration) {
        self.now += time;
        if self.swarm.poll_timeout().is_some_and(|at| at <= self.now) {
            self.swarm.handle_timeout(self.now);
        }
        self.drain();
    }

    /// One of the peers, `at` counted round and round, tells that it has a piece.
    pub fn have(&mut self, at: u32, piece: u32) {
        let piece = PieceIndex(piece % self.geometry.piece_count());
        let key = self.peers[at as usize % self.peers.len()];
        self.swarm.handle_fact(self.now, key, Fact::Have(piece));
        self.drain();
    }

    /// A newcomer connects, tells what it has, and leaves again.
    pub fn come_and_go(&mut self, have: &Bitfield) {
        let key = self.connect(u32::MAX >> 8, have.clone());
        self.swarm.handle_fact(self.now, key, Fact::Closed(wire::Close::Remote));
        self.asked.retain(|(asked, _)| *asked != key);
        self.drain();
    }

    /// Everything is there.
    pub fn is_complete(&self) -> bool {
        self.swarm.is_complete()
    }

    /// Peers still connected.
    pub fn peer_count(&self) -> usize {
        self.swarm.peers(self.now).count()
    }
}

/// A set of about `percent` of the pieces.
pub fn availability(pieces: u32, percent: u32, rng: &mut fastrand::Rng) -> Bitfield {
    if percent >= 100 {
        return Bitfield::full(pieces);
    }
    let mut have = Bitfield::new(pieces);
    for piece in (0..pieces).map(PieceIndex) {
        if rng.u32(..100) < percent {
            have.insert(piece);
        }
    }
    have
}

/// Settings of a swarm of thousands.
pub(crate) fn config(geometry: &Arc<Geometry>) -> Config {
    Config {
        wanted: Bitfield::full(geometry.piece_count()),
        geometry: Arc::clone(geometry),
        peer_id: PeerId([1; 20]),
        info_hash: [2; 20],
        sequential: None,
        seed: true,
        super_seed: false,
        use_peers: true,
        max_peers: 10_000,
        max_half_open: 20,
        max_peers_per_address: 2,
        upload_slots: 8,
        request_queue: 500,
        web_seed_policy: WebSeedPolicy::default(),
        web_seed_connections: 96,
        mirrors_may_lag: false,
        exchange_peers: true,
    }
}
