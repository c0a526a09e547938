//! What the tests of this crate share: an instant to start at, and a wire between nodes.

use crate::contract::{Config, Family, Goal, LookupKey, Outcome, Output};
use crate::id::Id;
use crate::node::Node;
use crate::signing;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// One way between any two nodes.
const LATENCY: Duration = Duration::from_millis(20);

/// Where time starts in a test. There is no other way to make an instant.
#[expect(clippy::disallowed_methods, reason = "a world made for tests has to start somewhere")]
pub(crate) fn start() -> Instant {
    Instant::now()
}

/// Nodes on loopback addresses, each in a network of its own, and what they told.
pub(crate) struct World {
    pub(crate) now: Instant,
    pub(crate) nodes: BTreeMap<SocketAddr, Node>,
    /// Datagrams under way: when they arrive, from, to.
    wire: Vec<(Instant, SocketAddr, SocketAddr, Vec<u8>)>,
    pub(crate) told: Vec<(SocketAddr, Output)>,
    /// Datagrams to addresses where no node is.
    pub(crate) lost: Vec<(SocketAddr, Vec<u8>)>,
}

/// The address of node number `n`.
pub(crate) fn at(n: u8) -> SocketAddr {
    SocketAddr::new(IpAddr::from([127, 1, n, 1]), 6881)
}

impl World {
    pub(crate) fn new() -> Self {
        Self { now: start(), nodes: BTreeMap::new(), wire: Vec::new(), told: Vec::new(), lost: Vec::new() }
    }

    /// `count` nodes that enter the network through the first, and had a while for it.
    pub(crate) fn network(count: u8) -> Self {
        let mut world = Self::new();
        (0..count).for_each(|n| world.add(n, |_| {}));
        world.run_for(Duration::from_secs(30));
        world
    }

    pub(crate) fn add(&mut self, n: u8, change: impl FnOnce(&mut Config)) {
        let mut config = Config::new(Family::V4, signing::verify);
        change(&mut config);
        let mut node = Node::new(config, u64::from(n) + 1, self.now);
        node.bootstrap(self.now, &[at(0)]);
        self.nodes.insert(at(n), node);
        self.drain(at(n));
    }

    pub(crate) fn node(&mut self, n: u8) -> &mut Node {
        self.nodes.get_mut(&at(n)).expect("the node exists")
    }

    /// Runs a lookup of node `n` to its end and gives what it told on the way.
    pub(crate) fn look_up(&mut self, n: u8, target: Id, goal: Goal) -> (Vec<Output>, Outcome) {
        let (now, told) = (self.now, self.told.len());
        let key = self.node(n).look_up(now, target, goal);
        self.drain(at(n));
        for _ in 0..700 {
            if self.finished(key, told).is_some() {
                break;
            }
            self.run_for(Duration::from_millis(100));
        }
        let outcome = self.finished(key, told).expect("a lookup ends");
        let outputs =
            self.told[told..].iter().filter(|(from, _)| *from == at(n)).map(|(_, output)| output.clone());
        (outputs.collect(), outcome)
    }

    fn finished(&self, key: LookupKey, since: usize) -> Option<Outcome> {
        self.told[since..].iter().find_map(|(_, output)| match output {
            Output::Finished(ended, outcome) if *ended == key => Some(*outcome),
            _ => None,
        })
    }

    /// A datagram from outside arrives at node `n`; gives what the node sends back at once.
    pub(crate) fn send(&mut self, from: SocketAddr, n: u8, packet: &[u8]) -> Vec<Vec<u8>> {
        let now = self.now;
        self.node(n).handle_packet(now, from, packet);
        let mut sent = Vec::new();
        while let Some(output) = self.node(n).poll_output() {
            match output {
                Output::Transmit { to, packet } if to == from => sent.push(packet),
                Output::Transmit { to, packet } => self.wire.push((now + LATENCY, at(n), to, packet)),
                other => self.told.push((at(n), other)),
            }
        }
        sent
    }

    pub(crate) fn drain(&mut self, address: SocketAddr) {
        let arrives = self.now + LATENCY;
        let Some(node) = self.nodes.get_mut(&address) else { return };
        while let Some(output) = node.poll_output() {
            match output {
                Output::Transmit { to, packet } => self.wire.push((arrives, address, to, packet)),
                other => self.told.push((address, other)),
            }
        }
    }

    pub(crate) fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            let arrival = self.wire.iter().map(|(when, ..)| *when).min();
            let timer = self.nodes.values().map(Node::poll_timeout).min();
            let Some(next) = arrival.into_iter().chain(timer).min().filter(|next| *next <= end) else {
                break;
            };
            self.now = self.now.max(next);
            let now = self.now;
            let (due, later) =
                std::mem::take(&mut self.wire).into_iter().partition(|(when, ..)| *when <= now);
            self.wire = later;
            self.deliver(due);
            let due: Vec<SocketAddr> = self
                .nodes
                .iter()
                .filter(|(_, node)| node.poll_timeout() <= now)
                .map(|(address, _)| *address)
                .collect();
            for address in due {
                self.nodes.get_mut(&address).expect("it was there").handle_timeout(now);
                self.drain(address);
            }
        }
        self.now = end;
    }

    fn deliver(&mut self, due: Vec<(Instant, SocketAddr, SocketAddr, Vec<u8>)>) {
        for (_, from, to, packet) in due {
            if let Some(node) = self.nodes.get_mut(&to) {
                node.handle_packet(self.now, from, &packet);
                self.drain(to);
            } else {
                self.lost.push((to, packet));
            }
        }
    }
}
