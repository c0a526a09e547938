//! What time brings.

use super::Swarm;
use crate::contract::SourceKey;
use crate::limits;
use crate::peer::Peer;
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
        self.web_seeds.wake();
        self.refill_all(now);
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
