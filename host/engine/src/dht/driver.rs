//! The task: sockets on one side, the nodes in the middle, those who want peers on the other side.

use super::errands::{Errand, Errands};
use super::greeting::Greeting;
use super::search::Wanted;
use super::{Command, DhtSettings, DhtTables};
use crate::address_filter::AddressFilter;
use crate::limits::{DHT_BRIDGE_INTERVAL, DHT_PACKETS_A_TURN, MAX_DHT_SEARCHES};
use crate::udp::{DhtDatagram, Port};
use dht::{Config, Family, Goal, Id, LookupKey, Node, Output, Pong};
use ring::signature::{ED25519, UnparsedPublicKey};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep_until;

/// A node and its socket.
pub(super) struct Side {
    port: Arc<Port>,
    packets: mpsc::Receiver<DhtDatagram>,
    node: Node,
}

impl Side {
    pub(super) fn new(port: Arc<Port>, settings: &DhtSettings) -> Self {
        let (family, saved) =
            if port.is_v4() { (Family::V4, &settings.tables.v4) } else { (Family::V6, &settings.tables.v6) };
        let saved = Some(saved.clone());
        let config = Config { read_only: settings.read_only, saved, ..Config::new(family, verify) };
        let packets = port.hand_over_dht();
        Self { port, packets, node: Node::new(config, fastrand::u64(..), Instant::now()) }
    }
}

/// Checks the signature of a mutable item (BEP 44).
pub(super) fn verify(key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    UnparsedPublicKey::new(&ED25519, key).verify(message, signature).is_ok()
}

/// The task's state.
pub(super) struct Driver {
    /// IPv4 and IPv6.
    sides: [Option<Side>; 2],
    /// The port that peers reach us at; 0 if they do not.
    port: u16,
    filter: AddressFilter,
    wanted: Vec<Wanted>,
    errands: Errands,
    greeting: Greeting,
    bridge_at: Instant,
}

impl Driver {
    pub(super) fn new(sides: [Option<Side>; 2], port: u16, filter: AddressFilter) -> Self {
        Self {
            sides,
            port,
            filter,
            wanted: Vec::new(),
            errands: Errands::default(),
            greeting: Greeting::default(),
            bridge_at: Instant::now(),
        }
    }

