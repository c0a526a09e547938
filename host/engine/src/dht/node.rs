//! A node for itself: it asks, looks up and stores without a session, for programs that want the DHT and no torrents.

use super::errands::Finding;
use super::{Command, Dht, DhtKey, DhtSettings, names, verify};
use crate::address_filter::AddressFilter;
use crate::bind::Bind;
use crate::limits::{DHT_PING_PAUSE, DHT_PINGS};
use crate::udp::Udp;
use dht::{Goal, Id, Item, ItemFault, MutableItem, Pong};
use metainfo::Publisher;
use std::net::SocketAddr;
use std::time::{SystemTime, UNIX_EPOCH};
use thiserror::Error;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

/// A node of the distributed hash table, on sockets of its own. It ends when this is dropped.
///
/// Every lookup ends by itself, after a minute at the latest; a future that is dropped ends it at once.
///
/// ```no_run
/// # async fn example() -> Result<(), engine::DhtError> {
/// use engine::{Bind, DhtKey, DhtNode, DhtSettings};
///
/// let node = DhtNode::start(Bind::default(), 0, &DhtSettings::default()).await?;
/// let key = DhtKey::generate().expect("a system with randomness");
/// let (item, kept) = node.put_mutable(&key, b"news", b"5:hello", None).await?;
/// println!("number {} is kept by {} nodes", item.sequence, kept.taken);
/// assert_eq!(node.get_mutable(key.public(), b"news").await?.value, b"5:hello");
/// # Ok(())
/// # }
/// ```
pub struct DhtNode {
    dht: Dht,
    /// The sockets, which end with this.
    udp: Udp,
}

/// How many nodes keep an item.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Kept {
    /// Nodes that took it.
    pub taken: usize,
    /// Nodes that it was sent to.
    pub sent: usize,
}

/// Why the table gives or takes nothing.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum DhtError {
    /// There is no socket to speak through.
    #[error("no UDP port can be opened")]
    NoSocket,
    /// The port asked for is somebody else's.
    #[error("UDP port {0} is taken")]
    PortTaken(u16),
    /// None of the nodes to begin at has an address that can be reached.
    #[error("no node to begin at can be found: {0}")]
    NoWayIn(String),
    /// Nobody answered.
    #[error("no node of the DHT answers")]
    NobodyAnswers,
    /// Nodes answered, and none has it.
    #[error("no node has such an item")]
    NotFound,
    /// The item is none that nodes may keep.
    #[error("the item cannot be stored: {0}")]
    BadItem(#[from] ItemFault),
    /// Nodes hold another sequence number than the one that was to be replaced.
    #[error("the nodes hold another sequence number than {0}")]
    Conflict(i64),
    /// Nodes hold something newer, put at the same time.
    #[error("the nodes hold something newer by now")]
    Older,
    /// No node took the item.
    #[error("none of {0} nodes took the item")]
    NotKept(usize),
    /// The node has too much to do.
    #[error("too many lookups are under way")]
    Busy,
}

impl DhtNode {
    /// Opens the sockets, at any port if `port` is 0, and finds the nodes to begin at; without any only
    /// [`Self::ping`] makes sense.
    pub async fn start(bind: Bind, port: u16, settings: &DhtSettings) -> Result<Self, DhtError> {
        let udp = Udp::start(bind, port);
        if port != 0 && udp.ports().iter().flatten().any(|socket| socket.number() != port) {
            return Err(DhtError::PortTaken(port));
        }
        let unnamed = DhtSettings { routers: Vec::new(), ..settings.clone() };
        // Port 0: there is no peer to be announced.
        let dht = Dht::start(&unnamed, AddressFilter::default(), 0, &udp).ok_or(DhtError::NoSocket)?;
        let found = names::addresses(bind, &settings.routers).await.map_err(DhtError::NoWayIn)?;
        dht.commands.try_send(Command::Bootstrap(found)).map_err(|_| DhtError::Busy)?;
        Ok(Self { dht, udp })
    }

    /// The port of the IPv4 socket, or of the only one.
    pub fn port(&self) -> u16 {
        self.udp.ports().iter().flatten().next().map_or(0, |socket| socket.number())
    }

