//! One torrent's announces: the [`Announcer`] decides, HTTP and UDP carry.

use crate::api::{AddTorrent, SourceKind, TrackerWord};
use crate::http::Origin;
use crate::limits::ANNOUNCES_AT_ONCE;
use crate::session::Shared;
use crate::torrent::TorrentTask;
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use swarm::CandidateSource;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracker::{
    AnnounceError, AnnounceRequest, AnnounceResponse, Announcer, Config, Output, Progress, TrackerKey,
    TrackerSnapshot,
};
use url::Url;

/// An announce that ended.
pub(crate) struct Ended {
    tracker: TrackerKey,
    url: String,
    result: Result<AnnounceResponse, AnnounceError>,
}

impl Ended {
    /// The tracker's URL without credentials, and how it went.
    pub(crate) fn in_words(&self) -> (String, String) {
        let state = match &self.result {
            Ok(answer) => answer.warning.clone().unwrap_or_else(|| format!("{} peers", answer.peers.len())),
            Err(error) => error.to_string(),
        };
        (crate::http::without_credentials(&self.url), state)
    }

    /// Peers that do not have everything, where the tracker says so.
    pub(crate) fn leechers(&self) -> Option<u32> {
        self.result.as_ref().ok()?.leechers
    }
}

/// The trackers of one torrent. They outlive its task when it falls asleep.
pub(crate) struct Trackers {
    shared: Arc<Shared>,
    announcer: Announcer,
    under_way: JoinSet<Ended>,
    waiting: VecDeque<Due>,
    /// They have not heard of the torrent yet.
    begins_at: Option<Instant>,
    /// What they were told of earlier tasks.
    past: Progress,
    /// What they say, where it is not good.
    word: Option<TrackerWord>,
}

/// An announce that waits for its turn.
struct Due {
    tracker: TrackerKey,
    url: String,
    request: AnnounceRequest,
    timeout: Duration,
}

impl Trackers {
    /// The trackers of a torrent that begins.
    pub(super) fn of(add: &AddTorrent, progress: Progress, shared: &Arc<Shared>) -> Self {
        let tiers = add.tuning.trackers.as_ref().unwrap_or(&add.metainfo.trackers).clone();
        let total_bytes = add.metainfo.geometry.total_length();
        Self::new(add.metainfo.wire_info_hash(), tiers, Some(total_bytes), progress, shared)
    }

    /// Trackers that are about to hear of the torrent; its size is not known with a magnet link.
    pub(crate) fn new(
        info_hash: [u8; 20],
        tiers: Vec<Vec<String>>,
        total_bytes: Option<u64>,
        progress: Progress,
        shared: &Arc<Shared>,
    ) -> Self {
        let now = Instant::now().into_std();
        let mut rng = fastrand::Rng::new();
        let mut config = Config::new(tiers, info_hash, shared.peer_id, shared.tracker_port(), rng.u32(..));
        config.total_size = total_bytes;
        config.progress = progress;
        Self {
            shared: Arc::clone(shared),
            announcer: Announcer::new(config, rng.u64(..), now),
            begins_at: Some(Instant::now()),
            under_way: JoinSet::new(),
            waiting: VecDeque::new(),
            past: Progress::default(),
            word: None,
        }
    }

    /// The torrent's metadata was found: its trackers go on as they were.
    pub(super) fn learn(&mut self, add: &AddTorrent, progress: Progress) {
        self.announcer.handle_total_size(add.metainfo.geometry.total_length());
        let tiers = add.tuning.trackers.as_ref().unwrap_or(&add.metainfo.trackers);
        self.announcer.set_tiers(Instant::now().into_std(), tiers.clone());
        self.announcer.handle_progress(progress);
    }

    /// The task that counted `progress` ends; another will count anew.
    pub(super) fn rest(&mut self, progress: Progress) {
        self.past = self.in_all(progress);
    }

    fn in_all(&self, progress: Progress) -> Progress {
        Progress {
            downloaded: self.past.downloaded + progress.downloaded,
            uploaded: self.past.uploaded + progress.uploaded,
            left: progress.left,
        }
    }

    /// The user changed the list.
    pub(crate) fn set_tiers(&mut self, now: std::time::Instant, tiers: Vec<Vec<String>>) {
        self.announcer.set_tiers(now, tiers);
    }

    /// Peers reach us at another port from now on: those who know us should hear of that.
    pub(crate) fn set_port(&mut self, now: std::time::Instant, port: u16) {
        if self.announcer.set_port(port) {
            self.announcer.handle_asked(now);
        }
    }

    /// The user wants more peers.
    pub(crate) fn hurry(&mut self, now: std::time::Instant) {
        self.announcer.handle_asked(now);
    }

    /// Every tracker as it stands.
    pub(crate) fn snapshots(&self) -> Vec<TrackerSnapshot> {
        self.announcer.snapshots().collect()
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.begins_at.or_else(|| self.announcer.poll_timeout().map(Instant::from_std))
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant, progress: Progress) {
        if self.poll_timeout().is_some_and(|when| when <= now) {
            self.announcer.handle_progress(self.in_all(progress));
            match self.begins_at.take() {
                Some(_) => self.announcer.handle_started(now.into_std()),
                None => self.announcer.handle_timeout(now.into_std()),
            }
        }
    }

