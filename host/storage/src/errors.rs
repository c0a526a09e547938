//! What can go wrong with a disk, in words a person can act on.

use rustix::io::Errno;
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// A fault of the disk or of the files on it. The text names the file and what to do.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum DiskError {
    /// No space left (`ENOSPC`). Goes away when space is freed.
    #[error("no space left on the device, writing {}: free some space and start it again", .path.display())]
    Full {
        /// The file being written.
        path: PathBuf,
    },
    /// The user's quota is used up (`EDQUOT`).
    #[error("the disk quota is used up, writing {}: delete something of yours and start it again", .path.display())]
    Quota {
        /// The file being written.
        path: PathBuf,
    },
    /// The file system is mounted read-only (`EROFS`).
    #[error("{} is on a read-only file system: remount it writable or choose another folder", .path.display())]
    ReadOnly {
        /// The file.
        path: PathBuf,
    },
    /// Not allowed (`EACCES`, `EPERM`).
    #[error("no permission to {action} {}: change its owner or mode, or choose another folder", .path.display())]
    Denied {
        /// What was tried, an English verb.
        action: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// The device failed (`EIO`).
    #[error("the disk failed to {action} {}: look at the system log, the device may be dying", .path.display())]
    Device {
        /// What was tried, an English verb.
        action: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// A file that was there is gone, or shorter than it was.
    #[error("{} vanished or was cut short: put it back, or verify the download again", .path.display())]
    Vanished {
        /// The file.
        path: PathBuf,
    },
    /// The download directory does not exist.
    #[error("the folder {} does not exist: create it, or mount the disk it is on", .path.display())]
    NoDirectory {
        /// The folder.
        path: PathBuf,
    },
    /// Something else is where a file of the torrent belongs.
    #[error("{} is in the way and is not part of this download: move it or choose another folder", .path.display())]
    InTheWay {
        /// What is in the way.
        path: PathBuf,
    },
    /// Another process, or another torrent of this one, writes there.
    #[error("{} is being downloaded by another program: stop that one, or choose another folder", .path.display())]
    InUse {
        /// What is locked.
        path: PathBuf,
    },
    /// A path of the torrent would leave the download directory.
    #[error("the torrent names the unsafe path {name:?}")]
    UnsafePath {
        /// The path as the torrent gives it.
        name: String,
    },
    /// Anything else the system says.
    #[error("cannot {action} {}: {reason}", .path.display())]
    Other {
        /// What was tried, an English verb.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's words.
        reason: String,
    },
    /// The torrent was closed.
    #[error("the torrent is closed")]
    Closed,
    /// The piece is not verified and stored, or there is no such block.
    #[error("the block asked for is not stored")]
    NotStored,
    /// A thread could not be started.
    #[error("cannot start a thread: {reason}; raise the limit on processes")]
    Thread {
        /// The system's words.
        reason: String,
    },
}

impl DiskError {
    /// Names what happened when `action` on `path` gave `error`.
    pub(crate) fn new(action: &'static str, path: &Path, error: &io::Error) -> Self {
        let path = path.to_path_buf();
        match Errno::from_io_error(error) {
            Some(Errno::NOSPC) => Self::Full { path },
            Some(Errno::DQUOT) => Self::Quota { path },
            Some(Errno::ROFS) => Self::ReadOnly { path },
            Some(Errno::ACCESS | Errno::PERM) => Self::Denied { action, path },
            Some(Errno::IO) => Self::Device { action, path },
            Some(Errno::NOENT) => Self::Vanished { path },
            Some(Errno::LOOP | Errno::NOTDIR | Errno::ISDIR | Errno::EXIST) => Self::InTheWay { path },
            None if error.kind() == io::ErrorKind::UnexpectedEof => Self::Vanished { path },
            _ => Self::Other { action, path, reason: error.to_string() },
        }
    }
}
