//! The catalogue of torrents that live longer than a run: which there are, what they are doing, what the user
//! wants of them, and the durable record of it all.
//!
//! [`Daemon`] is a cheap handle that any thread may use. Reading ([`Daemon::view`]) never waits for network or disk.
//! Every command ends when what it changed is durable: an answer given is never lost to a crash.
//!
//! Behind the handle one task, the keeper, owns the engine's session; a torrent that runs is a torrent of that
//! session, a torrent that is stopped, queued or dormant is a row of the database and an [`Entry`], nothing else.

mod api;
mod catalogue;
mod clock;
mod daemon;
mod doctor;
mod keeper;
mod limits;
mod lock;
mod port_test;
mod prepare;
mod queue;
mod record;
mod schedule;
mod space;
mod why;

pub use api::add::{AddError, AddRequest, Added, Before, FileChoice, Source};
pub use api::command::{CommandError, EditError, QueueMove, RenameError, StartMode};
pub use api::details::{
    Details, FileDetails, PeerDetails, PeersFrom, TrackerDetails, TrackerState, Wanted, WebSeedDetails,
};
pub use api::diagnosis::{Finding, Obstacle, Problem, Why};
pub use api::edit::{LimitMode, TorrentEdit, TrackerChange, WebSeedChange};
pub use api::events::{Event, EventKind, Events, Missed, Revision};
pub use api::settings::{
    AltSpeed, Encryption, Follow, Group, Preallocation, QueueLimit, Script, Scripts, Settings, Speed,
    Stalled, Transport, WebSeedPolicy,
};
pub use api::start::{Config, SaveSettings, StartError};
pub use api::stats::{SessionStats, Space, Totals};
pub use catalogue::Catalogue;
pub use catalogue::entry::{
    About, Dates, Entry, Fault, FaultKind, Number, Options, Priority, Progress, Publication, Status, Tracker,
};
pub use daemon::Daemon;
pub use engine::Family;
pub use port_test::PortTestError;
