//! What the user sees of a torrent: events in order, and a snapshot now and then.

use super::sources::WebSeeds;
use crate::api::{AddTorrent, Event, Phase, Snapshot, SourceKind, SourceSnapshot, TrackerWord};
use crate::limits::{AVAILABLE_INTERVAL, EVENTS_UNTOLD, GOODBYE_TIMEOUT, RATE_WINDOW};
use metainfo::{Bitfield, Geometry, PieceIndex};
use std::collections::VecDeque;
use std::sync::Arc;
use swarm::{CandidateSource, Swarm, WebSeedState};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout};
use tracker::Progress;

/// Tells events to a listener that may be slow, without ever waiting for it.
pub(crate) struct Teller {
    events: mpsc::Sender<Event>,
    untold: VecDeque<Event>,
}

impl Teller {
    pub(crate) fn new(events: mpsc::Sender<Event>) -> Self {
        Self { events, untold: VecDeque::new() }
    }

    /// Tells `event`; news of sources and pieces is dropped when the listener is far behind.
    pub(crate) fn tell(&mut self, event: Event) {
        let droppable = matches!(event, Event::Source { .. } | Event::PieceFailed { .. });
        if !droppable || self.untold.len() < EVENTS_UNTOLD {
            self.untold.push_back(event);
            self.flush();
        }
    }

    /// Tells news of one source.
    pub(crate) fn tell_source(&mut self, kind: SourceKind, name: String, state: String) {
        self.tell(Event::Source { kind, name, state });
    }

    /// Hands over what fits; true if nothing is left.
    pub(crate) fn flush(&mut self) -> bool {
        while let Some(event) = self.untold.pop_front() {
            match self.events.try_send(event) {
                Ok(()) => {}
                Err(mpsc::error::TrySendError::Full(event)) => {
                    self.untold.push_front(event);
                    return false;
                }
                Err(mpsc::error::TrySendError::Closed(_)) => self.untold.clear(),
            }
        }
        true
    }

    /// Hands over the rest, as long as the listener takes it.
    pub(crate) async fn finish(&mut self) {
        while let Some(event) = self.untold.pop_front() {
            if !matches!(timeout(GOODBYE_TIMEOUT, self.events.send(event)).await, Ok(Ok(()))) {
                return;
            }
        }
    }
}

/// Byte counts at one moment.
#[derive(Clone, Copy)]
struct Sample {
    at: Instant,
    down: u64,
    up: u64,
}

/// Turns counters into rates and snapshots.
pub(super) struct Rates {
    snapshot: watch::Sender<Snapshot>,
    geometry: Arc<Geometry>,
    wanted: Bitfield,
    bytes_wanted: u64,
    samples: VecDeque<Sample>,
    /// What the trackers say, where it is not good.
    pub(super) tracker_word: Option<TrackerWord>,
    /// Looking for what is available takes a while; this often is enough.
    available: (Instant, u64),
}

impl Rates {
    pub(super) fn new(add: &AddTorrent, snapshot: watch::Sender<Snapshot>) -> Self {
        let geometry = Arc::clone(&add.metainfo.geometry);
        let wanted = add.wanted_pieces();
        Self {
            bytes_wanted: bytes_of(&geometry, &wanted, &wanted),
            snapshot,
            geometry,
            wanted,
            samples: VecDeque::new(),
            tracker_word: None,
            available: (Instant::now() - AVAILABLE_INTERVAL, 0),
        }
    }

    /// Other pieces are wanted from now on.
    pub(super) fn set_wanted(&mut self, wanted: Bitfield) {
        self.bytes_wanted = bytes_of(&self.geometry, &wanted, &wanted);
        self.wanted = wanted;
    }

    fn available(&mut self, now: Instant, swarm: &Swarm) -> u64 {
        if now - self.available.0 >= AVAILABLE_INTERVAL {
            let pieces = swarm.available(now.into_std());
            self.available = (now, bytes_of(&self.geometry, &pieces, &pieces));
        }
        self.available.1
    }

    /// Bytes of the pieces wanted.
    pub(super) const fn bytes_wanted(&self) -> u64 {
        self.bytes_wanted
    }

    /// What trackers are told.
    pub(super) fn progress(&self, swarm: &Swarm) -> Progress {
        let stats = swarm.stats();
        Progress {
            downloaded: stats.bytes_from_peers + stats.bytes_from_web_seeds,
            uploaded: stats.bytes_uploaded,
            left: Some(self.bytes_wanted - bytes_of(&self.geometry, &self.wanted, swarm.have())),
        }
    }

