//! The whole client: one listener, one disk, one pair of rate limits, and the torrents that share them.

use crate::api::{AddError, AddTorrent, Settings, Snapshot, StartError};
use crate::dht::Dht;
use crate::dial;
use crate::http::Client;
use crate::limits::{COMMAND_QUEUE, DISK_EVENT_QUEUE, EVENT_QUEUE, UPLOAD_POOL_BLOCKS};
use crate::listen::{self, Registry};
use crate::lsd::Lsd;
use crate::mirrors::Mirrors;
use crate::rate_limit::RateLimit;
use crate::torrent::{Parts, Torrent, TorrentTask};
use crate::udp_tracker::UdpTrackers;
use metainfo::PeerId;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use storage::{BlockPool, Disk, DiskConfig, StateStore};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

/// The two letters of our peer ids (BEP 20), and the version as four digits.
const PEER_ID_PREFIX: &[u8; 8] = b"-SR0100-";

/// What all torrents of a session share.
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) peer_id: PeerId,
    /// The port peers reach us at; 0 if we do not listen.
    pub(crate) port: AtomicU16,
    pub(crate) disk: Disk,
    pub(crate) upload_pool: BlockPool,
    pub(crate) down: Arc<RateLimit>,
    pub(crate) up: Arc<RateLimit>,
    pub(crate) http: Client,
    pub(crate) mirrors: Mirrors,
    pub(crate) udp_trackers: UdpTrackers,
    pub(crate) lsd: Option<Lsd>,
    pub(crate) dht: Option<Dht>,
    pub(crate) registry: Registry,
}

/// A running client. Dropping it stops everything at once; [`Session::shutdown`] is the polite way.
pub struct Session {
    shared: Arc<Shared>,
    /// Torrents; they end with the session.
    tasks: Mutex<JoinSet<()>>,
    listeners: Mutex<JoinSet<()>>,
    state: Option<StateStore>,
}

impl Session {
    /// Starts listening and working. To be called inside a runtime.
    pub fn start(settings: Settings) -> Result<Self, StartError> {
        crate::runtime::raise_handle_limit();
        let listeners = if settings.listen {
            dial::listen(settings.bind, settings.port)
                .map_err(|(address, source)| StartError::Listen { address, source })?
        } else {
            Vec::new()
        };
        let port =
            listeners.first().and_then(|first| first.local_addr().ok()).map_or(0, |address| address.port());
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
        let listeners = listen_on(listeners, &registry);
        let lsd = if settings.lsd { Lsd::start(settings.bind, port, fastrand::u64(..)) } else { None };
        let shared = Shared {
            peer_id: new_peer_id(),
            port: AtomicU16::new(port),
            disk,
            upload_pool: BlockPool::new(UPLOAD_POOL_BLOCKS),
            down: Arc::new(RateLimit::new(settings.down_limit_bytes_per_second)),
            up: Arc::new(RateLimit::new(settings.up_limit_bytes_per_second)),
            http: Client::new(&settings),
            mirrors: Mirrors::load(state.clone()),
            udp_trackers: UdpTrackers::new(settings.bind),
            lsd,
            dht: Dht::start(&settings, port),
            registry,
            settings,
        };
        Ok(Self {
            shared: Arc::new(shared),
            tasks: Mutex::default(),
            listeners: Mutex::new(listeners),
            state,
        })
    }

    /// The port peers reach us at; 0 if it does not listen.
    pub fn port(&self) -> u16 {
        self.shared.port()
    }

    /// Listens on another port from now on; if that cannot be had, all stays as it was. Connections that stand stay.
    pub fn set_port(&self, port: u16) -> Result<u16, StartError> {
        let listeners = dial::listen(self.shared.settings.bind, port)
            .map_err(|(address, source)| StartError::Listen { address, source })?;
        let port =
            listeners.first().and_then(|first| first.local_addr().ok()).map_or(0, |address| address.port());
        let listening = listen_on(listeners, &self.shared.registry);
        *self.listeners.lock().unwrap_or_else(PoisonError::into_inner) = listening;
        self.shared.port.store(port, Ordering::Relaxed);
        Ok(port)
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

    /// Takes a torrent in and starts it: files present are checked, then the rest is fetched.
    pub async fn add(&self, add: AddTorrent) -> Result<Torrent, AddError> {
        let info_hash = add.metainfo.info_hash_v1.ok_or(AddError::V2Only)?;
        let incoming = self.shared.registry.enter(info_hash).ok_or(AddError::Duplicate)?;
        let (disk_sender, disk_events) = mpsc::channel(DISK_EVENT_QUEUE);
        let store = match self.shared.disk.open(add.layout(info_hash), disk_sender).await {
            Ok(store) => store,
            Err(error) => {
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
        };
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(async move {
            let registry = parts.shared.registry.clone();
            TorrentTask::run(parts).await;
            registry.leave(&info_hash);
        });
        Ok(Torrent::new(commands, events, snapshot))
    }

    /// Ends what is left. Stop the torrents first, so that their trackers are told.
    pub async fn shutdown(self) {
        self.tasks.into_inner().unwrap_or_else(PoisonError::into_inner).shutdown().await;
    }
}

impl Shared {
    /// The port peers reach us at; 0 if we do not listen.
    pub(crate) fn port(&self) -> u16 {
        self.port.load(Ordering::Relaxed)
    }
}

fn listen_on(listeners: Vec<TcpListener>, registry: &Registry) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    for listener in listeners {
        tasks.spawn(listen::accept(listener, registry.clone()));
    }
    tasks
}

fn new_peer_id() -> PeerId {
    let mut bytes = [0; 20];
    bytes[..8].copy_from_slice(PEER_ID_PREFIX);
    bytes[8..].fill_with(|| fastrand::alphanumeric() as u8);
    PeerId(bytes)
}
