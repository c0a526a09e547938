//! A connection of a torrent whose metadata is not known: what the peer says about pieces is kept until it can be
//! understood.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::receive::Judged;
use super::{Connection, Phase};
use crate::limits::{EARLY_HAVES, EARLY_PIECES, HAVE_SLACK, price};
use crate::{ExtendedHandshake, Fact, Violation};
use metainfo::{Bitfield, Geometry, PeerId, PieceIndex};
use std::sync::Arc;
use std::time::Instant;

/// What the peer said it has.
#[derive(Clone, Debug)]
pub(super) enum Told {
    All,
    None,
    Pieces(Vec<u8>),
}

/// What the peer said before it could be understood.
#[derive(Clone, Debug, Default)]
pub(super) struct Early {
    pub(super) told: Option<Told>,
    /// Pieces told of one by one; those beyond the limit are lost, which costs a little of what could be asked for.
    haves: Vec<PieceIndex>,
    pub(super) peer_id: Option<PeerId>,
    handshake: Option<ExtendedHandshake>,
}

impl Early {
    pub(super) fn have(&mut self, piece: PieceIndex) {
        if self.haves.len() < EARLY_HAVES {
            self.haves.push(piece);
        }
    }

    /// Joins what handshakes tell; a later one says only what changed.
    pub(super) fn extended(&mut self, told: &ExtendedHandshake) {
        let before = self.handshake.take().unwrap_or_default();
        let told = told.clone();
        self.handshake = Some(ExtendedHandshake {
            client: told.client.or(before.client),
            request_queue: told.request_queue.or(before.request_queue),
            upload_only: told.upload_only.or(before.upload_only),
            listen_port: told.listen_port.or(before.listen_port),
            your_ip: told.your_ip.or(before.your_ip),
            exchanges_peers: told.exchanges_peers || before.exchanges_peers,
            punches_holes: told.punches_holes || before.punches_holes,
            metadata_size: told.metadata_size.or(before.metadata_size),
        });
    }
}

/// A torrent as large as one can be: every index that a torrent may have lies inside.
pub(super) fn largest() -> Arc<Geometry> {
    const PIECE_LENGTH: u32 = 64 << 20;
    Arc::new(Geometry::single(PIECE_LENGTH, EARLY_PIECES))
}

impl Connection {
    /// As after the metadata is known, a bitfield may come again and costs accordingly.
    pub(super) fn on_early_availability(&mut self, now: Instant, told: Told) -> Judged {
        if self.availability_known {
            let bytes = if let Told::Pieces(bytes) = &told { bytes.len() as u32 } else { 0 };
            self.pay(now, price::PLAIN + bytes / price::UNKNOWN_BYTES)?;
        }
        self.availability_known = true;
        if let Some(early) = &mut self.early {
            early.told = Some(told);
        }
        Ok(())
    }

    /// The metadata is known: from now on this is a connection like any other. What the peer said so far is told once
    /// more, from [`Fact::Handshaken`] on, now as far as it makes sense.
    ///
    /// `private`: it takes part in peer exchange and DHT no more (BEP 27).
    pub fn handle_metadata(
        &mut self,
        now: Instant,
        geometry: &Arc<Geometry>,
        info: &Arc<[u8]>,
        private: bool,
    ) {
        let Some(early) = self.early.take() else { return };
        self.config.exchange_peers &= !private;
        self.config.dht_port = self.config.dht_port.filter(|_| !private);
        let piece_count = geometry.piece_count();
        self.config.metadata = Some(Arc::clone(info));
        self.geometry = Arc::clone(geometry);
        self.decoder.learn(piece_count);
        self.haves_left = piece_count.saturating_add(HAVE_SLACK);
        self.allowed_fast.retain(|piece| piece.0 < piece_count);
        self.facts.clear();
        if !matches!(self.phase, Phase::Open) {
            return;
        }
        if self.availability_sent && self.extended {
            self.send_extended_handshake(now);
        }
        if let Err(violation) = self.tell_again(early) {
            self.violate(violation);
        }
    }

    fn tell_again(&mut self, early: Early) -> Judged {
        let piece_count = self.geometry.piece_count();
        let (fast, extended) = (self.fast, self.extended);
        if let Some(peer_id) = early.peer_id {
            self.facts.push_back(Fact::Handshaken { peer_id, fast, extended });
        }
        self.facts.extend(early.handshake.map(Fact::Extended));
        let have = match early.told {
            Some(Told::All) => Bitfield::full(piece_count),
            Some(Told::Pieces(bytes)) => {
                Bitfield::from_bytes(&bytes, piece_count).ok_or(Violation::BadBitfield)?
            }
            Some(Told::None) | None => Bitfield::new(piece_count),
        };
        if self.availability_known {
            self.facts.push_back(Fact::Availability(have));
        }
        for piece in early.haves {
            self.in_torrent(piece)?;
            self.facts.push_back(Fact::Have(piece));
        }
        self.facts.extend(self.allowed_fast.iter().copied().map(Fact::AllowedFast));
        self.facts.extend((!self.we_are_choked).then_some(Fact::Unchoked));
        self.facts.extend(self.peer_is_interested.then_some(Fact::Interested));
        Ok(())
    }
}
