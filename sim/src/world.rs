//! The event loop of the world.

use crate::DiskState;
use crate::disk::{Disk, TRUE_CONTENT};
use crate::network::{Line, Pipe};
use crate::node::{Behaviour, End, Node, NodeId};
use crate::web_seed::Exchange;
use metainfo::{Bitfield, BlockRequest, Geometry, PeerId};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};
use swarm::{
    CandidateSource, Config, ConnectFailure, Direction, Event, Output, PeerKey, SourceKey, StorageFact,
    Swarm, WebSeedKey, WebSeedPolicy,
};
use wire::{Close, Connection, Fact, HANDSHAKE_LENGTH, Handshake, Order};

/// Bytes of one connection on their way at most, like a socket's send buffer.
const WINDOW: usize = 256 * 1024;

/// What hashing and writing a piece takes.
const DISK_TIME: Duration = Duration::from_millis(1);

/// The one look at the real clock: where a virtual one begins does not matter to anybody.
#[allow(clippy::disallowed_methods, reason = "an Instant cannot be made otherwise")]
pub(crate) fn first_instant() -> Instant {
    Instant::now()
}

/// The seed of a scenario: `default`, or `SIM_SEED` to replay another one.
pub fn seed(default: u64) -> u64 {
    let seed = std::env::var("SIM_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(default);
    println!("replay with SIM_SEED={seed}");
    seed
}

/// What a link carries.
pub(crate) enum Parcel {
    Control(Vec<u8>),
    Block { request: BlockRequest, content: u64 },
    Closed,
}

/// What happens at a moment.
pub(crate) enum Happening {
    Dialled {
        from: NodeId,
        to: SocketAddr,
    },
    /// At the far end of the network, before the receiver's own line.
    Reaches {
        to: NodeId,
        bytes: usize,
        next: Box<Happening>,
    },
    Arrives {
        side: usize,
        link: u64,
        parcel: Parcel,
    },
    Departed {
        from: NodeId,
        key: PeerKey,
        bytes: usize,
        block: Option<BlockRequest>,
    },
    Wake(NodeId),
    Stored {
        node: NodeId,
        facts: Vec<StorageFact>,
    },
    Server {
        node: NodeId,
        seed: WebSeedKey,
        range: u64,
        exchange: Exchange,
    },
}

/// A happening in the queue, ordered by time and then by the order of queueing.
struct Queued(Instant, u64, Happening);

impl PartialEq for Queued {
    fn eq(&self, other: &Self) -> bool {
        self.1 == other.1
    }
}
impl Eq for Queued {}
impl PartialOrd for Queued {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Queued {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.0, self.1).cmp(&(other.0, other.1))
    }
}

/// Both ends of a connection, and when the last parcel in each direction gets there.
struct Link {
    nodes: [NodeId; 2],
    keys: [Option<PeerKey>; 2],
    reaches: [Instant; 2],
    /// Handshake bytes that the dialled end has not taken in yet.
    greeting: Vec<u8>,
}

/// The world: nodes, links, and what is going to happen.
pub struct World {
    /// The clients, in the order they were added.
    pub nodes: Vec<Node>,
    geometry: Arc<Geometry>,
    start: Instant,
    now: Instant,
    queue: BinaryHeap<Reverse<Queued>>,
    count: u64,
    links: BTreeMap<u64, Link>,
    next_link: u64,
    rng: fastrand::Rng,
    trace: u64,
}

impl World {
    /// An empty world about a torrent of so many bytes.
    pub fn new(seed: u64, piece_length: u32, total_length: u64) -> Self {
        let start = first_instant();
        Self {
            nodes: Vec::new(),
            geometry: Arc::new(Geometry::new(piece_length, [total_length]).expect("sizes that fit")),
            start,
            now: start,
            queue: BinaryHeap::new(),
            count: 0,
            links: BTreeMap::new(),
            next_link: 0,
            rng: fastrand::Rng::with_seed(seed),
            trace: 0xcbf2_9ce4_8422_2325,
        }
    }

    /// The torrent's sizes.
    pub fn geometry(&self) -> &Arc<Geometry> {
        &self.geometry
    }

    /// Virtual time since the world began.
    pub fn elapsed(&self) -> Duration {
        self.now - self.start
    }

    /// The virtual moment.
    pub const fn now(&self) -> Instant {
        self.now
    }

