//! Fetching a torrent's info dict from peers that may lie (BEP 9).
//!
//! Peers claim a size each. All that claim one size work together on one attempt; which of the sizes is right shows
//! when the bytes of one have the right hash. If they do not, everybody who had a part in them is suspect: each suspect
//! is asked for the whole, alone, so that whoever lies does so provably. The host hashes; this machine never does.

mod asking;
mod attempt;
mod source;
#[cfg(test)]
mod tests;
mod trust;

pub use attempt::AttemptKey;

use crate::admission::{Admission, Held, Verdict};
use crate::bans::Bans;
use crate::contract::{CandidateSource, ConnectFailure, Direction, PeerKey, Refusal};
use crate::limits;
use crate::peer_list::{PeerList, canonical};
use crate::stats::PeerSnapshot;
use attempt::Attempt;
use metainfo::{BLOCK_LENGTH, Bitfield, PeerId};
use source::Source;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;
use wire::{Close, ExtendedHandshake, Fact, Order};

/// Settings of a fetch.
#[derive(Clone, Debug)]
pub struct MetadataConfig {
    /// Our id.
    pub peer_id: PeerId,
    /// Connections at most.
    pub max_peers: usize,
    /// Outgoing connections under way at most.
    pub max_half_open: usize,
    /// Connections from one address at most.
    pub max_peers_per_address: usize,
}

/// What a fetch wants done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MetadataOutput {
    /// Connect; answered by `handle_connected` or `handle_connect_failed`.
    Connect(SocketAddr),
    /// An order for a connection.
    Peer(PeerKey, Order),
    /// Hash these bytes; answered by [`MetadataFetch::handle_verified`].
    Verify(AttemptKey, Vec<u8>),
    /// A host lied and is not talked to any more.
    Banned(IpAddr),
}

/// How far a fetch is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct MetadataProgress {
    /// Bytes of the attempt that is farthest.
    pub bytes: u64,
    /// Bytes it takes, as claimed; 0 while nobody claims anything.
    pub size: u64,
}

/// The machine. Its shape is that of every other: facts in, outputs out, time an argument.
#[derive(Debug)]
pub struct MetadataFetch {
    config: MetadataConfig,
    admission: Admission,
    sources: BTreeMap<PeerKey, Source>,
    next_source: u32,
    attempts: BTreeMap<AttemptKey, Attempt>,
    next_attempt: u32,
    /// Attempts that failed, kept for the day when the truth is known.
    failed: VecDeque<Attempt>,
    /// Hosts that had a part in one of them.
    suspects: BTreeSet<IpAddr>,
    /// How often a host lied.
    lies: BTreeMap<IpAddr, u32>,
    bans: Bans,
    peer_list: PeerList,
    outputs: VecDeque<MetadataOutput>,
    tick_at: Instant,
    done: bool,
}

impl MetadataFetch {
    /// A fetch that knows nobody yet.
    pub fn new(config: MetadataConfig, seed: u64, now: Instant) -> Self {
        Self {
            admission: Admission::new(config.max_peers, config.max_peers_per_address),
            config,
            sources: BTreeMap::new(),
            next_source: 0,
            attempts: BTreeMap::new(),
            next_attempt: 0,
            failed: VecDeque::new(),
            suspects: BTreeSet::new(),
            lies: BTreeMap::new(),
            bans: Bans::default(),
            peer_list: PeerList::new(now, fastrand::Rng::with_seed(seed)),
            outputs: VecDeque::new(),
            tick_at: now + limits::TICK,
            done: false,
        }
    }

    /// Addresses where peers may be.
    pub fn handle_candidates(&mut self, now: Instant, source: CandidateSource, addresses: &[SocketAddr]) {
        for address in addresses.iter().take(limits::CANDIDATES_AT_ONCE) {
            if !self.bans.contains(address.ip()) {
                self.peer_list.add(now, source, *address);
            }
        }
        self.connect(now);
    }

    /// A connection stands. The key names it from now on.
    pub fn handle_connected(
        &mut self,
        now: Instant,
        address: SocketAddr,
        direction: Direction,
    ) -> Result<PeerKey, Refusal> {
        let address = canonical(address);
        if let Err(refusal) = self.admit(now, address, direction) {
            if direction == Direction::Outgoing {
                self.peer_list.disconnected(now, address, Close::Replaced, false);
            }
            return Err(refusal);
        }
        let key = PeerKey(self.next_source);
        self.next_source += 1;
        if direction == Direction::Outgoing {
            self.peer_list.connected(now, CandidateSource::Incoming, address);
        }
        if self.sources.is_empty() {
            self.tick_at = now + limits::TICK;
        }
        self.sources.insert(key, Source::new(key, address, direction, now));
        Ok(key)
    }

