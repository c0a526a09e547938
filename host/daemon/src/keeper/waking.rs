//! From the database to a keeper with all its torrents. Only rows are read: no torrent file is opened.

use super::book::{Book, Limits};
use super::queueing::Agenda;
use super::roll_call::RollCall;
use super::saving::{GROUPS, STATS};
use super::{Keeper, News, adding};
use crate::catalogue::Catalogue;
use crate::catalogue::entry::{Entry, Number};
use crate::catalogue::log::Log;
use crate::daemon::Shared;
use crate::limits::MAX_TORRENT_FILE;
use crate::record::Record;
use crate::{Config, Group, Options, SessionStats, Settings, StartError, Totals, Transport};
use engine::{Bind, PeerSockets, Session, Transports, Ways};
use metainfo::{InfoHash, Metainfo};
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::io::ErrorKind;
use std::path::Path;
use std::sync::{Arc, RwLock};
use storage::{Change, Contents, Ledger};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

/// Locks the directory, starts the session, and restores every torrent.
pub(super) fn wake(mut config: Config, news_sender: mpsc::Sender<News>) -> Result<Keeper, StartError> {
    let directory = config.config_directory.clone();
    let lock = crate::lock::lock(&directory)?;
    let failed = |reason: String| StartError::Directory { path: directory.clone(), reason };
    let is_new = !directory.join(storage::STATE_FILE).exists();
    let session = start_session(settings(&mut config))?;
    let state = session.state().ok_or_else(|| failed("it has no database".into()))?;
    let (ledger, contents) = Ledger::start(state).map_err(|error| failed(error.to_string()))?;
    let rebuild = is_new || state.set_aside().is_some();
    let dht = super::distributed::settings(&config, &contents.values);
    session.set_dht(dht.as_ref());
    let value = |key: &str| contents.values.get(key);
    let mut past: Totals =
        value(STATS).and_then(|text| serde_json::from_str(text).ok()).unwrap_or(config.past);
    let mut restored = Restored::read(&contents, past.active.as_secs(), rebuild, &config);
    restored.claim_no_more_than(&state.recorded_pieces().map_err(|error| failed(error.to_string()))?);
    past.sessions += 1;
    let groups: Vec<Group> =
        value(GROUPS).and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let shared = Arc::new(Shared {
        catalogue: RwLock::new(restored.catalogue),
        log: Log::default(),
        settings: watch::Sender::new(Arc::new(config.settings.clone())),
        stats: RwLock::default(),
        config_directory: directory.clone(),
        port: watch::Sender::new(session.port()),
        reachability: session.reachability(),
        address_filter: config.address_filter.clone(),
        port_test: tokio::sync::Mutex::default(),
        exit: watch::Sender::new(false),
        ended: watch::Sender::new(false),
        groups: RwLock::new(groups.clone()),
    });
    let queue_end = restored.books.values().map(|book| book.order + 1).max().unwrap_or(0);
    Ok(Keeper {
        shared,
        session: Arc::new(session),
        ledger: Arc::new(ledger),
        config,
        books: restored.books,
        awake: BTreeSet::new(),
        leaving: BTreeSet::new(),
        groups: groups.into_iter().map(|group| (group.name, Limits::new())).collect(),
        news_sender,
        dirty: restored.rebuilt,
        changes: Vec::new(),
        stats: SessionStats::default(),
        past,
        started_at: Instant::now(),
        saved_at: Instant::now(),
        stats_noted_at: Instant::now(),
        opening: 0,
        waiting: VecDeque::new(),
        roll_call: RollCall::default(),
        last_sleeper: Number(0),
        verifying: BTreeSet::new(),
        to_verify: VecDeque::new(),
        looks: 0,
        queue: Agenda::new(queue_end),
        scrapes: super::scraping::Timetable::default(),
        followed: restored.followed,
        watches: BTreeMap::new(),
        dht_tables: dht.map(|dht| dht.tables).unwrap_or_default(),
        dht_saved_at: Instant::now(),
        scheduled: None,
        _lock: lock,
    })
}

/// Starts the session. A taken port is no reason not to serve: until another is set, peers reach us at any.
fn start_session(settings: engine::Settings) -> Result<Session, engine::StartError> {
    match Session::start(settings.clone()) {
        Err(engine::StartError::Listen { address, source })
            if settings.port != 0
                && matches!(source.kind(), ErrorKind::AddrInUse | ErrorKind::PermissionDenied) =>
        {
            tracing::error!(%address, %source, "the peer port is taken: another one serves until it is changed");
            Session::start(engine::Settings { port: 0, ..settings })
        }
        started => started,
    }
}

fn settings(config: &mut Config) -> engine::Settings {
    let settings = &mut config.settings;
    if settings.peer_port_random_on_start {
        let (low, high) = (settings.peer_port_random_low, settings.peer_port_random_high);
        settings.peer_port = fastrand::u16(low.min(high)..=high.max(low));
    }
    let Ways { announced_address, peer_sockets, pex, transports, encryption } = ways(settings);
    engine::Settings {
        port: settings.peer_port,
        bind: config.bind.map_or_else(|| settings.bind(), Bind::from),
        announced_address,
        peer_sockets,
        pex,
        transports,
        encryption,
        port_mapping: settings.port_forwarding,
        state_directory: Some(config.config_directory.clone()),
        peer_limit: Some(settings.peer_limit_global as usize),
        lsd: settings.lpd,
        address_filter: config.address_filter.clone(),
        web_seed_connections: settings.web_seed_connections as usize,
        proxy: settings.proxy.clone(),
        proxy_for: settings.proxy_for,
        ..engine::Settings::default()
    }
}

