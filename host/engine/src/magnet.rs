//! A torrent known by its magnet link only: a task that finds its metadata, from peers or from where the link says.
//!
//! It looks like a torrent from outside: the same handles, events and snapshots. Its last event is the metadata, and
//! what it leaves behind ([`Handover`]) lets the torrent go on with the same peers and trackers.

mod handover;
mod peer;
mod peers;
mod sources;

pub(crate) use handover::{Handover, Parked};
pub(crate) use peer::Acquaintance;

use crate::api::{AddMagnet, Event, Phase, Snapshot, SourceKind, SourceSnapshot, TorrentError};
use crate::dht::{self, DhtSearch};
use crate::fetcher::Fetcher;
use crate::limits::{
    GOODBYE_TIMEOUT, MAGNET_SOURCE_QUEUE, MAX_HALF_OPEN, MAX_MAGNET_PEERS, MAX_PEERS_PER_ADDRESS, PARKED_FOR,
    SNAPSHOT_INTERVAL,
};
use crate::listen::Incoming;
use crate::lsd::{LocalPeer, local_peer};
use crate::session::Shared;
use crate::torrent::sources::dht_peers;
use crate::torrent::trackers::{self, Trackers};
use crate::torrent::{Change, Command, Report, Teller};
use metainfo::{Bitfield, Magnet, Metainfo};
use peers::{Ground, Peers, sleep_until_due};
use sources::Found;
use std::net::SocketAddr;
use std::sync::Arc;
use swarm::{
    AttemptKey, CandidateSource, MetadataConfig, MetadataFetch, MetadataOutput, PeerKey, PeerSnapshot,
};
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{Instant, interval, sleep, timeout};
use tracker::Progress;
use wire::Fact;

/// What trackers are told: there is something left, but nobody knows how much.
const NO_PROGRESS: Progress = Progress { downloaded: 0, uploaded: 0, left: None };

/// What the task is made of.
pub(crate) struct Parts {
    pub(crate) add: AddMagnet,
    pub(crate) shared: Arc<Shared>,
    pub(crate) incoming: mpsc::Receiver<Incoming>,
    pub(crate) commands: mpsc::Receiver<Command>,
    pub(crate) events: mpsc::Sender<Event>,
    pub(crate) snapshot: watch::Sender<Snapshot>,
}

/// Metadata whose hash is right, and the torrent file made of it; or why it cannot be used.
type Parsed = Result<(Arc<Metainfo>, Vec<u8>), String>;

/// An attempt that was hashed, with its bytes if they are right.
type Verified = (AttemptKey, Option<(Vec<u8>, Parsed)>);

/// How it ends.
enum End {
    Found(Arc<Metainfo>, Vec<u8>),
    Failed(TorrentError),
    Stopped(Option<oneshot::Sender<()>>),
}

/// The task.
pub(crate) struct MagnetTask {
    magnet: Arc<Magnet>,
    info_hash: [u8; 20],
    use_peers: bool,
    shared: Arc<Shared>,
    fetch: MetadataFetch,
    peers: Peers,
    trackers: Option<Trackers>,
    teller: Teller,
    snapshot: watch::Sender<Snapshot>,
    /// Bytes being hashed: those that are right come back.
    verifying: JoinSet<Verified>,
}

/// The channels the task listens on.
struct Inbox {
    commands: mpsc::Receiver<Command>,
    incoming: mpsc::Receiver<Incoming>,
    facts: mpsc::Receiver<(PeerKey, Vec<Fact>)>,
    named: mpsc::Receiver<Vec<SocketAddr>>,
    found: mpsc::Receiver<Found>,
    local_peers: Option<broadcast::Receiver<LocalPeer>>,
    dht: Option<DhtSearch>,
    /// Look-ups and downloads; they end with the task.
    _helpers: JoinSet<()>,
}

impl MagnetTask {
    /// Finds the metadata, tells it, and leaves the rest to the torrent that follows.
    pub(crate) async fn run(parts: Parts) {
        let shared = Arc::clone(&parts.shared);
        let (mut task, mut inbox) = Self::begin(parts);
        let end = task.work(&mut inbox).await;
        let info_hash = task.info_hash;
        let parked = task.end(inbox, end).await;
        match parked {
            Some(number) => {
                sleep(PARKED_FOR).await;
                if shared.parked.expire(&info_hash, number) {
                    shared.registry.leave(&info_hash);
                }
            }
            None => shared.registry.leave(&info_hash),
        }
    }

