//! The threads that own the disk, shared by all torrents of a session.

use crate::backend::{Backend, fs::FileSystem};
use crate::hashing::BlockDigester;
use crate::limits::{CORES_PER_WORKER, OPEN_FILES, POOL_BLOCKS, POOL_BLOCKS_PER_WORKER, READERS, WORKERS};
use crate::outbox::Outbox;
use crate::readers::{self, Read};
use crate::sync::{Request, SyncHandle, Syncer};
use crate::torrent::{Torrent, locked};
use crate::transfer::Transfer;
use crate::worker::{Gauge, Job, Surroundings, Worker};
use crate::{BlockPool, DiskError, DiskEvent, ResumeRecord, StateStore, TorrentLayout, TorrentStore};
use crate::{paths, resume};
use metainfo::{BLOCK_LENGTH, BlockIndex, BlockRequest, PieceIndex};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use tokio::sync::{mpsc, oneshot};

/// Settings of a [`Disk`].
#[derive(Clone)]
pub struct DiskConfig {
    /// Worker threads: hashing and writing.
    pub workers: usize,
    /// Blocks in the pool at most; it starts with fewer.
    pub pool_blocks: usize,
    /// File handles kept open at most; lowered further if the process may not have as many.
    pub max_open_files: usize,
    /// Where resume records are kept; `None` keeps nothing between runs.
    pub state: Option<StateStore>,
}

impl Default for DiskConfig {
    fn default() -> Self {
        let workers = (cores() / CORES_PER_WORKER).clamp(1, WORKERS);
        Self { workers, pool_blocks: POOL_BLOCKS, max_open_files: OPEN_FILES, state: None }
    }
}

/// The processors this process may use.
pub(crate) fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// The disk: workers that hash and write, readers, and one thread that syncs. Cloning shares it; the threads end
/// after the last clone and the last [`TorrentStore`] are gone.
#[derive(Clone)]
pub struct Disk(Arc<Shared>);

/// What every store of a disk shares.
pub(crate) struct Shared {
    pool: BlockPool,
    pub(crate) transfer: Arc<Transfer>,
    workers: Vec<Sender<Job>>,
    gauges: Vec<Arc<Gauge>>,
    readers: Vec<Sender<Read>>,
    next_reader: AtomicU64,
    next_torrent: AtomicU64,
    pub(crate) sync: SyncHandle,
    state: Option<StateStore>,
    /// Held by the one torrent that is checked.
    pub(crate) checking: Mutex<()>,
    pub(crate) check_threads: usize,
    /// Workers and the sync thread, until they are waited for.
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Disk {
    /// Starts the threads.
    pub fn start(config: DiskConfig) -> Result<Self, DiskError> {
        Self::start_on(config, Arc::new(FileSystem))
    }

    /// Starts the threads on a chosen backend.
    pub(crate) fn start_on(config: DiskConfig, backend: Arc<dyn Backend>) -> Result<Self, DiskError> {
        let pool = BlockPool::growing(config.workers * POOL_BLOCKS_PER_WORKER, config.pool_blocks);
        let transfer = Arc::new(Transfer::new(backend, config.max_open_files));
        let (requests, inbox) = channel();
        let sync = SyncHandle::new(requests);
        let syncer = Syncer {
            transfer: transfer.clone(),
            pool: pool.clone(),
            state: config.state.clone(),
            handle: sync.clone(),
            dirty: BTreeMap::new(),
            untold: BTreeMap::new(),
        };
        let mut threads = vec![spawn("disk-sync", move || syncer.run(&inbox))?];
        let around = Arc::new(Surroundings {
            pool: pool.clone(),
            transfer: transfer.clone(),
            digester: BlockDigester::default(),
            sync: sync.clone(),
        });
        let (mut workers, mut gauges, mut readers) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..config.workers.max(1) {
            let (jobs, inbox) = channel();
            let gauge = Arc::new(Gauge::default());
            let worker = Worker::new(around.clone(), gauge.clone());
            threads.push(spawn("disk-worker", move || worker.run(&inbox))?);
            workers.push(jobs);
            gauges.push(gauge);
        }
        for _ in 0..READERS {
            let (reads, inbox) = channel();
            let (transfer, sync) = (transfer.clone(), sync.clone());
            // Not joined: they end when nobody is left to ask.
            spawn("disk-reader", move || readers::run(&transfer, &sync, &inbox))?;
            readers.push(reads);
        }
        let shared = Arc::new(Shared {
            pool,
            transfer,
            workers,
            gauges,
            readers,
            next_reader: AtomicU64::new(0),
            next_torrent: AtomicU64::new(0),
            sync,
            state: config.state,
            checking: Mutex::new(()),
            check_threads: cores(),
            threads: Mutex::new(threads),
        });
        let weak = Arc::downgrade(&shared);
        shared.pool.on_low(move || _ = weak.upgrade().map(|shared| shared.relieve()));
        Ok(Self(shared))
    }

    /// Ends the threads and waits for them. Close the torrents first; what is not closed is not recorded.
    pub async fn shutdown(&self) {
        self.0.stop();
        let threads = std::mem::take(&mut *locked(&self.0.threads));
        let joined = on_thread("shutdown", move || {
            for thread in threads {
                let _ = thread.join();
            }
            Ok(())
        });
        let _ = joined.await;
    }

    /// The pool that blocks come from.
    pub fn pool(&self) -> &BlockPool {
        &self.0.pool
    }

    /// Takes in a torrent: looks at what is there, makes folders, locks the download against other processes.
    /// Events go to `events`; a full channel delays them and holds up nothing. [`TorrentStore::check`] is next.
    pub async fn open(
        &self,
        torrent: TorrentLayout,
        events: mpsc::Sender<DiskEvent>,
    ) -> Result<TorrentStore, DiskError> {
        let shared = self.0.clone();
        let work = move || {
            let root = std::fs::canonicalize(&torrent.download_directory);
            let root =
                root.map_err(|_| DiskError::NoDirectory { path: torrent.download_directory.clone() })?;
            let longest = paths::longest_name(&root);
            let longest = longest.map_err(|error| DiskError::new("open the folder", &root, &error))?;
            let id = shared.next_torrent.fetch_add(1, Ordering::Relaxed);
            let options = TorrentLayout { download_directory: root, ..torrent };
            let torrent = Arc::new(Torrent::new(id, &options, Outbox::new(events), longest));
            resume::prepare(&torrent)?;
            Ok(TorrentStore { torrent, shared })
        };
        on_thread("open", work).await
    }
}

impl Shared {
    /// The worker for a piece: neighbours go to different workers.
    pub(crate) fn worker(&self, torrent: &Torrent, piece: PieceIndex) -> usize {
        (torrent.id as usize).wrapping_add(piece.as_usize()) % self.workers.len()
    }

