//! The whole client: one listener, one disk, one pair of rate limits, and the torrents that share them.

mod reach;

use crate::api::{AddError, AddMagnet, AddTorrent, Phase, Settings, Snapshot, StartError, Ways};
use crate::dht::{Dht, DhtSettings, DhtTables};
use crate::dial::Dialler;
use crate::discovery::Discovery;
use crate::dormitory::{self, Dormitory, Sleeper, SleepingTorrent, Stirred};
use crate::encryption::EncryptionSwitch;
use crate::http::{Client, Origin};
use crate::http_tracker;
use crate::limits::{COMMAND_QUEUE, DISK_EVENT_QUEUE, EVENT_QUEUE, INCOMING_QUEUE, UPLOAD_POOL_BLOCKS};
use crate::listen::{self, Hall, Registry};
use crate::lsd::Lsd;
use crate::magnet::{self, Handover, MagnetTask, Parked};
use crate::mirrors::Mirrors;
use crate::peer_places::PeerPlaces;
use crate::proxy::{Exit, Traffic, UdpWay};
use crate::rate_limit::RateLimit;
use crate::torrent::{Parts, Torrent, TorrentTask};
use crate::udp::{IncomingStream, Udp};
use crate::udp_tracker::UdpTrackers;
use crate::web_seed_places::WebSeedPlaces;
use metainfo::PeerId;
pub(crate) use reach::Reach;
pub use reach::Reachability;
use reach::{listen, listen_on};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Instant;
use storage::{BlockPool, Disk, DiskConfig, StateStore};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tracker::{AnnounceError, ScrapeCounts, TrackerSnapshot};
use url::Url;

/// The two letters of our peer ids (BEP 20), and the version as four digits.
const PEER_ID_PREFIX: &[u8; 8] = b"-SR0100-";

/// What all torrents of a session share.
pub(crate) struct Shared {
    /// As they were at the start; of those in `ways` that counts.
    pub(crate) settings: Settings,
    ways: RwLock<Arc<Ways>>,
    /// What leaves, and through which proxy. As much as it allows is done of `wishes`.
    pub(crate) exit: Exit,
    wishes: Mutex<Wishes>,
    pub(crate) peer_id: PeerId,
    pub(crate) reach: Arc<Reach>,
    pub(crate) disk: Disk,
    pub(crate) upload_pool: BlockPool,
    pub(crate) down: Arc<RateLimit>,
    pub(crate) up: Arc<RateLimit>,
    pub(crate) places: PeerPlaces,
    pub(crate) web_seed_places: WebSeedPlaces,
    pub(crate) http: Client,
    pub(crate) mirrors: Mirrors,
    pub(crate) udp_trackers: UdpTrackers,
    /// The sockets for uTP and the DHT, once either is wanted.
    udp: Mutex<Option<Udp>>,
    pub(crate) discovery: Discovery,
    pub(crate) encryption: EncryptionSwitch,
    pub(crate) registry: Registry,
    /// Whom fetches of metadata met, until their torrents are added.
    pub(crate) parked: Parked,
}

/// What the user wants of what shows where we are, which is not done while peers are met through a proxy.
struct Wishes {
    /// Where to listen, if at all.
    port: Option<u16>,
    lsd: bool,
    dht: Option<DhtSettings>,
    port_mapping: bool,
}

/// A running client. Dropping it stops everything at once; [`Session::shutdown`] is the polite way.
pub struct Session {
    pub(crate) shared: Arc<Shared>,
    dormitory: Arc<Dormitory>,
    /// Torrents, and what sleepers need; they end with the session.
    tasks: Mutex<JoinSet<()>>,
    listeners: Mutex<JoinSet<()>>,
    /// Takes the uTP streams that others open, while it is held by sockets too.
    utp_streams: mpsc::Sender<IncomingStream>,
    state: Option<StateStore>,
}

