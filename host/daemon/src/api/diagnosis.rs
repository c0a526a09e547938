//! Why a torrent is not faster, and what is wrong with its files.

use crate::Number;
use std::path::PathBuf;

/// Why a torrent is not faster: what stands in its way, the weightiest first; empty if nothing does.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Why {
    /// In one line, for people.
    pub summary: String,
    /// Each thing that stands in its way.
    pub obstacles: Vec<Obstacle>,
}

/// One thing that stands in a torrent's way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Obstacle {
    /// In a word, for programs: `stopped`, `queued`, `verifying`, `complete`, `error`, `no-metadata`, `no-peers`,
    /// `choked`, `no-sources`, `web-seeds`, `trackers`, `limit`, `disk`.
    pub code: &'static str,
    /// In one line, for people.
    pub text: String,
}

/// What is wrong with one torrent's files.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// The torrent.
    pub number: Number,
    /// The file or folder.
    pub path: PathBuf,
    /// What is wrong.
    pub problem: Problem,
    /// In one line, for people.
    pub text: String,
}

/// What may be wrong with a file or folder.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Problem {
    /// It is gone.
    Missing,
    /// It is shorter or longer than what was verified.
    WrongLength,
    /// It may not be read or written.
    Permission,
    /// Something else is there.
    InTheWay,
}
