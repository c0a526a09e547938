//! One torrent: a task that owns its [`Swarm`] and carries its decisions out.
//!
//! Everything reaches the task through one of a few bounded channels; after each wake the swarm's outputs are
//! drained and become sockets, orders and requests. No payload byte passes here.

mod control;
mod disk;
mod flags;
mod obey;
mod peers;
mod show;
mod sleep;
pub(crate) mod sources;
pub(crate) mod trackers;

use crate::api::{AddTorrent, Event, Phase, Snapshot, SourceKind};
use crate::dht::{self, DhtSearch};
use crate::discovery::Services;
use crate::dormitory::{Dormitory, Sleeper};
use crate::limits::{
    FACT_BATCHES_A_TURN, FACT_QUEUE, GOODBYE_TIMEOUT, IDLE_SNAPSHOT_INTERVAL, MAX_HALF_OPEN, MAX_PEERS,
    MAX_PEERS_PER_ADDRESS, MAX_REQUEST_QUEUE, REQUEST_QUEUE, RETRY_PAUSE, SNAPSHOT_INTERVAL, UPLOAD_SLOTS,
};
use crate::listen::Incoming;
use crate::lsd::{self, LocalPeer};
use crate::magnet::Handover;
use crate::peer::PeerContext;
use crate::session::Shared;
use crate::transport::Transports;
use disk::Faults;
use peers::Peers;
use show::Rates;
use sources::WebSeeds;
use std::sync::Arc;
use storage::{CheckReport, DiskEvent, TorrentStore};
use swarm::{
    CandidateSource, Event as SwarmEvent, Output, PeerKey, StorageFact, Swarm, WebSeedFact, WebSeedKey,
};
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until, timeout};
use trackers::Trackers;
use wire::Fact;

pub(crate) use control::Command;
pub use control::{Change, Control, PeerReport, Report, Torrent, WebSeedReport};
pub(crate) use show::Teller;

/// What the task is made of.
pub(crate) struct Parts {
    pub(crate) add: AddTorrent,
    pub(crate) shared: Arc<Shared>,
    pub(crate) store: TorrentStore,
    pub(crate) disk_events: mpsc::Receiver<DiskEvent>,
    pub(crate) incoming: mpsc::Receiver<Incoming>,
    pub(crate) commands: mpsc::Receiver<Command>,
    pub(crate) events: mpsc::Sender<Event>,
    pub(crate) snapshot: watch::Sender<Snapshot>,
    /// Changes asked for during the check.
    pub(crate) held: Vec<Change>,
    pub(crate) dormitory: Arc<Dormitory>,
    /// What was left of it while it slept.
    pub(crate) sleeper: Option<Sleeper>,
    /// Whom the fetch of its metadata met.
    pub(crate) handover: Option<Handover>,
}

/// One torrent's task.
pub(crate) struct TorrentTask {
    add: AddTorrent,
    shared: Arc<Shared>,
    store: TorrentStore,
    swarm: Swarm,
    peers: Peers,
    web_seeds: WebSeeds,
    trackers: Option<Trackers>,
    teller: Teller,
    rates: Rates,
    phase: Phase,
    faults: Faults,
    /// Storage has given every selected file its final name.
    files_finished: bool,
    /// The swarm has every wanted piece.
    pieces_complete: bool,
    completed_at: Option<Instant>,
    next_snapshot: Instant,
    dormitory: Arc<Dormitory>,
    /// Since when nobody wants anything of it.
    idle_since: Option<Instant>,
}

/// The channels a running task listens on.
struct Inbox {
    commands: mpsc::Receiver<Command>,
    disk: mpsc::Receiver<DiskEvent>,
    incoming: mpsc::Receiver<Incoming>,
    facts: mpsc::Receiver<(PeerKey, Vec<Fact>)>,
    web_seed_facts: mpsc::Receiver<(WebSeedKey, Vec<WebSeedFact>)>,
    /// Other ways to find peers than before.
    discovery: watch::Receiver<Services>,
    local_peers: Option<broadcast::Receiver<LocalPeer>>,
    dht: Option<DhtSearch>,
}

impl TorrentTask {
    /// Checks what is there, fetches the rest, gives back, until stopped.
    pub(crate) async fn run(mut parts: Parts) {
        match disk::check(&mut parts).await {
            disk::Checked::Found(report) if parts.add.tuning.check_only => {
                disk::end_after_check(parts, &report.have).await;
            }
            disk::Checked::Found(report) => {
                let held = std::mem::take(&mut parts.held);
                let (mut task, mut inbox) = Self::begin(parts, report);
                for change in held {
                    task.obey(change);
                }
                let reply = task.work(&mut inbox).await;
                if reply.is_none() && task.is_tired() {
                    return task.fall_asleep(inbox).await;
                }
                task.end(&mut inbox).await;
                if let Some(reply) = reply {
                    // The asker may have stopped waiting.
                    let _ = reply.send(());
                }
            }
            disk::Checked::Stopped(reply) => {
                if let Err(error) = parts.store.close().await {
                    tracing::debug!(%error, "stopped while checking");
                }
                let _ = reply.send(());
            }
            disk::Checked::Failed(error) => {
                let mut teller = Teller::new(parts.events);
                teller.tell(Event::Failed(error));
                parts.snapshot.send_modify(|snapshot| snapshot.phase = Phase::Failed);
                teller.finish().await;
            }
        }
    }

