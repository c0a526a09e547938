//! What time brings.

use super::Swarm;
use crate::contract::SourceKey;
use crate::limits;
use crate::local_first::Carried;
use crate::peer::Peer;
use metainfo::Bitfield;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Instant;
use wire::Order;

impl Swarm {
    /// Looks at every clock.
    pub(super) fn tick(&mut self, now: Instant) {
        self.find_snubbed(now);
        self.prune(now);
        if now >= self.rechoke_at {
            self.rechoke_at = now + limits::RECHOKE_EVERY;
            self.rechoke(now);
        }
        for peer in self.peers.values_mut() {
            peer.dry_at = None;
            peer.end_game_dry = false;
        }
        self.exchange_peers(now);
        self.offer_pieces_to_all(now);
        self.look_at_local_peers(now);
        self.web_seeds.wake();
        self.refill_all(now);
    }

    /// Whether peers of our own network do alone, and what they have.
    fn look_at_local_peers(&mut self, now: Instant) {
        let has_local = self.peers.values().any(|peer| peer.is_local);
        if self.missing == 0 || !has_local && !self.local_first.leaves_others_out() {
            return;
        }
        let mut carried = Carried { local: 0, others: self.web_seeds.field(now).total_speed };
        for peer in self.peers.values() {
            let rate = if peer.is_local { &mut carried.local } else { &mut carried.others };
            *rate += peer.pipeline.rate(now);
        }
        if self.local_first.look(now, carried) {
            self.schedule_web_seeds(now);
        }
        if self.local_first.leaves_others_out() {
            let mut covered = Bitfield::new(self.config.geometry.piece_count());
            let serves = |peer: &&Peer| peer.is_local && peer.is_askable(now) && !peer.pipeline.is_snubbed();
            for peer in self.peers.values().filter(serves) {
                for piece in peer.have.iter() {
                    covered.insert(piece);
                }
            }
            self.local_first.set_covered(covered);
        }
    }

    /// Every missing piece is with peers of our own network, who do alone.
    pub(super) fn is_left_to_local_peers(&self) -> bool {
        let is_kept = |piece| self.have.contains(piece) || self.local_first.keeps(piece);
        self.local_first.leaves_others_out() && self.config.wanted.iter().all(is_kept)
    }

    /// Tells peers of each other (BEP 11): those whose address is known to take connections.
    fn exchange_peers(&mut self, now: Instant) {
        let is_due = |peer: &Peer| peer.exchange.as_ref().is_some_and(|it| it.is_due(now));
        if !self.config.exchange_peers || !self.peers.values().any(is_due) {
            return;
        }
        let present: BTreeMap<SocketAddr, u8> = self
            .peers
            .values()
            .filter(|peer| peer.is_handshaken())
            .filter_map(|peer| Some((peer.listens_at?, peer.exchange_flags())))
            .collect();
        let due = self.peers.values_mut().filter_map(|peer| {
            let news = peer.exchange.as_mut()?.news(now, &present, peer.listens_at)?;
            Some((peer.key, news))
        });
        let due: Vec<_> = due.collect();
        for (key, (added, dropped)) in due {
            self.order(key, Order::Peers { added, dropped });
        }
    }

    /// A peer that owes blocks and sends none keeps one request; the others are free for those who deliver.
    fn find_snubbed(&mut self, now: Instant) {
        let mut snubbed = Vec::new();
        for peer in self.peers.values_mut() {
            if peer.pipeline.on_tick(now, peer.outstanding.len()) {
                // One request stays with it as a question; a peer that chokes us has no answer to give.
                snubbed.push((peer.key, usize::from(!peer.chokes_us)));
            }
        }
        self.stats.snubs += snubbed.len() as u64;
        for (key, keep) in snubbed {
            self.release_requests(key, keep);
            self.picker.forget_source(SourceKey::Peer(key));
        }
    }
}
