//! The distributed hash table on real sockets: one task with a node for each address family.
//!
//! Torrents ask for peers and are sent them as they are found, for as long as they listen.

mod driver;
mod errands;
mod greeting;
mod items;
mod key;
mod names;
mod node;
mod search;
mod updates;

use crate::address_filter::AddressFilter;
use crate::limits::{DHT_COMMAND_QUEUE, DHT_PEER_QUEUE};
use crate::proxy::{Place, UdpWay};
use crate::session::Shared;
use crate::udp::{Port, Udp};
use ::dht::Pong;
use driver::{Driver, Side, verify};
use errands::Errand;
use search::Wanted;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::{mpsc, oneshot};

pub use key::DhtKey;
pub use node::{DhtError, DhtNode, Kept, PeerLookup};
pub use updates::{Update, UpdateError, Updates};

/// Routers that are asked when nobody names others; each is run by the makers of a client.
const ROUTERS: [(&str, u16); 3] =
    [("router.bittorrent.com", 6881), ("dht.transmissionbt.com", 6881), ("dht.libtorrent.org", 25401)];

/// Settings of the distributed hash table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DhtSettings {
    /// Where the network is entered, host and port.
    pub routers: Vec<(String, u16)>,
    /// Only ask and never answer (BEP 43): for a client that will be gone soon.
    pub read_only: bool,
    /// What an earlier run knew.
    pub tables: DhtTables,
}

/// What the nodes of both families know, to be kept between runs. Empty where there is no such node.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct DhtTables {
    /// Of IPv4.
    pub v4: Vec<u8>,
    /// Of IPv6.
    pub v6: Vec<u8>,
}

impl Default for DhtSettings {
    fn default() -> Self {
        let routers = ROUTERS.into_iter().map(|(host, port)| (host.to_owned(), port)).collect();
        Self { routers, read_only: false, tables: DhtTables::default() }
    }
}

/// The way to the task. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Dht {
    commands: mpsc::Sender<Command>,
    /// How datagrams leave, and so how names are looked up.
    way: UdpWay,
    read_only: bool,
    /// The port of the IPv4 node, or of the only one.
    #[cfg(test)]
    port: u16,
}

/// What the task is told.
enum Command {
    /// Look for peers of a torrent, and announce it.
    Find(Wanted),
    /// Routers, resolved.
    Bootstrap(Vec<SocketAddr>),
    /// Nodes that a proxy looks up: whoever answers is one to begin at.
    Greet(Vec<Place>),
    /// Look for something once.
    Run(Errand),
    /// Ask a node whether it is there.
    Ping(SocketAddr, oneshot::Sender<Pong>),
    /// Addresses that somebody claims are nodes.
    Contacts(Vec<SocketAddr>),
    /// Peers reach us at another port.
    Port(u16),
    /// The nodes are at other sockets.
    Sockets([Option<Arc<Port>>; 2]),
    /// Somebody wants to keep what the nodes know.
    Save(oneshot::Sender<DhtTables>),
}

/// A torrent's search. Dropping it ends the search.
#[derive(Debug)]
pub(crate) struct DhtSearch {
    peers: mpsc::Receiver<Vec<SocketAddr>>,
    mood: Arc<Mood>,
}

/// What a torrent wants of its search, which may change at any time.
#[derive(Debug, Default)]
struct Mood {
    /// We have everything (BEP 33).
    seed: AtomicBool,
    /// It is announced, and wants no peers.
    asleep: AtomicBool,
}

impl DhtSearch {
    /// The next peers found.
    pub(crate) async fn next(&mut self) -> Option<Vec<SocketAddr>> {
        self.peers.recv().await
    }

    /// Announces from now on that we have everything (BEP 33).
    pub(crate) fn completed(&self) {
        self.mood.seed.store(true, Ordering::Relaxed);
    }

    /// From now on the torrent is announced only.
    pub(crate) fn sleep(mut self) -> Self {
        self.mood.asleep.store(true, Ordering::Relaxed);
        while self.peers.try_recv().is_ok() {}
        self
    }

    /// Peers are wanted again.
    pub(crate) fn wake(self) -> Self {
        self.mood.asleep.store(false, Ordering::Relaxed);
        self
    }
}

