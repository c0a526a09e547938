//! A deterministic world for the core: network, disk and clock from one seed.
//!
//! A [`World`] holds nodes, each with a real [`swarm::Swarm`] and real [`wire::Connection`]s. Control messages
//! travel as the bytes they are; a block travels as its request and a content tag that says whose version of the
//! bytes it is. Time passes only when an event is taken from the queue, so a simulated hour costs what its events
//! cost, and the same seed gives the same trace.

mod bottleneck;
mod dht;
mod disk;
mod magnet;
mod network;
mod node;
mod web_seed;
mod world;

pub use bottleneck::{Bottleneck, FlowId, SharedPath};
pub use dht::{DhtWorld, Ground, Member};
pub use disk::DiskState;
pub use magnet::{Gives, MagnetWorld};
pub use network::Line;
pub use node::{Behaviour, Node, NodeId};
pub use web_seed::{Server, ServerState};
pub use world::{World, seed};
