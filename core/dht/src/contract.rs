//! What goes into a [`Node`](crate::Node) and what comes out.

use crate::id::Id;
use crate::item::{Item, Verify};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// An address family. The DHTs of IPv4 and of IPv6 are two (BEP 32).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// The family of an address.
    pub fn of(address: SocketAddr) -> Self {
        if address.is_ipv4() { Self::V4 } else { Self::V6 }
    }

    /// Is the address of this family?
    pub fn holds(self, address: SocketAddr) -> bool {
        self == Self::of(address)
    }
}

/// A node's id and where it answers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Contact {
    /// Its id.
    pub id: Id,
    /// Its address.
    pub address: SocketAddr,
}

/// Settings of a node.
#[derive(Clone, Debug)]
pub struct Config {
    /// The family that its socket is of.
    pub family: Family,
    /// Only ask, never answer, and say so (BEP 43): for a client that nobody can reach or that ends soon.
    pub read_only: bool,
    /// Checks the signatures of mutable items (BEP 44).
    pub verify: Verify,
    /// What an earlier run saved with [`Node::save`](crate::Node::save). Taken as untrusted as any packet.
    pub saved: Option<Vec<u8>>,
    /// Contacts that the caller vouches for as answering: they are in the table from the start. For simulations.
    pub known: Vec<Contact>,
    /// The id to begin with. `None` chooses one; it changes anyway when the address turns out not to allow it.
    pub id: Option<Id>,
}

impl Config {
    /// A node that answers, knows nobody, and believes `verify`.
    pub const fn new(family: Family, verify: Verify) -> Self {
        Self { family, read_only: false, verify, saved: None, known: Vec::new(), id: None }
    }
}

/// Names one lookup of one node.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LookupKey(pub u64);

/// How a peer announces itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Announce {
    /// The port that peers reach us at from outside.
    pub port: u16,
    /// Let the nodes take the port that our packets come from instead, for a client behind a translator that shares
    /// one port between the DHT and its peers.
    pub implied_port: bool,
    /// We have everything (BEP 33).
    pub seed: bool,
}

/// What a lookup is for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Goal {
    /// The nodes nearest to a place.
    Nodes,
    /// Peers of a torrent; announced to the nearest nodes at the end, if wanted.
    Peers(Option<Announce>),
    /// How many peers and seeds a torrent has (BEP 33).
    Scrape,
    /// An item (BEP 44). `salt`: that of a mutable one.
    Get {
        /// Part of what a mutable item's target is made of; empty for none.
        salt: Vec<u8>,
    },
    /// Stores an item at the nearest nodes. `cas`: only where this sequence number is held.
    Put {
        /// The item.
        item: Item,
        /// The sequence number to be replaced.
        cas: Option<i64>,
    },
    /// Which info-hashes the nodes nearest to a place hold (BEP 51).
    Samples,
}

/// How a lookup ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Outcome {
    /// Nodes that answered.
    pub answered: usize,
    /// Packets it took.
    pub queries: usize,
    /// Nodes that an announce or an item was sent to.
    pub stored_at: usize,
}

/// What a node answered to our [`ping`](crate::Node::ping).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pong {
    /// Who answered.
    pub contact: Contact,
    /// From our question to its answer.
    pub round_trip: Duration,
    /// Its client and version (`v`), as it writes them; at most
    /// [`MAX_VERSION_BYTES`](crate::limits::MAX_VERSION_BYTES), empty if it says nothing.
    pub version: Vec<u8>,
    /// Where it sees us (BEP 42).
    pub seen_at: Option<SocketAddr>,
}

/// What became of an item at one of the nodes that it was sent to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stored {
    /// It is kept there.
    Taken,
    /// It was refused, with this error code (BEP 44).
    Refused(i64),
    /// There was no answer.
    Silent,
}

impl Stored {
    /// The code of a refusal because another sequence number is held than `cas` says.
    pub const CAS_MISMATCH: i64 = 301;
    /// The code of a refusal because something newer is held.
    pub const OLDER: i64 = 302;
}

/// What a node wants done or has to tell.
#[derive(Clone, PartialEq, Debug)]
pub enum Output {
    /// Send a datagram.
    Transmit {
        /// Where to.
        to: SocketAddr,
        /// The whole payload, at most [`MAX_SENT_BYTES`](crate::limits::MAX_SENT_BYTES).
        packet: Vec<u8>,
    },
    /// Peers of a torrent, as soon as a node names them; each peer once a lookup.
    Peers(LookupKey, Vec<SocketAddr>),
    /// An item was found and is what it should be. A mutable one may come again, with a higher number.
    Item(LookupKey, Item),
    /// Estimated counts so far (BEP 33).
    Scraped(LookupKey, ScrapeEstimate),
    /// Info-hashes that one node holds (BEP 51).
    Samples(LookupKey, Vec<Id>),
    /// A lookup ended; it is not heard of again, but for what becomes of an item that it put.
    Finished(LookupKey, Outcome),
    /// What became of an item, once for each node of [`Outcome::stored_at`].
    Stored(LookupKey, Stored),
    /// A node answered our [`ping`](crate::Node::ping).
    Pong(Pong),
    /// Enough others agree that this is our address.
    ExternalAddress(IpAddr),
    /// Nodes of the other family were named: of use to a node there.
    OtherFamily(Vec<SocketAddr>),
}

/// Estimates of a swarm's size.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct ScrapeEstimate {
    /// Seeds.
    pub seeds: f64,
    /// Peers that are no seeds.
    pub peers: f64,
}

/// Counters of a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Stats {
    /// Datagrams handed in.
    pub packets_received: u64,
    /// Datagrams to be sent.
    pub packets_sent: u64,
    /// Bytes of them.
    pub bytes_sent: u64,
    /// Queries not answered because their source, or all sources together, asked too much.
    pub queries_refused: u64,
    /// Datagrams that were no messages.
    pub malformed: u64,
}
