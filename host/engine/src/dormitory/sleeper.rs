//! One torrent that sleeps.

use crate::dht::DhtSearch;
use crate::limits::VISITORS_WAITING;
use crate::listen::Incoming;
use crate::session::Shared;
use crate::torrent::trackers::Trackers;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use swarm::CandidateSource;
use tokio::time::Instant;
use tracker::Progress;

/// Nothing moves and nothing is missing while a torrent sleeps.
pub(super) const AT_REST: Progress = Progress { downloaded: 0, uploaded: 0, left: Some(0) };

/// A complete torrent that is to sleep without having had a task in this run of the session.
#[derive(Clone, Debug)]
pub struct SleepingTorrent {
    /// As on the wire.
    pub info_hash: [u8; 20],
    /// Announce URLs by tier.
    pub trackers: Vec<Vec<String>>,
    /// Bytes of all files.
    pub total_bytes: u64,
    /// No peers but those the trackers name (BEP 27).
    pub is_private: bool,
}

/// What is left of a torrent that sleeps.
pub(crate) struct Sleeper {
    pub(crate) trackers: Trackers,
    pub(crate) dht: Option<DhtSearch>,
    /// Who may want it, and how they were found.
    pub(crate) found: Vec<(CandidateSource, Vec<SocketAddr>)>,
    /// Who is connected and waits.
    pub(crate) visitors: Vec<Incoming>,
    is_private: bool,
    /// When it is due, as its dormitory has noted it.
    pub(super) due: Option<Instant>,
    /// When it last announced itself; `None` if it is to be looked at now.
    pub(super) looked_at: Option<Instant>,
}

impl Sleeper {
    /// A torrent without a task: its trackers are to hear that it runs.
    pub(crate) fn new(torrent: SleepingTorrent, shared: &Arc<Shared>) -> Self {
        let SleepingTorrent { info_hash, trackers, total_bytes, is_private } = torrent;
        let trackers = Trackers::new(info_hash, trackers, Some(total_bytes), AT_REST, shared);
        Self::of(trackers, None, is_private)
    }

    /// What a task leaves behind that ends.
    pub(crate) fn of(trackers: Trackers, dht: Option<DhtSearch>, is_private: bool) -> Self {
        Self {
            trackers,
            dht,
            found: Vec::new(),
            visitors: Vec::new(),
            is_private,
            due: None,
            looked_at: None,
        }
    }

    pub(super) const fn needs_dht(&self) -> bool {
        self.dht.is_none() && !self.is_private
    }

    pub(super) const fn is_wanted(&self) -> bool {
        !self.found.is_empty() || !self.visitors.is_empty()
    }

    /// A connection waits from now on, if it may.
    pub(super) fn admit(&mut self, incoming: Incoming) -> bool {
        let has_room = self.visitors.len() < VISITORS_WAITING;
        if has_room {
            self.visitors.push(incoming);
        }
        has_room
    }

    /// Somebody may want it. Of each source the last word counts.
    pub(super) fn find(&mut self, source: CandidateSource, peers: Vec<SocketAddr>) {
        self.found.retain(|(other, _)| *other != source);
        self.found.push((source, peers));
    }

    /// Starts the announces that are due.
    pub(super) fn announce(&mut self, now: Instant) {
        self.looked_at = Some(now);
        self.trackers.handle_timeout(now, AT_REST);
        self.trackers.drain();
    }

    /// Takes in the end of an announce. True if there is something to tell.
    pub(super) fn poll_answer(&mut self, context: &mut Context<'_>) -> Poll<bool> {
        let ended = ready!(self.trackers.poll_ended(context));
        let before = self.trackers.word().cloned();
        let peers = self.trackers.handle_ended(&ended);
        self.trackers.drain();
        // Among seeds only there is nobody to give to.
        if !peers.is_empty() && ended.leechers() != Some(0) {
            self.find(CandidateSource::Tracker, peers);
        }
        Poll::Ready(self.is_wanted() || before.as_ref() != self.trackers.word())
    }
}
