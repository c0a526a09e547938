//! One torrent's announces: which tracker, when, and with which event.
//!
//! Tiers follow BEP 12: inside a tier the order is shuffled once, the tracker that works moves to the front, and
//! a further tier is asked only while every tracker of the earlier ones fails. Time is only ever an argument.

mod schedule;
#[cfg(test)]
mod tests;
mod tiers;

use crate::announce::{AnnounceError, AnnounceEvent, AnnounceRequest, AnnounceResponse, Progress};
use crate::limits::{ANNOUNCE_TIMEOUT, DEFAULT_NUMWANT, STOP_TIMEOUT};
use metainfo::PeerId;
use schedule::Schedule;
use std::collections::VecDeque;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant};
use tiers::Tiers;

/// Names one tracker of one [`Announcer`], for its whole life.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TrackerKey(pub u32);

/// What an [`Announcer`] is made of.
#[derive(Clone, Debug)]
pub struct Config {
    /// Announce URLs by tier (BEP 12). The first [`MAX_TRACKERS`](crate::limits::MAX_TRACKERS) different ones are
    /// used.
    pub tiers: Vec<Vec<String>>,
    /// The torrent, as on the wire.
    pub info_hash: [u8; 20],
    /// Ours.
    pub peer_id: PeerId,
    /// The port peers reach us at.
    pub port: u16,
    /// Random, the same for this torrent at all trackers and over all addresses (BEP 7).
    pub key: u32,
    /// Peers asked for in one announce.
    pub numwant: u32,
    /// Size of the torrent; what is reported as downloaded is never more.
    pub total_size: Option<u64>,
    /// Where the torrent stands at its start. With nothing left, `completed` is never sent.
    pub progress: Progress,
    /// Announce to the best tracker of every tier, not only to that of the first tier that works.
    pub all_tiers: bool,
    /// An IPv4 address of ours to be told (BEP 7).
    pub ipv4: Option<Ipv4Addr>,
    /// An IPv6 address of ours to be told (BEP 7).
    pub ipv6: Option<Ipv6Addr>,
}

impl Config {
    /// The usual settings for a torrent.
    pub const fn new(
        tiers: Vec<Vec<String>>,
        info_hash: [u8; 20],
        peer_id: PeerId,
        port: u16,
        key: u32,
    ) -> Self {
        Self {
            tiers,
            info_hash,
            peer_id,
            port,
            key,
            numwant: DEFAULT_NUMWANT,
            total_size: None,
            progress: Progress { downloaded: 0, uploaded: 0, left: None },
            all_tiers: false,
            ipv4: None,
            ipv6: None,
        }
    }
}

/// What an [`Announcer`] wants done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Output {
    /// Ask a tracker, and bring its answer to [`Announcer::handle_response`], whatever it is.
    Announce {
        /// Which one.
        tracker: TrackerKey,
        /// Its announce URL as the torrent names it.
        url: String,
        /// What to say.
        request: AnnounceRequest,
        /// When to give up waiting; answer then with [`AnnounceError::TimedOut`].
        timeout: Duration,
    },
    /// After [`Announcer::handle_stopped`]: every tracker that had to be told was told, or did not answer in time.
    Stopped,
}

/// How a tracker does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TrackerStatus {
    /// Not asked yet.
    Idle,
    /// An announce is under way.
    Announcing,
    /// Its last answer was good.
    Working,
    /// Its last answer was an error, or none; it is asked again.
    Failing,
    /// It is not asked again.
    Gone,
}

/// A tracker at one moment, for people to look at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TrackerSnapshot {
    /// Which one.
    pub key: TrackerKey,
    /// Its announce URL as the torrent names it; it may hold a pass key.
    pub url: String,
    /// Its tier, from 0.
    pub tier: usize,
    /// How it does.
    pub status: TrackerStatus,
    /// What went wrong last, one clean line; `None` after a good answer.
    pub last_error: Option<String>,
    /// What it wants the user to know.
    pub warning: Option<String>,
    /// An announce to it ended, well or not.
    pub has_ended: bool,
    /// When it was last asked.
    pub last_announce: Option<Instant>,
    /// When it is asked next, if its tier has its turn then.
    pub next_announce: Option<Instant>,
    /// Peers that have everything, by its last good answer.
    pub seeders: Option<u32>,
    /// Peers that do not.
    pub leechers: Option<u32>,
    /// Downloads ever completed.
    pub downloads: Option<u32>,
    /// Addresses in its last good answer.
    pub peers_received: u32,
}

/// The announces of one torrent. See the crate's documentation for how a machine is driven.
#[derive(Debug)]
pub struct Announcer {
    config: Config,
    rng: fastrand::Rng,
    tiers: Tiers,
    trackers: Vec<Tracker>,
    outputs: VecDeque<Output>,
    progress: Progress,
    phase: Phase,
    /// Nothing was missing at some time, so that `completed` is not, or no longer, to be told.
    complete: bool,
}

