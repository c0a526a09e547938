//! One client in the world.

use crate::disk::Disk;
use crate::network::{Line, Pipe};
use crate::web_seed::WebSeed;
use metainfo::{Geometry, PeerId};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use swarm::{PeerKey, Swarm, WebSeedKey};
use wire::Connection;

/// Names a node of a world, from 0 in the order they were added.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct NodeId(pub usize);

/// How a node treats those it serves.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Behaviour {
    /// As its swarm decides.
    #[default]
    Honest,
    /// Every block it sends is wrong.
    Liar,
    /// One block in so many is wrong.
    LiesOneIn(u32),
    /// Never sends a block.
    FreeRider,
    /// Sends so many blocks, then none.
    StallsAfter(u32),
}

/// How long a router lets those in that something was sent to: shorter than most do, so that nobody meets by chance.
const HOLE_LIFE: Duration = Duration::from_secs(1);

/// One end of a connection between two nodes.
pub(crate) struct End {
    pub(crate) connection: Connection,
    pub(crate) link: u64,
    /// 0 where it was dialled from, 1 where it arrived.
    pub(crate) side: usize,
    /// Bytes on their way out of this end.
    pub(crate) in_flight: usize,
}

/// One client in the world.
pub struct Node {
    /// Where it is reached.
    pub address: SocketAddr,
    /// Its brain.
    pub swarm: Swarm,
    /// How it treats others; may be changed at any time.
    pub behaviour: Behaviour,
    /// Payload bytes received from each address.
    pub received_from: BTreeMap<SocketAddr, u64>,
    /// When its download became complete.
    pub completed_at: Option<Instant>,
    /// A router in front of it lets in only those that it has just sent something to.
    pub is_behind_nat: bool,
    /// When it last sent something to addresses that it dialled.
    pub(crate) opened: BTreeMap<SocketAddr, Instant>,
    pub(crate) peer_id: PeerId,
    pub(crate) geometry: Arc<Geometry>,
    pub(crate) line: Line,
    pub(crate) up: Pipe,
    pub(crate) down: Pipe,
    pub(crate) ends: BTreeMap<PeerKey, End>,
    pub(crate) disk: Disk,
    pub(crate) web_seeds: BTreeMap<WebSeedKey, WebSeed>,
    pub(crate) blocks_sent: u32,
    /// The wake-up already in the queue, so that timers are not queued twice.
    pub(crate) wakes_at: Option<Instant>,
}

impl Node {
    /// Whether every wanted piece is stored.
    pub fn is_complete(&self) -> bool {
        self.swarm.is_complete()
    }

    /// Whether the router in front of it lets `address` in.
    pub(crate) fn has_opened(&self, now: Instant, address: SocketAddr) -> bool {
        self.opened.get(&address).is_some_and(|at| now.saturating_duration_since(*at) <= HOLE_LIFE)
    }

    /// Connections held.
    pub fn connections(&self) -> usize {
        self.ends.len()
    }

    /// Payload bytes received from `address`.
    pub fn received_from(&self, address: SocketAddr) -> u64 {
        self.received_from.get(&address).copied().unwrap_or(0)
    }
}