    fn begin(parts: Parts, found: CheckReport) -> (Self, Inbox) {
        let Parts { add, shared, store, disk_events, incoming, commands, events, snapshot, .. } = parts;
        let (dormitory, sleeper, handover) = (parts.dormitory, parts.sleeper, parts.handover);
        let now = Instant::now();
        let (facts_sender, facts) = mpsc::channel(FACT_QUEUE);
        let (web_seed_sender, web_seed_facts) = mpsc::channel(FACT_QUEUE);
        let mut rng = fastrand::Rng::new();
        let config = configure(&add, &shared);
        let mut swarm = Swarm::new(config, found.have, rng.u64(..), now.into_std());
        swarm.handle_storage(now.into_std(), StorageFact::BlocksFound(found.blocks));
        swarm.set_priorities(now.into_std(), add.piece_priorities());
        let named = shared.settings.address_filter.allowed(&add.peers);
        swarm.handle_candidates(now.into_std(), CandidateSource::User, &named);
        let context = PeerContext {
            store: store.clone(),
            pool: shared.disk.pool().clone(),
            upload_pool: shared.upload_pool.clone(),
            down: Arc::clone(add.tuning.down.as_ref().unwrap_or(&shared.down)),
            up: Arc::clone(add.tuning.up.as_ref().unwrap_or(&shared.up)),
            facts: facts_sender,
        };
        let peers = Peers::new(peers::Settings::new(&add, &shared), context, rng.u64(..));
        let web_seeds = WebSeeds::start(&add, &shared, &store, web_seed_sender, &mut swarm);
        let rates = Rates::new(&add, snapshot);
        let local_peers = sources::listen_locally(&add, &shared);
        let dht = None;
        let discovery = shared.discovery.changes();
        let inbox = Inbox {
            commands,
            disk: disk_events,
            incoming,
            facts,
            web_seed_facts,
            discovery,
            local_peers,
            dht,
        };
        let mut task = Self {
            rates,
            teller: Teller::new(events),
            add,
            shared,
            store,
            swarm,
            peers,
            web_seeds,
            trackers: None,
            phase: Phase::Downloading,
            faults: Faults::default(),
            files_finished: false,
            pieces_complete: false,
            completed_at: None,
            next_snapshot: now,
            dormitory,
            idle_since: None,
        };
        let dht = task.get_up(sleeper, handover);
        (task, Inbox { dht, ..inbox })
    }

    /// Runs until told to stop, or until there is nothing left to do. The answer, if any, wants a reply.
    async fn work(&mut self, inbox: &mut Inbox) -> Option<oneshot::Sender<()>> {
        loop {
            let retry = self.turn();
            if let (Some(_), Some(search)) = (self.completed_at, &inbox.dht) {
                search.completed();
            }
            if matches!(self.phase, Phase::Stopped | Phase::Failed) || self.is_tired() {
                return None;
            }
            let wake = self.wake(retry);
            tokio::select! {
                command = inbox.commands.recv() => match command {
                    None => return None,
                    Some(Command::Stop(reply)) => return Some(reply),
                    Some(Command::Change(change)) => self.obey(change),
                    Some(Command::Report(reply)) => drop(reply.send(self.report())),
                },
                Some(event) = inbox.disk.recv() => {
                    if event == DiskEvent::FilesFinished {
                        self.hear_sources(inbox);
                    }
                    self.handle_disk(event);
                }
                Some((key, facts)) = inbox.facts.recv() => {
                    self.handle_facts(key, facts);
                    // Under load many peers' batches wait: one drain of outputs serves them all.
                    for _ in 0..FACT_BATCHES_A_TURN {
                        let Ok((key, facts)) = inbox.facts.try_recv() else { break };
                        self.handle_facts(key, facts);
                    }
                }
                Some((key, facts)) = inbox.web_seed_facts.recv() => {
                    for fact in facts {
                        self.handle_web_seed(key, fact);
                    }
                }
                Some(incoming) = inbox.incoming.recv() => {
                    if self.add.use_peers {
                        self.peers.admit(now(), &mut self.swarm, incoming);
                    }
                }
                dialled = self.peers.dialled() => self.peers.connected(now(), &mut self.swarm, dialled),
                Ok(()) = inbox.discovery.changed() => self.rediscover(inbox),
                ended = trackers::ended(&mut self.trackers) => self.handle_announce(&ended),
                peer = lsd::local_peer(&mut inbox.local_peers) => {
                    self.handle_local_peer(&peer);
                }
                peers = sources::dht_peers(&mut inbox.dht) => self.handle_dht_peers(&peers),
                () = sleep_until(wake) => self.handle_timers(),
            }
        }
    }

