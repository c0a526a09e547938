//! The hub of one torrent: takes facts in, asks the one decision each concerns, and queues what follows.

use crate::contract::{
    CandidateSource, Config, ConnectFailure, Direction, Output, PeerKey, Refusal, StorageFact, WebSeedFact,
    WebSeedKey,
};
use crate::stats::{PeerSnapshot, Stats, WebSeedSnapshot};
use metainfo::Bitfield;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Instant;
use wire::Fact;

/// One torrent's brain. Facts go in by `handle_*`; after each, drain [`Self::poll_output`] and look at
/// [`Self::poll_timeout`].
pub struct Swarm {
    config: Config,
    have: Bitfield,
    outputs: VecDeque<Output>,
    stats: Stats,
    rng: fastrand::Rng,
    next_key: u32,
}

impl Swarm {
    /// A swarm that runs from the start and has the pieces `have`, verified and on disk. If nothing wanted is
    /// missing, [`Event::Complete`](crate::Event::Complete) is the first output.
    pub fn new(config: Config, have: Bitfield, seed: u64, now: Instant) -> Self {
        let _ = now;
        Self {
            config,
            have,
            outputs: VecDeque::new(),
            stats: Stats::default(),
            rng: fastrand::Rng::with_seed(seed),
            next_key: 0,
        }
    }

    /// Addresses where peers of this torrent may listen.
    pub fn handle_candidates(&mut self, now: Instant, source: CandidateSource, addresses: &[SocketAddr]) {
        let _ = (now, source, addresses);
    }

    /// A connection came about: outgoing, as [`Output::Connect`] asked, or incoming. The key names it from now
    /// on; its facts follow, [`Fact::Closed`] last. After a refusal the caller closes the socket.
    pub fn handle_connected(
        &mut self,
        now: Instant,
        address: SocketAddr,
        direction: Direction,
    ) -> Result<PeerKey, Refusal> {
        let _ = (now, address, direction, self.rng.u8(..));
        self.next_key += 1;
        Ok(PeerKey(self.next_key))
    }

    /// A connection asked for by [`Output::Connect`] did not come about.
    pub fn handle_connect_failed(&mut self, now: Instant, address: SocketAddr, failure: ConnectFailure) {
        let _ = (now, address, failure);
    }

    /// A fact from a connection. Facts of connections already closed are ignored.
    pub fn handle_fact(&mut self, now: Instant, peer: PeerKey, fact: Fact) {
        let _ = (now, peer, fact);
    }

    /// A fact from storage.
    pub fn handle_storage(&mut self, now: Instant, fact: StorageFact) {
        let _ = (now, fact);
    }

    /// Takes in a web seed; it may be asked at once.
    pub fn add_web_seed(&mut self, now: Instant) -> WebSeedKey {
        let _ = now;
        self.next_key += 1;
        WebSeedKey(self.next_key)
    }

    /// Forgets a web seed; a range under way is cancelled.
    pub fn remove_web_seed(&mut self, now: Instant, web_seed: WebSeedKey) {
        let _ = (now, web_seed);
    }

    /// A fact from a web seed's fetcher. Facts of web seeds already removed are ignored.
    pub fn handle_web_seed(&mut self, now: Instant, web_seed: WebSeedKey, fact: WebSeedFact) {
        let _ = (now, web_seed, fact);
    }

    /// Changes which pieces are wanted; requests for others are taken back.
    pub fn set_wanted(&mut self, now: Instant, wanted: Bitfield) {
        let _ = now;
        self.config.wanted = wanted;
    }

    /// Fetch pieces in order of their index, or rarest first.
    pub fn set_sequential(&mut self, now: Instant, sequential: bool) {
        let _ = now;
        self.config.sequential = sequential;
    }

    /// Falls silent: cancels and closes everything, asks for nothing until [`Self::start`].
    pub fn stop(&mut self, now: Instant) {
        let _ = now;
    }

    /// Runs again after [`Self::stop`].
    pub fn start(&mut self, now: Instant) {
        let _ = now;
    }

    /// Time has come to what [`Self::poll_timeout`] said.
    pub fn handle_timeout(&mut self, now: Instant) {
        let _ = now;
    }

    /// When to call [`Self::handle_timeout`]; `None` if nothing waits for time.
    pub fn poll_timeout(&self) -> Option<Instant> {
        None
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
    pub fn is_complete(&self) -> bool {
        self.config.wanted.iter().all(|piece| self.have.contains(piece))
    }

    /// Whether more addresses of peers would be of use.
    pub fn needs_peers(&self) -> bool {
        self.config.use_peers
    }

    /// The connections held.
    pub fn peers(&self, now: Instant) -> impl Iterator<Item = PeerSnapshot> + '_ {
        let _ = now;
        std::iter::empty()
    }

    /// The web seeds known, dropped ones included.
    pub fn web_seeds(&self, now: Instant) -> impl Iterator<Item = WebSeedSnapshot> + '_ {
        let _ = now;
        std::iter::empty()
    }
}