    fn begin(parts: Parts) -> (Self, Inbox) {
        let Parts { add, shared, incoming, commands, events, snapshot } = parts;
        let now = now();
        let magnet = Arc::new(add.magnet);
        let info_hash = magnet.info_hash().wire_bytes();
        let config = MetadataConfig {
            peer_id: shared.peer_id,
            max_peers: add.max_peers.unwrap_or(MAX_MAGNET_PEERS).min(MAX_MAGNET_PEERS),
            max_half_open: MAX_HALF_OPEN,
            max_peers_per_address: MAX_PEERS_PER_ADDRESS,
        };
        let mut fetch = MetadataFetch::new(config, fastrand::u64(..), now);
        if add.use_peers {
            let named = shared.settings.address_filter.allowed(&add.peers);
            fetch.handle_candidates(now, CandidateSource::User, &named);
        }
        let down = add.down.unwrap_or_else(|| Arc::clone(&shared.down));
        let up = add.up.unwrap_or_else(|| Arc::clone(&shared.up));
        let (peers, facts) = Peers::new(Ground { shared: Arc::clone(&shared), info_hash, down, up });
        let tiers = || magnet.trackers.iter().map(|url| vec![url.clone()]).collect();
        let tiers = add.trackers.unwrap_or_else(tiers);
        let trackers = add.use_peers.then(|| Trackers::new(info_hash, tiers, None, NO_PROGRESS, &shared));
        let (helpers, named, found) = start_helpers(&magnet, &shared, add.use_peers);
        let local_peers = if add.use_peers { listen_locally(&shared, info_hash) } else { None };
        let dht = if add.use_peers { dht::find_magnet(&magnet, &shared) } else { None };
        let inbox = Inbox { commands, incoming, facts, named, found, local_peers, dht, _helpers: helpers };
        let task = Self {
            magnet,
            info_hash,
            use_peers: add.use_peers,
            shared,
            fetch,
            peers,
            trackers,
            teller: Teller::new(events),
            snapshot,
            verifying: JoinSet::new(),
        };
        (task, inbox)
    }

    async fn work(&mut self, inbox: &mut Inbox) -> End {
        if !self.use_peers && sources::urls(&self.magnet).is_empty() {
            let words = "without peers there is nobody to ask: the link names no torrent file (xs=)";
            return End::Failed(TorrentError::NoMetadata(words.to_owned()));
        }
        let mut shows = interval(SNAPSHOT_INTERVAL);
        let exit = self.shared.exit.clone();
        loop {
            self.turn();
            let (due, moves) = (self.due(), self.peers.moves());
            tokio::select! {
                command = inbox.commands.recv() => match command {
                    None => return End::Stopped(None),
                    Some(Command::Stop(reply)) => return End::Stopped(Some(reply)),
                    Some(Command::Change(change)) => self.obey(change),
                    Some(Command::Report(reply)) => drop(reply.send(self.report())),
                },
                Some(incoming) = inbox.incoming.recv() => {
                    if self.use_peers {
                        self.peers.admit(now(), &mut self.fetch, incoming);
                    }
                }
                Some((key, facts)) = inbox.facts.recv() => self.handle_facts(key, facts),
                Some(addresses) = inbox.named.recv() => self.met(CandidateSource::User, &addresses),
                Some(found) = inbox.found.recv() => {
                    if let Some(end) = self.handle_found(found) {
                        return end;
                    }
                }
                Some(Ok((attempt, right))) = self.verifying.join_next() => {
                    if let Some(end) = self.handle_verified(attempt, right) {
                        return end;
                    }
                }
                dialled = self.peers.dialled() => {
                    self.peers.connected(now(), &mut self.fetch, dialled);
                }
                ended = trackers::ended(&mut self.trackers) => self.handle_announce(&ended),
                peer = local_peer(&mut inbox.local_peers) => {
                    if peer.info_hash == self.info_hash {
                        self.met(CandidateSource::Lsd, &[peer.address]);
                    }
                }
                peers = dht_peers(&mut inbox.dht) => self.met(CandidateSource::Dht, &peers),
                () = exit.moved_since(moves) => self.move_on(inbox),
                () = sleep_until_due(due) => self.handle_timers(),
                _ = shows.tick() => self.show(Phase::Metadata),
            }
        }
    }

    /// Peers are met another way from now on.
    fn move_on(&mut self, inbox: &mut Inbox) {
        self.peers.part_if_moved();
        if self.use_peers {
            inbox.local_peers = listen_locally(&self.shared, self.info_hash);
            inbox.dht = dht::find_magnet(&self.magnet, &self.shared);
        }
        if let Some(trackers) = &mut self.trackers {
            trackers.set_port(now(), self.shared.tracker_port());
        }
    }