    /// Carries out what the last inputs led to. True if something must be tried again soon.
    fn turn(&mut self) -> bool {
        while let Some(output) = self.swarm.poll_output() {
            match output {
                Output::Connect(address) => self.peers.dial(address, None),
                Output::Punch(address) => self.peers.dial(address, Some(Transports::UtpOnly)),
                Output::Peer(key, order) => self.peers.order(key, order),
                Output::WebSeed(key, order) => self.web_seeds.order(key, order),
                Output::OpenTwin { of, key } => self.web_seeds.open_twin(of, key),
                Output::Event(event) => self.handle_event(&event),
            }
        }
        self.peers.reap();
        let held = self.peers.flush() | !self.teller.flush();
        if let Some(trackers) = &mut self.trackers {
            trackers.drain();
        }
        held
    }

    /// When to wake at the latest.
    fn wake(&self, retry: bool) -> Instant {
        let swarm = self.swarm.poll_timeout().map(Instant::from_std);
        let trackers = self.trackers.as_ref().and_then(Trackers::poll_timeout);
        let retry = retry.then(|| Instant::now() + RETRY_PAUSE);
        [swarm, trackers, retry, self.faults.poll_timeout(), self.bedtime()]
            .into_iter()
            .flatten()
            .fold(self.next_snapshot, Instant::min)
    }

    fn handle_timers(&mut self) {
        let now = Instant::now();
        if self.swarm.poll_timeout().is_some_and(|when| when <= now.into_std()) {
            self.swarm.handle_timeout(now.into_std());
        }
        if let Some(trackers) = &mut self.trackers {
            trackers.handle_timeout(now, self.rates.progress(&self.swarm));
        }
        self.retry_disk(now);
        if now >= self.next_snapshot {
            self.peers.shed(now.into_std(), &mut self.swarm);
            self.web_seeds.claim(&mut self.swarm);
            self.show();
            // What a peer got is shown to its end, also after the peer has left.
            let is_idle = self.phase == Phase::Seeding && self.peers.is_empty() && self.rates.are_zero();
            self.next_snapshot = now + if is_idle { IDLE_SNAPSHOT_INTERVAL } else { SNAPSHOT_INTERVAL };
            self.idle_since = is_idle.then(|| self.idle_since.unwrap_or_else(|| self.idle_from(now)));
            self.check_goal();
        }
    }

    /// Takes in what sources have told so far: the counts at the end include every byte that was stored.
    fn hear_sources(&mut self, inbox: &mut Inbox) {
        for _ in 0..FACT_QUEUE {
            let Ok((key, facts)) = inbox.facts.try_recv() else { break };
            self.handle_facts(key, facts);
        }
        for _ in 0..FACT_QUEUE {
            let Ok((key, facts)) = inbox.web_seed_facts.try_recv() else { break };
            for fact in facts {
                self.handle_web_seed(key, fact);
            }
        }
    }

    fn handle_facts(&mut self, key: PeerKey, facts: Vec<Fact>) {
        let now = now();
        // Whoever says something ends the long pauses of idleness.
        self.next_snapshot = self.next_snapshot.min(Instant::now() + SNAPSHOT_INTERVAL);
        for fact in facts {
            if let Fact::Closed(reason) = &fact {
                tracing::debug!(?key, ?reason, "a connection ended");
                self.peers.forget(key);
            }
            if let Fact::DhtNode(node) = fact {
                dht::meet(&self.shared, node);
                continue;
            }
            self.swarm.handle_fact(now, key, fact);
        }
    }

    fn handle_web_seed(&mut self, key: WebSeedKey, fact: WebSeedFact) {
        if let Some(state) = sources::describe(&fact) {
            self.web_seeds.note_error(key, &state);
            self.teller.tell_source(SourceKind::WebSeed, self.web_seeds.name(key), state);
        }
        self.swarm.handle_web_seed(now(), key, fact);
    }

    fn handle_event(&mut self, event: &SwarmEvent) {
        match *event {
            SwarmEvent::PieceFailed(piece) => self.teller.tell(Event::PieceFailed { piece }),
            SwarmEvent::Banned(address) => {
                self.teller.tell_source(
                    SourceKind::Peer,
                    address.to_string(),
                    "banned: it sent bad data".into(),
                );
            }
            SwarmEvent::WebSeedDropped(key) => {
                let name = self.web_seeds.name(key);
                self.teller.tell_source(SourceKind::WebSeed, name, "given up for this torrent".into());
            }
            SwarmEvent::Complete => {
                self.pieces_complete = true;
                self.phase = Phase::Finishing;
                self.complete_if_finished();
            }
        }
    }

