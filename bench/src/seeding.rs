//! One torrent's brain while it gives, to peers that all want something.

use crate::download::config;
use metainfo::{Bitfield, Geometry, PeerId};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use swarm::{Direction, PeerKey, Swarm};
use wire::Fact;

/// The time between two rounds of the choker.
const ROUND: Duration = Duration::from_secs(10);

/// A seed under way.
pub struct Seeding {
    swarm: Swarm,
    now: Instant,
    peers: Vec<PeerKey>,
    /// Ticks in a row in which nothing happened.
    idle_ticks: u32,
}

impl Seeding {
    /// A seed with so many interested peers that have nothing.
    ///
    /// # Panics
    /// Never: the torrent is of a legal size.
    pub fn new(peers: u32, now: Instant) -> Self {
        let geometry = Arc::new(Geometry::new(1 << 20, [1 << 30]).expect("a legal size"));
        let pieces = geometry.piece_count();
        let mut swarm = Swarm::new(config(&geometry), Bitfield::full(pieces), 1, now);
        let mut keys = Vec::new();
        for number in 0..peers {
            let [_, a, b, c] = number.to_be_bytes();
            let address = SocketAddr::from(([10, a, b, c], 6881));
            let key = swarm.handle_connected(now, address, Direction::Incoming).expect("there is room");
            let mut peer_id = PeerId([9; 20]);
            peer_id.0[..4].copy_from_slice(&number.to_be_bytes());
            let handshaken = Fact::Handshaken { peer_id, fast: true, extended: true };
            for fact in [handshaken, Fact::Availability(Bitfield::new(pieces)), Fact::Interested] {
                swarm.handle_fact(now, key, fact);
            }
            keys.push(key);
        }
        while swarm.poll_output().is_some() {}
        Self { swarm, now, peers: keys, idle_ticks: 0 }
    }

    /// Everybody took a block, and the choker decides anew. The answer is the number of orders that led to.
    pub fn round(&mut self) -> usize {
        self.now += ROUND;
        for key in &self.peers {
            self.swarm.handle_fact(self.now, *key, Fact::Uploaded(metainfo::BLOCK_LENGTH));
        }
        self.swarm.handle_timeout(self.now);
        let mut orders = 0;
        while self.swarm.poll_output().is_some() {
            orders += 1;
        }
        orders
    }

    /// Half a second in which nothing happens: what idle peers cost. Now and then somebody takes a block, so that
    /// nobody is closed as useless.
    pub fn idle(&mut self) {
        self.idle_ticks += 1;
        if self.idle_ticks.is_multiple_of(500) {
            self.round();
        }
        self.now += Duration::from_millis(500);
        if self.swarm.poll_timeout().is_some_and(|at| at <= self.now) {
            self.swarm.handle_timeout(self.now);
        }
        while self.swarm.poll_output().is_some() {}
    }
}
