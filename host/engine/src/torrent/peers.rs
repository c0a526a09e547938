//! The connections of one torrent: dialled or taken in, given their orders, forgotten at the end.

use crate::api::AddTorrent;
use crate::limits::{ORDER_QUEUE, ORDERS_HELD};
use crate::listen::Incoming;
use crate::magnet::{Acquaintance, Handover};
use crate::peer::{Peer, PeerContext};
use crate::peer_places::Place;
use crate::session::Shared;
use crate::torrent::PeerReport;
use crate::transport::{Link, Stream, Transports};
use metainfo::Geometry;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;
use swarm::{ConnectFailure, Direction, PeerKey, PeerSnapshot, Swarm};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use wire::{Connection, Handshake, Order};

/// What every connection of this torrent starts from.
pub(super) struct Settings {
    pub(super) shared: Arc<Shared>,
    pub(super) info_hash: [u8; 20],
    pub(super) geometry: Arc<Geometry>,
    /// Its peers are nobody else's business (BEP 27).
    pub(super) is_private: bool,
    /// The info dict, for peers that come by a magnet link.
    pub(super) info: Arc<[u8]>,
    pub(super) client: String,
    pub(super) request_queue: u32,
}

impl Settings {
    pub(super) fn new(add: &AddTorrent, shared: &Arc<Shared>) -> Self {
        Self {
            shared: Arc::clone(shared),
            info_hash: add.metainfo.wire_info_hash(),
            geometry: Arc::clone(&add.metainfo.geometry),
            is_private: add.metainfo.private,
            info: Arc::clone(&add.metainfo.info_bytes),
            client: super::client_name(),
            request_queue: super::request_queue(add),
        }
    }

    fn is_blocked(&self, address: SocketAddr) -> bool {
        self.shared.settings.address_filter.blocks(address)
    }
}

/// The way to one peer's task.
struct Line {
    orders: mpsc::Sender<Vec<Order>>,
    /// Orders of this turn, and those that found the queue full.
    held: Vec<Order>,
    /// Among the connections of the session; `None` once it was given up for others.
    place: Option<Place>,
    link: Link,
}

/// A dial that ended.
pub(super) struct Dialled {
    address: SocketAddr,
    result: Result<(Stream, Place), ConnectFailure>,
    /// How often the way to peers had changed when it began.
    moves: u64,
}

/// All connections of one torrent.
pub(super) struct Peers {
    settings: Settings,
    context: PeerContext,
    lines: BTreeMap<PeerKey, Line>,
    /// Lines with orders held; few at any time.
    waiting: Vec<PeerKey>,
    dials: JoinSet<Dialled>,
    tasks: JoinSet<()>,
    rng: fastrand::Rng,
    /// How often the way to peers had changed when those here were met.
    moves: u64,
}

impl Peers {
    pub(super) fn new(settings: Settings, context: PeerContext, seed: u64) -> Self {
        Self {
            moves: settings.shared.exit.moves(),
            settings,
            context,
            lines: BTreeMap::new(),
            waiting: Vec::new(),
            dials: JoinSet::new(),
            tasks: JoinSet::new(),
            rng: fastrand::Rng::with_seed(seed),
        }
    }