    pub(crate) fn send(&self, torrent: &Torrent, piece: PieceIndex, job: Job) {
        // A worker ends only after every sender is gone.
        let _ = self.workers[self.worker(torrent, piece)].send(job);
    }

    pub(crate) fn read(&self, read: Read) {
        let turn = self.next_reader.fetch_add(1, Ordering::Relaxed) as usize;
        let _ = self.readers[turn % self.readers.len()].send(read);
    }

    /// Has every worker do something for a torrent; the answers in their own time.
    pub(crate) fn ask_all<T>(
        &self,
        torrent: &Arc<Torrent>,
        job: fn(Arc<Torrent>, oneshot::Sender<T>) -> Job,
    ) -> Vec<oneshot::Receiver<T>> {
        let ask = |jobs: &Sender<Job>| {
            let (done, answer) = oneshot::channel();
            let _ = jobs.send(job(torrent.clone(), done));
            answer
        };
        self.workers.iter().map(ask).collect()
    }

    /// Hands blocks that an earlier run left on disk to the workers of their pieces.
    pub(crate) fn take_up(&self, torrent: &Arc<Torrent>, blocks: &[BlockRequest]) {
        let mut shares = vec![Vec::new(); self.workers.len()];
        for block in blocks {
            let place = (block.piece, BlockIndex(block.begin / BLOCK_LENGTH));
            shares[self.worker(torrent, block.piece)].push(place);
        }
        for (jobs, share) in self.workers.iter().zip(shares) {
            let _ = jobs.send(Job::TakeUp(torrent.clone(), share));
        }
    }

    /// Asks workers that hold blocks to flush; each at most once at a time.
    fn relieve(&self) {
        for (jobs, gauge) in self.workers.iter().zip(&self.gauges) {
            let holds = gauge.holds.load(Ordering::Acquire);
            if holds && !gauge.relief_asked.swap(true, Ordering::AcqRel) {
                let _ = jobs.send(Job::Relieve);
            }
        }
    }

    /// What is remembered of a download; a database that fails is as good as none.
    pub(crate) fn load(&self, torrent: &Torrent) -> Option<ResumeRecord> {
        let loaded = self.state.as_ref()?.load(&torrent.layout.info_hash, &torrent.root);
        loaded.unwrap_or_else(|error| {
            tracing::warn!(%error, "the progress of {} could not be read", torrent.layout.name);
            None
        })
    }

    /// Forgets what is remembered of a download.
    pub(crate) fn forget(&self, torrent: &Torrent) {
        if let Some(state) = &self.state
            && let Err(error) = state.remove(&torrent.layout.info_hash, &torrent.root)
        {
            tracing::warn!(%error, "the progress of {} could not be removed", torrent.layout.name);
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    fn stop(&self) {
        for jobs in &self.workers {
            let _ = jobs.send(Job::Stop);
        }
        let _ = self.sync.requests.send(Request::Stop);
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, DiskError> {
    let started = thread::Builder::new().name(name.into()).spawn(work);
    started.map_err(|error| DiskError::Thread { reason: error.to_string() })
}

/// Runs something that may wait for the disk on a thread of its own.
pub(crate) async fn on_thread<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> Result<T, DiskError> + Send + 'static,
) -> Result<T, DiskError> {
    let (reply, answer) = oneshot::channel();
    spawn(name, move || _ = reply.send(work()))?;
    answer.await.unwrap_or(Err(DiskError::Closed))
}
