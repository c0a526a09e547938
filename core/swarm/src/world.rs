//! A small world for the tests of this crate: scripted peers, web seeds and a disk, in virtual time.

use crate::contract::{
    BlockDigest, Config, Direction, Event, FetchEnd, Output, PeerKey, SourceKey, StorageFact, WebSeedFact,
    WebSeedInfo, WebSeedKey, WebSeedOrder, WebSeedPolicy,
};
use crate::{Refusal, Swarm};
use metainfo::{BLOCK_LENGTH, Bitfield, BlockIndex, BlockRequest, Geometry, PeerId, PieceIndex};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use wire::{Close, Fact, Order};

/// A moment to count virtual time from.
#[allow(clippy::disallowed_methods, reason = "an origin for virtual time; nothing depends on its value")]
pub(crate) fn origin() -> Instant {
    Instant::now()
}

pub(crate) fn config(geometry: Geometry) -> Config {
    Config {
        wanted: Bitfield::full(geometry.piece_count()),
        geometry: Arc::new(geometry),
        peer_id: PeerId(*b"-ST0001-000000000000"),
        info_hash: [7; 20],
        sequential: None,
        seed: true,
        super_seed: false,
        use_peers: true,
        exchange_peers: true,
        max_peers: 50,
        max_half_open: 20,
        max_peers_per_address: 2,
        upload_slots: 4,
        request_queue: 500,
        web_seed_policy: WebSeedPolicy::default(),
        web_seed_connections: 96,
        mirrors_may_lag: false,
    }
}

/// How a scripted peer behaves.
#[derive(Clone)]
pub(crate) struct Script {
    pub(crate) have: Bitfield,
    /// Time from a request to its answer.
    pub(crate) latency: Duration,
    /// Time the line is busy with one block.
    pub(crate) block_time: Duration,
    /// Unchokes us when we are interested.
    pub(crate) generous: bool,
    /// Sends this many blocks, then no more.
    pub(crate) blocks: u32,
    /// Blocks it falsifies, as (piece, block); `None`: all of them.
    pub(crate) lies: Option<BTreeSet<(u32, u32)>>,
    pub(crate) interested: bool,
}

impl Script {
    pub(crate) fn seed(pieces: u32) -> Self {
        Self {
            have: Bitfield::full(pieces),
            latency: Duration::from_millis(20),
            block_time: Duration::from_millis(1),
            generous: true,
            blocks: u32::MAX,
            lies: Some(BTreeSet::new()),
            interested: false,
        }
    }

    fn falsifies(&self, piece: PieceIndex, block: BlockIndex) -> bool {
        self.lies.as_ref().is_none_or(|lies| lies.contains(&(piece.0, block.0)))
    }
}

pub(crate) struct ScriptedPeer {
    pub(crate) script: Script,
    busy_until: Instant,
    pub(crate) pending: Vec<BlockRequest>,
    pub(crate) orders: Vec<Order>,
    pub(crate) closed: Option<Close>,
    pub(crate) sent: u32,
}

impl ScriptedPeer {
    pub(crate) fn count(&self, wanted: impl Fn(&Order) -> bool) -> usize {
        self.orders.iter().filter(|order| wanted(order)).count()
    }

    pub(crate) fn is_served(&self) -> bool {
        let last = self.orders.iter().rev().find(|order| matches!(order, Order::Choke | Order::Unchoke));
        last == Some(&Order::Unchoke)
    }
}

#[derive(Clone, Debug)]
enum Happening {
    Answer(PeerKey, BlockRequest),
    Fact(PeerKey, Fact),
    Storage(StorageFact),
    WebSeed(WebSeedKey, u64),
}

/// A web seed that sends blocks of its range one after the other.
pub(crate) struct ScriptedWebSeed {
    pub(crate) block_time: Duration,
    pub(crate) lies: bool,
    pub(crate) end: Option<FetchEnd>,
    pub(crate) ranges: Vec<(u64, u64)>,
    fetch: u64,
    position: u64,
    stop: u64,
    pub(crate) cancels: u32,
}

pub(crate) struct World {
    pub(crate) swarm: Swarm,
    pub(crate) now: Instant,
    geometry: Arc<Geometry>,
    pub(crate) peers: BTreeMap<PeerKey, ScriptedPeer>,
    pub(crate) web_seeds: BTreeMap<WebSeedKey, ScriptedWebSeed>,
    pub(crate) connects: Vec<SocketAddr>,
    pub(crate) events: Vec<Event>,
    queue: BTreeMap<(Instant, u64), Happening>,
    number: u64,
    partial: BTreeMap<PieceIndex, BTreeMap<BlockIndex, (SourceKey, bool)>>,
    failed: BTreeSet<PieceIndex>,
    stored: BTreeSet<PieceIndex>,
    pub(crate) disk_full: bool,
}