    pub(crate) const fn start(&self) -> Instant {
        self.start
    }

    /// A number that two runs share only if the same things happened at the same times.
    pub const fn trace(&self) -> u64 {
        self.trace
    }

    /// The settings that nodes usually have.
    pub fn config(&self, node: usize) -> Config {
        let mut peer_id = *b"-SIM000-000000000000";
        peer_id[8..].copy_from_slice(format!("{node:012}").as_bytes());
        Config {
            geometry: Arc::clone(&self.geometry),
            peer_id: PeerId(peer_id),
            info_hash: *b"the simulated hash..",
            wanted: Bitfield::full(self.geometry.piece_count()),
            sequential: None,
            seed: true,
            super_seed: false,
            use_peers: true,
            exchange_peers: true,
            max_peers: 50,
            max_half_open: 20,
            max_peers_per_address: 3,
            upload_slots: 4,
            request_queue: 500,
            web_seed_policy: WebSeedPolicy::default(),
            web_seed_connections: 96,
            mirrors_may_lag: false,
        }
    }

    /// Adds a client that has everything.
    pub fn add_seed(&mut self, line: Line) -> NodeId {
        let have = Bitfield::full(self.geometry.piece_count());
        let config = self.config(self.nodes.len());
        self.add_node(line, config, have)
    }

    /// Adds a client that has nothing.
    pub fn add_leech(&mut self, line: Line) -> NodeId {
        let have = Bitfield::new(self.geometry.piece_count());
        let config = self.config(self.nodes.len());
        self.add_node(line, config, have)
    }

    /// Adds a client.
    pub fn add_node(&mut self, line: Line, config: Config, have: Bitfield) -> NodeId {
        let id = NodeId(self.nodes.len());
        let number = id.0 as u32 + 1;
        let ip = Ipv4Addr::from(0x5000_0000 + (number << 8) + 1);
        let peer_id = config.peer_id;
        self.nodes.push(Node {
            address: SocketAddr::from((ip, 6881)),
            swarm: Swarm::new(config, have, self.rng.u64(..), self.now),
            behaviour: Behaviour::Honest,
            received_from: BTreeMap::new(),
            completed_at: None,
            is_behind_nat: false,
            opened: BTreeMap::new(),
            peer_id,
            geometry: Arc::clone(&self.geometry),
            up: Pipe::new(line.up_bytes_per_second, self.now),
            down: Pipe::new(line.down_bytes_per_second, self.now),
            line,
            ends: BTreeMap::new(),
            disk: Disk::default(),
            web_seeds: BTreeMap::new(),
            blocks_sent: 0,
            wakes_at: None,
        });
        self.settle(id);
        id
    }

    /// Tells `node` where the others are.
    pub fn introduce(&mut self, node: NodeId, others: &[NodeId]) {
        let addresses: Vec<_> = others.iter().map(|other| self.nodes[other.0].address).collect();
        self.nodes[node.0].swarm.handle_candidates(self.now, CandidateSource::Tracker, &addresses);
        self.settle(node);
    }

    /// Changes how a node's disk behaves; a sound disk tells that it recovered.
    pub fn set_disk(&mut self, node: NodeId, state: DiskState) {
        let target = &mut self.nodes[node.0];
        if state == DiskState::Sound {
            if let Some(fact) = target.disk.recover() {
                target.swarm.handle_storage(self.now, fact);
            }
        } else {
            target.disk.state = state;
        }
        self.settle(node);
    }

    /// Changes the rate a node sends at.
    pub fn set_up_rate(&mut self, node: NodeId, bytes_per_second: u64) {
        self.nodes[node.0].up.set_rate(bytes_per_second);
    }

    /// Stops a node's swarm.
    pub fn stop(&mut self, node: NodeId) {
        self.nodes[node.0].swarm.stop(self.now);
        self.settle(node);
    }

    /// Lets things happen until `done` or until so much virtual time has passed. True if `done`.
    pub fn run(&mut self, limit: Duration, mut done: impl FnMut(&Self) -> bool) -> bool {
        let end = self.now + limit;
        while !done(self) {
            match self.queue.peek() {
                Some(Reverse(next)) if next.0 <= end => {}
                _ => {
                    self.now = end;
                    return done(self);
                }
            }
            let Some(Reverse(Queued(at, number, happening))) = self.queue.pop() else { return false };
            self.now = at;
            self.note(number, &happening);
            self.happen(happening);
        }
        true
    }

