//! Blocks to verified pieces on disk, and back.
//!
//! [`Disk`] owns the threads, [`BlockPool`] the memory, [`TorrentStore`] is one torrent's data. Blocks go in by
//! [`TorrentStore::write`], come out by [`TorrentStore::try_read`], and what happened is told as [`DiskEvent`]s.
//! A piece is readable only after it matched its hash and was written, and it is recorded in the [`StateStore`]
//! only after it was synced.

mod block;
mod disk;
mod errors;
mod events;
mod layout;
mod limits;
mod pool;
mod state;
mod store;

pub use block::{Block, BlockData, SharedBlock};
pub use disk::{Disk, DiskConfig};
pub use errors::DiskError;
pub use events::{BlockReport, DiskEvent};
pub use layout::{FileKind, Layout, LayoutFile, TorrentLayout};
pub use pool::{BlockBuffer, BlockPool, PoolPermit};
pub use state::{FileStamp, ResumeRecord, StateError, StateStore};
pub use store::{CheckProgress, CheckReport, TorrentStore, TryRead};