    /// Carries out what the last input led to.
    fn turn(&mut self) {
        while let Some(output) = self.fetch.poll_output() {
            match output {
                MetadataOutput::Connect(address) => self.peers.dial(address),
                MetadataOutput::Peer(key, order) => self.peers.order(key, order),
                MetadataOutput::Verify(attempt, bytes) => self.verify(attempt, bytes),
                MetadataOutput::Banned(host) => {
                    let state = "banned: it sent false metadata".to_owned();
                    self.teller.tell_source(SourceKind::Peer, host.to_string(), state);
                }
            }
        }
        if let Some(trackers) = &mut self.trackers {
            trackers.drain();
        }
        self.teller.flush();
    }

    /// Hashing and parsing take a while for the largest.
    fn verify(&mut self, attempt: AttemptKey, bytes: Vec<u8>) {
        let magnet = Arc::clone(&self.magnet);
        self.verifying.spawn(async move {
            let work = spawn_blocking(move || {
                magnet.is_info(&bytes).then(|| {
                    let file = magnet.torrent_file(&bytes);
                    let parsed = Metainfo::parse(&file).map_err(|error| error.to_string());
                    (bytes, parsed.map(|metainfo| (Arc::new(metainfo), file)))
                })
            });
            (attempt, work.await.ok().flatten())
        });
    }

    fn handle_verified(&mut self, attempt: AttemptKey, right: Option<(Vec<u8>, Parsed)>) -> Option<End> {
        let info = right.as_ref().map(|(bytes, _)| &bytes[..]);
        self.fetch.handle_verified(now(), attempt, info);
        match right?.1 {
            Ok((metainfo, file)) => Some(End::Found(metainfo, file)),
            Err(error) => Some(End::Failed(TorrentError::BadMetadata(error))),
        }
    }

    fn handle_found(&mut self, found: Found) -> Option<End> {
        match found.result {
            Ok((metainfo, file)) => return Some(End::Found(metainfo, file)),
            Err(error) if found.is_last => {
                return Some(End::Failed(TorrentError::NoMetadata(error)));
            }
            Err(error) => self.teller.tell_source(SourceKind::WebSeed, found.name, error),
        }
        None
    }

    fn handle_facts(&mut self, key: PeerKey, facts: Vec<Fact>) {
        for fact in facts {
            if matches!(fact, Fact::Closed(_)) {
                self.peers.forget(key);
            }
            if let Fact::DhtNode(node) = fact {
                dht::meet(&self.shared, node);
                continue;
            }
            self.fetch.handle_fact(now(), key, fact);
        }
    }

    fn handle_announce(&mut self, ended: &trackers::Ended) {
        let Some(trackers) = &mut self.trackers else { return };
        let peers = trackers.handle_ended(ended);
        let (name, state) = ended.in_words();
        self.teller.tell_source(SourceKind::Tracker, name, state);
        self.met(CandidateSource::Tracker, &peers);
    }

    /// Somebody says that peers are there.
    fn met(&mut self, source: CandidateSource, addresses: &[SocketAddr]) {
        let allowed = self.shared.settings.address_filter.allowed(addresses);
        self.fetch.handle_candidates(now(), source, &allowed);
    }

    fn obey(&mut self, change: Change) {
        match change {
            Change::Trackers(tiers) => {
                if let Some(trackers) = &mut self.trackers {
                    trackers.set_tiers(now(), tiers);
                }
            }
            Change::Reannounce => {
                if let Some(trackers) = &mut self.trackers {
                    trackers.hurry(now());
                }
            }
            Change::AddPeers(peers) if self.use_peers => self.met(CandidateSource::User, &peers),
            Change::MaxPeers(most) => self.fetch.set_max_peers(most.min(MAX_MAGNET_PEERS)),
            // The rest is about data, and counts once there is some.
            _ => {}
        }
    }

    fn due(&self) -> Option<std::time::Instant> {
        let trackers = self.trackers.as_ref().and_then(Trackers::poll_timeout).map(Instant::into_std);
        [self.fetch.poll_timeout(), trackers].into_iter().flatten().min()
    }

    fn handle_timers(&mut self) {
        let now = Instant::now();
        if self.fetch.poll_timeout().is_some_and(|due| due <= now.into_std()) {
            self.fetch.handle_timeout(now.into_std());
        }
        if let Some(trackers) = &mut self.trackers {
            trackers.handle_timeout(now, NO_PROGRESS);
        }
    }

    fn report(&self) -> Report {
        Report {
            at: now(),
            peers: self.fetch.peers().map(|peer| self.peers.report(peer)).collect(),
            trackers: self.trackers.as_ref().map(Trackers::snapshots).unwrap_or_default(),
            web_seeds: Vec::new(),
            have: Bitfield::new(0),
            availability: Vec::new(),
        }
    }

