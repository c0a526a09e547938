//! The web seeds of one torrent, and peers found without trackers.

use super::{Inbox, TorrentTask, exchanges_peers, now};
use crate::api::AddTorrent;
use crate::dht::{self, DhtSearch};
use crate::http::Origin;
use crate::limits::{MAX_WEB_SEEDS, MIRRORS_LAG, WEB_SEED_ORDER_QUEUE, WEB_SEED_ROOM};
use crate::lsd::LocalPeer;
use crate::rate_limit::RateLimit;
use crate::session::Shared;
use crate::torrent::WebSeedReport;
use crate::web_seed::{self, WebSeedConfig};
use crate::web_seed_places::WebSeedShare;
use metainfo::Metainfo;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use storage::TorrentStore;
use swarm::{CandidateSource, Fault, FetchEnd, Swarm, WebSeedFact, WebSeedInfo, WebSeedKey, WebSeedOrder};
use tokio::sync::{broadcast, mpsc};
use tokio::task::JoinHandle;
use url::Url;

/// The way to one web seed's task.
struct Line {
    name: String,
    url: Url,
    /// The URL as it was given.
    text: String,
    origin: Origin,
    last_error: String,
    /// `None` once its task has ended; the name is still told.
    orders: Option<mpsc::Sender<WebSeedOrder>>,
}

/// All web seeds of one torrent.
pub(super) struct WebSeeds {
    lines: BTreeMap<WebSeedKey, Line>,
    ground: Ground,
    /// Its part of the connections that the session may have.
    share: WebSeedShare,
    /// Connections that it may have at most.
    most: usize,
    granted: usize,
}

/// What a web seed's task is made of.
struct Ground {
    metainfo: Arc<Metainfo>,
    shared: Arc<Shared>,
    limit: Arc<RateLimit>,
    store: TorrentStore,
    facts: mpsc::Sender<(WebSeedKey, Vec<WebSeedFact>)>,
}

impl WebSeeds {
    /// Starts a task for each usable URL, the user's own first.
    pub(super) fn start(
        add: &AddTorrent,
        shared: &Arc<Shared>,
        store: &TorrentStore,
        facts: mpsc::Sender<(WebSeedKey, Vec<WebSeedFact>)>,
        swarm: &mut Swarm,
    ) -> Self {
        let limit = Arc::clone(add.tuning.down.as_ref().unwrap_or(&shared.down));
        let (metainfo, shared, store) = (Arc::clone(&add.metainfo), Arc::clone(shared), store.clone());
        let (share, most) = (shared.web_seed_places.join(), add.web_seed_connections);
        let ground = Ground { metainfo, shared, limit, store, facts };
        let mut seeds = Self { lines: BTreeMap::new(), ground, share, most, granted: most };
        if !add.use_web_seeds {
            return seeds;
        }
        let own = add.web_seeds.iter().map(|url| (url.clone(), url.as_str(), Origin::User));
        let given = add.metainfo.web_seeds.iter().filter(|text| !add.tuning.without_web_seeds.contains(text));
        let given = given.filter_map(|text| Some((usable(text)?, text.as_str(), Origin::Torrent)));
        seeds.begin(own.chain(given).collect(), swarm);
        seeds
    }

    /// One more, of the user's own.
    pub(super) fn add(&mut self, url: Url, swarm: &mut Swarm) {
        let text = url.as_str().to_owned();
        if !self.lines.values().any(|line| line.text == text) {
            self.begin(vec![(url, &text, Origin::User)], swarm);
        }
    }

    /// One less; what it is sending is cut.
    pub(super) fn remove(&mut self, url: &str, swarm: &mut Swarm) {
        let keys: Vec<_> =
            self.lines.iter().filter(|(_, line)| line.text == url).map(|(key, _)| *key).collect();
        for key in keys {
            swarm.remove_web_seed(now(), key);
            self.lines.remove(&key);
        }
    }