    /// The download became complete.
    pub(super) fn completed(&mut self, progress: Progress) {
        self.announcer.handle_progress(self.in_all(progress));
        self.announcer.handle_completed(Instant::now().into_std());
    }

    /// Starts the announces that are due.
    pub(crate) fn drain(&mut self) {
        while let Some(output) = self.announcer.poll_output() {
            if let Output::Announce { tracker, url, mut request, timeout } = output {
                say_where_we_are(&mut request, &self.shared);
                self.waiting.push_back(Due { tracker, url, request, timeout });
            }
        }
        while self.under_way.len() < ANNOUNCES_AT_ONCE
            && let Some(Due { tracker, url, request, timeout }) = self.waiting.pop_front()
        {
            let shared = Arc::clone(&self.shared);
            self.under_way.spawn(async move {
                let announce = announce(&shared, &url, &request);
                let result =
                    tokio::time::timeout(timeout, announce).await.unwrap_or(Err(AnnounceError::TimedOut));
                Ended { tracker, url, result }
            });
        }
        self.waiting.shrink_to_fit();
    }

    /// An announce is under way.
    pub(crate) fn is_announcing(&self) -> bool {
        !self.under_way.is_empty()
    }

    /// What they say, where it is not good.
    pub(crate) const fn word(&self) -> Option<&TrackerWord> {
        self.word.as_ref()
    }

    /// The next announce to end.
    pub(crate) fn poll_ended(&mut self, context: &mut Context<'_>) -> Poll<Ended> {
        loop {
            match self.under_way.poll_join_next(context) {
                Poll::Ready(Some(Ok(ended))) => return Poll::Ready(ended),
                Poll::Ready(Some(Err(_))) => {}
                Poll::Ready(None) | Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Takes in an answer. The peers it names that may be connected with.
    pub(crate) fn handle_ended(&mut self, ended: &Ended) -> Vec<SocketAddr> {
        match &ended.result {
            Ok(answer) => {
                self.word = answer.warning.clone().map(|text| TrackerWord { is_error: false, text });
            }
            Err(AnnounceError::Refused { reason, .. }) => {
                self.word = Some(TrackerWord { is_error: true, text: reason.clone() });
            }
            // A tracker that cannot be reached is told with the trackers, not as a fault of the torrent.
            Err(_) => {}
        }
        self.announcer.handle_response(Instant::now().into_std(), ended.tracker, ended.result.as_ref());
        let peers = ended.result.as_ref().map(|answer| &answer.peers[..]).unwrap_or_default();
        self.shared.settings.address_filter.allowed(peers)
    }

    /// Says goodbye where we were announced; ends when every tracker answered. Announces under way come first: one
    /// of them may be the `completed` that counts this download.
    pub(crate) async fn stop(&mut self, progress: Progress) {
        self.announcer.handle_progress(self.in_all(progress));
        self.announcer.handle_stopped(Instant::now().into_std());
        self.drain();
        while let Some(ended) = self.under_way.join_next().await {
            if let Ok(Ended { tracker, result, .. }) = ended {
                self.announcer.handle_response(Instant::now().into_std(), tracker, result.as_ref());
            }
            self.drain();
        }
    }
}

/// Where peers reach us may have changed since the torrent began.
fn say_where_we_are(request: &mut AnnounceRequest, shared: &Shared) {
    request.port = shared.tracker_port();
    // Where nobody reaches us, an address would only say who we are.
    match shared.ways().announced_address.filter(|_| !shared.exit.hides_us()) {
        Some(IpAddr::V4(address)) => request.ipv4 = Some(address),
        Some(IpAddr::V6(address)) => request.ipv6 = Some(address),
        None => {}
    }
}

/// The next announce to end; pending while none is under way.
pub(crate) async fn ended(trackers: &mut Option<Trackers>) -> Ended {
    let Some(trackers) = trackers else { return std::future::pending().await };
    std::future::poll_fn(|context| trackers.poll_ended(context)).await
}

async fn announce(
    shared: &Shared,
    url: &str,
    request: &AnnounceRequest,
) -> Result<AnnounceResponse, AnnounceError> {
    let parsed = Url::parse(url).map_err(|_| AnnounceError::BadUrl("it is not a URL"))?;
    match parsed.scheme() {
        "udp" => shared.udp_trackers.announce(&parsed, request).await,
        "http" | "https" => crate::http_tracker::announce(&shared.http, url, Origin::Torrent, request).await,
        _ => Err(AnnounceError::BadUrl("only http, https and udp trackers are known")),
    }
}

impl TorrentTask {
    /// Takes an announce's answer to the announcer and its peers to the swarm.
    pub(super) fn handle_announce(&mut self, ended: &Ended) {
        let Some(trackers) = &mut self.trackers else { return };
        let peers = trackers.handle_ended(ended);
        self.rates.tracker_word = trackers.word().cloned();
        self.swarm.handle_candidates(super::now(), CandidateSource::Tracker, &peers);
        let (name, state) = ended.in_words();
        self.teller.tell_source(SourceKind::Tracker, name, state);
    }
}