impl Session {
    /// Starts listening and working. To be called inside a runtime.
    pub fn start(settings: Settings) -> Result<Self, StartError> {
        crate::runtime::raise_handle_limit();
        let exit = Exit::new(settings.bind, settings.proxy.clone(), settings.proxy_for);
        // Whoever wants no peers misses nothing.
        if settings.listen {
            exit.tell_of_gaps();
        }
        let wishes = Wishes {
            port: settings.listen.then_some(settings.port),
            lsd: settings.lsd,
            dht: settings.dht.clone(),
            port_mapping: settings.port_mapping,
        };
        let (listeners, port) = match wishes.port.filter(|_| !exit.hides_us()) {
            Some(port) => listen(&settings, port)?,
            None => (Vec::new(), 0),
        };
        let state = match &settings.state_directory {
            Some(path) => Some(
                StateStore::open(path)
                    .map_err(|error| StartError::State { path: path.clone(), reason: error.to_string() })?,
            ),
            None => None,
        };
        let disk = Disk::start(DiskConfig { state: state.clone(), ..DiskConfig::default() })
            .map_err(|error| StartError::Disk(error.to_string()))?;
        let registry = Registry::default();
        let dormitory = Arc::new(Dormitory::default());
        let encryption = EncryptionSwitch::new(settings.encryption);
        let hall = Hall {
            registry: registry.clone(),
            dormitory: Arc::clone(&dormitory),
            encryption: encryption.clone(),
            reach: Arc::new(Reach::new(port)),
        };
        let listeners = if settings.transports.tcp() { listen_on(listeners, &hall) } else { JoinSet::new() };
        let (utp_streams, incoming) = mpsc::channel(INCOMING_QUEUE);
        let shared = Shared {
            peer_id: new_peer_id(),
            reach: Arc::clone(&hall.reach),
            disk,
            upload_pool: BlockPool::new(UPLOAD_POOL_BLOCKS),
            down: Arc::new(RateLimit::new(settings.down_limit_bytes_per_second)),
            up: Arc::new(RateLimit::new(settings.up_limit_bytes_per_second)),
            places: PeerPlaces::new(settings.peer_limit),
            web_seed_places: WebSeedPlaces::new(settings.web_seed_connections),
            http: Client::new(exit.clone(), settings.extra_ca.clone()),
            mirrors: Mirrors::load(state.clone()),
            udp_trackers: UdpTrackers::new(exit.clone()),
            udp: Mutex::default(),
            ways: RwLock::new(Arc::new(Ways::of(&settings))),
            exit,
            wishes: Mutex::new(wishes),
            discovery: Discovery::default(),
            encryption,
            registry,
            parked: Parked::default(),
            settings,
        };
        shared.follow_utp(&utp_streams);
        shared.follow_wishes();
        let shared = Arc::new(shared);
        let mut tasks = JoinSet::new();
        tasks.spawn(Arc::clone(&dormitory).run(Arc::downgrade(&shared)));
        tasks.spawn(listen::accept_utp(incoming, hall));
        let (tasks, listeners) = (Mutex::new(tasks), Mutex::new(listeners));
        let session = Self { shared, dormitory, tasks, listeners, utp_streams, state };
        session.follow_port_mapping();
        Ok(session)
    }

    /// Changes how peers are met from now on. Connections that stand stay as they are.
    pub fn set_ways(&self, ways: Ways) -> Result<(), StartError> {
        let before = self.shared.ways();
        let has_tcp = (before.transports.tcp(), ways.transports.tcp());
        let is_pex_switched = before.pex != ways.pex;
        self.shared.encryption.set(ways.encryption);
        *self.shared.ways.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(ways);
        self.shared.follow_utp(&self.utp_streams);
        if is_pex_switched {
            self.shared.discovery.announce_change();
        }
        match has_tcp {
            (true, false) => self.listen(Vec::new()),
            (false, true) if self.shared.listens() => {
                let (listeners, _) = listen(&self.shared.settings, self.port())?;
                self.listen(listeners);
            }
            _ => {}
        }
        Ok(())
    }

