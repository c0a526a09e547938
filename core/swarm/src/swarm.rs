//! The hub of one torrent: takes facts in, asks the one decision each concerns, and queues what follows.
//!
//! - `connections`: who comes in, who is met, who is closed.
//! - `facts`: what a peer says.
//! - `punching`: connections through routers that let nobody in.
//! - `requests`: blocks asked of peers, received, taken back.
//! - `serving`: chokes and interest.
//! - `showing`: what peers are shown of our pieces.
//! - `stored`: what storage says.
//! - `web`: ranges from web seeds.
//! - `clock`: what time brings.

mod clock;
mod connections;
mod facts;
mod punching;
mod requests;
mod serving;
mod showing;
mod stored;
mod web;

use crate::bans::Bans;
use crate::choker::{Choker, Client};
use crate::contract::{
    CandidateSource, Config, Direction, Event, Output, PeerKey, Priority, StorageFact, WebSeedKey,
    WebSeedOrder, WebSeedPolicy,
};
use crate::local_first::LocalFirst;
use crate::peer::Peer;
use crate::peer_list::PeerList;
use crate::picker::Picker;
use crate::smart_ban::SmartBan;
use crate::stats::{PeerSnapshot, Stats, WebSeedSnapshot, WebSeedState};
use crate::super_seeding::SuperSeeding;
use crate::web_seed::{Places, WebSeeds};
use crate::{admission::Admission, limits};
use metainfo::{Bitfield, BlockRequest, PieceIndex};
use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;
use wire::{Close, Order};

/// One torrent's brain. Facts go in by `handle_*`; after each, drain [`Self::poll_output`] and look at
/// [`Self::poll_timeout`].
pub struct Swarm {
    config: Config,
    admission: Admission,
    have: Bitfield,
    /// Wanted pieces not stored.
    missing: u32,
    running: bool,
    /// The disk fails: nothing is asked for.
    faulty: bool,
    /// [`Event::Complete`] was told.
    told_complete: bool,

    peers: BTreeMap<PeerKey, Peer>,
    next_peer: u32,
    web_seeds: WebSeeds,
    places: Places,
    local_first: LocalFirst,
    picker: Picker,
    choker: Choker,
    peer_list: PeerList,
    bans: Bans,
    smart_ban: SmartBan,
    super_seeding: Option<SuperSeeding>,
    /// Pieces that start over, and when.
    resting: VecDeque<(Instant, PieceIndex)>,
    /// Hosts of connections gone, for blame that comes late.
    departed: VecDeque<(PeerKey, IpAddr)>,

    outputs: VecDeque<Output>,
    stats: Stats,
    rng: fastrand::Rng,
    tick_at: Instant,
    rechoke_at: Instant,
    turnover_at: Instant,
    /// When the pause of a web seed ends.
    web_seed_at: Option<Instant>,
    /// Stored pieces that peers were not told of, and when they are.
    news: Vec<PieceIndex>,
    news_at: Option<Instant>,
    /// Reused from pick to pick, and from round to round.
    picked: Vec<BlockRequest>,
    keys: Vec<PeerKey>,
    clients: Vec<Client>,
}