    /// Takes in those that there is room for.
    fn begin(&mut self, mut all: Vec<(Url, &str, Origin)>, swarm: &mut Swarm) {
        all.truncate(MAX_WEB_SEEDS.saturating_sub(self.lines.len()));
        self.claim_for(self.lines.len() + all.len(), swarm);
        let mirrors = &self.ground.shared.mirrors;
        let infos = all.iter().map(|(url, ..)| {
            let host = host(url);
            // An archive has everything for ever.
            let is_last_resort = host.starts_with("archive.");
            WebSeedInfo { score: mirrors.expected(&host, SystemTime::now()), host, is_last_resort }
        });
        let keys = swarm.add_web_seeds(now(), infos);
        for (key, (url, text, origin)) in keys.into_iter().zip(all) {
            self.open(key, url, text.to_owned(), origin);
        }
    }

    /// Changes how many connections there may be at most.
    pub(super) fn set_most(&mut self, most: usize, swarm: &mut Swarm) {
        self.most = most;
        self.claim(swarm);
    }

    /// Claims connections anew: others may want some, or have given some back.
    pub(super) fn claim(&mut self, swarm: &mut Swarm) {
        let seeds = if swarm.is_complete() { 0 } else { self.lines.len() };
        self.claim_for(seeds, swarm);
    }

    fn claim_for(&mut self, seeds: usize, swarm: &mut Swarm) {
        // A URL may lead to several servers: there is room for as many again to be found.
        let wanted = if seeds == 0 { 0 } else { seeds * 2 + WEB_SEED_ROOM };
        let granted = self.share.claim(wanted.min(self.most));
        if std::mem::replace(&mut self.granted, granted) != granted {
            swarm.set_web_seed_connections(now(), granted);
        }
    }

    /// Starts a task that fetches from a URL.
    fn open(&mut self, key: WebSeedKey, url: Url, text: String, origin: Origin) {
        let (orders, receiver) = mpsc::channel(WEB_SEED_ORDER_QUEUE);
        let name = crate::http::without_credentials(&url);
        let ground = &self.ground;
        let config = WebSeedConfig {
            key,
            url: url.clone(),
            origin,
            metainfo: Arc::clone(&ground.metainfo),
            store: ground.store.clone(),
            pool: ground.shared.disk.pool().clone(),
            limit: Arc::clone(&ground.limit),
            http: ground.shared.http.clone(),
        };
        web_seed::spawn(config, receiver, ground.facts.clone());
        let line = Line { name, url, text, origin, last_error: String::new(), orders: Some(orders) };
        self.lines.insert(key, line);
    }

    /// Starts one more task for the URL of a web seed.
    pub(super) fn open_twin(&mut self, of: WebSeedKey, key: WebSeedKey) {
        if let Some(line) = self.lines.get(&of) {
            let (url, text, origin) = (line.url.clone(), line.text.clone(), line.origin);
            self.open(key, url, text, origin);
        }
    }

    /// Remembers what went wrong.
    pub(super) fn note_error(&mut self, key: WebSeedKey, text: &str) {
        if let Some(line) = self.lines.get_mut(&key) {
            text.clone_into(&mut line.last_error);
        }
    }

    /// Each in detail.
    pub(super) fn reports(&self, now: std::time::Instant, swarm: &Swarm) -> Vec<WebSeedReport> {
        let report = |seed: swarm::WebSeedSnapshot| {
            let line = self.lines.get(&seed.key)?;
            Some(WebSeedReport {
                url: line.text.clone(),
                state: seed.state,
                bytes_down: seed.bytes_down,
                down_rate: seed.down_rate,
                last_error: seed.reason.unwrap_or_else(|| line.last_error.clone()),
            })
        };
        swarm.web_seeds(now).filter_map(report).collect()
    }

    /// Passes an order on. A task takes one range at a time, so its queue has room for what a swarm may order.
    pub(super) fn order(&mut self, key: WebSeedKey, order: WebSeedOrder) {
        if let Some(line) = self.lines.get_mut(&key)
            && line.orders.as_ref().is_some_and(|orders| orders.try_send(order).is_err())
        {
            tracing::warn!(web_seed = %line.name, "does not take orders; dropped");
            line.orders = None;
        }
    }

    /// The URL, without credentials.
    pub(super) fn name(&self, key: WebSeedKey) -> String {
        self.lines.get(&key).map(|line| line.name.clone()).unwrap_or_default()
    }

    /// Has what they were worth remembered, on a thread that may wait for the disk.
    pub(super) fn remember(&self, swarm: &Swarm) -> Option<JoinHandle<()>> {
        let fared: Vec<_> = swarm
            .web_seeds(now())
            .filter_map(|seed| Some((host(&self.lines.get(&seed.key)?.url), seed)))
            .collect();
        let shared = Arc::clone(&self.ground.shared);
        let learn = move || shared.mirrors.learn(&fared, SystemTime::now());
        (!self.lines.is_empty()).then(|| tokio::task::spawn_blocking(learn))
    }

