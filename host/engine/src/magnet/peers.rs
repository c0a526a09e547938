//! The connections of a torrent whose metadata is not known.

use super::peer::{Acquaintance, Call, EarlyPeer};
use crate::limits::{FACT_QUEUE, HANDOVER_TIMEOUT, ORDER_QUEUE, REQUEST_QUEUE};
use crate::listen::Incoming;
use crate::rate_limit::RateLimit;
use crate::session::Shared;
use crate::torrent::PeerReport;
use crate::transport::{Link, Stream};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;
use swarm::{ConnectFailure, Direction, MetadataFetch, PeerKey, PeerSnapshot};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{sleep_until, timeout};
use wire::{Connection, Fact, Order};

/// What every connection starts from.
pub(super) struct Ground {
    pub(super) shared: Arc<Shared>,
    pub(super) info_hash: [u8; 20],
    pub(super) down: Arc<RateLimit>,
    pub(super) up: Arc<RateLimit>,
}

/// The way to one peer's task.
struct Line {
    calls: mpsc::Sender<Call>,
    link: Link,
}

/// A dial that ended.
pub(super) struct Dialled {
    address: SocketAddr,
    stream: Result<Stream, ConnectFailure>,
    /// How often the way to peers had changed when it began.
    moves: u64,
}

/// All connections.
pub(super) struct Peers {
    ground: Ground,
    lines: BTreeMap<PeerKey, Line>,
    dials: JoinSet<Dialled>,
    tasks: JoinSet<Option<Acquaintance>>,
    facts: mpsc::Sender<(PeerKey, Vec<Fact>)>,
    rng: fastrand::Rng,
    /// How often the way to peers had changed when those here were met.
    moves: u64,
}

impl Peers {
    /// None yet; the receiver gets what they say.
    pub(super) fn new(ground: Ground) -> (Self, mpsc::Receiver<(PeerKey, Vec<Fact>)>) {
        let (facts, receiver) = mpsc::channel(FACT_QUEUE);
        let (lines, dials, tasks) = (BTreeMap::new(), JoinSet::new(), JoinSet::new());
        let (rng, moves) = (fastrand::Rng::new(), ground.shared.exit.moves());
        (Self { ground, lines, dials, tasks, facts, rng, moves }, receiver)
    }

    /// Starts a connection to `address`; [`Self::dialled`] tells how it went.
    pub(super) fn dial(&mut self, address: SocketAddr) {
        let settings = &self.ground.shared.settings;
        let (dialler, is_blocked) = (self.ground.shared.dialler(), settings.address_filter.blocks(address));
        let (hello, moves) = (self.config(address).handshake(), self.ground.shared.exit.moves());
        self.dials.spawn(async move {
            let failed = Err(ConnectFailure::Unreachable);
            let stream = if is_blocked { failed } else { dialler.connect(address, hello).await };
            Dialled { address, stream, moves }
        });
    }

    /// The next dial to end; pending while none is under way.
    pub(super) async fn dialled(&mut self) -> Dialled {
        loop {
            match self.dials.join_next().await {
                Some(Ok(ended)) => return ended,
                Some(Err(_)) => {}
                None => std::future::pending().await,
            }
        }
    }

    /// Takes the end of a dial to the fetch, and its connection to a task.
    pub(super) fn connected(&mut self, now: Instant, fetch: &mut MetadataFetch, dialled: Dialled) {
        let Dialled { address, stream, moves } = dialled;
        let is_by_another_way = moves != self.ground.shared.exit.moves();
        match if is_by_another_way { Err(ConnectFailure::Local) } else { stream } {
            Ok(stream) => {
                if let Ok(key) = fetch.handle_connected(now, address, Direction::Outgoing) {
                    let connection = Connection::greeted(self.config(address), self.rng.u64(..), now);
                    self.start(key, (address, Direction::Outgoing), stream, connection);
                }
            }
            Err(failure) => fetch.handle_connect_failed(now, address, failure),
        }
    }

