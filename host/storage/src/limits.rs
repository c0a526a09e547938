//! Every limit of the storage layer, with its reason.

use std::time::Duration;

/// Blocks in the pool at first, for each worker: 16 MiB. Fourteen pieces of 1 MiB nearly fill the lanes of the widest
/// vector registers, and what is over takes in more while they are hashed and written.
pub(crate) const POOL_BLOCKS_PER_WORKER: usize = 1024;

/// Blocks in the pool at most: 64 MiB, some sixty unfinished pieces of 1 MiB.
pub(crate) const POOL_BLOCKS: usize = 4096;

/// The pool grows by one in so many of its first blocks at a time.
pub(crate) const GROWTH_FRACTION: usize = 4;

/// Blocks of unfinished pieces that a worker leaves on disk for the next run at most, but for the last piece's: more than
/// the pool holds, for those it had flushed; 128 KiB in the record.
pub(crate) const BLOCKS_LEFT: usize = 16_384;

/// How long a complete piece waits at most for others to be hashed with: at 300 MiB/s some eight pieces of 1 MiB come
/// in that time, and nobody notices that their `have` comes later.
pub(crate) const RIPE_WAIT: Duration = Duration::from_millis(25);

/// Complete pieces hashed together at most: as many as the widest vector registers have lanes.
pub(crate) const RIPE_PIECES: usize = 16;

/// The pool is low when fewer than one in so many blocks is free: workers then flush unverified blocks.
pub(crate) const LOW_FRACTION: usize = 8;

/// Flushing goes on until one in so many blocks is free again, so that it happens in bursts of whole pieces.
pub(crate) const RELIEVED_FRACTION: usize = 4;

/// Worker threads by default at most: hashing saturates the disk long before more would help.
pub(crate) const WORKERS: usize = 4;

/// Processors for each worker: the other one has the sockets. Few workers get full batches to hash, and do not
/// wait for each other to write to one file.
pub(crate) const CORES_PER_WORKER: usize = 2;

/// Threads that serve blocks not in the page cache: enough to keep a disk's queue busy, apart from the workers so
/// that a slow read never delays a write.
pub(crate) const READERS: usize = 2;

/// File handles kept open by default at most; the rest of the process's allowance is for sockets.
pub(crate) const OPEN_FILES: usize = 256;

/// Storage takes at most one in so many of the process's file handles.
pub(crate) const HANDLE_FRACTION: u64 = 4;

/// Slices in one vectored write at most (`IOV_MAX` on Linux).
pub(crate) const SLICES: usize = 1024;

/// From so many bytes on, room is made before they are written: ext4 then counts them in one go and not block by block,
/// which saves a third of the write (64 us a MiB); the call itself costs 12 us. Other file systems do not gain.
pub(crate) const ROOM_BYTES: u64 = 512 << 10;

/// Written pieces are synced, and then recorded, at least this often.
pub(crate) const SYNC_INTERVAL: Duration = Duration::from_secs(2);

/// Written bytes not yet synced at most before a sync starts early: what a crash may cost.
pub(crate) const SYNC_BYTES: u64 = 32 << 20;

/// Syncs that take in so many bytes a second, each a [`QUICK_SYNC`] aside, are those of a device without moving parts,
/// where reading back costs little. The best disks with moving parts reach 280 MiB/s, and pieces come in no order.
pub(crate) const FAST_DEVICE: u64 = 320 << 20;

/// What a sync of nothing may take on such a device; a disk with moving parts needs a seek and half a turn, 8 ms or more.
pub(crate) const QUICK_SYNC: Duration = Duration::from_millis(3);

/// Bytes, and syncs, after which it is judged how fast a device is.
pub(crate) const TELLING_BYTES: u64 = 16 << 20;
/// See [`TELLING_BYTES`].
pub(crate) const TELLING_SYNCS: u32 = 16;

/// Bytes of each piece read at once when checking: those of all the pieces hashed side by side stay in a core's
/// cache.
pub(crate) const CHECK_BYTES: usize = 32 << 10;

/// Bytes that one thread of a check takes on at once at most, and asks the disk to read ahead. Larger pieces are
/// hashed fewer at a time, so that a small machine's memory holds them.
pub(crate) const CHECK_BATCH: usize = 64 << 20;

/// Threads that check data at most.
pub(crate) const CHECK_THREADS: usize = 64;

/// Components of a path below the download directory at most.
pub(crate) const PATH_DEPTH: usize = 128;

/// Pieces that failed their hash and are remembered by one worker, to report the next try block by block: one swarm
/// with this many failing pieces has other troubles.
pub(crate) const FAILED_PIECES: usize = 16 * 1024;

/// How often events that found their channel full are tried again.
pub(crate) const OUTBOX_TICK: Duration = Duration::from_millis(20);

/// Zeros written in one go when trying whether a failed disk works again.
pub(crate) const PROBE_BYTES: usize = 64 << 10;

/// Changes that one transaction of the ledger gathers at most: beyond, those who wait first would wait long.
pub(crate) const GROUP_COMMIT: usize = 4096;

/// Hosts of web seeds that are remembered: every mirror of every distribution several times over, half a megabyte.
pub(crate) const MIRROR_SCORES: u32 = 8192;