    /// Finds peers on the local network from now on, or does so no more.
    pub fn set_lsd(&self, on: bool) {
        self.shared.wishes().lsd = on;
        self.shared.follow_wishes();
    }

    /// Finds peers through the DHT from now on, or does so no more.
    pub fn set_dht(&self, settings: Option<&DhtSettings>) {
        self.shared.wishes().dht = settings.cloned();
        self.shared.follow_wishes();
    }

    /// What the DHT knows, to be kept for the next run; `None` if there is no DHT, and of one behind a proxy: whom a node
    /// met there must not tell that it is ours.
    pub async fn dht_tables(&self) -> Option<DhtTables> {
        if self.shared.exit.hides_us() {
            return None;
        }
        self.shared.discovery.dht_tables().await
    }

    /// The database of what is kept between runs.
    pub const fn state(&self) -> Option<&StateStore> {
        self.state.as_ref()
    }

    /// The session's limit of download; what has a limit of its own is held by this one only if it lies below it.
    pub fn down_limit(&self) -> &Arc<RateLimit> {
        &self.shared.down
    }

    /// The session's limit of upload, see [`Self::down_limit`].
    pub fn up_limit(&self) -> &Arc<RateLimit> {
        &self.shared.up
    }

    /// Changes how many connections all torrents may have; the worst of those beyond are closed within a second.
    pub fn set_peer_limit(&self, most: Option<usize>) {
        self.shared.places.set_most(most);
    }

    /// Changes how many connections to web seeds all torrents may have; each takes its new part within a second.
    pub fn set_web_seed_connections(&self, most: usize) {
        self.shared.web_seed_places.set_most(most);
    }

    /// Asks a tracker how many peers it knows of each torrent (BEP 48); `None` for one it does not know, or has no
    /// words for. At most [`SCRAPE_HASHES`](crate::SCRAPE_HASHES) at once.
    pub async fn scrape(
        &self,
        announce: &str,
        info_hashes: &[[u8; 20]],
    ) -> Result<Vec<Option<ScrapeCounts>>, AnnounceError> {
        let url = Url::parse(announce).map_err(|_| AnnounceError::BadUrl("it is not a URL"))?;
        if url.scheme() != "udp" {
            return http_tracker::scrape(&self.shared.http, announce, Origin::Torrent, info_hashes).await;
        }
        let counts = self.shared.udp_trackers.scrape(&url, info_hashes.to_vec()).await?;
        let mut counts: Vec<_> = counts.into_iter().map(Some).collect();
        counts.resize(info_hashes.len(), None);
        Ok(counts)
    }

    /// Takes a torrent in and starts it: files present are checked, then the rest is fetched. One that slept goes on
    /// with the announces it had.
    pub async fn add(&self, add: AddTorrent) -> Result<Torrent, AddError> {
        let info_hash = add.metainfo.info_hash_v1.ok_or(AddError::V2Only)?;
        let mut handover = self.shared.parked.take(&info_hash);
        let incoming = match handover.as_mut().and_then(Handover::take_incoming) {
            Some(incoming) => incoming,
            None => self.shared.registry.enter(info_hash).ok_or(AddError::Duplicate)?,
        };
        let (disk_sender, disk_events) = mpsc::channel(DISK_EVENT_QUEUE);
        let store = match self.shared.disk.open(add.layout(info_hash), disk_sender).await {
            Ok(store) => store,
            Err(error) => {
                drop(incoming);
                self.shared.registry.leave(&info_hash);
                return Err(AddError::Disk(error.to_string()));
            }
        };
        let (commands, command_receiver) = mpsc::channel(COMMAND_QUEUE);
        let (events_sender, events) = mpsc::channel(EVENT_QUEUE);
        let (snapshot_sender, snapshot) = watch::channel(Snapshot::default());
        let parts = Parts {
            add,
            shared: Arc::clone(&self.shared),
            store,
            disk_events,
            incoming,
            commands: command_receiver,
            events: events_sender,
            snapshot: snapshot_sender,
            held: Vec::new(),
            dormitory: Arc::clone(&self.dormitory),
            sleeper: self.dormitory.take_out(&info_hash),
            handover,
        };
        self.spawn(async move {
            let registry = parts.shared.registry.clone();
            TorrentTask::run(parts).await;
            registry.leave(&info_hash);
        });
        Ok(Torrent::new(commands, events, snapshot))
    }