    /// Works until nobody can command it any more.
    pub(super) async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        for side in self.sides.iter().flatten() {
            side.port.begins().await;
        }
        loop {
            let wake = self.wake();
            let [v4, v6] = &mut self.sides;
            let (side, packet) = tokio::select! {
                command = commands.recv() => match command {
                    Some(command) => {
                        self.handle_command(command);
                        self.turn();
                        continue;
                    }
                    None => return,
                },
                packet = receive(v4.as_mut()) => (0, Some(packet)),
                packet = receive(v6.as_mut()) => (1, Some(packet)),
                () = sleep_until(wake.into()) => (0, None),
            };
            if let Some((from, bytes)) = packet {
                self.handle_packet(side, from, &bytes);
                self.take_waiting(side);
            }
            self.handle_timers();
            self.turn();
        }
    }

    /// Under load many datagrams wait: one drain of outputs serves them all.
    fn take_waiting(&mut self, side: usize) {
        for _ in 0..DHT_PACKETS_A_TURN {
            let Some(Some(Side { packets, .. })) = self.sides.get_mut(side) else { return };
            let Ok((from, bytes)) = packets.try_recv() else { return };
            self.handle_packet(side, from, &bytes);
        }
    }

    fn wake(&self) -> Instant {
        let nodes = self.sides.iter().flatten().map(|side| side.node.poll_timeout());
        let searches = self.wanted.iter().filter_map(|wanted| wanted.next);
        nodes.chain(searches).fold(self.bridge_at, Instant::min)
    }

    fn handle_command(&mut self, command: Command) {
        let now = Instant::now();
        match command {
            Command::Find(wanted) => {
                self.wanted.retain(Wanted::is_wanted);
                if self.wanted.len() < MAX_DHT_SEARCHES {
                    self.wanted.push(wanted);
                    let last = self.wanted.len() - 1;
                    self.look_up(now, last);
                }
            }
            Command::Bootstrap(addresses) => self.bootstrap(now, &addresses),
            Command::Greet(places) => {
                let port = self.sides.iter().flatten().next().map(|side| &side.port);
                if let (Some(port), Some(packet)) = (port, self.greeting.packet()) {
                    for place in &places {
                        port.try_send_to(place, &packet);
                    }
                }
            }
            Command::Run(errand) => self.run_errand(now, errand),
            Command::Ping(node, reply) => self.ping(now, node, reply),
            Command::Contacts(addresses) => {
                let allowed = self.filter.allowed(&addresses);
                self.nodes(|node| node.handle_contacts(now, &allowed));
            }
            Command::Port(port) => self.port = port,
            Command::Sockets(ports) => {
                for (side, port) in self.sides.iter_mut().zip(ports) {
                    if let (Some(side), Some(port)) = (side, port) {
                        side.packets = port.hand_over_dht();
                        side.port = port;
                    }
                }
            }
            Command::Save(reply) => {
                let save =
                    |side: &Option<Side>| side.as_ref().map(|side| side.node.save()).unwrap_or_default();
                let [v4, v6] = &self.sides;
                // Who asked may have stopped waiting.
                let _ = reply.send(DhtTables { v4: save(v4), v6: save(v6) });
            }
        }
    }

    fn bootstrap(&mut self, now: Instant, routers: &[SocketAddr]) {
        let allowed = self.filter.allowed(routers);
        self.nodes(|node| node.bootstrap(now, &allowed));
        // What waits for the first node that can be asked waits no longer.
        self.turn();
        self.wanted.iter_mut().for_each(|wanted| wanted.hurry(now));
    }

    fn nodes(&mut self, mut act: impl FnMut(&mut Node)) {
        self.sides.iter_mut().flatten().for_each(|side| act(&mut side.node));
    }

    fn look_up(&mut self, now: Instant, index: usize) {
        let Some(wanted) = self.wanted.get_mut(index) else { return };
        let (info_hash, goal) = (wanted.info_hash(), wanted.goal(self.port));
        wanted.begin(begin(&mut self.sides, now, info_hash, &goal));
    }

    fn ping(&mut self, now: Instant, address: SocketAddr, reply: oneshot::Sender<Pong>) {
        let mut sides = self.sides.iter_mut().flatten();
        if let Some(side) = sides.find(|side| side.node.family().holds(address))
            && self.errands.has_room()
        {
            side.node.ping(now, address);
            self.errands.await_pong(address, reply);
        }
    }

    fn run_errand(&mut self, now: Instant, errand: Errand) {
        self.forget_the_dropped(now);
        if self.errands.has_room() {
            let lookups = begin(&mut self.sides, now, errand.target, &errand.goal);
            self.errands.begin(errand, lookups);
        }
    }

    fn handle_packet(&mut self, side: usize, from: SocketAddr, bytes: &[u8]) {
        if self.greeting.hears(bytes) {
            return self.bootstrap(Instant::now(), &[from]);
        }
        if let Some(Some(side)) = self.sides.get_mut(side)
            && !self.filter.blocks(from)
        {
            side.node.handle_packet(Instant::now(), from, bytes);
        }
    }

    fn handle_timers(&mut self) {
        let now = Instant::now();
        for side in self.sides.iter_mut().flatten().filter(|side| side.node.poll_timeout() <= now) {
            side.node.handle_timeout(now);
        }
        self.forget_the_dropped(now);
        for index in 0..self.wanted.len() {
            if self.wanted[index].next.is_some_and(|next| next <= now) {
                self.look_up(now, index);
            }
        }
        if now >= self.bridge_at {
            self.bridge_at = now + DHT_BRIDGE_INTERVAL;
            self.bridge();
        }
    }

    /// Ends the searches that nobody listens to any more.
    fn forget_the_dropped(&mut self, now: Instant) {
        let dropped = self.wanted.iter().filter(|wanted| !wanted.is_wanted()).map(|wanted| wanted.lookups);
        let errands = self.errands.take_dropped();
        for lookups in dropped.chain(errands.iter().map(|errand| errand.lookups)) {
            for (side, lookup) in self.sides.iter_mut().zip(lookups) {
                if let (Some(side), Some(key)) = (side, lookup) {
                    side.node.cancel(now, key);
                }
            }
        }
        self.wanted.retain(Wanted::is_wanted);
    }

    /// Each node may name a few nodes of the other family (BEP 32).
    fn bridge(&mut self) {
        if let [Some(v4), Some(v6)] = &mut self.sides {
            v4.node.set_other_family(&v6.node.nodes());
            v6.node.set_other_family(&v4.node.nodes());
        }
    }

    /// Carries out what the nodes want done.
    fn turn(&mut self) {
        let mut crossing = Vec::new();
        for index in 0..self.sides.len() {
            while let Some(output) = self.sides[index].as_mut().and_then(|side| side.node.poll_output()) {
                match output {
                    Output::Transmit { to, packet } => self.transmit(index, to, &packet),
                    Output::Peers(key, _)
                    | Output::Item(key, _)
                    | Output::Finished(key, _)
                    | Output::Stored(key, _) => self.tell(index, key, output),
                    Output::Pong(pong) => self.errands.pong(&pong),
                    Output::OtherFamily(addresses) => crossing.extend(addresses),
                    Output::ExternalAddress(address) => tracing::debug!(%address, "others see us there"),
                    Output::Scraped(..) | Output::Samples(..) => {}
                }
            }
        }
        if !crossing.is_empty() {
            self.nodes(|node| node.handle_contacts(Instant::now(), &crossing));
        }
    }

    /// Whether a peer found is ourselves, by an announce of ours; while nobody told how others see us, by the port.
    fn is_own(&self, index: usize, peer: SocketAddr) -> bool {
        let seen_at = self.sides[index].as_ref().and_then(|side| side.node.external_address());
        peer.port() == self.port && seen_at.is_none_or(|ip| ip == peer.ip())
    }

    /// Passes on what a lookup told to whom it is for.
    fn tell(&mut self, index: usize, key: LookupKey, output: Output) {
        let is_for = |wanted: &Wanted| wanted.lookups[index] == Some(key);
        let Some(place) = self.wanted.iter().position(is_for) else {
            self.errands.hear(index, key, output);
            return;
        };
        match output {
            Output::Peers(_, mut peers) => {
                peers.retain(|peer| !self.is_own(index, *peer));
                self.wanted[place].tell(peers);
            }
            Output::Finished(_, outcome) => {
                tracing::debug!(?outcome, "a DHT lookup ended");
                self.wanted[place].ended(Instant::now(), index, outcome);
            }
            _ => {}
        }
    }

    /// Sends at once or not at all: a datagram may be lost anyway.
    fn transmit(&self, index: usize, to: SocketAddr, packet: &[u8]) {
        if let Some(Some(side)) = self.sides.get(index)
            && !self.filter.blocks(to)
        {
            side.port.try_send(to, packet);
        }
    }
}

/// Begins a lookup at the nodes of both families.
fn begin(sides: &mut [Option<Side>; 2], now: Instant, target: Id, goal: &Goal) -> [Option<LookupKey>; 2] {
    sides.each_mut().map(|side| Some(side.as_mut()?.node.look_up(now, target, goal.clone())))
}

/// The next datagram of a side; pending without one.
async fn receive(side: Option<&mut Side>) -> DhtDatagram {
    if let Some(side) = side
        && let Some(datagram) = side.packets.recv().await
    {
        return datagram;
    }
    std::future::pending().await
}
