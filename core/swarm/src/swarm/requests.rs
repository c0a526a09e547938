//! Blocks asked of peers, received, taken back.

use super::Swarm;
use crate::contract::{PeerKey, SourceKey};
use crate::limits;
use crate::peer::Peer;
use crate::picker::{Arrival, Ask, Rivals};
use crate::web_seed::WebSeeds;
use metainfo::{BlockRequest, Geometry};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use wire::Order;

/// What the end game asks about sources, answered from their measured rates.
pub(super) struct Field<'a> {
    pub(super) now: Instant,
    pub(super) peers: &'a BTreeMap<PeerKey, Peer>,
    pub(super) web_seeds: &'a WebSeeds,
    pub(super) geometry: &'a Geometry,
    /// How long the source that asks would take.
    pub(super) own_delay: Duration,
    /// The peer last judged: blocks side by side mostly lie with the same one.
    pub(super) judged: Cell<Option<(PeerKey, bool)>>,
}

impl Field<'_> {
    /// How long until the holder brings the block, and for how long it brought none.
    fn outlook(&self, holder: SourceKey, request: BlockRequest) -> Option<(Duration, Duration)> {
        match holder {
            SourceKey::Peer(key) => {
                let peer = self.peers.get(&key).filter(|peer| !peer.chokes_us)?;
                let delay = peer.pipeline.delay(self.now, peer.outstanding.len().saturating_sub(1));
                Some((delay, peer.pipeline.silence(self.now)))
            }
            SourceKey::WebSeed(key) => {
                let seed = self.web_seeds.get(key)?;
                let end = self.geometry.piece_offset(request.piece)
                    + u64::from(request.begin)
                    + u64::from(request.length);
                Some((seed.flow.delay(self.now, end), seed.flow.silence(self.now)))
            }
        }
    }

    /// Whether the holder brings the block much later than the source that asks would. A peer brings its blocks in order,
    /// so that the answer is the same for all of them.
    fn judge(&self, holder: SourceKey, request: BlockRequest) -> bool {
        let Some((delay, silence)) = self.outlook(holder, request) else { return true };
        let soon = self.own_delay * 2 + limits::END_GAME_MARGIN;
        delay > soon || silence > soon.max(limits::STALLED_AFTER)
    }
}

impl Rivals for Field<'_> {
    fn is_late(&self, holder: SourceKey, request: BlockRequest) -> bool {
        let SourceKey::Peer(key) = holder else { return self.judge(holder, request) };
        if let Some((judged, is_late)) = self.judged.get()
            && judged == key
        {
            return is_late;
        }
        let is_late = self.judge(holder, request);
        self.judged.set(Some((key, is_late)));
        is_late
    }

    fn is_snubbed(&self, holder: SourceKey) -> bool {
        match holder {
            SourceKey::Peer(key) => self.peers.get(&key).is_none_or(|peer| peer.pipeline.is_snubbed()),
            SourceKey::WebSeed(key) => {
                self.web_seeds.get(key).is_none_or(|seed| seed.flow.silence(self.now) >= limits::SNUB_AFTER)
            }
        }
    }
}

impl Swarm {
    /// Asks the peer for as many blocks as it should be kept busy with.
    pub(super) fn refill(&mut self, now: Instant, key: PeerKey) {
        if self.faulty || self.is_silent() {
            return;
        }
        let mut picked = std::mem::take(&mut self.picked);
        picked.clear();
        self.pick_for(now, key, &mut picked);
        self.stats.requests += picked.len() as u64;
        if let Some(peer) = self.peers.get_mut(&key)
            && !picked.is_empty()
        {
            if peer.outstanding.is_empty() {
                peer.pipeline.begin_waiting(now);
            }
            peer.outstanding.extend(&picked);
            for request in &picked {
                self.order(key, Order::Request(*request));
            }
        }
        self.picked = picked;
    }

    fn pick_for(&mut self, now: Instant, key: PeerKey, picked: &mut Vec<BlockRequest>) {
        let epoch = self.picker.epoch();
        let Some(peer) = self.peers.get(&key).filter(|peer| peer.is_askable(now)) else { return };
        let room = peer.pipeline.room(peer.outstanding.len());
        if room == 0 || (peer.dry_at == Some(epoch) && peer.end_game_dry) {
            return;
        }
        let was_dry = peer.dry_at == Some(epoch);
        let ask = Ask {
            source: peer.source(),
            have: &peer.have,
            pace: peer.pace(now, self.config.geometry.piece_length()),
            only: peer.chokes_us.then_some(peer.allowed_fast.as_slice()),
            suggested: &peer.suggested,
            barred: &|piece| peer.bars(now, piece) || !peer.is_local && self.local_first.keeps(piece),
        };
        if !was_dry {
            self.picker.pick(&ask, room, picked);
        }
        let dry = picked.len() < room;
        if dry && !peer.end_game_dry {
            let field = Field {
                now,
                peers: &self.peers,
                web_seeds: &self.web_seeds,
                geometry: &self.config.geometry,
                own_delay: peer.pipeline.delay(now, peer.outstanding.len() + picked.len()),
                judged: Cell::new(None),
            };
            let before = picked.len();
            self.picker.pick_again(&ask, room - before, &field, picked);
            self.stats.end_game_requests += (picked.len() - before) as u64;
        }
        let end_game_dry = picked.len() < room;
        if let Some(peer) = self.peers.get_mut(&key) {
            (peer.dry_at, peer.end_game_dry) = (dry.then_some(epoch), end_game_dry);
        }
    }

