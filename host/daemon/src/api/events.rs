//! What happens, as a stream that can be resumed.

use crate::Number;
use metainfo::InfoHash;

/// Counts changes; never goes back within a run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Revision(pub u64);

/// Something that happened to a torrent.
#[derive(Clone, PartialEq, Debug)]
pub struct Event {
    /// Names the event; to resume after it.
    pub revision: Revision,
    /// Which torrent.
    pub number: Number,
    /// Its info-hash.
    pub info_hash: InfoHash,
    /// What happened.
    pub kind: EventKind,
}

/// The kinds of event.
#[derive(Clone, PartialEq, Debug)]
pub enum EventKind {
    /// It was taken in.
    Added,
    /// It moved on: bytes, rates or status changed. At most once a second a torrent.
    Progress,
    /// Everything wanted is complete, verified and in its place. Told once a download, not for data that was there
    /// when the torrent was added.
    Complete,
    /// Seeding ended because its ratio or idle limit was reached.
    SeedingDone,
    /// It stopped on a fault; the text names it.
    Failed(String),
    /// It was removed.
    Removed,
}

/// Events older than those kept were asked for: list everything anew and go on from here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Missed {
    /// The newest event.
    pub latest: Revision,
}

pub use crate::catalogue::log::Events;
