//! What a fetch of metadata leaves to the torrent that follows: nobody has to be found or greeted again.

use super::peer::Acquaintance;
use crate::dht::DhtSearch;
use crate::listen::Incoming;
use crate::torrent::trackers::Trackers;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use swarm::CandidateSource;
use tokio::sync::mpsc;

/// Everything that goes on.
#[derive(Default)]
pub(crate) struct Handover {
    /// Connections from outside keep coming here.
    pub(super) incoming: Option<mpsc::Receiver<Incoming>>,
    pub(crate) acquaintances: Vec<Acquaintance>,
    pub(crate) candidates: Vec<(CandidateSource, SocketAddr)>,
    pub(crate) trackers: Option<Trackers>,
    pub(crate) dht: Option<DhtSearch>,
    /// How often the way to peers had changed when they were met.
    pub(crate) moves: u64,
}

impl Handover {
    /// Where connections from outside come, once.
    pub(crate) const fn take_incoming(&mut self) -> Option<mpsc::Receiver<Incoming>> {
        self.incoming.take()
    }

    /// Peers are met another way by now: nobody goes on with those met before.
    pub(crate) fn part(&mut self) {
        self.acquaintances.clear();
        self.dht = None;
    }

    /// A private torrent's peers are those that its trackers or the user named (BEP 27).
    pub(super) fn make_private(&mut self) {
        let may_stay = |source: CandidateSource| {
            matches!(source, CandidateSource::Tracker | CandidateSource::User | CandidateSource::Incoming)
        };
        self.candidates.retain(|(source, _)| may_stay(*source));
        let kept = &self.candidates;
        let is_known = |address| kept.iter().any(|(_, it)| *it == address);
        self.acquaintances.retain(|it| it.direction == swarm::Direction::Incoming || is_known(it.address));
        self.dht = None;
    }
}

/// Handovers that wait for their torrent, by info-hash.
#[derive(Default)]
pub(crate) struct Parked(Mutex<BTreeMap<[u8; 20], (u64, Handover)>>);

impl Parked {
    /// Leaves one here; the number names it.
    pub(super) fn put(&self, info_hash: [u8; 20], handover: Handover) -> u64 {
        let number = fastrand::u64(..);
        self.lock().insert(info_hash, (number, handover));
        number
    }

    /// Takes what waits for a torrent.
    pub(crate) fn take(&self, info_hash: &[u8; 20]) -> Option<Handover> {
        self.lock().remove(info_hash).map(|(_, handover)| handover)
    }

    /// Drops what nobody came for. True if it was still there.
    pub(crate) fn expire(&self, info_hash: &[u8; 20], number: u64) -> bool {
        let mut parked = self.lock();
        let is_there = parked.get(info_hash).is_some_and(|(it, _)| *it == number);
        if is_there {
            parked.remove(info_hash);
        }
        is_there
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<[u8; 20], (u64, Handover)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