    /// The torrent is complete once every piece is stored, and every file synced and under its final name.
    fn complete_if_finished(&mut self) {
        if !self.files_finished || !self.pieces_complete || self.completed_at.is_some() {
            return;
        }
        if let Some(trackers) = &mut self.trackers {
            trackers.completed(self.rates.progress(&self.swarm));
        }
        self.shared.http.close_idle();
        // Detached: the end of the torrent has it done again.
        drop(self.web_seeds.remember(&self.swarm));
        self.completed_at = Some(Instant::now());
        self.phase = if self.add.after_completion.seed { Phase::Seeding } else { Phase::Stopped };
        // Whoever hears of the completion sees the final counts.
        self.show();
        self.teller.tell(Event::Complete);
    }

    /// Ends the seeding when its goal is reached.
    fn check_goal(&mut self) {
        let (Phase::Seeding, Some(completed_at)) = (self.phase, self.completed_at) else { return };
        let goal = self.add.after_completion;
        let given = self.swarm.stats().bytes_uploaded as f64;
        let enough = goal.ratio.is_some_and(|ratio| given >= ratio * self.rates.bytes_wanted() as f64);
        let long = goal.time.is_some_and(|time| completed_at.elapsed() >= time);
        if enough || long {
            self.phase = Phase::Stopped;
            self.teller.tell(Event::SeedingDone);
        }
    }

    /// Falls silent, then says goodbye to trackers and disk within [`GOODBYE_TIMEOUT`] each.
    async fn end(&mut self, inbox: &mut Inbox) {
        self.swarm.stop(now());
        self.turn();
        let remembered = self.web_seeds.remember(&self.swarm);
        self.web_seeds.clear();
        self.peers.clear();
        inbox.facts.close();
        inbox.web_seed_facts.close();
        inbox.dht = None;
        sources::leave_locally(&self.add, &self.shared);
        let progress = self.rates.progress(&self.swarm);
        let goodbye = async {
            if let Some(trackers) = &mut self.trackers {
                trackers.stop(progress).await;
            }
        };
        let remembered = async { if let Some(learn) = remembered { learn.await } else { Ok(()) } };
        // Trackers that do not answer in time have been told as well as they can be.
        let (_, _, closed) = tokio::join!(
            timeout(GOODBYE_TIMEOUT, goodbye),
            timeout(GOODBYE_TIMEOUT, remembered),
            self.store.close()
        );
        if let Err(error) = closed {
            tracing::warn!(%error, "what was fetched last may have to be checked again");
        }
        if self.phase != Phase::Failed {
            self.phase = Phase::Stopped;
        }
        self.show();
        self.teller.finish().await;
    }

    fn show(&mut self) {
        self.rates.show(self.phase, &self.swarm, &self.web_seeds);
    }
}

/// The swarm's settings for this torrent.
fn configure(add: &AddTorrent, shared: &Shared) -> swarm::Config {
    swarm::Config {
        geometry: Arc::clone(&add.metainfo.geometry),
        peer_id: shared.peer_id,
        info_hash: add.metainfo.wire_info_hash(),
        wanted: add.wanted_pieces(),
        sequential: add.sequential,
        seed: add.after_completion.seed,
        super_seed: add.tuning.super_seed,
        use_peers: add.use_peers,
        exchange_peers: exchanges_peers(add, shared),
        max_peers: add.tuning.max_peers.unwrap_or(MAX_PEERS),
        max_half_open: MAX_HALF_OPEN,
        max_peers_per_address: MAX_PEERS_PER_ADDRESS,
        upload_slots: add.tuning.upload_slots.unwrap_or(UPLOAD_SLOTS),
        request_queue: request_queue(add),
        web_seed_policy: add.web_seed_policy,
        web_seed_connections: add.web_seed_connections,
        mirrors_may_lag: sources::is_new(&add.metainfo),
    }
}

/// Requests of one peer that are queued.
fn request_queue(add: &AddTorrent) -> u32 {
    add.tuning.request_queue.map_or(REQUEST_QUEUE, |queue| queue.clamp(1, MAX_REQUEST_QUEUE))
}

/// A private torrent's peers are nobody else's business (BEP 27).
fn exchanges_peers(add: &AddTorrent, shared: &Shared) -> bool {
    shared.ways().pex && !add.metainfo.private
}

/// How we call ourselves to peers.
pub(crate) fn client_name() -> String {
    format!("starling {}", env!("CARGO_PKG_VERSION"))
}

fn now() -> std::time::Instant {
    Instant::now().into_std()
}