    /// Publishes what the torrent is doing now.
    pub(super) fn show(&mut self, phase: Phase, swarm: &Swarm, web_seeds: &WebSeeds) {
        let stats = swarm.stats();
        let now = Instant::now();
        let down = stats.bytes_from_peers + stats.bytes_from_web_seeds;
        let (down_rate, up_rate) = self.rates(Sample { at: now, down, up: stats.bytes_uploaded });
        let mut snapshot = Snapshot {
            phase,
            bytes_wanted: self.bytes_wanted,
            bytes_done: bytes_of(&self.geometry, &self.wanted, swarm.have()),
            bytes_checked: self.bytes_wanted,
            bytes_from_peers: stats.bytes_from_peers,
            bytes_from_web_seeds: stats.bytes_from_web_seeds,
            bytes_wasted: stats.bytes_wasted,
            bytes_have: bytes_of(&self.geometry, swarm.have(), swarm.have()),
            bytes_partial: swarm.partial_bytes(),
            bytes_available: self.available(now, swarm),
            bytes_corrupt: stats.pieces_failed * u64::from(self.geometry.piece_length()),
            tracker_word: self.tracker_word.clone(),
            bytes_uploaded: stats.bytes_uploaded,
            down_rate,
            up_rate,
            ..Snapshot::default()
        };
        for peer in swarm.peers(now.into_std()) {
            if peer.peer_id.is_none() {
                continue;
            }
            snapshot.peers_connected += 1;
            snapshot.peers_active += u32::from(peer.down_rate > 0);
            snapshot.peers_served += u32::from(peer.up_rate > 0);
            let source = peer.source.unwrap_or(CandidateSource::Incoming);
            *snapshot.peers_by_source.entry(source).or_default() += 1;
            snapshot.sources.push(SourceSnapshot {
                kind: SourceKind::Peer,
                name: peer.address.to_string(),
                client: peer.client,
                bytes_down: peer.bytes_down,
                bytes_up: peer.bytes_up,
                down_rate: peer.down_rate,
                state: None,
                reason: None,
            });
        }
        for seed in swarm.web_seeds(now.into_std()) {
            snapshot.web_seeds_known += 1;
            snapshot.web_seeds_active += u32::from(seed.state == WebSeedState::Fetching);
            snapshot.sources.push(SourceSnapshot {
                kind: SourceKind::WebSeed,
                name: web_seeds.name(seed.key),
                client: None,
                bytes_down: seed.bytes_down,
                bytes_up: 0,
                down_rate: seed.down_rate,
                state: Some(seed.state),
                reason: seed.reason,
            });
        }
        self.snapshot.send_replace(snapshot);
    }

    /// Is what was published last that nothing moves?
    pub(super) fn are_zero(&self) -> bool {
        let shown = self.snapshot.borrow();
        shown.down_rate == 0 && shown.up_rate == 0
    }

    /// Bytes per second over the last window, down and up.
    fn rates(&mut self, sample: Sample) -> (u64, u64) {
        self.samples.push_back(sample);
        while self.samples.len() > 2 && sample.at - self.samples[0].at > RATE_WINDOW {
            self.samples.pop_front();
        }
        let first = self.samples[0];
        let seconds = (sample.at - first.at).as_secs_f64();
        let rate = |from: u64, to: u64| {
            if seconds > 0.0 { ((to.saturating_sub(from)) as f64 / seconds) as u64 } else { 0 }
        };
        (rate(first.down, sample.down), rate(first.up, sample.up))
    }
}

/// Bytes of the pieces in both sets.
pub(super) fn bytes_of(geometry: &Geometry, wanted: &Bitfield, have: &Bitfield) -> u64 {
    let whole = u64::from(wanted.count_common(have)) * u64::from(geometry.piece_length());
    let last = PieceIndex(geometry.piece_count().saturating_sub(1));
    let short = wanted.contains(last) && have.contains(last);
    whole - if short { u64::from(geometry.piece_length() - geometry.piece_size(last)) } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_last_piece_counts_for_what_it_is() {
        let geometry = Geometry::new(100, [950]).unwrap();
        let mut have = Bitfield::full(10);
        assert_eq!(bytes_of(&geometry, &have, &have), 950);
        have.remove(PieceIndex(3));
        assert_eq!(bytes_of(&geometry, &Bitfield::full(10), &have), 850);
        have.remove(PieceIndex(9));
        assert_eq!(bytes_of(&geometry, &have, &Bitfield::full(10)), 800);
        assert_eq!(bytes_of(&Geometry::new(100, []).unwrap(), &Bitfield::new(0), &Bitfield::new(0)), 0);
    }
}
