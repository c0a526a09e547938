//! Open files: as few as the system allows, the least recently used closed first.

use crate::limits::HANDLE_FRACTION;
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// A place that bytes of a torrent are kept in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Slot {
    /// A file of the torrent, by its index.
    File(u32),
    /// The hidden file that holds pieces' parts in unwanted files, addressed by torrent offset.
    Edges,
}

/// Names an open file: the torrent's number in this process, and the slot.
pub(crate) type Key = (u64, Slot);

/// An open file.
pub(crate) struct OpenFile {
    handle: OwnedFd,
    writable: bool,
    /// The file system cannot tell what is in memory.
    pub(crate) always_slow: AtomicBool,
    sparse: OnceLock<bool>,
    on_ext4: OnceLock<bool>,
}

impl AsFd for OpenFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.handle.as_fd()
    }
}

/// The open files of all torrents.
pub(crate) struct FilePool {
    limit: usize,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    files: BTreeMap<Key, (Arc<OpenFile>, u64)>,
    /// Counts uses, to order them.
    clock: u64,
}

impl Open {
    fn evict(&mut self, keep: usize) {
        while self.files.len() > keep {
            let oldest = self.files.iter().min_by_key(|(_, (_, used))| *used).map(|(key, _)| *key);
            let Some(key) = oldest else { return };
            self.files.remove(&key);
        }
    }
}

impl FilePool {
    /// A pool of at most `limit` files, fewer if the process may not open as many.
    pub(crate) fn new(limit: usize) -> Self {
        let allowance = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        let share = allowance.map_or(usize::MAX, |most| (most / HANDLE_FRACTION) as usize);
        Self { limit: limit.min(share).max(4), open: Mutex::default() }
    }

    /// The file, if it is open already (and for writing, if that is asked).
    pub(crate) fn get(&self, key: Key, write: bool) -> Option<Arc<OpenFile>> {
        let mut open = self.lock();
        open.clock += 1;
        let clock = open.clock;
        let (file, used) = open.files.get_mut(&key).filter(|(file, _)| file.writable || !write)?;
        *used = clock;
        Some(file.clone())
    }

    /// The file, opened by `opener` if it is not. Out of handles, older ones are closed and it is tried again.
    pub(crate) fn get_or_open(
        &self,
        key: Key,
        write: bool,
        opener: impl Fn() -> io::Result<OwnedFd>,
    ) -> io::Result<Arc<OpenFile>> {
        if let Some(file) = self.get(key, write) {
            return Ok(file);
        }
        let handle = loop {
            match opener() {
                Err(error) if is_out_of_handles(&error) && self.close_some() => {}
                other => break other?,
            }
        };
        let file = Arc::new(OpenFile {
            handle,
            writable: write,
            always_slow: AtomicBool::new(false),
            sparse: OnceLock::new(),
            on_ext4: OnceLock::new(),
        });
        let mut open = self.lock();
        open.clock += 1;
        let clock = open.clock;
        open.evict(self.limit - 1);
        open.files.insert(key, (file.clone(), clock));
        Ok(file)
    }

    /// Forgets a file; it is closed when its last user is done.
    pub(crate) fn close(&self, key: Key) {
        self.lock().files.remove(&key);
    }

    /// Forgets all files of a torrent.
    pub(crate) fn close_torrent(&self, torrent: u64) {
        self.lock().files.retain(|(owner, _), _| *owner != torrent);
    }

    /// Closes the older half. False if there was nothing to close.
    fn close_some(&self) -> bool {
        let mut open = self.lock();
        let count = open.files.len();
        open.evict(count / 2);
        count > 0
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OpenFile {
    pub(crate) fn is_slow(&self) -> bool {
        self.always_slow.load(Ordering::Relaxed)
    }

    /// Bytes in the file now.
    pub(crate) fn length(&self) -> Option<u64> {
        rustix::fs::fstat(&self.handle).ok().map(|stat| stat.st_size as u64)
    }

    /// Whether the file lies on ext4 (or its elders, which have the same number).
    pub(crate) fn is_on_ext4(&self) -> bool {
        const MAGIC: u16 = 0xef53;
        let ask = || rustix::fs::fstatfs(&self.handle).is_ok_and(|system| system.f_type == MAGIC.into());
        *self.on_ext4.get_or_init(ask)
    }

    /// Whether the file had holes when this was first asked.
    pub(crate) fn is_sparse(&self) -> bool {
        // Blocks are counted in 512 bytes whatever the file system's own are.
        *self.sparse.get_or_init(|| {
            rustix::fs::fstat(&self.handle).is_ok_and(|stat| stat.st_blocks * 512 < stat.st_size)
        })
    }
}

fn is_out_of_handles(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::MFILE | Errno::NFILE))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn null() -> io::Result<OwnedFd> {
        Ok(std::fs::File::open("/dev/null")?.into())
    }

    #[test]
    fn the_least_recently_used_goes_first() {
        let pool = FilePool::new(4);
        for i in 0..4 {
            pool.get_or_open((1, Slot::File(i)), false, null).unwrap();
        }
        assert!(pool.get((1, Slot::File(0)), false).is_some());
        pool.get_or_open((1, Slot::Edges), false, null).unwrap();
        assert!(pool.get((1, Slot::File(1)), false).is_none(), "the oldest use");
        assert!(pool.get((1, Slot::File(0)), false).is_some());
        assert!(pool.get((1, Slot::File(0)), true).is_none(), "open for reading only");
        pool.close_torrent(1);
        assert!(pool.get((1, Slot::Edges), false).is_none());
    }

    #[test]
    fn running_out_of_handles_closes_older_files() {
        let pool = FilePool::new(16);
        for i in 0..4 {
            pool.get_or_open((1, Slot::File(i)), false, null).unwrap();
        }
        let full = || if pool.lock().files.len() > 1 { Err(Errno::MFILE.into()) } else { null() };
        assert!(pool.get_or_open((2, Slot::Edges), false, full).is_ok());
        let hopeless = FilePool::new(16);
        assert!(hopeless.get_or_open((1, Slot::Edges), false, || Err(Errno::MFILE.into())).is_err());
    }
}