    /// Asks one node whether it is there, more than once if need be.
    pub async fn ping(&self, node: SocketAddr) -> Result<Pong, DhtError> {
        for _ in 0..DHT_PINGS {
            let (reply, answer) = oneshot::channel();
            self.dht.commands.try_send(Command::Ping(node, reply)).map_err(|_| DhtError::Busy)?;
            if let Ok(Ok(pong)) = timeout(DHT_PING_PAUSE, answer).await {
                return Ok(pong);
            }
        }
        Err(DhtError::NobodyAnswers)
    }

    /// Looks for peers of a torrent, without announcing it.
    pub fn find_peers(&self, info_hash: [u8; 20]) -> Result<PeerLookup, DhtError> {
        let findings = self.dht.run(Id(info_hash), Goal::Peers(None))?;
        Ok(PeerLookup { findings, answered: 0 })
    }

    /// Gets what is stored under its own SHA-1; bencoded.
    pub async fn get_immutable(&self, target: [u8; 20]) -> Result<Vec<u8>, DhtError> {
        let item = self.dht.get(Id(target), &[]).await?;
        Ok(item.value().to_vec())
    }

    /// Gets the newest item of a key and a salt, which is empty for none.
    pub async fn get_mutable(&self, key: [u8; 32], salt: &[u8]) -> Result<MutableItem, DhtError> {
        self.dht.get_mutable(key, salt).await
    }

    /// Stores a bencoded value under its own SHA-1, which comes back.
    pub async fn put_immutable(&self, value: &[u8]) -> Result<([u8; 20], Kept), DhtError> {
        let item = Item::Immutable { value: value.to_vec() };
        item.check(verify)?;
        let target = item.target();
        Ok((target.0, self.dht.put(item, None).await?))
    }

    /// Stores a bencoded value under a key and a salt, with a sequence number one above the highest found, 1 where
    /// there is none. `cas`: only nodes that hold this number, or nothing, take it.
    pub async fn put_mutable(
        &self,
        key: &DhtKey,
        salt: &[u8],
        value: &[u8],
        cas: Option<i64>,
    ) -> Result<(MutableItem, Kept), DhtError> {
        self.put_from(1, (key, salt, value), cas).await
    }

    /// Names a torrent as the newest of a publisher (BEP 46). Its number is not below the seconds since 1970: nodes forget
    /// an item within hours, and whoever saw a higher number before takes no notice of one that begins at 1 again.
    pub async fn publish(
        &self,
        key: &DhtKey,
        salt: &[u8],
        info_hash: &[u8; 20],
        cas: Option<i64>,
    ) -> Result<(MutableItem, Kept), DhtError> {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.as_secs());
        let least = i64::try_from(since_1970).unwrap_or(1);
        self.put_from(least, (key, salt, &Publisher::value(info_hash)), cas).await
    }

    async fn put_from(
        &self,
        least: i64,
        (key, salt, value): (&DhtKey, &[u8], &[u8]),
        cas: Option<i64>,
    ) -> Result<(MutableItem, Kept), DhtError> {
        // What no node would take is not worth a lookup.
        Item::Mutable(key.sign(salt, 0, value)).check(verify)?;
        let held = match self.get_mutable(key.public(), salt).await {
            Ok(item) => item.sequence,
            Err(DhtError::NotFound) => 0,
            Err(error) => return Err(error),
        };
        let sequence = held.checked_add(1).ok_or(DhtError::Older)?.max(least);
        let item = key.sign(salt, sequence, value);
        let kept = self.dht.put(Item::Mutable(item.clone()), cas).await?;
        Ok((item, kept))
    }
}

/// A search for peers. Dropping it ends the search.
#[derive(Debug)]
pub struct PeerLookup {
    findings: mpsc::Receiver<Finding>,
    answered: usize,
}

impl PeerLookup {
    /// The next peers, each once for each address family; `None` at the end.
    pub async fn next(&mut self) -> Option<Vec<SocketAddr>> {
        loop {
            match self.findings.recv().await? {
                Finding::Peers(peers) => return Some(peers),
                Finding::Ended(outcome) => self.answered += outcome.answered,
                Finding::Item(_) | Finding::Stored(_) => {}
            }
        }
    }

    /// Nodes that answered, once the search is over.
    pub const fn answered(&self) -> usize {
        self.answered
    }
}