    /// Takes in a complete torrent that needs no task until somebody wants it, see [`Self::stirred`].
    pub fn put_to_sleep(&self, torrent: SleepingTorrent) {
        let info_hash = torrent.info_hash;
        if let Some(lsd) = self.shared.discovery.lsd().filter(|_| !torrent.is_private) {
            lsd.announce(info_hash);
        }
        self.dormitory.take_in(info_hash, Sleeper::new(torrent, &self.shared));
    }

    /// Whether a torrent sleeps: put there by [`Self::put_to_sleep`], or by its task that has ended.
    pub fn is_asleep(&self, info_hash: &[u8; 20]) -> bool {
        self.dormitory.holds(info_hash)
    }

    /// The next sleeper that is wanted by somebody, or whose trackers say something new.
    pub async fn stirred(&self) -> Stirred {
        self.dormitory.stirred().await
    }

    /// The trackers of a sleeper.
    pub fn trackers_asleep(&self, info_hash: &[u8; 20]) -> Option<Vec<TrackerSnapshot>> {
        self.dormitory.trackers(info_hash)
    }

    /// Gives a sleeper other trackers.
    pub fn set_trackers_asleep(&self, info_hash: &[u8; 20], tiers: Vec<Vec<String>>) {
        self.dormitory.change(info_hash, |trackers| trackers.set_tiers(Instant::now(), tiers));
    }

    /// Announces a sleeper as soon as its trackers allow it.
    pub fn reannounce_asleep(&self, info_hash: &[u8; 20]) {
        self.dormitory.change(info_hash, |trackers| trackers.hurry(Instant::now()));
    }

    /// A sleeper stops: its trackers are told behind this call.
    pub fn dismiss(&self, info_hash: &[u8; 20]) {
        if let Some(sleeper) = self.dormitory.take_out(info_hash) {
            self.leave_locally(info_hash);
            tokio::spawn(dormitory::say_goodbye(sleeper));
        }
    }

    /// All sleepers stop. Ends when their trackers have been told, or did not answer in time.
    pub async fn dismiss_all(&self) {
        self.dormitory.close().await;
    }

    fn leave_locally(&self, info_hash: &[u8; 20]) {
        if let Some(lsd) = self.shared.discovery.lsd() {
            lsd.forget(*info_hash);
        }
    }

    /// Looks for the metadata of a magnet link. What comes back looks like a torrent, and ends with
    /// [`Event::Metadata`](crate::Event::Metadata); the torrent is then to be added.
    pub fn add_magnet(&self, add: AddMagnet) -> Result<Torrent, AddError> {
        if !add.magnet.has_hash() {
            return Err(AddError::Unresolved);
        }
        let info_hash = add.magnet.info_hash().wire_bytes();
        drop(self.shared.parked.take(&info_hash));
        let incoming = self.shared.registry.enter(info_hash).ok_or(AddError::Duplicate)?;
        let (commands, command_receiver) = mpsc::channel(COMMAND_QUEUE);
        let (events_sender, events) = mpsc::channel(EVENT_QUEUE);
        let first = Snapshot { phase: Phase::Metadata, ..Snapshot::default() };
        let (snapshot_sender, snapshot) = watch::channel(first);
        self.spawn(MagnetTask::run(magnet::Parts {
            add,
            shared: Arc::clone(&self.shared),
            incoming,
            commands: command_receiver,
            events: events_sender,
            snapshot: snapshot_sender,
        }));
        Ok(Torrent::new(commands, events, snapshot))
    }

    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
    }

    /// Ends what is left. Stop the torrents first, so that their trackers are told.
    pub async fn shutdown(self) {
        self.release_port().await;
        self.tasks.into_inner().unwrap_or_else(PoisonError::into_inner).shutdown().await;
    }
}