    /// Ends all of them; bodies under way are cut.
    pub(super) fn clear(&mut self) {
        for line in self.lines.values_mut() {
            line.orders = None;
        }
        self.ground.shared.http.close_idle();
    }
}

/// By what a mirror is remembered.
fn host(url: &Url) -> String {
    url.host_str().unwrap_or_default().to_owned()
}

/// A web seed URL that can be asked at all; relative, broken and foreign ones are left out.
fn usable(text: &str) -> Option<Url> {
    Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

/// Whether a torrent is so new that a mirror without its files may get them soon.
pub(super) fn is_new(metainfo: &Metainfo) -> bool {
    let made = metainfo.creation_date.and_then(|seconds| u64::try_from(seconds).ok());
    let made = made.and_then(|seconds| UNIX_EPOCH.checked_add(Duration::from_secs(seconds)));
    // A date in the future is no date.
    made.and_then(|made| SystemTime::now().duration_since(made).ok()).is_some_and(|age| age < MIRRORS_LAG)
}

/// What a fact about a web seed means to a person, where it means something.
pub(super) fn describe(fact: &WebSeedFact) -> Option<String> {
    match fact {
        WebSeedFact::Ended(FetchEnd::Failed(fault @ Fault::Busy { retry_after: Some(wait), .. })) => {
            Some(format!("{fault}; asked to wait {} s", wait.as_secs()))
        }
        WebSeedFact::Ended(FetchEnd::Failed(fault)) if *fault != Fault::Queued => Some(fault.to_string()),
        WebSeedFact::NoRanges => Some("sends whole files only".to_owned()),
        WebSeedFact::Ended(FetchEnd::Complete | FetchEnd::Cancelled | FetchEnd::Failed(_))
        | WebSeedFact::BlockReceived(_)
        | WebSeedFact::Answered { .. } => None,
    }
}

/// Announces the torrent on the local network and listens for others that have it.
pub(super) fn listen_locally(add: &AddTorrent, shared: &Shared) -> Option<broadcast::Receiver<LocalPeer>> {
    let lsd = shared.discovery.lsd().filter(|_| add.use_peers && !add.metainfo.private)?;
    lsd.announce(add.metainfo.wire_info_hash());
    Some(lsd.subscribe())
}

/// Announces the torrent on the local network no more.
pub(super) fn leave_locally(add: &AddTorrent, shared: &Shared) {
    if let Some(lsd) = shared.discovery.lsd() {
        lsd.forget(add.metainfo.wire_info_hash());
    }
}

/// The next peers found in the DHT; pending where none are looked for.
pub(crate) async fn dht_peers(search: &mut Option<DhtSearch>) -> Vec<SocketAddr> {
    loop {
        let Some(running) = search else { return std::future::pending().await };
        match running.next().await {
            Some(peers) => return peers,
            None => *search = None,
        }
    }
}

impl TorrentTask {
    /// Takes up the ways to find peers that there are now.
    pub(super) fn rediscover(&mut self, inbox: &mut Inbox) {
        inbox.discovery.mark_unchanged();
        self.peers.part_if_moved();
        self.swarm.set_exchanging(exchanges_peers(&self.add, &self.shared));
        if let Some(trackers) = &mut self.trackers {
            trackers.set_port(now(), self.shared.tracker_port());
        }
        inbox.local_peers = listen_locally(&self.add, &self.shared);
        inbox.dht = dht::find(&self.add, &self.shared);
    }

    pub(super) fn handle_dht_peers(&mut self, peers: &[SocketAddr]) {
        let allowed = self.shared.settings.address_filter.allowed(peers);
        self.swarm.handle_candidates(now(), CandidateSource::Dht, &allowed);
    }

    pub(super) fn handle_local_peer(&mut self, peer: &LocalPeer) {
        if peer.info_hash == self.add.metainfo.wire_info_hash() {
            let allowed = self.shared.settings.address_filter.allowed(&[peer.address]);
            self.swarm.handle_candidates(now(), CandidateSource::Lsd, &allowed);
        }
    }
}
