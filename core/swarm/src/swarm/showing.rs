//! What peers are shown of our pieces.

use super::Swarm;
use crate::contract::PeerKey;
use crate::super_seeding::SuperSeeding;
use metainfo::{Bitfield, PieceIndex};
use std::time::Instant;
use wire::Order;

impl Swarm {
    /// Shows newcomers a few pieces at a time from now on (BEP 16), or everybody all there is. Peers that have seen all of
    /// us cannot forget it.
    pub fn set_super_seeding(&mut self, now: Instant, on: bool) {
        if on {
            let pieces = self.config.geometry.piece_count();
            self.super_seeding.get_or_insert_with(|| SuperSeeding::new(pieces));
        } else if let Some(ended) = self.super_seeding.take() {
            for (key, pieces) in ended.end() {
                for piece in pieces {
                    self.order(key, Order::Have(piece));
                }
            }
            self.wake(now);
        }
    }

    /// Tells a newcomer what we have: all, or nothing as a super-seed.
    pub(super) fn show_pieces(&mut self, key: PeerKey) {
        let is_complete = self.is_complete();
        let have = match &mut self.super_seeding {
            Some(super_seeding) if is_complete => {
                super_seeding.meet(key);
                Bitfield::new(self.have.length())
            }
            _ => self.have.clone(),
        };
        self.order(key, Order::Availability(have));
    }

    /// Whether a peer does not see all of our pieces.
    pub(super) fn hides_from(&self, key: PeerKey) -> bool {
        self.super_seeding.as_ref().is_some_and(|it| it.hides_from(key))
    }

    /// A peer got a piece: it may see another, and so may whoever passed this one on.
    pub(super) fn note_spread(&mut self, now: Instant, key: PeerKey, piece: PieceIndex) {
        if let Some(super_seeding) = &mut self.super_seeding {
            for other in super_seeding.got(key, piece) {
                self.offer_pieces(now, other);
            }
            self.offer_pieces(now, key);
        }
    }

    /// A peer wants nothing of what it was shown: it has all of that, though it may not say so to somebody who has it too.
    pub(super) fn note_sated(&mut self, now: Instant, key: PeerKey) {
        let is_alone = self.is_alone(key);
        if let Some(super_seeding) = self.super_seeding.as_mut().filter(|_| is_alone) {
            super_seeding.finish(key);
            self.offer_pieces(now, key);
        }
    }

    /// There is nobody to whom a peer could pass anything on.
    fn is_alone(&self, key: PeerKey) -> bool {
        !self.peers.values().any(|peer| peer.key != key && peer.is_handshaken() && !peer.is_seed())
    }

    /// Shows as many pieces as each peer may see at once.
    pub(super) fn offer_pieces_to_all(&mut self, now: Instant) {
        let keys = self.super_seeding.as_ref().map(SuperSeeding::keys).unwrap_or_default();
        for key in keys {
            self.offer_pieces(now, key);
        }
    }

    /// Shows a peer as many pieces as it may see at once.
    pub(super) fn offer_pieces(&mut self, now: Instant, key: PeerKey) {
        let is_alone = self.is_alone(key);
        let (Some(super_seeding), Some(peer)) = (&mut self.super_seeding, self.peers.get(&key)) else {
            return;
        };
        let picker = &self.picker;
        let mut offered = Vec::new();
        while let Some(piece) =
            super_seeding.next(now, key, (&peer.have, is_alone), |piece| picker.availability(piece))
        {
            offered.push(piece);
        }
        for piece in offered {
            self.order(key, Order::Have(piece));
        }
    }
}