    fn show(&self, phase: Phase) {
        let progress = self.fetch.progress();
        let mut snapshot = Snapshot {
            phase,
            metadata_bytes: progress.bytes,
            metadata_size: progress.size,
            tracker_word: self.trackers.as_ref().and_then(Trackers::word).cloned(),
            ..Snapshot::default()
        };
        for peer in self.fetch.peers().filter(|peer| peer.peer_id.is_some()) {
            snapshot.peers_connected += 1;
            let source = peer.source.unwrap_or(CandidateSource::Incoming);
            *snapshot.peers_by_source.entry(source).or_default() += 1;
            snapshot.sources.push(of_peer(peer));
        }
        self.snapshot.send_replace(snapshot);
    }

    /// Says how it ended. The number names what was left for the torrent.
    async fn end(mut self, inbox: Inbox, end: End) -> Option<u64> {
        let (phase, event, parked) = match end {
            End::Found(metainfo, file) => {
                self.turn();
                let parked = self.hand_over(inbox, &metainfo).await;
                (Phase::Stopped, Some(Event::Metadata { metainfo, torrent_file: file.into() }), parked)
            }
            End::Failed(error) => {
                self.leave().await;
                (Phase::Failed, Some(Event::Failed(error)), None)
            }
            End::Stopped(reply) => {
                self.leave().await;
                self.show(Phase::Stopped);
                if let Some(reply) = reply {
                    // The asker may have stopped waiting.
                    let _ = reply.send(());
                }
                (Phase::Stopped, None, None)
            }
        };
        self.show(phase);
        if let Some(event) = event {
            self.teller.tell(event);
        }
        self.teller.finish().await;
        parked
    }

    /// Leaves everybody met to the torrent.
    async fn hand_over(&mut self, inbox: Inbox, metainfo: &Metainfo) -> Option<u64> {
        let is_same = metainfo.wire_info_hash() == self.info_hash;
        if metainfo.private || !is_same {
            self.leave_locally();
        }
        let mut handover = Handover {
            acquaintances: self.peers.hand_over().await,
            candidates: self.fetch.candidates().collect(),
            incoming: Some(inbox.incoming),
            trackers: self.trackers.take(),
            dht: inbox.dht,
            moves: self.peers.moves(),
        };
        if metainfo.private {
            handover.make_private();
        }
        // Under another hash (a hybrid's second) it is another swarm.
        is_same.then(|| self.shared.parked.put(self.info_hash, handover))
    }

    /// Says goodbye.
    async fn leave(&mut self) {
        self.leave_locally();
        self.peers.hand_over().await;
        if let Some(trackers) = &mut self.trackers {
            let goodbye = trackers.stop(NO_PROGRESS);
            // Trackers that do not answer in time have been told as well as they can be.
            let _ = timeout(GOODBYE_TIMEOUT, goodbye).await;
        }
    }

    fn leave_locally(&self) {
        if let Some(lsd) = self.shared.discovery.lsd() {
            lsd.forget(self.info_hash);
        }
    }
}

/// Announces a link's torrent on the local network and listens for others that have it.
fn listen_locally(shared: &Shared, info_hash: [u8; 20]) -> Option<broadcast::Receiver<LocalPeer>> {
    let lsd = shared.discovery.lsd()?;
    lsd.announce(info_hash);
    Some(lsd.subscribe())
}

/// Looks up what the link names.
fn start_helpers(
    magnet: &Arc<Magnet>,
    shared: &Arc<Shared>,
    use_peers: bool,
) -> (JoinSet<()>, mpsc::Receiver<Vec<SocketAddr>>, mpsc::Receiver<Found>) {
    let mut helpers = JoinSet::new();
    let (named_sender, named) = mpsc::channel(MAGNET_SOURCE_QUEUE);
    let (found_sender, found) = mpsc::channel(MAGNET_SOURCE_QUEUE);
    if use_peers {
        helpers.spawn(sources::resolve(shared.exit.clone(), magnet.peers.clone(), named_sender));
    }
    let urls = sources::urls(magnet);
    if !urls.is_empty() {
        let fetcher = Fetcher::of(shared.http.clone());
        helpers.spawn(sources::fetch(fetcher, Arc::clone(magnet), urls, use_peers, found_sender));
    }
    (helpers, named, found)
}

fn of_peer(peer: PeerSnapshot) -> SourceSnapshot {
    SourceSnapshot {
        kind: SourceKind::Peer,
        name: peer.address.to_string(),
        client: peer.client,
        bytes_down: peer.bytes_down,
        bytes_up: 0,
        down_rate: 0,
        state: None,
        reason: None,
    }
}

fn now() -> std::time::Instant {
    Instant::now().into_std()
}