    fn admit(&mut self, now: Instant, address: SocketAddr, direction: Direction) -> Result<(), Refusal> {
        if self.done {
            return Err(Refusal::Stopped);
        }
        if self.bans.contains(address.ip()) {
            return Err(Refusal::Banned);
        }
        let named =
            direction == Direction::Outgoing && self.peer_list.source(address) == Some(CandidateSource::User);
        let held: Vec<Held> = self.sources.values().map(|source| source.held(now)).collect();
        match self.admission.judge(address.ip(), named, &held) {
            Verdict::Admit => Ok(()),
            Verdict::Refuse(refusal) => Err(refusal),
            Verdict::Replace(key) => {
                self.close(now, key, Close::Replaced);
                Ok(())
            }
        }
    }

    /// A connection asked for by [`MetadataOutput::Connect`] did not come about.
    pub fn handle_connect_failed(&mut self, now: Instant, address: SocketAddr, failure: ConnectFailure) {
        self.peer_list.failed(now, address, failure);
        self.connect(now);
    }

    /// A peer says something. What is about pieces is of no interest yet.
    pub fn handle_fact(&mut self, now: Instant, key: PeerKey, fact: Fact) {
        if self.done || !self.sources.contains_key(&key) {
            return;
        }
        match fact {
            Fact::Handshaken { peer_id, .. } => self.on_handshaken(now, key, peer_id),
            Fact::Extended(handshake) => self.on_extended(now, key, handshake),
            Fact::Metadata { piece, total_size, bytes } => {
                self.on_piece(now, key, (piece, total_size), &bytes);
            }
            Fact::MetadataRejected(piece) => self.on_rejected(now, key, piece),
            Fact::Peers(addresses) => self.on_peers(now, key, &addresses),
            Fact::Closed(reason) => self.forget(now, key, reason),
            _ => return,
        }
        self.ask_all(now);
        self.connect(now);
    }

    fn on_handshaken(&mut self, now: Instant, key: PeerKey, id: PeerId) {
        if id == self.config.peer_id {
            self.close(now, key, Close::Myself);
            return;
        }
        if let Some(source) = self.sources.get_mut(&key) {
            source.id = Some(id);
        }
        // We have nothing, of however many pieces.
        self.order(key, Order::Availability(Bitfield::new(1)));
    }

    /// Peer exchange: a stranger from elsewhere names nobody on this machine.
    fn on_peers(&mut self, now: Instant, key: PeerKey, addresses: &[SocketAddr]) {
        let Some(source) = self.sources.get(&key) else { return };
        let local = source.address.ip().is_loopback();
        let usable = addresses.iter().filter(|it| local || !it.ip().to_canonical().is_loopback());
        let usable: Vec<SocketAddr> = usable.copied().collect();
        self.handle_candidates(now, CandidateSource::Pex, &usable);
    }

    fn on_extended(&mut self, now: Instant, key: PeerKey, handshake: ExtendedHandshake) {
        let Some(source) = self.sources.get_mut(&key) else { return };
        source.client = handshake.client.or(source.client.take());
        if let (None, Some(port)) = (source.listens_at, handshake.listen_port) {
            let address = SocketAddr::new(source.address.ip(), port);
            source.listens_at = Some(address);
            self.peer_list.connected(now, CandidateSource::Incoming, address);
        }
        match (source.size, handshake.metadata_size) {
            (None, Some(size)) => {
                source.size = Some(size);
                self.assign(key);
            }
            // There is only one right size: one of the two was a lie.
            (Some(before), Some(size)) if before != size => self.lied(now, key),
            _ => {}
        }
    }

    fn on_piece(
        &mut self,
        now: Instant,
        key: PeerKey,
        (piece, total_size): (u32, Option<u32>),
        bytes: &[u8],
    ) {
        let Some(source) = self.sources.get_mut(&key) else { return };
        source.owed.remove(&piece);
        let Some(attempt) = source.attempt else { return };
        let Some(it) = self.attempts.get_mut(&attempt) else { return };
        if total_size.is_some_and(|size| size != it.size) || bytes.len() != it.length_of(piece) {
            self.lied(now, key);
            return;
        }
        source.on_piece(bytes.len());
        it.take(piece, bytes, key, source.address.ip());
        if it.is_whole() && !it.verifying {
            it.verifying = true;
            let bytes = std::mem::take(&mut it.bytes);
            self.outputs.push_back(MetadataOutput::Verify(attempt, bytes));
        }
    }

