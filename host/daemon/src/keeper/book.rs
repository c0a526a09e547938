//! What the keeper knows of a torrent beside what the catalogue shows.

use crate::catalogue::entry::{Number, Priority};
use engine::Control;
use metainfo::Metainfo;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tokio::time::Instant;

/// What the user asked of a torrent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(crate) enum Wish {
    /// Nothing.
    #[default]
    Stop,
    /// To run when the queue has room.
    Run,
    /// To run, whatever the queue says.
    RunNow,
}

/// What the engine does for a torrent.
#[derive(Debug, Default)]
pub(crate) enum Run {
    /// Nothing: there is no task for it.
    #[default]
    Off,
    /// It is being opened.
    Starting,
    /// It has a task.
    On(Control),
    /// Its task is saying goodbye.
    Stopping(Control),
}

/// The files of a torrent as the user wants them; empty means all, with normal priority.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct FileWishes {
    /// By file, pad files counted; empty: all are wanted.
    pub(crate) wanted: Vec<bool>,
    /// By file, pad files counted; empty: all are normal.
    pub(crate) priorities: Vec<Priority>,
}

/// The keeper's side of a torrent.
#[derive(Debug)]
pub(crate) struct Book {
    pub(crate) number: Number,
    pub(crate) wish: Wish,
    pub(crate) run: Run,
    /// All data is to be hashed anew.
    pub(crate) verify: bool,
    /// It is to be forgotten once its task has ended; with `true` its data too.
    pub(crate) removal: Option<bool>,
    pub(crate) files: FileWishes,
    /// Web seeds of the user's own.
    pub(crate) web_seeds: Vec<String>,
    /// Web seeds of the torrent that the user does not want.
    pub(crate) web_seeds_off: Vec<String>,
    /// Kept while it runs.
    pub(crate) metainfo: Option<Arc<Metainfo>>,
    /// Totals at the beginning of this run of its task.
    pub(crate) base: Totals,
    /// When its counters were last looked at.
    pub(crate) seen_at: Instant,
    /// When payload last moved.
    pub(crate) moved_at: Instant,
    /// The record in the database is older than what is known here.
    pub(crate) dirty: bool,
}

/// Bytes over all runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Totals {
    pub(crate) downloaded: u64,
    pub(crate) uploaded: u64,
    pub(crate) corrupt: u64,
}

impl Book {
    pub(crate) fn new(number: Number) -> Self {
        let now = Instant::now();
        Self {
            number,
            wish: Wish::Stop,
            run: Run::Off,
            verify: false,
            removal: None,
            files: FileWishes::default(),
            web_seeds: Vec::new(),
            web_seeds_off: Vec::new(),
            metainfo: None,
            base: Totals::default(),
            seen_at: now,
            moved_at: now,
            dirty: false,
        }
    }
}