    /// Starts a connection to `address`, by the usual transports or by others; [`Self::dialled`] tells how it went.
    pub(super) fn dial(&mut self, address: SocketAddr, by: Option<Transports>) {
        let mut dialler = self.settings.shared.dialler();
        let is_off = by == Some(Transports::UtpOnly) && !dialler.transports.utp();
        dialler.transports = by.unwrap_or(dialler.transports);
        let place = if is_off || self.settings.is_blocked(address) {
            Err(ConnectFailure::Unreachable)
        } else {
            self.settings.shared.places.take().ok_or(ConnectFailure::Local)
        };
        let hello = self.config(address).handshake();
        let moves = dialler.exit.moves();
        self.dials.spawn(async move {
            let result = match place {
                Ok(place) => dialler.connect(address, hello).await.map(|stream| (stream, place)),
                Err(failure) => Err(failure),
            };
            Dialled { address, result, moves }
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

    /// Drops what is left of tasks that ended.
    pub(super) fn reap(&mut self) {
        while self.tasks.try_join_next().is_some() {}
    }

    /// Takes the end of a dial to the swarm, and its connection to a task.
    pub(super) fn connected(&mut self, now: Instant, swarm: &mut Swarm, dialled: Dialled) {
        let Dialled { address, result, moves } = dialled;
        let is_by_another_way = moves != self.settings.shared.exit.moves();
        match if is_by_another_way { Err(ConnectFailure::Local) } else { result } {
            Ok((stream, place)) => {
                if let Ok(key) = swarm.handle_connected(now, address, Direction::Outgoing) {
                    let config = self.config(address);
                    let connection = Connection::greeted(config, self.rng.u64(..), now);
                    self.start(key, stream, connection, place);
                }
            }
            Err(failure) => swarm.handle_connect_failed(now, address, failure),
        }
    }

    /// Takes in a connection from outside, if the session and the swarm have room.
    pub(super) fn admit(&mut self, now: Instant, swarm: &mut Swarm, incoming: Incoming) {
        let Incoming { stream, address, handshake } = incoming;
        // Who came before peers were met through a proxy saw where we are.
        if self.settings.is_blocked(address) || self.settings.shared.exit.hides_us() {
            return;
        }
        let Some(place) = self.settings.shared.places.take() else { return };
        self.settings.shared.dialler().set_up(&stream, address.ip());
        if let Ok(key) = swarm.handle_connected(now, address, Direction::Incoming) {
            let connection = self.incoming(address, handshake, now);
            self.start(key, stream, connection, place);
        }
    }

    /// Gives up connections that the session may not have any more.
    pub(super) fn shed(&mut self, now: Instant, swarm: &mut Swarm) {
        while self.settings.shared.places.are_too_many_taken()
            && let Some(closed) = swarm.close_worst(now)
        {
            // Free at once, so that only one torrent gives one up.
            if let Some(line) = self.lines.get_mut(&closed) {
                line.place = None;
            }
        }
    }

    fn incoming(&mut self, address: SocketAddr, theirs: Handshake, now: Instant) -> Connection {
        Connection::incoming(self.config(address), theirs, self.rng.u64(..), now)
    }

    fn config(&self, remote: SocketAddr) -> wire::Config {
        let shared = &self.settings.shared;
        wire::Config {
            info_hash: self.settings.info_hash,
            peer_id: shared.peer_id,
            geometry: Some(Arc::clone(&self.settings.geometry)),
            metadata: Some(Arc::clone(&self.settings.info)).filter(|info| !info.is_empty()),
            exchange_peers: shared.ways().pex && !self.settings.is_private,
            punch_holes: shared.ways().transports.utp(),
            dht_port: crate::dht::told_port(shared).filter(|_| !self.settings.is_private),
            client: self.settings.client.clone(),
            listen_port: Some(shared.announced_port()).filter(|port| *port != 0),
            request_queue: self.settings.request_queue,
            remote,
            upload_only: false,
        }
    }

    /// Goes on with whom the fetch of the metadata met.
    pub(super) fn take_over(&mut self, now: Instant, swarm: &mut Swarm, handover: Handover) {
        for acquaintance in handover.acquaintances {
            self.go_on(now, swarm, acquaintance);
        }
        for (source, address) in handover.candidates {
            swarm.handle_candidates(now, source, &[address]);
        }
    }

    fn go_on(&mut self, now: Instant, swarm: &mut Swarm, acquaintance: Acquaintance) {
        let Acquaintance { address, direction, stream, mut connection, unsent } = acquaintance;
        // The peer was told that we have nothing, and what we have is told once: it is met anew.
        if !swarm.have().is_empty() {
            return;
        }
        let Some(place) = self.settings.shared.places.take() else { return };
        if let Ok(key) = swarm.handle_connected(now, address, direction) {
            let private = self.settings.is_private || !self.settings.shared.ways().pex;
            connection.handle_metadata(now, &self.settings.geometry, &self.settings.info, private);
            let peer = self.open(key, stream, connection, place);
            self.tasks.spawn(peer.with_unsent(unsent).run());
        }
    }

    fn start(&mut self, key: PeerKey, stream: Stream, connection: Connection, place: Place) {
        let peer = self.open(key, stream, connection, place);
        self.tasks.spawn(peer.run());
    }

    fn open(&mut self, key: PeerKey, stream: Stream, connection: Connection, place: Place) -> Peer {
        let (orders, receiver) = mpsc::channel(ORDER_QUEUE);
        self.lines.insert(key, Line { orders, held: Vec::new(), link: stream.link(), place: Some(place) });
        Peer::new(key, stream, connection, self.context.clone(), receiver)
    }

    /// Lines up one order; [`Self::flush`] sends what a turn brought in one batch a peer.
    pub(super) fn order(&mut self, key: PeerKey, order: Order) {
        if let Some(line) = self.lines.get_mut(&key) {
            if line.held.is_empty() {
                self.waiting.push(key);
            }
            line.held.push(order);
        }
    }

    /// Sends the orders lined up. True if some found a queue full and should be tried again soon.
    pub(super) fn flush(&mut self) -> bool {
        let lines = &mut self.lines;
        self.waiting.retain(|key| {
            let Some(line) = lines.get_mut(key) else { return false };
            if let Ok(slot) = line.orders.try_reserve() {
                slot.send(std::mem::take(&mut line.held));
                return false;
            }
            // A peer that takes no orders for long is stuck: its connection ends when its line is dropped.
            let stuck = line.held.len() >= ORDERS_HELD || line.orders.is_closed();
            if stuck {
                lines.remove(key);
            }
            !stuck
        });
        !self.waiting.is_empty()
    }

    /// A connection in detail.
    pub(super) fn report(&self, peer: PeerSnapshot) -> PeerReport {
        let link = self.lines.get(&peer.key).map(|line| line.link).unwrap_or_default();
        PeerReport { peer, link }
    }

    /// Closes every connection if peers are met another way than those here were.
    pub(super) fn part_if_moved(&mut self) {
        let moves = self.settings.shared.exit.moves();
        if std::mem::replace(&mut self.moves, moves) != moves {
            self.lines.clear();
            self.waiting.clear();
        }
    }

    /// Nobody is connected and nobody is being dialled.
    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.dials.is_empty()
    }

    /// A connection told its last fact.
    pub(super) fn forget(&mut self, key: PeerKey) {
        self.lines.remove(&key);
    }

    /// Ends everything at once, dials included.
    pub(super) fn clear(&mut self) {
        self.lines.clear();
        self.waiting.clear();
        self.dials.abort_all();
        self.tasks.abort_all();
    }
}
