//! What a peer says.

use super::Swarm;
use crate::contract::{CandidateSource, PeerKey, SourceKey};
use crate::limits;
use crate::pex::Exchange;
use metainfo::{Bitfield, BlockRequest, PeerId, PieceIndex};
use std::net::SocketAddr;
use std::time::Instant;
use wire::{Close, ExtendedHandshake, Fact, Order};

impl Swarm {
    /// A fact from a connection. Of connections already closed only payload counts: storage or the peer has it.
    pub fn handle_fact(&mut self, now: Instant, peer: PeerKey, fact: Fact) {
        if !self.peers.contains_key(&peer) {
            match fact {
                Fact::BlockReceived(request) => self.on_late_block(now, peer, request),
                Fact::Uploaded(bytes) => self.on_uploaded(now, peer, bytes),
                _ => {}
            }
            return;
        }
        match fact {
            Fact::Handshaken { peer_id, fast, extended } => {
                self.on_handshaken(now, peer, peer_id, fast, extended);
            }
            Fact::Extended(handshake) => self.on_extended(now, peer, handshake),
            Fact::Availability(have) => self.on_availability(now, peer, have),
            Fact::Have(piece) => self.on_have(now, peer, piece),
            Fact::DontHave(piece) => self.on_dont_have(now, peer, piece),
            Fact::Choked => self.on_choked(peer),
            Fact::Unchoked => self.on_unchoked(now, peer),
            Fact::Interested => self.on_interested(now, peer, true),
            Fact::NotInterested => self.on_interested(now, peer, false),
            Fact::Suggested(piece) => self.on_suggested(peer, piece),
            Fact::AllowedFast(piece) => self.on_allowed_fast(now, peer, piece),
            Fact::BlockReceived(request) => self.on_block(now, peer, request),
            Fact::Rejected(request) => self.on_rejected(now, peer, request),
            Fact::Uploaded(bytes) => self.on_uploaded(now, peer, bytes),
            // The metadata is known already, and nodes of the DHT are the host's business.
            Fact::Metadata { .. } | Fact::MetadataRejected(_) | Fact::DhtNode(_) => {}
            Fact::Peers(addresses) => self.on_peers(now, peer, &addresses),
            Fact::Holepunch(message) => self.on_holepunch(now, peer, message),
            Fact::Closed(reason) => self.on_closed(now, peer, reason),
        }
    }

    fn on_handshaken(&mut self, now: Instant, key: PeerKey, id: PeerId, fast: bool, extended: bool) {
        if !self.welcome(now, key, id) {
            return;
        }
        // The newcomer hears of all pieces at once; those who are here have heard of them by then.
        self.tell_news();
        let Some(peer) = self.peers.get_mut(&key) else { return };
        (peer.id, peer.fast, peer.extended) = (Some(id), fast, extended);
        self.show_pieces(key);
    }

    fn on_extended(&mut self, now: Instant, key: PeerKey, handshake: ExtendedHandshake) {
        let Some(peer) = self.peers.get_mut(&key) else { return };
        if let Some(requests) = handshake.request_queue {
            peer.pipeline.set_request_queue(requests);
        }
        if handshake.client.is_some() {
            peer.client = handshake.client;
        }
        if handshake.exchanges_peers && self.config.exchange_peers && peer.exchange.is_none() {
            peer.exchange = Some(Exchange::new(now));
        }
        peer.upload_only = handshake.upload_only.unwrap_or(peer.upload_only);
        peer.punches_holes |= handshake.punches_holes;
        if let Some(address) = handshake.your_ip {
            self.peer_list.seen_at(address);
        }
        if let Some(port) = handshake.listen_port {
            self.on_listen_port(now, key, port);
        }
        if self.is_complete() && !self.hides_from(key) {
            self.order(key, Order::UploadOnly(true));
        }
        self.close_if_useless(now, key);
    }

    fn on_availability(&mut self, now: Instant, key: PeerKey, have: Bitfield) {
        let Some(peer) = self.peers.get_mut(&key) else { return };
        if peer.told_availability {
            // Pieces are never taken back (BEP 3), so that what is new is all it can say.
            let new: Vec<PieceIndex> = have.iter().filter(|piece| !peer.have.contains(*piece)).collect();
            for piece in new {
                self.on_have(now, key, piece);
            }
            return;
        }
        peer.told_availability = true;
        peer.uncounted = have.is_full();
        // What was told piece by piece before is part of it.
        let new = |piece: &PieceIndex| !peer.have.contains(*piece);
        if !peer.uncounted {
            for piece in have.iter().filter(new) {
                self.picker.piece_appears(piece);
            }
        }
        let picker = &self.picker;
        peer.wanted = have.iter().filter(|piece| picker.is_missing(*piece)).count() as u32;
        peer.have = have;
        self.offer_allowed_fast(key);
        self.offer_pieces(now, key);
        self.close_if_useless(now, key);
        self.note_interest(now, key);
    }