/// One tracker and what is known of it.
#[derive(Debug)]
struct Tracker {
    url: String,
    schedule: Schedule,
    given_id: Option<Vec<u8>>,
    has_ended: bool,
    last_error: Option<String>,
    warning: Option<String>,
    seeders: Option<u32>,
    leechers: Option<u32>,
    downloads: Option<u32>,
    peers_received: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// Not started, or stopped and all told.
    Silent,
    Running,
    /// Saying goodbye until this time.
    Stopping(Instant),
}

impl Announcer {
    /// An announcer that is silent until [`handle_started`](Self::handle_started).
    pub fn new(mut config: Config, seed: u64, now: Instant) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let (tiers, urls) = Tiers::new(std::mem::take(&mut config.tiers), &mut rng);
        let trackers = urls.into_iter().map(|url| Tracker::new(url, now)).collect();
        let progress = config.progress;
        let complete = progress.left == Some(0);
        Self {
            config,
            rng,
            tiers,
            trackers,
            outputs: VecDeque::new(),
            progress,
            phase: Phase::Silent,
            complete,
        }
    }

    /// The torrent runs, for the first time or again after it was stopped.
    pub fn handle_started(&mut self, now: Instant) {
        if self.phase == Phase::Running {
            return;
        }
        self.phase = Phase::Running;
        for tracker in &mut self.trackers {
            tracker.schedule.restart(now);
        }
        self.decide(now);
    }

    /// Where the torrent stands. Told as often as convenient, and before each drain at best.
    pub const fn handle_progress(&mut self, progress: Progress) {
        self.progress = progress;
    }

    /// The size became known (metadata of a magnet link).
    pub const fn handle_total_size(&mut self, total_size: u64) {
        self.config.total_size = Some(total_size);
    }

    /// The download became complete. Told to each tracker that knows us as incomplete, once; without effect if
    /// nothing was missing before.
    pub fn handle_completed(&mut self, now: Instant) {
        self.progress.left = Some(0);
        if self.complete {
            return;
        }
        self.complete = true;
        for tracker in &mut self.trackers {
            tracker.schedule.completed(now);
        }
        self.decide(now);
    }

    /// A person wants more peers: announce as soon as the tracker itself allows.
    pub fn handle_asked(&mut self, now: Instant) {
        for tracker in &mut self.trackers {
            tracker.schedule.ask(now);
        }
        self.decide(now);
    }

    /// Peers reach us at another port from now on. False if they did so before.
    pub const fn set_port(&mut self, port: u16) -> bool {
        let changes = self.config.port != port;
        self.config.port = port;
        changes
    }

    /// The user changed the list. Trackers that stay keep their key and their schedule; those that go are told
    /// `stopped` where they know us, and not asked again.
    pub fn set_tiers(&mut self, now: Instant, lists: Vec<Vec<String>>) {
        let (tiers, urls) = Tiers::new(lists, &mut self.rng);
        let mut keys = Vec::with_capacity(urls.len());
        for url in urls {
            let known = self.trackers.iter().position(|tracker| tracker.url == url);
            keys.push(TrackerKey(known.unwrap_or(self.trackers.len()) as u32));
            if known.is_none() {
                self.trackers.push(Tracker::new(url, now));
            }
        }
        let renamed = |tier: Vec<TrackerKey>| tier.into_iter().map(|key| keys[key.0 as usize]).collect();
        self.tiers = Tiers::of_keys(tiers.into_tiers().into_iter().map(renamed).collect());
        self.decide(now);
    }

    /// Tells the trackers that are not in the list any more that we are gone. One that comes back begins anew.
    fn part_from_the_removed(&mut self, now: Instant) {
        for index in 0..self.trackers.len() {
            let key = TrackerKey(index as u32);
            let is_listed = self.tiers.iter().any(|(_, listed)| listed == key);
            let schedule = &mut self.trackers[index].schedule;
            if is_listed && schedule.has_said_goodbye() {
                schedule.restart(now);
            } else if !is_listed && schedule.owes_goodbye() {
                self.announce(now, key, Some(STOP_TIMEOUT));
            }
        }
    }

    /// The swarm is short of peers: announce as soon as `min interval` allows.
    pub fn handle_need_more_peers(&mut self, now: Instant) {
        for tracker in &mut self.trackers {
            tracker.schedule.hurry(now);
        }
        self.decide(now);
    }

    /// The torrent stops. Each tracker whose `started` succeeded is told; [`Output::Stopped`] follows within
    /// [`STOP_TIMEOUT`].
    pub fn handle_stopped(&mut self, now: Instant) {
        if self.phase == Phase::Running {
            self.phase = Phase::Stopping(now + STOP_TIMEOUT);
            self.decide(now);
        }
    }

    /// The end of an announce. Peers and external address are for the caller to use.
    pub fn handle_response(
        &mut self,
        now: Instant,
        key: TrackerKey,
        response: Result<&AnnounceResponse, &AnnounceError>,
    ) {
        let Some(tracker) = self.trackers.get_mut(key.0 as usize) else { return };
        if !tracker.schedule.is_in_flight() {
            return;
        }
        match response {
            Ok(response) => {
                tracker.succeeded(now, response, &mut self.rng);
                self.tiers.promote(key);
            }
            Err(error) => tracker.failed(now, error, &mut self.rng),
        }
        self.decide(now);
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.decide(now);
    }

    /// The next thing to do; drain to `None`.
    pub fn poll_output(&mut self) -> Option<Output> {
        let next = self.outputs.pop_front();
        if next.is_none() {
            // Thousands of announcers rest between their announces: they keep no room for the next.
            self.outputs = VecDeque::new();
        }
        next
    }

    /// When to call [`handle_timeout`](Self::handle_timeout).
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.phase {
            Phase::Silent => None,
            Phase::Stopping(deadline) => Some(deadline),
            Phase::Running => self
                .tiers
                .on_turn(&self.trackers, self.config.all_tiers)
                .filter_map(|tier| tiers::next_due(tier, &self.trackers))
                .min(),
        }
    }

    /// Every tracker as it stands, by tier, in the order they are asked.
    pub fn snapshots(&self) -> impl Iterator<Item = TrackerSnapshot> {
        self.tiers.iter().filter_map(|(tier, key)| {
            self.trackers.get(key.0 as usize).map(|tracker| tracker.snapshot(key, tier))
        })
    }

    /// Sends what is due.
    fn decide(&mut self, now: Instant) {
        match self.phase {
            Phase::Silent => {}
            Phase::Running => {
                self.part_from_the_removed(now);
                self.announce_due(now);
            }
            Phase::Stopping(deadline) => self.say_goodbye(now, deadline),
        }
    }

    fn announce_due(&mut self, now: Instant) {
        let due: Vec<TrackerKey> = self
            .tiers
            .on_turn(&self.trackers, self.config.all_tiers)
            .filter_map(|tier| tiers::pick_due(tier, &self.trackers, now))
            .collect();
        for key in due {
            self.announce(now, key, None);
        }
    }

    fn say_goodbye(&mut self, now: Instant, deadline: Instant) {
        if now < deadline {
            for index in 0..self.trackers.len() {
                if self.trackers[index].schedule.owes_goodbye() {
                    self.announce(now, TrackerKey(index as u32), Some(deadline - now));
                }
            }
            if self.trackers.iter().any(|tracker| tracker.schedule.is_in_flight()) {
                return;
            }
        }
        for tracker in &mut self.trackers {
            tracker.schedule.abandon();
        }
        self.phase = Phase::Silent;
        self.outputs.push_back(Output::Stopped);
    }

    /// Asks one tracker; with a time, to say goodbye.
    fn announce(&mut self, now: Instant, key: TrackerKey, goodbye: Option<Duration>) {
        let Some(tracker) = self.trackers.get_mut(key.0 as usize) else { return };
        let event = tracker.schedule.send(now, goodbye.is_some());
        let downloaded = self.progress.downloaded.min(self.config.total_size.unwrap_or(u64::MAX));
        let request = AnnounceRequest {
            info_hash: self.config.info_hash,
            peer_id: self.config.peer_id,
            port: self.config.port,
            key: self.config.key,
            downloaded,
            uploaded: self.progress.uploaded,
            left: self.progress.reported_left(),
            event,
            numwant: if event == AnnounceEvent::Stopped { 0 } else { self.config.numwant },
            tracker_id: tracker.given_id.clone(),
            ipv4: self.config.ipv4,
            ipv6: self.config.ipv6,
        };
        self.outputs.push_back(Output::Announce {
            tracker: key,
            url: tracker.url.clone(),
            request,
            timeout: goodbye.unwrap_or(ANNOUNCE_TIMEOUT),
        });
    }
}