impl Shared {
    /// The way to peers.
    pub(crate) fn dialler(&self) -> Dialler {
        let ways = self.ways();
        Dialler {
            exit: self.exit.clone(),
            sockets: ways.peer_sockets.clone(),
            transports: ways.transports,
            encryption: ways.encryption,
            ports: self.udp().as_ref().map(|udp| udp.ports().clone()).unwrap_or_default(),
        }
    }

    /// How peers are met now.
    pub(crate) fn ways(&self) -> Arc<Ways> {
        Arc::clone(&self.ways.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn udp(&self) -> MutexGuard<'_, Option<Udp>> {
        self.udp.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sockets at the port of now, marked as those of peers are, or the proxy's relay; `None` if that has none.
    fn open_udp(&self) -> Option<Udp> {
        let udp = match self.exit.udp(Traffic::Peers) {
            UdpWay::Straight(bind) => Udp::start(bind, self.port()),
            UdpWay::Relayed(relay) => Udp::through(relay),
            UdpWay::None => return None,
        };
        udp.mark(&self.ways().peer_sockets);
        Some(udp)
    }

    /// Has the sockets for uTP, or for the DHT alone, do what is wanted now.
    fn follow_utp(&self, streams: &mpsc::Sender<IncomingStream>) {
        let (ways, mut udp) = (self.ways(), self.udp());
        if ways.transports.utp() && udp.is_none() {
            *udp = self.open_udp();
        }
        if let Some(udp) = &*udp {
            udp.mark(&ways.peer_sockets);
            udp.accept(Some(streams).filter(|_| ways.transports.utp() && self.listens()));
        }
    }

    /// Moves uTP and the DHT to sockets at the port of now. Streams that stand stay where they are.
    fn move_udp(&self, streams: &mpsc::Sender<IncomingStream>) {
        let Some(old) = self.udp().take() else { return };
        let new = self.open_udp();
        if let Some(new) = &new {
            self.discovery.set_sockets(new);
        }
        *self.udp() = new;
        self.follow_utp(streams);
        old.retire();
    }

    fn wishes(&self) -> MutexGuard<'_, Wishes> {
        self.wishes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts and ends the ways to find peers as the user wants, as far as nothing shows where we are that should not.
    fn follow_wishes(&self) {
        let (lsd, dht) = {
            let wishes = self.wishes();
            (wishes.lsd, wishes.dht.clone())
        };
        let is_hidden = self.exit.hides_us();
        self.discovery
            .set_lsd(lsd && !is_hidden, || Lsd::start(self.settings.bind, self.port(), fastrand::u64(..)));
        // Nobody reaches a node behind a proxy, and its id is not to be that of ours elsewhere.
        let hidden = |dht| DhtSettings { read_only: true, tables: DhtTables::default(), ..dht };
        let dht = dht.map(|dht| if is_hidden { hidden(dht) } else { dht });
        let port = self.announced_port();
        self.discovery.set_dht(dht.as_ref(), |dht| {
            let mut udp = self.udp();
            if udp.is_none() {
                *udp = self.open_udp();
            }
            Dht::start(dht, self.settings.address_filter.clone(), port, udp.as_ref()?)
        });
    }
}

fn new_peer_id() -> PeerId {
    let mut bytes = [0; 20];
    bytes[..8].copy_from_slice(PEER_ID_PREFIX);
    bytes[8..].fill_with(|| fastrand::alphanumeric() as u8);
    PeerId(bytes)
}
