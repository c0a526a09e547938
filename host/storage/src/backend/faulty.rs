//! A backend that fails on demand: short writes, a disk that fills up, a device that dies.

use super::{Access, Backend, fs::FileSystem};
use rustix::io::Errno;
use std::io::{self, IoSlice};
use std::num::NonZeroU64;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// The file system, with faults that a test turns on and off.
pub(crate) struct Faulty {
    /// Bytes that may still be written before `ENOSPC`.
    pub(crate) space: AtomicU64,
    /// Writes until one fails with `EIO`; 0 for none.
    pub(crate) fail_write: AtomicU64,
    /// Bytes that one write takes at most.
    pub(crate) longest_write: AtomicU64,
    /// Every read fails with `EIO`.
    pub(crate) fail_reads: AtomicBool,
    /// Every sync fails with `EIO`.
    pub(crate) fail_syncs: AtomicBool,
    /// Opening fails with `EMFILE` so many times.
    pub(crate) no_handles: AtomicU64,
    /// Writes so far.
    pub(crate) writes: AtomicU64,
    /// Bytes that may have left memory so far.
    pub(crate) uncached: AtomicU64,
}

impl Default for Faulty {
    fn default() -> Self {
        Self {
            space: AtomicU64::new(u64::MAX),
            fail_write: AtomicU64::new(0),
            longest_write: AtomicU64::new(u64::MAX),
            fail_reads: AtomicBool::new(false),
            fail_syncs: AtomicBool::new(false),
            no_handles: AtomicU64::new(0),
            writes: AtomicU64::new(0),
            uncached: AtomicU64::new(0),
        }
    }
}

/// Counts down; true when it reaches 0.
fn strikes(counter: &AtomicU64) -> bool {
    let down = |left: u64| left.checked_sub(1);
    counter.fetch_update(Ordering::SeqCst, Ordering::SeqCst, down) == Ok(1)
}

impl Backend for Faulty {
    fn open(&self, root: &Path, path: &Path, access: Access) -> io::Result<OwnedFd> {
        let down = |left: u64| left.checked_sub(1);
        if self.no_handles.fetch_update(Ordering::SeqCst, Ordering::SeqCst, down).is_ok() {
            return Err(Errno::MFILE.into());
        }
        FileSystem.open(root, path, access)
    }

    fn read(&self, file: BorrowedFd<'_>, into: &mut [u8], offset: u64) -> io::Result<usize> {
        if self.fail_reads.load(Ordering::SeqCst) {
            return Err(Errno::IO.into());
        }
        FileSystem.read(file, into, offset)
    }

    fn read_cached(&self, file: BorrowedFd<'_>, into: &mut [u8], offset: u64) -> io::Result<usize> {
        if self.fail_reads.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        FileSystem.read_cached(file, into, offset)
    }

    fn write(&self, file: BorrowedFd<'_>, slices: &[IoSlice<'_>], offset: u64) -> io::Result<usize> {
        self.writes.fetch_add(1, Ordering::SeqCst);
        if strikes(&self.fail_write) {
            return Err(Errno::IO.into());
        }
        let most = self.space.load(Ordering::SeqCst).min(self.longest_write.load(Ordering::SeqCst));
        let mut bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
        bytes.truncate(usize::try_from(most).unwrap_or(usize::MAX));
        if bytes.is_empty() {
            return Err(Errno::NOSPC.into());
        }
        self.space.fetch_sub(bytes.len() as u64, Ordering::SeqCst);
        FileSystem.write(file, &[IoSlice::new(&bytes)], offset)
    }

    fn make_room(&self, file: BorrowedFd<'_>, offset: u64, length: u64) {
        if self.space.load(Ordering::SeqCst) >= length {
            FileSystem.make_room(file, offset, length);
        }
    }

    fn sync(&self, file: BorrowedFd<'_>) -> io::Result<()> {
        if self.fail_syncs.load(Ordering::SeqCst) {
            return Err(Errno::IO.into());
        }
        FileSystem.sync(file)
    }

    fn uncache(&self, file: BorrowedFd<'_>, offset: u64, length: NonZeroU64) {
        self.uncached.fetch_add(length.get(), Ordering::SeqCst);
        FileSystem.uncache(file, offset, length);
    }

    fn allocate(&self, file: BorrowedFd<'_>, length: u64) -> io::Result<()> {
        if self.space.load(Ordering::SeqCst) < length {
            return Err(Errno::NOSPC.into());
        }
        FileSystem.allocate(file, length)
    }

    fn rename(&self, root: &Path, from: &Path, to: &Path) -> io::Result<()> {
        FileSystem.rename(root, from, to)
    }

    fn sync_directory(&self, root: &Path, path: &Path) -> io::Result<()> {
        FileSystem.sync_directory(root, path)
    }
}