impl Tracker {
    fn new(url: String, now: Instant) -> Self {
        Self {
            url,
            schedule: Schedule::new(now),
            given_id: None,
            has_ended: false,
            last_error: None,
            warning: None,
            seeders: None,
            leechers: None,
            downloads: None,
            peers_received: 0,
        }
    }

    fn succeeded(&mut self, now: Instant, response: &AnnounceResponse, rng: &mut fastrand::Rng) {
        self.schedule.succeeded(now, response, rng);
        self.has_ended = true;
        if response.tracker_id.is_some() {
            self.given_id.clone_from(&response.tracker_id);
        }
        self.last_error = None;
        self.warning.clone_from(&response.warning);
        self.seeders = response.seeders.or(self.seeders);
        self.leechers = response.leechers.or(self.leechers);
        self.downloads = response.downloads.or(self.downloads);
        self.peers_received = response.peers.len() as u32;
    }

    fn failed(&mut self, now: Instant, error: &AnnounceError, rng: &mut fastrand::Rng) {
        self.schedule.failed(now, error, rng);
        self.has_ended = true;
        self.last_error = Some(error.to_string());
    }

    fn snapshot(&self, key: TrackerKey, tier: usize) -> TrackerSnapshot {
        TrackerSnapshot {
            key,
            url: self.url.clone(),
            tier,
            status: self.schedule.status(),
            last_error: self.last_error.clone(),
            warning: self.warning.clone(),
            has_ended: self.has_ended,
            last_announce: self.schedule.last_announce(),
            next_announce: self.schedule.due(),
            seeders: self.seeders,
            leechers: self.leechers,
            downloads: self.downloads,
            peers_received: self.peers_received,
        }
    }
}
