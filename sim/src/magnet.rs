//! Fetching metadata in virtual time: real connections at both ends, some of whose owners lie.

use crate::world::first_instant;
use metainfo::{BLOCK_LENGTH, Bitfield, Geometry, PeerId};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};
use swarm::{
    CandidateSource, ConnectFailure, Direction, MetadataConfig, MetadataFetch, MetadataOutput, PeerKey,
};
use wire::{Close, Connection, Fact, HANDSHAKE_LENGTH, Handshake, Order};

const INFO_HASH: [u8; 20] = *b"the simulated magnet";

/// What a peer gives to those who ask for metadata.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Gives {
    /// The truth.
    Truth,
    /// Something else of the right size.
    Lies,
    /// Something else of this size.
    LiesOf(usize),
    /// Nothing: it does not have it either.
    Nothing,
    /// Nothing but the addresses of these, by peer exchange.
    Addresses(Vec<SocketAddr>),
    /// No answer to anything.
    Silence,
    /// Not even a connection.
    NoConnection,
}

enum Happening {
    Dialled(SocketAddr),
    /// Bytes get to the peer, or from it to us.
    Bytes(PeerKey, Side, Vec<u8>),
    Look,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Theirs,
    Ours,
}

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

struct Link {
    ours: Connection,
    theirs: Connection,
    is_silent: bool,
    /// What the peer tells of others.
    tells: Vec<SocketAddr>,
}

/// One client with a magnet link, and the peers it is told of.
pub struct MagnetWorld {
    fetch: MetadataFetch,
    info: Arc<[u8]>,
    members: BTreeMap<SocketAddr, Gives>,
    links: BTreeMap<PeerKey, Link>,
    queue: BinaryHeap<Reverse<Queued>>,
    count: u64,
    start: Instant,
    now: Instant,
    latency: Duration,
    rng: fastrand::Rng,
    banned: BTreeSet<IpAddr>,
    found: bool,
}

impl MagnetWorld {
    /// A link to a torrent with so many bytes of metadata; `latency` is one way.
    pub fn new(seed: u64, bytes: usize, latency: Duration) -> Self {
        let start = first_instant();
        let mut rng = fastrand::Rng::with_seed(seed);
        let config = MetadataConfig {
            peer_id: PeerId(*b"-SIM000-000000000000"),
            max_peers: 50,
            max_half_open: 20,
            max_peers_per_address: 3,
        };
        let fetch = MetadataFetch::new(config, rng.u64(..), start);
        Self {
            fetch,
            info: content(&mut rng, bytes),
            members: BTreeMap::new(),
            links: BTreeMap::new(),
            queue: BinaryHeap::new(),
            count: 0,
            start,
            now: start,
            latency,
            rng,
            banned: BTreeSet::new(),
            found: false,
        }
    }

    /// Adds peers, each with an address of its own, that the client is not told of.
    pub fn add(&mut self, count: usize, gives: &Gives) -> Vec<SocketAddr> {
        let mut addresses = Vec::new();
        for _ in 0..count {
            let number = self.members.len() as u16 + 1;
            let [high, low] = number.to_be_bytes();
            let address = SocketAddr::from(([10, 9, high, low], 6881));
            self.members.insert(address, gives.clone());
            addresses.push(address);
        }
        addresses
    }

    /// Adds peers, and tells the client of them as a tracker would.
    pub fn introduce(&mut self, count: usize, gives: &Gives) -> Vec<IpAddr> {
        let mut addresses = self.add(count, gives);
        self.rng.shuffle(&mut addresses);
        self.fetch.handle_candidates(self.now, CandidateSource::Tracker, &addresses);
        addresses.into_iter().map(|address| address.ip()).collect()
    }

    /// Runs until the metadata is found; how long that took, or `None` after `limit`.
    pub fn run(&mut self, limit: Duration) -> Option<Duration> {
        let end = self.start + limit;
        loop {
            self.settle();
            if self.found {
                return Some(self.now - self.start);
            }
            let timers =
                self.links.values().flat_map(|link| [link.ours.poll_timeout(), link.theirs.poll_timeout()]);
            let due = timers.chain([self.fetch.poll_timeout()]).flatten().min();
            if let Some(due) = due {
                self.queue(due.max(self.now), Happening::Look);
            }
            let Reverse(Queued(at, _, happening)) = self.queue.pop().filter(|next| next.0.0 <= end)?;
            self.now = at;
            self.happen(happening);
        }
    }

    /// Hosts that were banned.
    pub const fn banned(&self) -> &BTreeSet<IpAddr> {
        &self.banned
    }

    /// Bytes of metadata that each connected peer sent.
    pub fn sent(&self) -> BTreeMap<IpAddr, u64> {
        self.fetch.peers().map(|peer| (peer.address.ip(), peer.bytes_down)).collect()
    }

    fn queue(&mut self, at: Instant, happening: Happening) {
        self.count += 1;
        self.queue.push(Reverse(Queued(at, self.count, happening)));
    }

    fn happen(&mut self, happening: Happening) {
        let now = self.now;
        match happening {
            Happening::Dialled(address) => self.dialled(address),
            Happening::Bytes(key, side, bytes) => {
                let Some(link) = self.links.get_mut(&key) else { return };
                let end = if side == Side::Ours { &mut link.ours } else { &mut link.theirs };
                end.handle_bytes(now, &bytes);
            }
            Happening::Look => {
                // Looks that were queued for moments that have passed are of no use any more.
                self.queue.retain(|queued| !matches!(queued.0.2, Happening::Look));
                self.fetch.handle_timeout(now);
                for link in self.links.values_mut() {
                    for end in [&mut link.ours, &mut link.theirs] {
                        if end.poll_timeout().is_some_and(|due| due <= now) {
                            end.handle_timeout(now);
                        }
                    }
                }
            }
        }
    }