impl Dht {
    /// Starts the task on the sockets of `udp`. `port`: where peers reach us. `None` if there is no socket at all.
    pub(crate) fn start(dht: &DhtSettings, filter: AddressFilter, port: u16, udp: &Udp) -> Option<Self> {
        let sides = udp.ports().each_ref().map(|socket| Some(Side::new(Arc::clone(socket.as_ref()?), dht)));
        if sides.iter().all(Option::is_none) {
            return None;
        }
        #[cfg(test)]
        let own_port = udp.ports().iter().flatten().next().map_or(0, |port| port.number());
        let (commands, receiver) = mpsc::channel(DHT_COMMAND_QUEUE);
        let way = udp.way().clone();
        names::resolve(&way, dht.routers.clone(), commands.downgrade(), Command::Bootstrap);
        let driver = Driver::new(sides, port, filter);
        tokio::spawn(driver.run(receiver));
        Some(Self {
            commands,
            way,
            read_only: dht.read_only,
            #[cfg(test)]
            port: own_port,
        })
    }

    /// Looks for peers of a torrent again and again, and announces it, until the search is dropped. `nodes`: contacts
    /// that the torrent names.
    fn find(&self, info_hash: [u8; 20], mood: Mood, nodes: &[(String, u16)]) -> Option<DhtSearch> {
        let (sender, peers) = mpsc::channel(DHT_PEER_QUEUE);
        let mood = Arc::new(mood);
        let wanted = Wanted::new(info_hash, Arc::clone(&mood), sender);
        self.commands.try_send(Command::Find(wanted)).ok()?;
        self.meet(nodes);
        Some(DhtSearch { peers, mood })
    }

    /// Gets to know nodes by name.
    fn meet(&self, nodes: &[(String, u16)]) {
        if !nodes.is_empty() {
            names::resolve(&self.way, nodes.to_vec(), self.commands.downgrade(), Command::Contacts);
        }
    }

    /// Announces another port from now on.
    pub(crate) fn set_port(&self, port: u16) {
        // A full queue means that the task is overwhelmed; the next change tells it.
        let _ = self.commands.try_send(Command::Port(port));
    }

    /// Moves the nodes to other sockets.
    pub(crate) fn set_sockets(&self, udp: &Udp) {
        let _ = self.commands.try_send(Command::Sockets(udp.ports().clone()));
    }

    /// What the nodes know, before long; `None` if the task is too busy to tell.
    pub(crate) fn ask_for_tables(&self) -> Option<oneshot::Receiver<DhtTables>> {
        let (reply, answer) = oneshot::channel();
        self.commands.try_send(Command::Save(reply)).ok()?;
        Some(answer)
    }
}

/// Looks for peers of a torrent if it may: a private one is nobody else's business (BEP 27).
pub(crate) fn find(add: &crate::AddTorrent, shared: &Shared) -> Option<DhtSearch> {
    let dht = shared.discovery.dht().filter(|_| add.use_peers && !add.metainfo.private)?;
    dht.find(add.metainfo.wire_info_hash(), Mood::default(), &add.metainfo.nodes)
}

/// Announces a torrent that sleeps.
pub(crate) fn announce(shared: &Shared, info_hash: [u8; 20]) -> Option<DhtSearch> {
    let mood = Mood { seed: true.into(), asleep: true.into() };
    shared.discovery.dht()?.find(info_hash, mood, &[])
}

/// A peer says that it has a node.
pub(crate) fn meet(shared: &Shared, node: SocketAddr) {
    if let Some(dht) = shared.discovery.dht() {
        // A task that is overwhelmed has nodes enough.
        let _ = dht.commands.try_send(Command::Contacts(vec![node]));
    }
}

/// Where peers are told that our node is; 0 for one that only asks, `None` without one that they can see.
pub(crate) fn told_port(shared: &Shared) -> Option<u16> {
    let dht = shared.discovery.dht().filter(|_| !shared.exit.hides_us());
    dht.map(|dht| if dht.read_only { 0 } else { shared.announced_port() })
}

/// Looks for peers of a magnet link.
pub(crate) fn find_magnet(magnet: &metainfo::Magnet, shared: &Shared) -> Option<DhtSearch> {
    shared.discovery.dht()?.find(magnet.info_hash().wire_bytes(), Mood::default(), &magnet.nodes)
}

#[cfg(test)]
mod tests;