impl World {
    pub(crate) fn new(config: Config, seed: u64) -> Self {
        let now = origin();
        let have = Bitfield::new(config.geometry.piece_count());
        let geometry = config.geometry.clone();
        Self {
            swarm: Swarm::new(config, have, seed, now),
            now,
            geometry,
            peers: BTreeMap::new(),
            web_seeds: BTreeMap::new(),
            connects: Vec::new(),
            events: Vec::new(),
            queue: BTreeMap::new(),
            number: 0,
            partial: BTreeMap::new(),
            failed: BTreeSet::new(),
            stored: BTreeSet::new(),
            disk_full: false,
        }
    }

    fn later(&mut self, after: Duration, happening: Happening) {
        self.number += 1;
        self.queue.insert((self.now + after, self.number), happening);
    }

    /// An incoming connection from 81.0.`n`, with handshake and availability.
    pub(crate) fn join(&mut self, n: u16, script: Script) -> Result<PeerKey, Refusal> {
        let address = SocketAddr::from(([81, 0, (n >> 8) as u8, n as u8], 50_000));
        self.join_from(address, n, script, Direction::Incoming)
    }

    pub(crate) fn join_from(
        &mut self,
        address: SocketAddr,
        id: u16,
        script: Script,
        direction: Direction,
    ) -> Result<PeerKey, Refusal> {
        let key = self.swarm.handle_connected(self.now, address, direction)?;
        let mut peer_id = PeerId(*b"-XX0001-000000000000");
        peer_id.0[18..].copy_from_slice(&id.to_be_bytes());
        let (have, interested) = (script.have.clone(), script.interested);
        let (orders, closed) = (Vec::new(), None);
        let peer =
            ScriptedPeer { script, busy_until: self.now, pending: Vec::new(), orders, closed, sent: 0 };
        self.peers.insert(key, peer);
        self.tell(key, Fact::Handshaken { peer_id, fast: true, extended: true });
        self.tell(key, Fact::Availability(have));
        if interested {
            self.tell(key, Fact::Interested);
        }
        Ok(key)
    }

    pub(crate) fn tell(&mut self, key: PeerKey, fact: Fact) {
        self.swarm.handle_fact(self.now, key, fact);
        self.drain();
    }

    pub(crate) fn add_web_seed(&mut self, block_time: Duration) -> WebSeedKey {
        let host = format!("mirror-{}.example", self.web_seeds.len());
        let key = self.swarm.add_web_seeds(self.now, [WebSeedInfo { host, ..WebSeedInfo::default() }])[0];
        let (fetch, position, stop) = (0, 0, 0);
        let (ranges, end) = (Vec::new(), None);
        let seed =
            ScriptedWebSeed { block_time, lies: false, end, ranges, fetch, position, stop, cancels: 0 };
        self.web_seeds.insert(key, seed);
        self.drain();
        key
    }

    pub(crate) fn drain(&mut self) {
        while let Some(output) = self.swarm.poll_output() {
            match output {
                Output::Peer(key, order) => self.obey(key, &order),
                Output::OpenTwin { .. } => {}
                Output::WebSeed(key, order) => self.obey_web_seed(key, &order),
                Output::Connect(address) | Output::Punch(address) => self.connects.push(address),
                Output::Event(event) => self.events.push(event),
            }
        }
    }

    fn obey(&mut self, key: PeerKey, order: &Order) {
        let peer = self.peers.get_mut(&key).expect("orders name peers that exist");
        assert_eq!(peer.closed, None, "{order:?} after close");
        peer.orders.push(order.clone());
        match *order {
            Order::Interested if peer.script.generous => {
                let latency = peer.script.latency;
                self.later(latency, Happening::Fact(key, Fact::Unchoked));
            }
            Order::Request(request) => {
                assert!(peer.script.have.contains(request.piece), "asked for what the peer has not");
                assert!(!peer.pending.contains(&request), "asked twice");
                peer.pending.push(request);
                if peer.sent < peer.script.blocks {
                    peer.sent += 1;
                    peer.busy_until =
                        peer.busy_until.max(self.now + peer.script.latency) + peer.script.block_time;
                    let after = peer.busy_until - self.now;
                    self.later(after, Happening::Answer(key, request));
                }
            }
            Order::Cancel(request) => peer.pending.retain(|it| *it != request),
            Order::Close(reason) => peer.closed = Some(reason),
            _ => {}
        }
    }

    fn obey_web_seed(&mut self, key: WebSeedKey, order: &WebSeedOrder) {
        let Some(seed) = self.web_seeds.get_mut(&key) else {
            // The order came before the test knew the key: obeyed once it does.
            let (block_time, lies, end) = (Duration::from_millis(1), false, None);
            let seed = ScriptedWebSeed {
                block_time,
                lies,
                end,
                ranges: Vec::new(),
                fetch: 0,
                position: 0,
                stop: 0,
                cancels: 0,
            };
            self.web_seeds.insert(key, seed);
            return self.obey_web_seed(key, order);
        };
        seed.fetch += 1;
        let (fetch, block_time) = (seed.fetch, seed.block_time);
        match *order {
            WebSeedOrder::Fetch { offset, length } => {
                seed.ranges.push((offset, length));
                (seed.position, seed.stop) = (offset, offset + length);
                self.later(block_time, Happening::WebSeed(key, fetch));
            }
            WebSeedOrder::Cancel => {
                seed.cancels += 1;
                seed.stop = seed.position;
                self.later(Duration::ZERO, Happening::WebSeed(key, fetch));
            }
        }
    }