    /// Lets so much virtual time pass.
    pub fn run_for(&mut self, time: Duration) {
        self.run(time, |_| false);
    }

    fn note(&mut self, number: u64, happening: &Happening) {
        let kind = match happening {
            Happening::Dialled { from, .. } => 1 + 16 * from.0 as u64,
            Happening::Reaches { to, .. } => 8 + 16 * to.0 as u64,
            Happening::Arrives { side, link, .. } => 2 + 16 * (*side as u64 + 2 * link),
            Happening::Departed { from, .. } => 3 + 16 * from.0 as u64,
            Happening::Wake(node) => 4 + 16 * node.0 as u64,
            Happening::Stored { node, .. } => 7 + 16 * node.0 as u64,
            Happening::Server { seed, range, .. } => 5 + 16 * (u64::from(seed.0) << 32 | range),
        };
        for word in [self.elapsed().as_nanos() as u64, number, kind] {
            self.trace = (self.trace ^ word).wrapping_mul(0x0100_0000_01b3);
        }
    }

    pub(crate) fn queue(&mut self, at: Instant, happening: Happening) {
        self.count += 1;
        self.queue.push(Reverse(Queued(at, self.count, happening)));
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Dialled { from, to } => self.dialled(from, to),
            Happening::Reaches { to, bytes, next } => {
                let through = self.nodes[to.0].down.send(self.now, bytes);
                self.queue(through, *next);
            }
            Happening::Arrives { side, link, parcel } => self.arrives(side, link, parcel),
            Happening::Departed { from, key, bytes, block } => {
                if let Some(end) = self.nodes[from.0].ends.get_mut(&key) {
                    end.in_flight -= bytes;
                    end.connection.handle_written(self.now, bytes);
                    if let Some(request) = block {
                        end.connection.handle_uploaded(self.now, request);
                    }
                    self.settle(from);
                }
            }
            Happening::Wake(node) => self.wake(node),
            Happening::Stored { node, facts } => {
                for fact in facts {
                    self.nodes[node.0].swarm.handle_storage(self.now, fact);
                }
                self.settle(node);
            }
            Happening::Server { node, seed, range, exchange } => {
                self.server_happens(node, seed, range, exchange);
            }
        }
    }

    fn wake(&mut self, id: NodeId) {
        let now = self.now;
        let node = &mut self.nodes[id.0];
        if node.wakes_at.is_some_and(|at| at <= now) {
            node.wakes_at = None;
        }
        if node.swarm.poll_timeout().is_some_and(|at| at <= now) {
            node.swarm.handle_timeout(now);
        }
        for end in node.ends.values_mut() {
            if end.connection.poll_timeout().is_some_and(|at| at <= now) {
                end.connection.handle_timeout(now);
            }
        }
        self.settle(id);
    }

    fn dialled(&mut self, from: NodeId, to: SocketAddr) {
        let now = self.now;
        let dialler = self.nodes[from.0].address;
        let lets_in = |node: &Node| !node.is_behind_nat || node.has_opened(now, dialler);
        let Some(other) = self.nodes.iter().position(|node| node.address == to && lets_in(node)) else {
            self.nodes[from.0].swarm.handle_connect_failed(now, to, ConnectFailure::Unreachable);
            return self.settle(from);
        };
        let node = &mut self.nodes[from.0];
        if let Ok(key) = node.swarm.handle_connected(now, to, Direction::Outgoing) {
            let link = self.next_link;
            self.next_link += 1;
            let connection = Connection::outgoing(wire_config(node, to), self.rng.u64(..), now);
            node.ends.insert(key, End { connection, link, side: 0, in_flight: 0 });
            let nodes = [from, NodeId(other)];
            let greeting = Vec::new();
            self.links.insert(link, Link { nodes, keys: [Some(key), None], reaches: [now; 2], greeting });
        }
        self.settle(from);
    }

    fn arrives(&mut self, side: usize, link_id: u64, parcel: Parcel) {
        let Some(link) = self.links.get_mut(&link_id) else { return };
        let to = link.nodes[side];
        let Some(key) = link.keys[side] else {
            match parcel {
                Parcel::Control(bytes) => {
                    link.greeting.extend_from_slice(&bytes);
                    self.greeted(to, link_id);
                }
                _ => drop(self.links.remove(&link_id)),
            }
            return;
        };
        let other = self.nodes[link.nodes[1 - side].0].address;
        let now = self.now;
        let node = &mut self.nodes[to.0];
        let Some(end) = node.ends.get_mut(&key) else { return };
        match parcel {
            Parcel::Control(bytes) => {
                let mut rest = bytes.as_slice();
                while !rest.is_empty() && !end.connection.is_closed() {
                    let used = end.connection.handle_bytes(now, rest);
                    assert!(used > 0, "a control parcel holds no payload");
                    rest = &rest[used..];
                }
            }
            Parcel::Block { request, content } => {
                end.connection.handle_bytes(now, &wire::piece_header(&request));
                if let Some(payload) = end.connection.payload() {
                    end.connection.handle_payload(now, payload.request.length);
                    if payload.wanted {
                        *node.received_from.entry(other).or_default() += u64::from(request.length);
                        self.store(to, request, SourceKey::Peer(key), content);
                    }
                }
            }
            Parcel::Closed => end.connection.handle_order(now, Order::Close(Close::Remote)),
        }
        self.settle(to);
    }

    /// The dialled end has got handshake bytes.
    fn greeted(&mut self, id: NodeId, link_id: u64) {
        let now = self.now;
        let Some(link) = self.links.get_mut(&link_id) else { return };
        let Some((head, rest)) = link.greeting.split_first_chunk::<HANDSHAKE_LENGTH>() else { return };
        let address = self.nodes[link.nodes[0].0].address;
        let node = &mut self.nodes[id.0];
        let admitted = node.swarm.handle_connected(now, address, Direction::Incoming);
        let (Ok(theirs), Ok(key)) = (Handshake::decode(head), admitted) else {
            self.send(link_id, 1, None, Parcel::Closed);
            return self.settle(id);
        };
        let mut connection = Connection::incoming(wire_config(node, address), theirs, self.rng.u64(..), now);
        let mut rest = rest;
        while !rest.is_empty() {
            rest = &rest[connection.handle_bytes(now, rest)..];
        }
        link.keys[1] = Some(key);
        node.ends.insert(key, End { connection, link: link_id, side: 1, in_flight: 0 });
        self.settle(id);
    }

    pub(crate) fn store(&mut self, id: NodeId, request: BlockRequest, source: SourceKey, content: u64) {
        let node = &mut self.nodes[id.0];
        let geometry = Arc::clone(&node.geometry);
        let facts = node.disk.write(&geometry, request, source, content);
        if !facts.is_empty() {
            self.queue(self.now + DISK_TIME, Happening::Stored { node: id, facts });
        }
    }

    /// Carries out everything a node's machines have to say, until they are quiet.
    pub(crate) fn settle(&mut self, id: NodeId) {
        loop {
            let mut quiet = true;
            let keys: Vec<PeerKey> = self.nodes[id.0].ends.keys().copied().collect();
            for key in keys {
                self.pump(id, key);
                while let Some(fact) =
                    self.nodes[id.0].ends.get_mut(&key).and_then(|end| end.connection.poll_fact())
                {
                    quiet = false;
                    if matches!(fact, Fact::Closed(_)) {
                        self.close(id, key);
                    }
                    self.nodes[id.0].swarm.handle_fact(self.now, key, fact);
                }
            }
            while let Some(output) = self.nodes[id.0].swarm.poll_output() {
                quiet = false;
                self.carry_out(id, output);
            }
            if quiet {
                break;
            }
        }
        self.plan_wake(id);
    }

    fn plan_wake(&mut self, id: NodeId) {
        let now = self.now;
        let node = &mut self.nodes[id.0];
        let ends = node.ends.values().filter_map(|end| end.connection.poll_timeout());
        let Some(next) = ends.chain(node.swarm.poll_timeout()).min() else { return };
        // A timeout in the past would stop the clock for ever: the least step is a millisecond.
        let next = next.max(now + Duration::from_millis(1));
        if node.wakes_at.is_none_or(|at| next < at) {
            node.wakes_at = Some(next);
            self.queue(next, Happening::Wake(id));
        }
    }

    fn carry_out(&mut self, id: NodeId, output: Output) {
        match output {
            Output::Connect(address) | Output::Punch(address) => {
                self.nodes[id.0].opened.insert(address, self.now);
                let at = self.now + 4 * self.nodes[id.0].line.latency;
                self.queue(at, Happening::Dialled { from: id, to: address });
            }
            Output::Peer(key, order) => {
                if let Some(end) = self.nodes[id.0].ends.get_mut(&key) {
                    end.connection.handle_order(self.now, order);
                }
            }
            Output::WebSeed(key, order) => self.obey_web_seed_order(id, key, &order),
            Output::Event(Event::Complete) => self.nodes[id.0].completed_at = Some(self.now),
            // No server here leads to another.
            Output::Event(_) | Output::OpenTwin { .. } => {}
        }
    }

    /// Sends what one connection wants sent.
    fn pump(&mut self, id: NodeId, key: PeerKey) {
        let node = &mut self.nodes[id.0];
        let Some(end) = node.ends.get_mut(&key) else { return };
        let (link, side) = (end.link, end.side);
        let mut bytes = Vec::new();
        if end.connection.poll_transmit(&mut bytes) {
            end.in_flight += bytes.len();
            self.send(link, side, Some(key), Parcel::Control(bytes));
        }
        loop {
            let node = &mut self.nodes[id.0];
            let Some(end) = node.ends.get_mut(&key) else { return };
            let silent = match node.behaviour {
                Behaviour::FreeRider => true,
                Behaviour::StallsAfter(count) => node.blocks_sent >= count,
                _ => false,
            };
            if silent || end.in_flight >= WINDOW {
                return;
            }
            let Some(request) = end.connection.next_upload() else { return };
            if !node.swarm.have().contains(request.piece) {
                end.connection.handle_unavailable(self.now, request);
                continue;
            }
            node.blocks_sent += 1;
            let lies = match node.behaviour {
                Behaviour::Liar => true,
                Behaviour::LiesOneIn(count) => node.blocks_sent.is_multiple_of(count),
                _ => node.disk.state == DiskState::Lying,
            };
            let content = if lies { 1 + id.0 as u64 } else { TRUE_CONTENT };
            end.in_flight += request.length as usize + 13;
            self.send(link, side, Some(key), Parcel::Block { request, content });
        }
    }

    fn send(&mut self, link_id: u64, side: usize, key: Option<PeerKey>, parcel: Parcel) {
        let Some(link) = self.links.get_mut(&link_id) else { return };
        let from = link.nodes[side];
        let to = link.nodes[1 - side];
        let (bytes, block) = match &parcel {
            Parcel::Control(bytes) => (bytes.len(), None),
            Parcel::Block { request, .. } => (request.length as usize + 13, Some(*request)),
            Parcel::Closed => (0, None),
        };
        let latency = self.nodes[from.0].line.latency + self.nodes[to.0].line.latency;
        let losses = self.nodes[from.0].line.loss_one_in;
        let departed = self.nodes[from.0].up.send(self.now, bytes + 40);
        let lost = losses > 0 && self.rng.u32(..losses) == 0;
        let reaches = departed + if lost { 3 * latency } else { latency };
        let reaches = reaches.max(link.reaches[1 - side]);
        link.reaches[1 - side] = reaches;
        if let Some(key) = key {
            self.queue(departed, Happening::Departed { from, key, bytes, block });
        }
        let next = Happening::Arrives { side: 1 - side, link: link_id, parcel };
        self.queue(reaches, Happening::Reaches { to, bytes: bytes + 40, next: Box::new(next) });
    }

    fn close(&mut self, id: NodeId, key: PeerKey) {
        if let Some(end) = self.nodes[id.0].ends.remove(&key) {
            self.send(end.link, end.side, None, Parcel::Closed);
        }
    }
}

fn wire_config(node: &Node, remote: SocketAddr) -> wire::Config {
    wire::Config {
        info_hash: *b"the simulated hash..",
        peer_id: node.peer_id,
        geometry: Some(Arc::clone(&node.geometry)),
        metadata: None,
        exchange_peers: true,
        punch_holes: true,
        dht_port: None,
        client: "simulated".to_owned(),
        listen_port: Some(node.address.port()),
        request_queue: 500,
        remote,
        upload_only: false,
    }
}