    fn on_have(&mut self, now: Instant, key: PeerKey, piece: PieceIndex) {
        let Some(peer) = self.peers.get_mut(&key) else { return };
        if !peer.have.insert(piece) {
            return;
        }
        self.picker.piece_appears(piece);
        if self.picker.is_missing(piece) {
            peer.wanted += 1;
            peer.dry_at = None;
        }
        if peer.have.is_full() {
            self.close_if_useless(now, key);
        }
        self.note_spread(now, key, piece);
        self.note_interest(now, key);
        self.refill(now, key);
    }

    /// The peer lost a piece (BEP 54).
    fn on_dont_have(&mut self, now: Instant, key: PeerKey, piece: PieceIndex) {
        let Some(peer) = self.peers.get_mut(&key) else { return };
        if std::mem::take(&mut peer.uncounted) {
            for piece in peer.have.iter() {
                self.picker.piece_appears(piece);
            }
        }
        if !peer.have.remove(piece) {
            return;
        }
        self.picker.piece_disappears(piece);
        if self.picker.is_missing(piece) {
            peer.wanted = peer.wanted.saturating_sub(1);
        }
        let lost: Vec<BlockRequest> =
            peer.outstanding.iter().filter(|request| request.piece == piece).copied().collect();
        for request in lost {
            self.take_back(key, request);
            self.picker.release(SourceKey::Peer(key), request);
        }
        self.note_interest(now, key);
        self.refill(now, key);
    }

    fn on_choked(&mut self, key: PeerKey) {
        if let Some(peer) = self.peers.get_mut(&key) {
            peer.chokes_us = true;
            peer.pipeline.on_choked();
            // Whether it ever goes on with its pieces is open: others may take them up.
            self.picker.forget_source(SourceKey::Peer(key));
        }
    }

    fn on_unchoked(&mut self, now: Instant, key: PeerKey) {
        if let Some(peer) = self.peers.get_mut(&key) {
            peer.chokes_us = false;
            peer.dry_at = None;
        }
        self.refill(now, key);
    }

    fn on_suggested(&mut self, key: PeerKey, piece: PieceIndex) {
        let Some(peer) = self.peers.get_mut(&key) else { return };
        if self.picker.is_missing(piece) && !peer.suggested.contains(&piece) {
            if peer.suggested.len() >= limits::SUGGESTED {
                peer.suggested.remove(0);
            }
            peer.suggested.push(piece);
        }
    }

    fn on_allowed_fast(&mut self, now: Instant, key: PeerKey, piece: PieceIndex) {
        let Some(peer) = self.peers.get_mut(&key) else { return };
        if peer.allowed_fast.len() < limits::ALLOWED_FAST && !peer.allowed_fast.contains(&piece) {
            peer.allowed_fast.push(piece);
            peer.dry_at = None;
            self.refill(now, key);
        }
    }

    /// Peer exchange: one peer's word goes only so far, and only a peer on this machine knows others on it.
    fn on_peers(&mut self, now: Instant, key: PeerKey, addresses: &[SocketAddr]) {
        if !self.config.exchange_peers {
            return;
        }
        let Some(peer) = self.peers.get_mut(&key) else { return };
        let local = peer.address.ip().is_loopback();
        let left = limits::CANDIDATES_FROM_ONE_PEER.saturating_sub(peer.exchanged);
        let usable = addresses.iter().filter(|it| local || !it.ip().to_canonical().is_loopback());
        let taken: Vec<SocketAddr> = usable.take(left).copied().collect();
        peer.exchanged += taken.len();
        peer.told_of.extend_from_slice(&taken);
        self.handle_candidates(now, CandidateSource::Pex, &taken);
    }

    fn on_uploaded(&mut self, now: Instant, key: PeerKey, bytes: u32) {
        self.stats.bytes_uploaded += u64::from(bytes);
        if let Some(peer) = self.peers.get_mut(&key) {
            peer.on_uploaded(now, bytes);
        }
    }

    fn on_closed(&mut self, now: Instant, key: PeerKey, reason: Close) {
        if let Close::Violation(violation) = reason {
            *self.stats.violations.entry(violation).or_default() += 1;
        }
        self.forget(now, key, reason);
        self.connect(now);
    }
}