    /// Takes in a connection from outside, if there is room.
    pub(super) fn admit(&mut self, now: Instant, fetch: &mut MetadataFetch, incoming: Incoming) {
        let Incoming { stream, address, handshake } = incoming;
        let shared = &self.ground.shared;
        if shared.settings.address_filter.blocks(address) || shared.exit.hides_us() {
            return;
        }
        if let Ok(key) = fetch.handle_connected(now, address, Direction::Incoming) {
            let connection = Connection::incoming(self.config(address), handshake, self.rng.u64(..), now);
            self.start(key, (address, Direction::Incoming), stream, connection);
        }
    }

    fn config(&self, remote: SocketAddr) -> wire::Config {
        let port = self.ground.shared.announced_port();
        wire::Config {
            info_hash: self.ground.info_hash,
            peer_id: self.ground.shared.peer_id,
            geometry: None,
            metadata: None,
            exchange_peers: self.ground.shared.ways().pex,
            punch_holes: self.ground.shared.ways().transports.utp(),
            dht_port: crate::dht::told_port(&self.ground.shared),
            client: crate::torrent::client_name(),
            listen_port: Some(port).filter(|port| *port != 0),
            request_queue: REQUEST_QUEUE,
            remote,
            upload_only: false,
        }
    }

    fn start(
        &mut self,
        key: PeerKey,
        (address, direction): (SocketAddr, Direction),
        stream: Stream,
        connection: Connection,
    ) {
        while self.tasks.try_join_next().is_some() {}
        let (sender, calls) = mpsc::channel(ORDER_QUEUE);
        self.lines.insert(key, Line { calls: sender, link: stream.link() });
        let acquaintance = Acquaintance { address, direction, stream, connection, unsent: Vec::new() };
        let (facts, ground) = (self.facts.clone(), &self.ground);
        let (down, up) = (Arc::clone(&ground.down), Arc::clone(&ground.up));
        self.tasks.spawn(EarlyPeer { key, acquaintance, calls, facts, down, up }.run());
    }

    /// Passes an order on. A peer is asked for a few pieces at a time: one whose queue is full is stuck.
    pub(super) fn order(&mut self, key: PeerKey, order: Order) {
        if let Some(line) = self.lines.get(&key)
            && line.calls.try_send(Call::Orders(vec![order])).is_err()
        {
            self.lines.remove(&key);
        }
    }

    /// A connection in detail.
    pub(super) fn report(&self, peer: PeerSnapshot) -> PeerReport {
        let link = self.lines.get(&peer.key).map(|line| line.link).unwrap_or_default();
        PeerReport { peer, link }
    }

    /// A connection told its last fact.
    pub(super) fn forget(&mut self, key: PeerKey) {
        self.lines.remove(&key);
    }

    /// How often the way to peers had changed when those here were met.
    pub(super) const fn moves(&self) -> u64 {
        self.moves
    }

    /// Closes every connection if peers are met another way than those here were.
    pub(super) fn part_if_moved(&mut self) {
        let moves = self.ground.shared.exit.moves();
        if std::mem::replace(&mut self.moves, moves) != moves {
            self.lines.clear();
        }
    }

    /// Ends every task; those that stand come out.
    pub(super) async fn hand_over(&mut self) -> Vec<Acquaintance> {
        self.dials.abort_all();
        for line in self.lines.values() {
            // A full queue means a stuck peer, which is no loss.
            let _ = line.calls.try_send(Call::HandOver);
        }
        self.lines.clear();
        let mut acquaintances = Vec::new();
        let gather = async {
            while let Some(ended) = self.tasks.join_next().await {
                acquaintances.extend(ended.ok().flatten());
            }
        };
        // Tasks answer at once unless they wait for their facts to be taken; those are let go.
        let _ = timeout(HANDOVER_TIMEOUT, gather).await;
        self.tasks.abort_all();
        acquaintances
    }
}

/// Waits for a moment of the core's clock, or for ever.
pub(super) async fn sleep_until_due(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}