    fn web_seed_step(&mut self, key: WebSeedKey, fetch: u64) {
        let seed = self.web_seeds.get_mut(&key).expect("known");
        if seed.fetch != fetch {
            return;
        }
        if seed.position >= seed.stop || seed.end.is_some() {
            let end = seed.end.unwrap_or(FetchEnd::Complete);
            return self.swarm.handle_web_seed(self.now, key, WebSeedFact::Ended(end));
        }
        let piece = PieceIndex((seed.position / u64::from(self.geometry.piece_length())) as u32);
        let begin = (seed.position - self.geometry.piece_offset(piece)) as u32;
        let block = BlockIndex(begin / BLOCK_LENGTH);
        let request = self.geometry.block(piece, block).expect("ranges lie in the torrent");
        assert_eq!(request.begin, begin, "ranges are block-aligned");
        seed.position += u64::from(request.length);
        let (lies, block_time) = (seed.lies, seed.block_time);
        self.store(SourceKey::WebSeed(key), request, !lies);
        self.swarm.handle_web_seed(self.now, key, WebSeedFact::BlockReceived(request));
        self.later(block_time, Happening::WebSeed(key, fetch));
    }

    fn store(&mut self, source: SourceKey, request: BlockRequest, good: bool) {
        let piece = request.piece;
        if self.stored.contains(&piece) {
            return;
        }
        if self.disk_full {
            self.partial.remove(&piece);
            return self.later(Duration::from_millis(1), Happening::Storage(StorageFact::Failed { piece }));
        }
        let count = self.geometry.block_count(piece) as usize;
        let blocks = self.partial.entry(piece).or_default();
        blocks.entry(BlockIndex(request.begin / BLOCK_LENGTH)).or_insert((source, good));
        if blocks.len() < count {
            return;
        }
        let Some(blocks) = self.partial.remove(&piece) else { return };
        let digests = blocks
            .iter()
            .map(|(block, (source, good))| {
                let digest = if *good { u64::from(block.0) } else { source.to_tag() | 1 << 60 };
                BlockDigest { block: *block, source: *source, digest }
            })
            .collect();
        let fact = if blocks.values().all(|(_, good)| *good) {
            self.stored.insert(piece);
            let blocks = if self.failed.contains(&piece) { digests } else { Vec::new() };
            StorageFact::PieceStored { piece, blocks }
        } else {
            self.failed.insert(piece);
            StorageFact::PieceFailed { piece, blocks: digests }
        };
        self.later(Duration::from_millis(2), Happening::Storage(fact));
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Fact(key, fact) => self.swarm.handle_fact(self.now, key, fact),
            Happening::Storage(fact) => self.swarm.handle_storage(self.now, fact),
            Happening::WebSeed(key, fetch) => self.web_seed_step(key, fetch),
            Happening::Answer(key, request) => {
                let peer = self.peers.get_mut(&key).expect("known");
                let Some(at) = peer.pending.iter().position(|it| *it == request) else { return };
                if peer.closed.is_some() {
                    return;
                }
                peer.pending.remove(at);
                let lie = peer.script.falsifies(request.piece, BlockIndex(request.begin / BLOCK_LENGTH));
                self.store(SourceKey::Peer(key), request, !lie);
                self.swarm.handle_fact(self.now, key, Fact::BlockReceived(request));
            }
        }
    }

    /// Lets time pass until `done` or `limit`; true if done.
    pub(crate) fn run(&mut self, limit: Duration, done: impl Fn(&Self) -> bool) -> bool {
        let end = self.now + limit;
        self.drain();
        while !done(self) {
            let next = self.queue.first_key_value().map(|((at, _), _)| *at);
            let timeout = self.swarm.poll_timeout();
            let Some(at) = next.into_iter().chain(timeout).min().filter(|at| *at <= end) else {
                self.now = end;
                return false;
            };
            self.now = self.now.max(at);
            if next.is_some_and(|next| next <= self.now) {
                let (_, happening) = self.queue.pop_first().expect("not empty");
                self.happen(happening);
            } else {
                self.swarm.handle_timeout(self.now);
                assert!(
                    self.swarm.poll_timeout().is_none_or(|again| again > self.now),
                    "a timeout that does not move on"
                );
            }
            self.drain();
        }
        true
    }

    pub(crate) fn completes(&mut self, limit: Duration) -> bool {
        self.run(limit, |world| world.swarm.is_complete())
    }

    pub(crate) fn peer(&self, key: PeerKey) -> &ScriptedPeer {
        &self.peers[&key]
    }
}