    fn on_rejected(&mut self, now: Instant, key: PeerKey, piece: u32) {
        let Some(source) = self.sources.get_mut(&key) else { return };
        source.owed.remove(&piece);
        source.rest(now);
        if let Some(it) = source.attempt.and_then(|attempt| self.attempts.get_mut(&attempt)) {
            it.give_back(piece);
        }
    }

    /// Begins connections while there is room.
    fn connect(&mut self, now: Instant) {
        while self.may_connect()
            && let Some(address) = self.peer_list.next(now)
        {
            self.outputs.push_back(MetadataOutput::Connect(address));
        }
    }

    fn may_connect(&self) -> bool {
        !self.done
            && self.peer_list.connecting() < self.config.max_half_open
            && self.sources.len() + self.peer_list.connecting() < self.config.max_peers
    }

    fn close(&mut self, now: Instant, key: PeerKey, reason: Close) {
        if self.sources.contains_key(&key) {
            self.order(key, Order::Close(reason));
            self.forget(now, key, reason);
        }
    }

    fn forget(&mut self, now: Instant, key: PeerKey, reason: Close) {
        self.release(key);
        if let Some(source) = self.sources.remove(&key)
            && let Some(address) = source.listens_at
        {
            self.peer_list.disconnected(now, address, reason, source.bytes > 0);
        }
    }

    fn order(&mut self, key: PeerKey, order: Order) {
        self.outputs.push_back(MetadataOutput::Peer(key, order));
    }

    /// To be called at [`Self::poll_timeout`].
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.done {
            return;
        }
        if now >= self.tick_at {
            self.tick_at = now + limits::TICK;
            self.expire(now);
        }
        self.ask_all(now);
        self.connect(now);
    }

    /// What was asked for long ago is asked of others; who promises nothing makes room.
    fn expire(&mut self, now: Instant) {
        for source in self.sources.values_mut() {
            let late = source.expire(now);
            if late.is_empty() {
                continue;
            }
            source.rest(now);
            if let Some(it) = source.attempt.and_then(|attempt| self.attempts.get_mut(&attempt)) {
                for piece in late {
                    it.give_back(piece);
                }
            }
        }
        let useless = self.sources.values().filter(|source| source.is_useless(now));
        let keys: Vec<_> = useless.map(|source| source.key).collect();
        for key in keys {
            self.close(now, key, Close::NothingToTrade);
        }
    }

    /// When [`Self::handle_timeout`] is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let tick = (!self.done && !self.sources.is_empty()).then_some(self.tick_at);
        let connect = self.may_connect().then(|| self.peer_list.next_at()).flatten();
        [tick, connect].into_iter().flatten().min()
    }

    /// What is to be done next; drained to `None` before the next input.
    pub fn poll_output(&mut self) -> Option<MetadataOutput> {
        self.outputs.pop_front()
    }

    /// How far it is.
    pub fn progress(&self) -> MetadataProgress {
        let of = |it: &Attempt| {
            let bytes = (it.sent.len() as u64 * u64::from(BLOCK_LENGTH)).min(it.size.into());
            MetadataProgress { bytes, size: it.size.into() }
        };
        self.attempts.values().map(of).max_by_key(|it| it.bytes).unwrap_or_default()
    }

    /// Its connections, where they came from, and what they sent.
    pub fn peers(&self) -> impl Iterator<Item = PeerSnapshot> + '_ {
        self.sources.values().map(|source| PeerSnapshot {
            key: source.key,
            address: source.address,
            direction: source.direction,
            peer_id: source.id,
            client: source.client.clone(),
            pieces: 0,
            bytes_down: source.bytes,
            bytes_up: 0,
            down_rate: 0,
            up_rate: 0,
            outstanding: source.owed.len() as u32,
            am_choking: true,
            is_optimistic: false,
            am_interested: false,
            peer_choking: true,
            peer_interested: false,
            snubbed: false,
            source: match source.direction {
                Direction::Incoming => Some(CandidateSource::Incoming),
                Direction::Outgoing => self.peer_list.source(source.address),
            },
        })
    }

    /// Every address known, for the torrent that follows.
    pub fn candidates(&self) -> impl Iterator<Item = (CandidateSource, SocketAddr)> + '_ {
        self.peer_list.all()
    }

    /// Connections at most, from now on.
    pub const fn set_max_peers(&mut self, most: usize) {
        self.config.max_peers = most;
        self.admission.most = most;
    }
}
