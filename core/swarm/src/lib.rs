//! One torrent's brain: what to ask of whom, whom to serve, whom to meet.

mod contract;

pub use contract::{
    BlockDigest, CandidateSource, Config, ConnectFailure, Direction, Event, FetchEnd, Output, PeerKey,
    Refusal, SourceKey, StorageFact, WebSeedFact, WebSeedKey, WebSeedOrder,
};
