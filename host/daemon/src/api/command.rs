//! What may be asked of torrents that are there.

use std::path::PathBuf;
use thiserror::Error;

/// How to start.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StartMode {
    /// When the queue has room for it.
    Queued,
    /// At once, past the queue.
    Now,
}

/// A move in the queue; the moved keep their order among themselves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum QueueMove {
    /// Before all others.
    Top,
    /// One place forward.
    Up,
    /// One place back.
    Down,
    /// After all others.
    Bottom,
}

/// Why a command was not carried out. Numbers that do not exist are skipped and are no error.
#[derive(Debug, Error)]
pub enum CommandError {
    /// The change could not be made durable.
    #[error("cannot save the change: {0}")]
    NotSaved(String),
    /// The folder is not absolute.
    #[error("path is not absolute: {}", .0.display())]
    RelativePath(PathBuf),
    /// A setting that cannot be taken; the text says which and why.
    #[error("{0}")]
    Invalid(String),
    /// The daemon is shutting down.
    #[error("the daemon is shutting down")]
    Closed,
}

/// Why torrents were not changed as asked. What could be changed was changed all the same.
#[derive(Debug, Error)]
pub enum EditError {
    /// The change of the tracker list changed nothing.
    #[error("error setting announce list")]
    TrackersUnchanged,
    /// The tracker list cannot be read.
    #[error("Invalid tracker list")]
    InvalidTrackerList,
    /// A web seed's URL that is neither http nor https.
    #[error("invalid web seed URL: {0}")]
    InvalidWebSeed(String),
    /// A file index that a torrent does not have.
    #[error("file index out of range")]
    FileIndexOutOfRange,
    /// A piece index that a torrent does not have.
    #[error("piece index out of range")]
    PieceIndexOutOfRange,
    /// As for every command.
    #[error(transparent)]
    Command(#[from] CommandError),
}

/// Why nothing was renamed.
#[derive(Debug, Error)]
pub enum RenameError {
    /// There is no such torrent.
    #[error("no such torrent")]
    NoTorrent,
    /// Empty, `.`, `..`, or with a slash.
    #[error("Invalid argument")]
    InvalidName,
    /// The torrent has no such path.
    #[error("No such file or directory")]
    NoSuchPath,
    /// Something of that name is there already.
    #[error("File exists")]
    Exists,
    /// The file system refused.
    #[error("{0}")]
    Disk(String),
    /// As for every command.
    #[error(transparent)]
    Command(#[from] CommandError),
}
