//! Blocks to verified pieces on disk, and back.
//!
//! [`Disk`] owns the threads, [`BlockPool`] the memory, [`TorrentStore`] is one torrent's data. Blocks go in by
//! [`TorrentStore::write`], come out by [`TorrentStore::try_read`], and what happened is told as [`DiskEvent`]s.
//! A piece is readable only after it matched its hash and was written, and it is recorded in the [`StateStore`]
//! only after it was synced.

mod backend;
mod bits;
mod block;
mod check;
mod disk;
mod errors;
mod events;
mod file_pool;
mod finish;
mod hashing;
mod layout;
mod limits;
mod outbox;
mod partial;
mod paths;
mod pool;
mod readers;
mod relocate;
mod resume;
mod ripe;
mod selection;
mod state;
mod store;
mod sync;
#[cfg(test)]
mod tests;
mod torrent;
mod transfer;
mod uncache;
mod verify;
mod worker;

pub use block::Block;
pub use check::CheckProgress;
pub use disk::{Disk, DiskConfig};
pub use errors::DiskError;
pub use events::{BlockReport, DiskEvent};
pub use layout::{FileKind, Layout, LayoutFile, TorrentLayout};
pub use pool::{BlockBuffer, BlockPool};
pub use relocate::{delete_data, has_data, move_data, rename_path};
pub use resume::CheckReport;
pub use state::{
    Change, Contents, FileStamp, Ledger, MirrorScore, ResumeRecord, STATE_FILE, StateError, StateStore,
    TorrentRow,
};
pub use store::{TorrentStore, TryRead};
pub use verify::{FileReport, Verdict, VerifyReport, verify};