    /// Something became free: every peer with room is asked again.
    pub(super) fn refill_all(&mut self, now: Instant) {
        let mut keys = std::mem::take(&mut self.keys);
        keys.clear();
        keys.extend(self.peers.values().filter(|peer| peer.is_askable(now)).map(|peer| peer.key));
        for key in &keys {
            self.refill(now, *key);
        }
        self.keys = keys;
    }

    /// A block came from a peer.
    pub(super) fn on_block(&mut self, now: Instant, key: PeerKey, request: BlockRequest) {
        self.stats.bytes_from_peers += u64::from(request.length);
        if let Some(peer) = self.peers.get_mut(&key) {
            peer.settle(request);
            peer.on_block(now, request.length);
        }
        self.settle_arrival(now, SourceKey::Peer(key), request);
        self.refill(now, key);
    }

    /// A block came from a peer just before it was closed.
    pub(super) fn on_late_block(&mut self, now: Instant, key: PeerKey, request: BlockRequest) {
        self.stats.bytes_from_peers += u64::from(request.length);
        self.settle_arrival(now, SourceKey::Peer(key), request);
    }

    /// Notes a block that arrived and takes it back from others who were asked for it too. True if the sender
    /// was awaited to bring it.
    pub(super) fn settle_arrival(&mut self, now: Instant, source: SourceKey, request: BlockRequest) -> bool {
        let (others, asked) = match self.picker.receive(source, request) {
            Arrival::New { others, asked } => (others, asked),
            Arrival::Confirmed => return true,
            Arrival::Useless => {
                self.stats.bytes_wasted += u64::from(request.length);
                return false;
            }
        };
        for other in others.into_iter().flatten() {
            match other {
                SourceKey::Peer(key) => {
                    self.take_back(key, request);
                    self.refill(now, key);
                }
                SourceKey::WebSeed(key) => self.settle_range(now, key, 1),
            }
        }
        asked
    }

    /// Cancels one request at a peer. The picker is not told.
    pub(super) fn take_back(&mut self, key: PeerKey, request: BlockRequest) {
        if self.peers.get_mut(&key).is_some_and(|peer| peer.settle(request)) {
            self.stats.cancels += 1;
            self.order(key, Order::Cancel(request));
        }
    }

    /// A request will not be answered.
    pub(super) fn on_rejected(&mut self, now: Instant, key: PeerKey, request: BlockRequest) {
        let Some(peer) = self.peers.get_mut(&key) else { return };
        if !peer.settle(request) {
            return;
        }
        self.stats.rejects += 1;
        // A request lost to a choke says nothing about the piece; a peer that offered it takes the offer back.
        if !peer.chokes_us {
            peer.on_rejected(now, request.piece);
        } else if let Some(at) = peer.allowed_fast.iter().position(|piece| *piece == request.piece) {
            peer.allowed_fast.swap_remove(at);
        }
        self.picker.release(SourceKey::Peer(key), request);
        self.picker.forget_source(SourceKey::Peer(key));
    }

    /// Takes back all that a peer owes but its oldest `keep` requests, and makes it free for others.
    pub(super) fn release_requests(&mut self, key: PeerKey, keep: usize) {
        let Some(peer) = self.peers.get_mut(&key) else { return };
        while peer.outstanding.len() > keep
            && let Some(request) = peer.outstanding.pop_back()
        {
            self.picker.release(SourceKey::Peer(key), request);
            self.stats.cancels += 1;
            self.outputs.push_back(crate::contract::Output::Peer(key, Order::Cancel(request)));
        }
    }

    /// Takes back every request for a piece that is not missing any more.
    pub(super) fn cancel_unwanted(&mut self) {
        let keys: Vec<_> = self.peers.keys().copied().collect();
        for key in keys {
            let Some(peer) = self.peers.get(&key) else { continue };
            let unwanted = |request: &&BlockRequest| !self.picker.is_missing(request.piece);
            let requests: Vec<_> = peer.outstanding.iter().filter(unwanted).copied().collect();
            for request in requests {
                self.take_back(key, request);
                self.picker.release(SourceKey::Peer(key), request);
            }
        }
        self.cancel_unwanted_ranges();
    }
}
