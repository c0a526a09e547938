//! What storage says.

use super::Swarm;
use crate::contract::{BlockDigest, Event, Output, SourceKey};
use crate::limits;
use crate::smart_ban::Blame;
use metainfo::{BlockRequest, PieceIndex};
use std::time::Instant;
use wire::Order;

impl Swarm {
    pub(super) fn on_blocks_found(&mut self, blocks: &[BlockRequest]) {
        for block in blocks {
            self.picker.take_up(*block);
        }
    }

    pub(super) fn on_piece_stored(&mut self, now: Instant, piece: PieceIndex, blocks: &[BlockDigest]) {
        let was_missing = self.picker.is_missing(piece);
        self.judge_web_seeds(piece, true);
        let blame = self.smart_ban.stored(piece, blocks);
        self.apply_blame(now, piece, &blame);
        if !self.picker.piece_stored(piece) {
            return;
        }
        self.have.insert(piece);
        self.stats.pieces_stored += 1;
        self.missing -= u32::from(was_missing);
        self.news.push(piece);
        self.news_at.get_or_insert(now + limits::NEWS_GATHER);
        if was_missing {
            let mut keys = std::mem::take(&mut self.keys);
            keys.clear();
            for peer in self.peers.values_mut().filter(|peer| peer.have.contains(piece)) {
                peer.wanted = peer.wanted.saturating_sub(1);
                if peer.wanted == 0 {
                    keys.push(peer.key);
                }
            }
            for key in &keys {
                self.note_interest(now, *key);
            }
            self.keys = keys;
        }
        self.look_for_completion(now);
    }

    /// Tells everybody of the pieces that are new here and that they lack.
    pub(super) fn tell_news(&mut self) {
        self.news_at = None;
        for peer in self.peers.values().filter(|peer| peer.is_handshaken()) {
            let lacking = self.news.iter().filter(|piece| !peer.have.contains(**piece));
            self.outputs.extend(lacking.map(|piece| Output::Peer(peer.key, Order::Have(*piece))));
        }
        self.news.clear();
    }

    pub(super) fn on_piece_failed(&mut self, now: Instant, piece: PieceIndex, blocks: Vec<BlockDigest>) {
        self.stats.pieces_failed += 1;
        self.stats.bytes_wasted += u64::from(self.config.geometry.piece_size(piece));
        self.outputs.push_back(Output::Event(Event::PieceFailed(piece)));
        self.reset(now, piece);
        self.judge_web_seeds(piece, false);
        let blame = self.smart_ban.failed(piece, blocks);
        self.apply_blame(now, piece, &blame);
        self.wake(now);
    }

    /// The piece starts over, and whoever is still asked for a block of it is told not to send it.
    fn reset(&mut self, now: Instant, piece: PieceIndex) {
        self.resting.push_back((now + limits::REST_AFTER_RESET, piece));
        for (source, request) in self.picker.piece_reset(piece) {
            if let SourceKey::Peer(key) = source {
                self.take_back(key, request);
            }
        }
    }

    /// Pieces that rested long enough are free again.
    pub(super) fn end_rests(&mut self, now: Instant) {
        let mut any = false;
        while let Some((_, piece)) = self.resting.pop_front_if(|(until, _)| *until <= now) {
            self.picker.piece_returns(piece);
            any = true;
        }
        if any {
            self.wake(now);
        }
    }

    fn apply_blame(&mut self, now: Instant, piece: PieceIndex, blame: &Blame) {
        for source in &blame.guilty {
            match *source {
                SourceKey::Peer(key) => self.ban(now, key),
                SourceKey::WebSeed(key) => self.blame_web_seed(key, piece),
            }
        }
        let parole = blame.suspects.iter().map(|source| (source, true));
        for (source, on_parole) in parole.chain(blame.cleared.iter().map(|source| (source, false))) {
            match *source {
                SourceKey::Peer(key) => {
                    if let Some(peer) = self.peers.get_mut(&key) {
                        peer.on_parole = on_parole;
                    }
                }
                SourceKey::WebSeed(key) => self.suspect_web_seed(key, on_parole),
            }
        }
    }

    /// The disk fails: nothing is asked for until it works again, and what was asked for is taken back.
    pub(super) fn on_disk_failed(&mut self, now: Instant, piece: PieceIndex) {
        self.faulty = true;
        self.reset(now, piece);
        let keys: Vec<_> = self.peers.keys().copied().collect();
        for key in keys {
            self.release_requests(key, 0);
        }
        self.cancel_all_ranges();
    }

    pub(super) fn on_disk_recovered(&mut self, now: Instant) {
        self.faulty = false;
        self.wake(now);
    }

    /// A piece that was ours is not any more. Peers hear of it if they speak of that (BEP 54); requests for it are
    /// rejected where they arrive.
    pub(super) fn on_piece_lost(&mut self, now: Instant, piece: PieceIndex) {
        if !self.have.remove(piece) {
            return;
        }
        let keys: Vec<_> = self.peers.keys().copied().collect();
        for key in keys {
            self.order(key, Order::DontHave(piece));
        }
        self.news.retain(|new| *new != piece);
        self.reset(now, piece);
        self.count_missing();
        self.told_complete &= self.missing == 0;
        self.count_interest();
        self.note_all_interest(now);
        self.peer_list.reconsider(now);
        self.wake(now);
    }
}
