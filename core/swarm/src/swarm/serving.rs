//! Chokes, and interest.

use super::Swarm;
use crate::choker::Client;
use crate::contract::PeerKey;
use crate::limits;
use crate::peer::Peer;
use metainfo::PieceIndex;
use std::time::Instant;
use wire::{Close, Order};

impl Swarm {
    /// The peer wants something of ours, or does not any more. Who is served and loses interest is choked at the
    /// next round only, so that a peer that flaps cannot make us flap.
    pub(super) fn on_interested(&mut self, now: Instant, key: PeerKey, interested: bool) {
        let Some(peer) = self.peers.get_mut(&key) else { return };
        if peer.is_interested == interested {
            return;
        }
        peer.is_interested = interested;
        if interested {
            self.fill_slots(now);
        } else {
            self.note_sated(now, key);
        }
    }

    /// Everybody as the choker sees them, in a list that is used again: whoever takes it puts it back.
    fn take_clients(&mut self) -> Vec<Client> {
        let mut clients = std::mem::take(&mut self.clients);
        clients.clear();
        clients.extend(self.peers.values().filter(|peer| peer.is_handshaken()).map(Peer::client_view));
        clients
    }

    /// Gives free slots away at once.
    pub(super) fn fill_slots(&mut self, now: Instant) {
        if self.is_silent() {
            return;
        }
        let mut clients = self.take_clients();
        while let Some(key) = self.choker.next_in_line(now, self.missing == 0, &clients) {
            for client in clients.iter_mut().filter(|client| client.key == key) {
                client.served = true;
            }
            self.set_choking(now, key, false);
        }
        self.clients = clients;
    }

    /// Decides anew whom to serve.
    pub(super) fn rechoke(&mut self, now: Instant) {
        let clients = self.take_clients();
        let mut changed = std::mem::take(&mut self.keys);
        changed.clear();
        let chosen = self.choker.rechoke(now, self.missing == 0, &clients);
        let is_changed = |client: &&Client| chosen.binary_search(&client.key).is_ok() != client.served;
        changed.extend(clients.iter().filter(is_changed).map(|client| client.key));
        for key in &changed {
            let is_choked = self.peers.get(key).is_some_and(|peer| peer.am_choking);
            self.set_choking(now, *key, !is_choked);
        }
        (self.clients, self.keys) = (clients, changed);
    }

    fn set_choking(&mut self, now: Instant, key: PeerKey, choking: bool) {
        if let Some(peer) = self.peers.get_mut(&key) {
            peer.set_choking(now, choking);
            self.order(key, if choking { Order::Choke } else { Order::Unchoke });
        }
    }

    /// Tells the peer whether we want something of it, if that changed.
    pub(super) fn note_interest(&mut self, now: Instant, key: PeerKey) {
        let Some(peer) = self.peers.get_mut(&key) else { return };
        let interested = peer.wanted > 0;
        if interested == peer.am_interested || !peer.is_handshaken() {
            return;
        }
        peer.am_interested = interested;
        self.order(key, if interested { Order::Interested } else { Order::NotInterested });
        if interested {
            self.refill(now, key);
        }
    }

    /// Counts anew what each peer has of what we miss.
    pub(super) fn count_interest(&mut self) {
        let picker = &self.picker;
        for peer in self.peers.values_mut() {
            peer.wanted = peer.have.iter().filter(|piece| picker.is_missing(*piece)).count() as u32;
            peer.dry_at = None;
        }
    }

    /// Tells every peer whose interest changed after a count.
    pub(super) fn note_all_interest(&mut self, now: Instant) {
        let keys: Vec<_> = self.peers.keys().copied().collect();
        for key in keys {
            self.note_interest(now, key);
        }
    }

    /// A newcomer with almost nothing may ask for a few pieces while we choke it (BEP 6).
    pub(super) fn offer_allowed_fast(&mut self, key: PeerKey) {
        if self.hides_from(key) {
            return;
        }
        let Some(peer) = self.peers.get(&key) else { return };
        if !peer.fast || peer.have.count() as usize >= limits::ALLOWED_FAST_GIVEN || self.have.is_empty() {
            return;
        }
        let (hash, pieces) = (&self.config.info_hash, self.have.length());
        let set = wire::allowed_fast_set(peer.address.ip(), hash, pieces, limits::ALLOWED_FAST_GIVEN);
        let offered: Vec<PieceIndex> = set.into_iter().filter(|piece| self.have.contains(*piece)).collect();
        if !offered.is_empty() {
            self.order(key, Order::AllowedFast(offered));
        }
    }

    /// Everything wanted is stored: tell it, and part from peers that need nothing either.
    pub(super) fn begin_seeding(&mut self, now: Instant) {
        let keys: Vec<_> = self.peers.keys().copied().collect();
        for key in keys {
            if self.peers.get(&key).is_some_and(|peer| peer.extended && peer.is_handshaken()) {
                self.order(key, Order::UploadOnly(true));
            }
            if self.peers.get(&key).is_some_and(Peer::is_seed) {
                self.close(now, key, Close::NothingToTrade);
            }
        }
    }
}
