//! Taking a torrent in.

use crate::Number;
use crate::catalogue::entry::{Dates, Priority};
use metainfo::{FileIndex, InfoHash};
use std::path::PathBuf;
use thiserror::Error;

/// Where a torrent's metainfo comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Source {
    /// The bytes of a torrent file.
    Metainfo(Vec<u8>),
    /// A magnet link, or a bare info-hash of 40 hex digits.
    Magnet(String),
    /// A torrent file on this machine.
    File(PathBuf),
    /// A torrent file behind an http or https URL.
    Url {
        /// The URL; redirects are followed.
        url: String,
        /// A `Cookie` header, as `a=b; c=d`.
        cookies: Option<String>,
    },
}

/// A torrent to be taken in, and how it begins. What is `None` is taken from the session's settings.
#[derive(Clone, PartialEq, Debug)]
pub struct AddRequest {
    /// The torrent.
    pub source: Source,
    /// The absolute folder its data ends in; made when needed.
    pub download_directory: Option<PathBuf>,
    /// Do not start it.
    pub paused: Option<bool>,
    /// Labels, checked by the caller.
    pub labels: Vec<String>,
    /// Changes to the files, applied in order.
    pub files: Vec<FileChoice>,
    /// Against other torrents.
    pub bandwidth_priority: Option<Priority>,
    /// Connections at most.
    pub peer_limit: Option<u32>,
    /// Fetch pieces in order.
    pub sequential: Option<bool>,
    /// With [`Self::sequential`]: the piece to begin with.
    pub sequential_from_piece: Option<u32>,
    /// What another client knows of it that had it before.
    pub before: Option<Before>,
}

/// What another client knows of a torrent that is taken over from it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Before {
    /// The folder its data lies in now.
    pub data_directory: PathBuf,
    /// Its dates; one that is not known is 0.
    pub dates: Dates,
}

impl AddRequest {
    /// A torrent taken in with the session's settings.
    pub const fn new(source: Source) -> Self {
        Self {
            source,
            download_directory: None,
            paused: None,
            labels: Vec::new(),
            files: Vec::new(),
            bandwidth_priority: None,
            peer_limit: None,
            sequential: None,
            sequential_from_piece: None,
            before: None,
        }
    }
}

/// A change to some files of a torrent. An empty list means all files, as Transmission has it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FileChoice {
    /// Fetch them.
    Wanted(Vec<FileIndex>),
    /// Do not fetch them.
    Unwanted(Vec<FileIndex>),
    /// Fetch them before or after others.
    Priority(Priority, Vec<FileIndex>),
}

/// A torrent taken in, or found to be there already.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Added {
    /// Its number in this run.
    pub number: Number,
    /// Its info-hash.
    pub info_hash: InfoHash,
    /// Its name; the hash in hex while a magnet link's metadata is not known.
    pub name: String,
    /// It was there already. New trackers and web seeds were merged into it, nothing else was changed.
    pub duplicate: bool,
}

/// Why a torrent was not taken in.
#[derive(Debug, Error)]
pub enum AddError {
    /// The bytes are no torrent file.
    #[error("invalid or corrupt torrent file: {0}")]
    Corrupt(String),
    /// Neither magnet link nor info-hash.
    #[error("unrecognized info: {0}")]
    Unrecognized(String),
    /// The file cannot be read.
    #[error("cannot read {}: {reason}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// The URL did not bring a torrent file.
    #[error("{text}")]
    Fetch {
        /// The HTTP status code, where there was an answer.
        status: Option<u16>,
        /// What went wrong, in one line.
        text: String,
    },
    /// The folder is not absolute.
    #[error("path is not absolute: {}", .0.display())]
    RelativePath(PathBuf),
    /// A file index that the torrent does not have.
    #[error("file index out of range")]
    FileIndexOutOfRange,
    /// A piece index that the torrent does not have.
    #[error("piece index out of range")]
    PieceIndexOutOfRange,
    /// The record could not be made durable.
    #[error("cannot save the torrent: {0}")]
    NotSaved(String),
    /// The daemon is shutting down.
    #[error("the daemon is shutting down")]
    Closed,
}
