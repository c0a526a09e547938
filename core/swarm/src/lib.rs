//! One torrent's brain: what to ask of whom, whom to serve, whom to meet.
//!
//! [`Swarm`] is sans-IO: facts go in with the time they happened, orders come out. It owns no socket, file,
//! clock or thread, and never sees the bytes of a block.

mod admission;
mod bans;
mod choker;
mod contract;
mod fault;
pub mod limits;
mod local_first;
mod metadata;
mod peer;
mod peer_list;
mod pex;
mod picker;
mod pipeline;
mod priority;
mod rate;
mod smart_ban;
mod stats;
mod super_seeding;
mod swarm;
#[cfg(test)]
mod tests;
mod web_seed;
#[cfg(test)]
mod world;

pub use contract::{
    BlockDigest, CandidateSource, Config, ConnectFailure, Direction, Event, FetchEnd, Output, PeerKey,
    Priority, Refusal, SourceKey, StorageFact, WebSeedFact, WebSeedInfo, WebSeedKey, WebSeedOrder,
    WebSeedPolicy,
};
pub use fault::Fault;
pub use metadata::{AttemptKey, MetadataConfig, MetadataFetch, MetadataOutput, MetadataProgress};
pub use stats::{PeerSnapshot, Stats, WebSeedSnapshot, WebSeedState};
pub use swarm::Swarm;
