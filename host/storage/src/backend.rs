//! The system calls on files, behind one trait: the reference, a test double that fails on demand, and one day
//! others. Everything above works on whole buffers; a backend may do less than asked, as the system does.

#[cfg(test)]
pub(crate) mod faulty;
pub(crate) mod fs;

use std::io::{self, IoSlice};
use std::num::NonZeroU64;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;

/// How a file is opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Access {
    /// For reading; it must exist.
    Read,
    /// For reading and writing; made, with its folders, if missing.
    Create,
}

/// What storage asks of the system. Paths are below `root`, the download directory, and never leave it.
pub(crate) trait Backend: Send + Sync {
    /// Opens a regular file.
    fn open(&self, root: &Path, path: &Path, access: Access) -> io::Result<OwnedFd>;

    /// Reads at `offset`; 0 at the end of the file.
    fn read(&self, file: BorrowedFd<'_>, into: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Reads what is in memory at `offset`; `WouldBlock` if that is nothing, `Unsupported` if it cannot be told.
    fn read_cached(&self, file: BorrowedFd<'_>, into: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes at `offset`, at most `limits::SLICES` slices.
    fn write(&self, file: BorrowedFd<'_>, slices: &[IoSlice<'_>], offset: u64) -> io::Result<usize>;

    /// Reserves the place of what is about to be written. Advice: the write tells what went wrong.
    fn make_room(&self, file: BorrowedFd<'_>, offset: u64, length: u64);

    /// Waits until the file's bytes and length are on the device.
    fn sync(&self, file: BorrowedFd<'_>) -> io::Result<()>;

    /// The system need not keep these bytes in memory; they are on the device. Advice.
    fn uncache(&self, file: BorrowedFd<'_>, offset: u64, length: NonZeroU64);

    /// Reserves space for `length` bytes. A file system that cannot is no error.
    fn allocate(&self, file: BorrowedFd<'_>, length: u64) -> io::Result<()>;

    /// Renames inside a folder; something already there is an error.
    fn rename(&self, root: &Path, from: &Path, to: &Path) -> io::Result<()>;

    /// Waits until the names in a folder are on the device.
    fn sync_directory(&self, root: &Path, path: &Path) -> io::Result<()>;
}

/// Reads until `into` is full; the end of the file before that is `UnexpectedEof`.
pub(crate) fn read_all(
    backend: &dyn Backend,
    file: BorrowedFd<'_>,
    mut into: &mut [u8],
    mut offset: u64,
) -> io::Result<()> {
    while !into.is_empty() {
        match backend.read(file, into, offset) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(n) => {
                into = &mut into[n..];
                offset += n as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Writes every slice: one call, more only after short writes or past the limit of slices.
pub(crate) fn write_all(
    backend: &dyn Backend,
    file: BorrowedFd<'_>,
    mut slices: &mut [IoSlice<'_>],
    mut offset: u64,
) -> io::Result<()> {
    while !slices.is_empty() {
        let most = slices.len().min(crate::limits::SLICES);
        match backend.write(file, &slices[..most], offset) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => {
                IoSlice::advance_slices(&mut slices, n);
                offset += n as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
