//! What time brings.

use super::Swarm;
use crate::contract::SourceKey;
use crate::limits;
use std::time::Instant;

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
        self.web_seeds.wake();
        self.refill_all(now);
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