    fn dialled(&mut self, address: SocketAddr) {
        let now = self.now;
        let gives = self.members.get(&address).cloned().unwrap_or(Gives::NoConnection);
        if gives == Gives::NoConnection {
            self.fetch.handle_connect_failed(now, address, ConnectFailure::Refused);
            return;
        }
        let Ok(key) = self.fetch.handle_connected(now, address, Direction::Outgoing) else { return };
        let mut ours =
            Connection::outgoing(config(b"-SIM000-000000000000", address, None), self.rng.u64(..), now);
        let mut hello = Vec::new();
        ours.poll_transmit(&mut hello);
        ours.handle_written(now, hello.len());
        let hello: [u8; HANDSHAKE_LENGTH] = hello.try_into().expect("a handshake");
        let hello = Handshake::decode(&hello).expect("our own");
        let metadata = match &gives {
            Gives::Truth => Some(Arc::clone(&self.info)),
            Gives::Lies => Some(content(&mut self.rng, self.info.len())),
            Gives::LiesOf(size) => Some(content(&mut self.rng, *size)),
            Gives::Nothing | Gives::Addresses(_) | Gives::Silence | Gives::NoConnection => None,
        };
        let mut id = *b"-SIM000-peer........";
        id[12..16].copy_from_slice(&address_bytes(address));
        let theirs = Connection::incoming(config(&id, address, metadata), hello, self.rng.u64(..), now);
        let is_silent = gives == Gives::Silence;
        let tells = if let Gives::Addresses(addresses) = gives { addresses } else { Vec::new() };
        self.links.insert(key, Link { ours, theirs, is_silent, tells });
    }

    /// Carries everything out that is to be done at this moment.
    fn settle(&mut self) {
        loop {
            let mut is_quiet = true;
            while let Some(output) = self.fetch.poll_output() {
                is_quiet = false;
                self.carry_out(output);
            }
            let keys: Vec<PeerKey> = self.links.keys().copied().collect();
            for key in keys {
                is_quiet &= !self.pump(key);
            }
            if is_quiet {
                return;
            }
        }
    }

    fn carry_out(&mut self, output: MetadataOutput) {
        match output {
            MetadataOutput::Connect(address) => {
                self.queue(self.now + 2 * self.latency, Happening::Dialled(address));
            }
            MetadataOutput::Peer(key, order) => {
                if let Some(link) = self.links.get_mut(&key) {
                    link.ours.handle_order(self.now, order);
                }
            }
            MetadataOutput::Verify(attempt, bytes) => {
                let is_right = bytes[..] == self.info[..];
                self.found |= is_right;
                self.fetch.handle_verified(self.now, attempt, is_right.then_some(&bytes[..]));
            }
            MetadataOutput::Banned(host) => {
                self.banned.insert(host);
            }
        }
    }

    /// Moves facts up and bytes across. True if anything moved.
    fn pump(&mut self, key: PeerKey) -> bool {
        let Some(link) = self.links.get_mut(&key) else { return false };
        let now = self.now;
        let facts: Vec<Fact> = std::iter::from_fn(|| link.ours.poll_fact()).collect();
        while let Some(fact) = link.theirs.poll_fact() {
            match fact {
                Fact::Handshaken { .. } => {
                    link.theirs.handle_order(now, Order::Availability(Bitfield::full(1)));
                }
                Fact::Extended(_) => {
                    let added = std::mem::take(&mut link.tells).into_iter().map(|address| (address, 0));
                    link.theirs
                        .handle_order(now, Order::Peers { added: added.collect(), dropped: Vec::new() });
                }
                _ => {}
            }
        }
        let (mut down, mut up) = (Vec::new(), Vec::new());
        for (end, bytes) in [(&mut link.ours, &mut up), (&mut link.theirs, &mut down)] {
            end.poll_transmit(bytes);
            end.handle_written(now, bytes.len());
        }
        let is_gone = link.ours.is_closed() || link.theirs.is_closed();
        if link.is_silent {
            down.clear();
        }
        let moved = !facts.is_empty() || !up.is_empty() || !down.is_empty();
        let closed = facts.iter().any(|fact| matches!(fact, Fact::Closed(_)));
        for fact in facts {
            self.fetch.handle_fact(now, key, fact);
        }
        if is_gone {
            self.links.remove(&key);
            if !closed {
                self.fetch.handle_fact(now, key, Fact::Closed(Close::Remote));
            }
            return true;
        }
        for (side, bytes) in [(Side::Theirs, up), (Side::Ours, down)] {
            if !bytes.is_empty() {
                self.queue(now + self.latency, Happening::Bytes(key, side, bytes));
            }
        }
        moved
    }
}

fn config(id: &[u8; 20], remote: SocketAddr, metadata: Option<Arc<[u8]>>) -> wire::Config {
    wire::Config {
        info_hash: INFO_HASH,
        peer_id: PeerId(*id),
        geometry: metadata.is_some().then(|| Arc::new(Geometry::single(BLOCK_LENGTH, 1))),
        metadata,
        exchange_peers: true,
        punch_holes: true,
        dht_port: None,
        client: "simulated".to_owned(),
        listen_port: None,
        request_queue: 500,
        remote,
        upload_only: false,
    }
}

fn content(rng: &mut fastrand::Rng, bytes: usize) -> Arc<[u8]> {
    (0..bytes).map(|_| rng.u8(..)).collect()
}

fn address_bytes(address: SocketAddr) -> [u8; 4] {
    match address {
        SocketAddr::V4(address) => address.ip().octets(),
        SocketAddr::V6(_) => [0; 4],
    }
}