impl Swarm {
    /// A swarm that runs from the start and has the pieces `have`, verified and on disk. If nothing wanted is
    /// missing, [`Event::Complete`] is the first output.
    pub fn new(config: Config, have: Bitfield, seed: u64, now: Instant) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let picker =
            Picker::new(config.geometry.clone(), &config.wanted, &have, config.sequential, rng.u64(..));
        let admission = Admission::new(config.max_peers, config.max_peers_per_address);
        let mut swarm = Self {
            admission,
            have,
            missing: 0,
            running: true,
            faulty: false,
            told_complete: false,
            peers: BTreeMap::new(),
            next_peer: 0,
            web_seeds: WebSeeds::default(),
            local_first: LocalFirst::new(now),
            places: Places::new(now, config.web_seed_policy, config.web_seed_connections),
            picker,
            choker: Choker::new(config.upload_slots, rng.fork()),
            peer_list: PeerList::new(now, rng.fork()),
            bans: Bans::default(),
            smart_ban: SmartBan::default(),
            super_seeding: config.super_seed.then(|| SuperSeeding::new(config.geometry.piece_count())),
            resting: VecDeque::new(),
            departed: VecDeque::new(),
            outputs: VecDeque::new(),
            stats: Stats::default(),
            rng,
            tick_at: now + limits::TICK,
            rechoke_at: now + limits::RECHOKE_EVERY,
            turnover_at: now + limits::TURNOVER_EVERY,
            web_seed_at: None,
            news: Vec::new(),
            news_at: None,
            picked: Vec::new(),
            keys: Vec::new(),
            clients: Vec::new(),
            config,
        };
        swarm.count_missing();
        swarm.look_for_completion(now);
        swarm
    }

    /// Addresses where peers of this torrent may listen.
    pub fn handle_candidates(&mut self, now: Instant, source: CandidateSource, addresses: &[SocketAddr]) {
        for address in addresses.iter().take(limits::CANDIDATES_AT_ONCE) {
            if !self.bans.contains(address.ip()) {
                self.peer_list.add(now, source, *address);
            }
        }
        self.connect(now);
    }

    /// A fact from storage.
    pub fn handle_storage(&mut self, now: Instant, fact: StorageFact) {
        match fact {
            StorageFact::BlocksFound(blocks) => self.on_blocks_found(&blocks),
            StorageFact::PieceStored { piece, blocks } => self.on_piece_stored(now, piece, &blocks),
            StorageFact::PieceFailed { piece, blocks } => self.on_piece_failed(now, piece, blocks),
            StorageFact::Failed { piece } => self.on_disk_failed(now, piece),
            StorageFact::Recovered => self.on_disk_recovered(now),
            StorageFact::PieceLost(piece) => self.on_piece_lost(now, piece),
        }
    }

    /// Changes which pieces are wanted; requests for others are taken back.
    pub fn set_wanted(&mut self, now: Instant, wanted: Bitfield) {
        self.picker.set_wanted(&wanted);
        self.config.wanted = wanted;
        self.count_missing();
        self.told_complete &= self.missing == 0;
        self.cancel_unwanted();
        self.count_interest();
        self.note_all_interest(now);
        self.peer_list.reconsider(now);
        self.look_for_completion(now);
        self.wake(now);
    }

    /// Fetch pieces in order of their index from one on, or rarest first. Requests already out are not taken back.
    pub fn set_sequential(&mut self, now: Instant, sequential: Option<PieceIndex>) {
        self.config.sequential = sequential;
        self.picker.set_sequential(sequential);
        self.wake(now);
    }

    /// Changes which pieces are fetched before others: one priority a piece, or none if all are normal. Requests
    /// already out are not taken back.
    pub fn set_priorities(&mut self, now: Instant, priorities: Vec<Priority>) {
        self.picker.set_priorities(priorities);
        self.wake(now);
    }

    /// Falls silent: cancels and closes everything, asks for nothing until [`Self::start`].
    pub fn stop(&mut self, now: Instant) {
        self.running = false;
        self.fall_silent(now);
    }

    /// Runs again after [`Self::stop`].
    pub fn start(&mut self, now: Instant) {
        self.running = true;
        self.peer_list.reconsider(now);
        self.look_for_completion(now);
        self.tick_at = now + limits::TICK;
        self.wake(now);
    }

    /// Time has come to what [`Self::poll_timeout`] said.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.is_silent() {
            return;
        }
        self.end_rests(now);
        if self.news_at.is_some_and(|at| now >= at) {
            self.tell_news();
        }
        if now >= self.tick_at {
            self.tick_at = now + limits::TICK;
            self.tick(now);
        }
        self.schedule_web_seeds(now);
        self.connect(now);
    }

    /// When to call [`Self::handle_timeout`]; `None` if nothing waits for time.
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.is_silent() {
            return None;
        }
        let busy = !self.peers.is_empty() || self.web_seeds.any_busy();
        let tick = busy.then_some(self.tick_at);
        let connect = self.may_connect().then(|| self.peer_list.next_at()).flatten();
        let rest = self.resting.front().map(|(until, _)| *until);
        [tick, connect, self.web_seed_at, self.news_at, rest].into_iter().flatten().min()
    }

    /// The next thing to be done.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Counters.
    pub const fn stats(&self) -> &Stats {
        &self.stats
    }

    /// The pieces verified and on disk.
    pub const fn have(&self) -> &Bitfield {
        &self.have
    }

    /// Whether every wanted piece is stored.
    pub const fn is_complete(&self) -> bool {
        self.missing == 0
    }

    /// Whether more addresses of peers would be of use.
    pub fn needs_peers(&self) -> bool {
        let enough = self.admission.most.saturating_sub(self.peers.len());
        !self.is_silent() && self.config.use_peers && self.peer_list.idle() < enough
    }

    /// The connections held.
    pub fn peers(&self, now: Instant) -> impl Iterator<Item = PeerSnapshot> + '_ {
        self.peers.values().map(move |peer| {
            let source = match peer.direction {
                Direction::Incoming => Some(CandidateSource::Incoming),
                Direction::Outgoing => self.peer_list.source(peer.address),
            };
            let is_optimistic = self.choker.is_optimistic(peer.key);
            PeerSnapshot { is_optimistic, source, ..peer.snapshot(now) }
        })
    }

    /// How many connected peers have each piece.
    pub fn availability(&self) -> Vec<u32> {
        let complete = self.peers.values().filter(|peer| peer.uncounted).count() as u32;
        let pieces = (0..self.config.geometry.piece_count()).map(PieceIndex);
        pieces.map(|piece| self.picker.availability(piece) + complete).collect()
    }

    /// Bytes that arrived of pieces that are not whole and verified yet.
    pub fn partial_bytes(&self) -> u64 {
        self.picker.partial_bytes()
    }

    /// The wanted pieces that miss and that somebody connected has. A web seed in use has them all.
    pub fn available(&self, now: Instant) -> Bitfield {
        let mut available = Bitfield::new(self.config.geometry.piece_count());
        let everything = self.web_seeds(now).any(|seed| seed.state != WebSeedState::Dropped)
            || self.peers.values().any(|peer| peer.uncounted);
        for piece in self.config.wanted.iter().filter(|piece| !self.have.contains(*piece)) {
            if everything || self.picker.availability(piece) > 0 {
                available.insert(piece);
            }
        }
        available
    }

    /// Exchanges addresses with peers from now on (BEP 11), or does so no more.
    pub const fn set_exchanging(&mut self, on: bool) {
        self.config.exchange_peers = on;
    }

    /// Changes how many connections are held at most; the worst of those beyond are closed.
    pub fn set_max_peers(&mut self, now: Instant, most: usize) {
        self.config.max_peers = most;
        self.admission.most = most;
        while self.peers.len() > most {
            self.close_worst(now);
        }
        self.connect(now);
    }

    /// Changes what web seeds are for; ranges under way go on.
    pub fn set_web_seed_policy(&mut self, now: Instant, policy: WebSeedPolicy) {
        self.config.web_seed_policy = policy;
        self.places.set_policy(now, policy);
        self.wake(now);
    }

    /// Changes how many connections to web seeds there may be at most.
    pub fn set_web_seed_connections(&mut self, now: Instant, most: usize) {
        self.places.set_most(most);
        self.wake(now);
    }

    /// Changes how many peers are served at once.
    pub fn set_upload_slots(&mut self, now: Instant, slots: usize) {
        self.choker.set_slots(slots);
        self.rechoke(now);
    }

    /// The web seeds known, dropped ones included.
    pub fn web_seeds(&self, now: Instant) -> impl Iterator<Item = WebSeedSnapshot> + '_ {
        self.web_seeds.snapshots(now)
    }

    /// Whether nothing may be asked, told or served: stopped, or complete and not to seed.
    fn is_silent(&self) -> bool {
        !self.running || (self.missing == 0 && !self.config.seed)
    }

    fn count_missing(&mut self) {
        let picker = &self.picker;
        self.missing = self.config.wanted.iter().filter(|piece| picker.is_missing(*piece)).count() as u32;
    }

    /// Tells completion once, and does what follows from it.
    fn look_for_completion(&mut self, now: Instant) {
        if self.missing > 0 || self.told_complete {
            return;
        }
        self.told_complete = true;
        // What still comes is of no use to anybody.
        self.cancel_all_ranges();
        self.tell_news();
        self.outputs.push_back(Output::Event(Event::Complete));
        if self.is_silent() {
            self.fall_silent(now);
        } else {
            self.begin_seeding(now);
        }
    }

    /// Cancels and closes everything.
    fn fall_silent(&mut self, now: Instant) {
        self.news.clear();
        self.news_at = None;
        self.cancel_all_ranges();
        let keys: Vec<_> = self.peers.keys().copied().collect();
        for key in keys {
            self.close(now, key, Close::Stopped);
        }
    }

    /// Everything that waits is asked anew.
    fn wake(&mut self, now: Instant) {
        self.web_seeds.wake();
        self.schedule_web_seeds(now);
        self.refill_all(now);
        self.connect(now);
    }

    fn order(&mut self, peer: PeerKey, order: Order) {
        self.outputs.push_back(Output::Peer(peer, order));
    }

    fn order_web_seed(&mut self, web_seed: WebSeedKey, order: WebSeedOrder) {
        self.outputs.push_back(Output::WebSeed(web_seed, order));
    }
}
