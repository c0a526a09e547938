//! The reference backend: positioned, vectored, synchronous calls.

use super::{Access, Backend};
use crate::paths;
use rustix::fs::{Advice, FallocateFlags};
use rustix::io::{Errno, ReadWriteFlags};
use std::io::{self, IoSlice, IoSliceMut};
use std::num::NonZeroU64;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;

/// Plain system calls.
pub(crate) struct FileSystem;

impl Backend for FileSystem {
    fn open(&self, root: &Path, path: &Path, access: Access) -> io::Result<OwnedFd> {
        let create = access == Access::Create;
        paths::open_file(root, path, create, create)
    }

    fn read(&self, file: BorrowedFd<'_>, into: &mut [u8], offset: u64) -> io::Result<usize> {
        Ok(rustix::io::pread(file, into, offset)?)
    }

    fn read_cached(&self, file: BorrowedFd<'_>, into: &mut [u8], offset: u64) -> io::Result<usize> {
        match rustix::io::preadv2(file, &mut [IoSliceMut::new(into)], offset, ReadWriteFlags::NOWAIT) {
            Ok(n) => Ok(n),
            Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => Err(io::ErrorKind::Unsupported.into()),
            Err(error) => Err(error.into()),
        }
    }

    fn write(&self, file: BorrowedFd<'_>, slices: &[IoSlice<'_>], offset: u64) -> io::Result<usize> {
        Ok(rustix::io::pwritev(file, slices, offset)?)
    }

    fn make_room(&self, file: BorrowedFd<'_>, offset: u64, length: u64) {
        let _ = rustix::fs::fallocate(file, FallocateFlags::KEEP_SIZE, offset, length);
    }

    fn sync(&self, file: BorrowedFd<'_>) -> io::Result<()> {
        Ok(rustix::fs::fdatasync(file)?)
    }

    fn uncache(&self, file: BorrowedFd<'_>, offset: u64, length: NonZeroU64) {
        let _ = rustix::fs::fadvise(file, offset, Some(length), Advice::DontNeed);
    }

    fn allocate(&self, file: BorrowedFd<'_>, length: u64) -> io::Result<()> {
        match rustix::fs::fallocate(file, FallocateFlags::empty(), 0, length) {
            Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn rename(&self, root: &Path, from: &Path, to: &Path) -> io::Result<()> {
        paths::rename(root, from, to)
    }

    fn sync_directory(&self, root: &Path, path: &Path) -> io::Result<()> {
        match rustix::fs::fsync(paths::open_directory(root, path, false)?) {
            // Some file systems cannot sync a folder; there is nothing more to do about it.
            Ok(()) | Err(Errno::INVAL) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    #[test]
    fn room_is_not_content() {
        let file = tempfile::tempfile().unwrap();
        FileSystem.make_room(file.as_fd(), 0, 1 << 20);
        assert_eq!(file.metadata().unwrap().len(), 0);
        FileSystem.write(file.as_fd(), &[IoSlice::new(b"abc")], 5).unwrap();
        let mut found = [1; 9];
        assert_eq!(FileSystem.read(file.as_fd(), &mut found, 0).unwrap(), 8);
        assert_eq!(&found, b"\0\0\0\0\0abc\x01");
    }
}