/// How peers are met, as the settings have it.
pub(super) fn ways(settings: &Settings) -> Ways {
    Ways {
        announced_address: settings.announced_address(),
        peer_sockets: PeerSockets {
            traffic_class: settings.traffic_class(),
            congestion_algorithm: Some(settings.congestion_algorithm.clone()).filter(|name| !name.is_empty()),
        },
        pex: settings.pex,
        transports: transports(settings),
        encryption: settings.encryption.into(),
    }
}

/// What carries connections to peers. Without either there would be no peers at all: that asks for TCP.
fn transports(settings: &Settings) -> Transports {
    match (settings.tcp, settings.utp, settings.preferred_transports.first()) {
        (_, false, _) => Transports::TcpOnly,
        (false, true, _) => Transports::UtpOnly,
        (true, true, Some(Transport::Utp)) => Transports::UtpFirst,
        (true, true, _) => Transports::TcpFirst,
    }
}

/// What the records bring back.
#[derive(Default)]
struct Restored {
    catalogue: Catalogue,
    books: BTreeMap<Number, Box<Book>>,
    /// Torrents made anew from their files: to be recorded.
    rebuilt: BTreeSet<Number>,
    /// Torrents that have a publisher.
    followed: BTreeSet<Number>,
}

impl Restored {
    fn read(contents: &Contents, age: u64, rebuild: bool, config: &Config) -> Self {
        let mut restored = Self::default();
        let mut lost = contents.unreadable > 0 || rebuild;
        for row in &contents.torrents {
            match serde_json::from_str::<Record>(&row.record) {
                Ok(record) => {
                    let number = restored.catalogue.next_number();
                    let (entry, book) = record.restore(number, row.info_hash, age);
                    restored.take(entry, book);
                }
                Err(error) => {
                    tracing::error!(%error, "the record of {} cannot be read", row.info_hash);
                    lost = true;
                }
            }
        }
        if lost {
            restored.rebuild(config);
        }
        restored.order();
        restored
    }

    fn take(&mut self, entry: Entry, book: Book) {
        if entry.publication.is_some() {
            self.followed.insert(book.number);
        }
        self.books.insert(book.number, Box::new(book));
        self.catalogue.insert(entry);
    }

    /// Torrents whose record is gone come back from the files beside the database, stopped.
    fn rebuild(&mut self, config: &Config) {
        let Ok(files) = std::fs::read_dir(config.config_directory.join("torrents")) else { return };
        let mut paths: Vec<_> = files.filter_map(|file| Some(file.ok()?.path())).collect();
        paths.sort();
        for path in paths.iter().filter(|path| path.extension().is_some_and(|it| it == "torrent")) {
            match parse(path) {
                Ok(metainfo) if self.catalogue.find(&metainfo.info_hash()).is_none() => {
                    let number = self.catalogue.next_number();
                    let options = Options {
                        download_directory: config.settings.download_directory.clone(),
                        ..Options::default()
                    };
                    tracing::warn!(name = metainfo.name, "its record was lost; it comes back stopped");
                    let mut book = Book::new(number, metainfo.info_hash());
                    book.order = i64::from(number.0);
                    self.rebuilt.insert(number);
                    self.take(adding::entry(number, &metainfo, options), book);
                }
                Ok(_) => {}
                Err(error) => tracing::warn!(%error, "{} cannot be used", path.display()),
            }
        }
    }

    /// Counters are written as bytes come, pieces are recorded once they are synced: after a crash the pieces count.
    fn claim_no_more_than(&mut self, recorded: &HashMap<InfoHash, u32>) {
        let numbers: Vec<Number> = self.books.keys().copied().collect();
        for number in numbers {
            self.catalogue.change_if(number, |entry| {
                let pieces = recorded.get(&entry.info_hash).copied().unwrap_or(0);
                if pieces < entry.about.piece_count {
                    let bytes = u64::from(pieces) * u64::from(entry.about.piece_length);
                    entry.progress.bytes_have = entry.progress.bytes_have.min(bytes);
                    entry.progress.bytes_done = entry.progress.bytes_done.min(bytes);
                }
                false
            });
        }
    }

    fn order(&mut self) {
        let mut queue: Vec<(i64, Number)> =
            self.books.values().map(|book| (book.order, book.number)).collect();
        queue.sort_unstable();
        for (position, (_, number)) in (0u32..).zip(queue) {
            self.catalogue.change(number, |entry| entry.queue_position = position);
        }
    }
}

/// Reads a torrent file; blocks.
pub(super) fn parse(path: &Path) -> Result<Metainfo, String> {
    let length = std::fs::metadata(path).map_err(|error| error.to_string())?.len();
    if length > MAX_TORRENT_FILE {
        return Err("larger than any torrent file".into());
    }
    let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
    Metainfo::parse(&bytes).map_err(|error| error.to_string())
}

impl Keeper {
    /// The first decisions.
    pub(super) fn begin(&mut self) {
        self.apply_settings();
        let all: Vec<Number> = self.books.keys().copied().collect();
        for number in all {
            self.scrapes.hurry(number);
            if let Some(book) = self.books.get_mut(&number).filter(|_| self.config.paused) {
                book.wish = super::book::Wish::Stop;
                self.mark(number);
            }
            self.show_status(number);
        }
        self.count();
        self.note_stats();
        if let Ok(text) = serde_json::to_string(&self.shared.groups()) {
            self.changes.push(Change::Set(GROUPS, text));
        }
        self.commit(|_| {});
        self.look_at_queue();
    }
}
