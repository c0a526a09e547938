//! One torrent's announces: the [`Announcer`] decides, HTTP and UDP carry.

use crate::api::{AddTorrent, SourceKind, TrackerWord};
use crate::http::Origin;
use crate::limits::ANNOUNCES_AT_ONCE;
use crate::session::Shared;
use crate::torrent::TorrentTask;
use std::collections::VecDeque;
use std::sync::Arc;
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
pub(super) struct Ended {
    tracker: TrackerKey,
    url: String,
    result: Result<AnnounceResponse, AnnounceError>,
}

/// The trackers of one torrent.
pub(super) struct Trackers {
    shared: Arc<Shared>,
    announcer: Announcer,
    under_way: JoinSet<Ended>,
    waiting: VecDeque<Due>,
}

/// An announce that waits for its turn.
struct Due {
    tracker: TrackerKey,
    url: String,
    request: AnnounceRequest,
    timeout: Duration,
}

impl Trackers {
    pub(super) fn new(add: &AddTorrent, shared: &Arc<Shared>, progress: Progress, seed: u64) -> Self {
        let now = Instant::now().into_std();
        let mut rng = fastrand::Rng::with_seed(seed);
        let info_hash = add.metainfo.wire_info_hash();
        let tiers = add.tuning.trackers.as_ref().unwrap_or(&add.metainfo.trackers).clone();
        let mut config = Config::new(tiers, info_hash, shared.peer_id, shared.port(), rng.u32(..));
        config.total_size = Some(add.metainfo.geometry.total_length());
        config.progress = progress;
        let mut announcer = Announcer::new(config, rng.u64(..), now);
        announcer.handle_started(now);
        Self { shared: Arc::clone(shared), announcer, under_way: JoinSet::new(), waiting: VecDeque::new() }
    }

    /// The user changed the list.
    pub(super) fn set_tiers(&mut self, now: std::time::Instant, tiers: Vec<Vec<String>>) {
        self.announcer.set_tiers(now, tiers);
    }

    /// The user wants more peers.
    pub(super) fn hurry(&mut self, now: std::time::Instant) {
        self.announcer.handle_asked(now);
    }

    /// Every tracker as it stands.
    pub(super) fn snapshots(&self) -> Vec<TrackerSnapshot> {
        self.announcer.snapshots().collect()
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.announcer.poll_timeout().map(Instant::from_std)
    }

    pub(super) fn handle_timeout(&mut self, now: Instant, progress: Progress) {
        if self.poll_timeout().is_some_and(|when| when <= now) {
            self.announcer.handle_progress(progress);
            self.announcer.handle_timeout(now.into_std());
        }
    }

    /// The download became complete.
    pub(super) fn completed(&mut self, progress: Progress) {
        self.announcer.handle_progress(progress);
        self.announcer.handle_completed(Instant::now().into_std());
    }

    /// Starts the announces that are due.
    pub(super) fn drain(&mut self) {
        while let Some(output) = self.announcer.poll_output() {
            if let Output::Announce { tracker, url, request, timeout } = output {
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
    }

    /// Says goodbye where we were announced; ends when every tracker answered. Announces under way come first: one
    /// of them may be the `completed` that counts this download.
    pub(super) async fn stop(&mut self, progress: Progress) {
        self.announcer.handle_progress(progress);
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

/// The next announce to end; pending while none is under way.
pub(super) async fn ended(trackers: &mut Option<Trackers>) -> Ended {
    let Some(trackers) = trackers else { return std::future::pending().await };
    loop {
        match trackers.under_way.join_next().await {
            Some(Ok(ended)) => return ended,
            Some(Err(_)) => {}
            None => std::future::pending().await,
        }
    }
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
    pub(super) fn handle_announce(&mut self, ended: Ended) {
        let Ended { tracker, url, result } = ended;
        let now = super::now();
        self.rates.tracker_word = match &result {
            Ok(answer) => answer.warning.clone().map(|text| TrackerWord { is_error: false, text }),
            Err(AnnounceError::Refused { reason, .. }) => {
                Some(TrackerWord { is_error: true, text: reason.clone() })
            }
            // A tracker that cannot be reached is told with the trackers, not as a fault of the torrent.
            Err(_) => self.rates.tracker_word.take(),
        };
        let state = match &result {
            Ok(answer) => {
                let allowed = self.shared.settings.address_filter.allowed(&answer.peers);
                self.swarm.handle_candidates(now, CandidateSource::Tracker, &allowed);
                answer.warning.clone().unwrap_or_else(|| format!("{} peers", answer.peers.len()))
            }
            Err(error) => error.to_string(),
        };
        self.teller.tell_source(SourceKind::Tracker, crate::http::without_credentials(&url), state);
        if let Some(trackers) = &mut self.trackers {
            trackers.announcer.handle_response(now, tracker, result.as_ref());
        }
    }
}
