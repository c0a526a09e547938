//! What the keeper knows of a torrent beside what the catalogue shows.

use super::command::Reply;
use super::scraping::Scrape;
use crate::catalogue::entry::{Number, Priority};
use crate::limits::CHOICES_KEPT;
use crate::{FileChoice, RenameError};
use engine::{Change, Control, RateLimit, TrackerSnapshot};
use metainfo::{InfoHash, Metainfo};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::path::PathBuf;
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
    /// Its files are being moved, and it has no task.
    Moving,
    /// It seeds without a task until somebody wants it.
    Asleep,
}

/// The files of a torrent as the user wants them; empty means all, with normal priority.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct FileWishes {
    /// By file, pad files counted; empty: all are wanted.
    pub(crate) wanted: Vec<bool>,
    /// By file, pad files counted; empty: all are normal.
    pub(crate) priorities: Vec<Priority>,
}

/// The two limits of a torrent at work.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    pub(crate) down: Arc<RateLimit>,
    pub(crate) up: Arc<RateLimit>,
}

impl Limits {
    pub(crate) fn new() -> Self {
        Self { down: Arc::new(RateLimit::new(None)), up: Arc::new(RateLimit::new(None)) }
    }
}

/// A rename that waits: path, new name, who asked.
pub(crate) type RenameLater = (String, String, Reply<Result<(), RenameError>>);

/// The keeper's side of a torrent.
#[derive(Debug)]
pub(crate) struct Book {
    pub(crate) number: Number,
    pub(crate) info_hash: InfoHash,
    /// Orders the queue; may have gaps.
    pub(crate) order: i64,
    pub(crate) wish: Wish,
    /// The queue lets it run.
    pub(crate) admitted: bool,
    /// It was admitted as a download and is a seed now: whether it goes on is to be decided among the seeds.
    pub(crate) changes_queue: bool,
    pub(crate) run: Run,
    /// It is to be opened when others have been.
    pub(crate) waiting: bool,
    /// Its record says that it sleeps.
    pub(crate) recorded_asleep: bool,
    /// It is wanted while it sleeps.
    pub(crate) stirred: bool,
    /// All data is to be hashed anew.
    pub(crate) verify: bool,
    /// Its task looks for its metadata.
    pub(crate) searches: bool,
    /// Its task was begun to hash what is there.
    pub(crate) checks: bool,
    /// Its files are being renamed: nobody may open them.
    pub(crate) renaming: bool,
    /// Changes for when it has been opened.
    pub(crate) held: Vec<Change>,
    /// Renames that wait.
    pub(crate) renames: VecDeque<RenameLater>,
    /// It is to be forgotten once its task has ended; with `true` its data too.
    pub(crate) removal: Option<bool>,
    pub(crate) files: FileWishes,
    /// Choices of files from before its files were known.
    pub(crate) choices: VecDeque<FileChoice>,
    /// Paths of files that the user renamed.
    pub(crate) paths: BTreeMap<u32, String>,
    /// Web seeds of the user's own.
    pub(crate) web_seeds: Vec<String>,
    /// Web seeds of the torrent that the user does not want.
    pub(crate) web_seeds_off: Vec<String>,
    /// Where its data lies, if not in its download folder.
    pub(crate) place: Option<PathBuf>,
    /// Where else some of its data may lie: a move there could not be ended.
    pub(crate) left_at: Option<PathBuf>,
    /// Its data is to be moved from [`Self::place`] to its download folder.
    pub(crate) move_due: bool,
    /// It is complete, and that is told when its data has been moved.
    pub(crate) is_completion_untold: bool,
    /// Peers that the user named in this run.
    pub(crate) peers: Vec<SocketAddr>,
    /// The link it was added by.
    pub(crate) magnet: Option<String>,
    /// It is opened once this torrent, whose place it takes, has let go of their files.
    pub(crate) after: Option<InfoHash>,
    /// Kept while it runs.
    pub(crate) metainfo: Option<Arc<Metainfo>>,
    /// Kept while it runs.
    pub(crate) limits: Option<Limits>,
    /// What its trackers said last, kept after it ended.
    pub(crate) trackers_seen: Vec<(TrackerSnapshot, std::time::Instant)>,
    /// What its trackers counted last.
    pub(crate) scrapes: Vec<Scrape>,
    /// Totals at the beginning of this run of its task.
    pub(crate) base: Totals,
    /// When its counters were last looked at.
    pub(crate) seen_at: Instant,
    /// It moved on since its progress was last told.
    pub(crate) untold: bool,
    /// When its progress was last told.
    pub(crate) told_at: Instant,
    /// When payload last moved.
    pub(crate) moved_at: Instant,
    /// Seconds of running not yet counted, below one.
    pub(crate) rest_seconds: f64,
}

/// Bytes over all runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Totals {
    pub(crate) downloaded: u64,
    pub(crate) uploaded: u64,
    pub(crate) corrupt: u64,
}

impl Book {
    pub(crate) fn new(number: Number, info_hash: InfoHash) -> Self {
        let now = Instant::now();
        Self {
            number,
            info_hash,
            order: 0,
            wish: Wish::Stop,
            admitted: false,
            changes_queue: false,
            run: Run::Off,
            waiting: false,
            recorded_asleep: false,
            stirred: false,
            verify: false,
            searches: false,
            checks: false,
            renaming: false,
            held: Vec::new(),
            renames: VecDeque::new(),
            removal: None,
            files: FileWishes::default(),
            choices: VecDeque::new(),
            paths: BTreeMap::new(),
            web_seeds: Vec::new(),
            web_seeds_off: Vec::new(),
            place: None,
            left_at: None,
            move_due: false,
            is_completion_untold: false,
            peers: Vec::new(),
            magnet: None,
            after: None,
            metainfo: None,
            limits: None,
            trackers_seen: Vec::new(),
            scrapes: Vec::new(),
            base: Totals::default(),
            seen_at: now,
            untold: false,
            told_at: now,
            moved_at: now,
            rest_seconds: 0.0,
        }
    }

    pub(crate) const fn is_leaving(&self) -> bool {
        self.removal.is_some()
    }

    pub(crate) const fn is_asleep(&self) -> bool {
        matches!(self.run, Run::Asleep)
    }

    /// Keeps choices for when its files are known; of very many the last.
    pub(crate) fn choose_later(&mut self, choices: &[FileChoice]) {
        self.choices.extend(choices.iter().cloned());
        while self.choices.len() > CHOICES_KEPT {
            self.choices.pop_front();
        }
    }

    /// The handle on its task, if it has one.
    pub(crate) const fn control(&self) -> Option<&Control> {
        match &self.run {
            Run::On(control) | Run::Stopping(control) => Some(control),
            Run::Off | Run::Starting | Run::Moving | Run::Asleep => None,
        }
    }

    /// The file of the torrent beside the database.
    pub(crate) fn file_name(info_hash: &InfoHash) -> PathBuf {
        PathBuf::from("torrents").join(format!("{info_hash}.torrent"))
    }
}
