//! A node of the DHT with a full table, and the crowd that asks it.

use crate::messages::dht_query;
use dht::{Config, Contact, Family, Id, Node};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Nodes known from the start.
const KNOWN: u32 = 500;

/// A node that strangers ask.
pub struct AskedNode {
    node: Node,
    now: Instant,
    rng: fastrand::Rng,
    asked: u32,
}

impl AskedNode {
    /// A node that knows enough others to answer any question.
    pub fn new(now: Instant) -> Self {
        let mut rng = fastrand::Rng::with_seed(3);
        let mut config = Config::new(Family::V4, |_, _, _| false);
        config.known = (0..KNOWN).map(|number| contact(number, &mut rng)).collect();
        Self { node: Node::new(config, 5, now), now, rng, asked: 0 }
    }

    /// A datagram with a question, each from another address, up to the answer. The answer's length is returned.
    pub fn ask(&mut self, method: &str) -> usize {
        self.asked = self.asked.wrapping_add(1);
        self.now += Duration::from_millis(1);
        let [a, b, c, d] = (0x2e00_0000 + self.asked % 0xf_ffff).to_be_bytes();
        let from = SocketAddr::from(([a, b, c, d], 6881));
        let target = std::array::from_fn(|_| self.rng.u8(..));
        let packet = dht_query(method, [self.asked as u8; 20], target);
        self.node.handle_packet(self.now, from, &packet);
        let mut length = 0;
        while let Some(output) = self.node.poll_output() {
            if let dht::Output::Transmit { packet, .. } = output {
                length += packet.len();
            }
        }
        length
    }
}

fn contact(number: u32, rng: &mut fastrand::Rng) -> Contact {
    let [_, a, b, c] = (number * 251).to_be_bytes();
    let address = SocketAddr::from(([45, a, b, c], 6881));
    Contact { id: Id(std::array::from_fn(|_| rng.u8(..))), address }
}
