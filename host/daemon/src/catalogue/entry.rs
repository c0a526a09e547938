//! One torrent as the catalogue shows it.

use crate::LimitMode;
use crate::api::details::PeersFrom;
use crate::api::events::Revision;
use metainfo::{InfoHash, Publisher};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Instant;

/// Names a torrent within one run; counts from 1, never used twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Number(pub u32);

/// What a torrent is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Status {
    /// Nothing, until somebody starts it.
    #[default]
    Stopped,
    /// It waits for its turn to be verified.
    QueuedToVerify,
    /// Its data is being hashed.
    Verifying,
    /// It waits for the queue.
    QueuedToDownload,
    /// Fetching.
    Downloading,
    /// It waits for the queue.
    QueuedToSeed,
    /// Complete and giving back.
    Seeding,
}

/// Something between low and high.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
pub enum Priority {
    /// After others.
    Low,
    /// As most.
    #[default]
    Normal,
    /// Before others.
    High,
}

/// What is wrong with a torrent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// Where the fault lies.
    pub kind: FaultKind,
    /// In one line, for people.
    pub text: String,
}

/// Where a fault lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FaultKind {
    /// A tracker warns; the torrent goes on.
    TrackerWarning,
    /// A tracker refuses; the torrent goes on.
    TrackerError,
    /// The disk; the torrent stopped.
    Local,
}

/// What the metainfo says and the catalogue keeps at hand. All zero and empty for a magnet link without metadata.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct About {
    /// The metainfo is known.
    pub has_metadata: bool,
    /// Bytes of all files.
    pub total_bytes: u64,
    /// Bytes of a piece.
    pub piece_length: u32,
    /// Pieces.
    pub piece_count: u32,
    /// Files, pad files left out.
    pub file_count: u32,
    /// No peers but those the trackers name (BEP 27).
    pub is_private: bool,
    /// Free text by the maker.
    pub comment: String,
    /// The program that made it.
    pub creator: String,
    /// The tracker's mark.
    pub source: String,
    /// When it was made, seconds since 1970; 0 if not known.
    pub created_at: i64,
    /// The name of the largest file, from which a type may be guessed.
    pub largest_file: String,
    /// Web seeds in the torrent.
    pub web_seed_count: u32,
}

/// What the user wants of a torrent.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Options {
    /// The folder its data ends in.
    pub download_directory: PathBuf,
    /// Against other torrents.
    pub bandwidth_priority: Priority,
    /// Download limit of its own.
    pub down_limit: crate::Speed,
    /// Upload limit of its own.
    pub up_limit: crate::Speed,
    /// The session's limits count too.
    pub honors_session_limits: bool,
    /// Connections at most.
    pub peer_limit: u32,
    /// Seeding ends at this ratio, under [`LimitMode::Own`].
    pub ratio_limit: f64,
    /// Which ratio limit counts.
    pub ratio_mode: LimitMode,
    /// Seeding ends after so many minutes without a byte given, under [`LimitMode::Own`].
    pub idle_limit_minutes: u32,
    /// Which idle limit counts.
    pub idle_mode: LimitMode,
    /// Free words.
    pub labels: Vec<String>,
    /// The bandwidth group it is in; empty for none.
    pub group: String,
    /// Fetch pieces in order.
    pub sequential: bool,
    /// With [`Self::sequential`]: the piece to begin with.
    pub sequential_from_piece: u32,
    /// Show each peer a few pieces at a time while everything is here (BEP 16): for the first and only seed.
    pub super_seeding: bool,
    /// What its web seeds are for; `None` for what the session says.
    pub web_seed_policy: Option<crate::WebSeedPolicy>,
    /// Connections to its web seeds at most; `None` for what the session says.
    pub web_seed_connections: Option<u32>,
}

impl Default for Options {
    fn default() -> Self {
        let none = crate::Speed { enabled: false, kilobytes_per_second: 0 };
        Self {
            download_directory: PathBuf::from("/"),
            bandwidth_priority: Priority::Normal,
            down_limit: none,
            up_limit: none,
            honors_session_limits: true,
            peer_limit: 50,
            ratio_limit: 2.0,
            ratio_mode: LimitMode::Session,
            idle_limit_minutes: 30,
            idle_mode: LimitMode::Session,
            labels: Vec::new(),
            group: String::new(),
            sequential: false,
            sequential_from_piece: 0,
            super_seeding: false,
            web_seed_policy: None,
            web_seed_connections: None,
        }
    }
}

/// How far a torrent is, and how fast. Bytes; rates in bytes per second.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Progress {
    /// Of the pieces with a byte of a wanted file.
    pub bytes_wanted: u64,
    /// Of them verified and stored.
    pub bytes_done: u64,
    /// Verified and stored, wanted or not.
    pub bytes_have: u64,
    /// Received but not verified yet.
    pub bytes_unchecked: u64,
    /// Wanted, missing, and offered by somebody connected.
    pub bytes_available: u64,
    /// Received over all runs.
    pub downloaded: u64,
    /// Given over all runs.
    pub uploaded: u64,
    /// Received and found wrong, over all runs.
    pub corrupt: u64,
    /// Part of the data hashed while [`Status::Verifying`], 0 to 1.
    pub verified: f64,
    /// Part of the metadata that is here, 0 to 1.
    pub metadata: f64,
    /// Received.
    pub down_rate: u64,
    /// Given.
    pub up_rate: u64,
    /// Connected peers.
    pub peers_connected: u32,
    /// Peers that send to us.
    pub peers_sending: u32,
    /// Peers that get from us.
    pub peers_getting: u32,
    /// Web seeds that send to us.
    pub web_seeds_sending: u32,
    /// Connected peers by origin.
    pub peers_from: PeersFrom,
    /// Time of downloading, seconds.
    pub seconds_downloading: u64,
    /// Time of seeding with a task, seconds; see [`Entry::seconds_seeding`].
    pub seconds_seeding: u64,
    /// Nothing has come or gone for as long as the queue's stalled rule says.
    pub is_stalled: bool,
    /// It stopped because of its ratio or idle limit.
    pub is_finished: bool,
}

impl Progress {
    /// Bytes still to fetch.
    pub const fn bytes_left(&self) -> u64 {
        self.bytes_wanted.saturating_sub(self.bytes_done)
    }
}

/// Seconds since 1970; 0 for never.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Dates {
    /// Taken in.
    pub added: i64,
    /// Became complete.
    pub done: i64,
    /// Last started.
    pub started: i64,
    /// Last byte of payload.
    pub active: i64,
    /// Last change of its settings.
    pub edited: i64,
}

/// One tracker of a torrent.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Tracker {
    /// Stays with the URL.
    pub id: u32,
    /// From 0.
    pub tier: u32,
    /// The announce URL.
    pub announce: String,
}

/// Who says which torrent takes a torrent's place (BEP 46), and what was said so far.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Publication {
    /// Whose word counts.
    pub publisher: Publisher,
    /// The number of what was said last; `None` while nothing is known.
    pub sequence: Option<i64>,
    /// Nodes of the DHT that the link names.
    pub(crate) nodes: Vec<(String, u16)>,
    /// The torrent that goes once this one's metadata is here.
    pub(crate) replaces: Option<InfoHash>,
    /// This one was in the list before its publisher named it: it stays when another takes its place.
    pub(crate) is_kept: bool,
}

/// One torrent.
#[derive(Clone, PartialEq, Debug)]
pub struct Entry {
    pub(crate) number: Number,
    pub(crate) info_hash: InfoHash,
    pub(crate) hash_hex: Box<str>,
    pub(crate) name: String,
    pub(crate) status: Status,
    pub(crate) fault: Option<Box<Fault>>,
    pub(crate) queue_position: u32,
    pub(crate) about: About,
    pub(crate) options: Options,
    pub(crate) progress: Progress,
    pub(crate) dates: Dates,
    pub(crate) trackers: Vec<Tracker>,
    pub(crate) publication: Option<Box<Publication>>,
    /// It has seeded without a task since then.
    pub(crate) asleep_since: Option<Instant>,
    pub(crate) changed_at: Instant,
    pub(crate) revision: Revision,
}

impl Fault {
    /// What a tracker says.
    pub(crate) fn of_tracker(word: engine::TrackerWord) -> Self {
        let kind = if word.is_error { FaultKind::TrackerError } else { FaultKind::TrackerWarning };
        Self { kind, text: word.text }
    }
}

impl Entry {
    /// Its number in this run.
    pub const fn number(&self) -> Number {
        self.number
    }

    /// Its info-hash.
    pub const fn info_hash(&self) -> &InfoHash {
        &self.info_hash
    }

    /// The info-hash in lower-case hex.
    pub fn hash_hex(&self) -> &str {
        &self.hash_hex
    }

    /// Its name; the hash in hex while a nameless magnet link's metadata is not known.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it is doing.
    pub const fn status(&self) -> Status {
        self.status
    }

    /// What is wrong with it.
    pub fn fault(&self) -> Option<&Fault> {
        self.fault.as_deref()
    }

    /// Its place in the queue, from 0.
    pub const fn queue_position(&self) -> u32 {
        self.queue_position
    }

    /// What the metainfo says.
    pub const fn about(&self) -> &About {
        &self.about
    }

    /// What the user wants of it.
    pub const fn options(&self) -> &Options {
        &self.options
    }

    /// How far it is.
    pub const fn progress(&self) -> &Progress {
        &self.progress
    }

    /// When what happened.
    pub const fn dates(&self) -> &Dates {
        &self.dates
    }

    /// Its trackers by tier.
    pub fn trackers(&self) -> &[Tracker] {
        &self.trackers
    }

    /// When anything about it last changed.
    pub const fn changed_at(&self) -> Instant {
        self.changed_at
    }

    /// The revision of its last change.
    pub const fn revision(&self) -> Revision {
        self.revision
    }

    /// Who says which torrent takes its place, if anybody does.
    pub fn publication(&self) -> Option<&Publication> {
        self.publication.as_deref()
    }

    /// It is a publisher's newest torrent, and which one that is was not heard yet: its info-hash is the target of the
    /// publisher's item.
    pub fn is_unresolved(&self) -> bool {
        let is_target = |it: &Publication| InfoHash::V1(it.publisher.target()) == self.info_hash;
        !self.about.has_metadata && self.publication().is_some_and(is_target)
    }

    /// It seeds without a task until somebody wants it.
    pub const fn is_asleep(&self) -> bool {
        self.asleep_since.is_some()
    }

    /// Time of seeding, in seconds.
    pub fn seconds_seeding(&self) -> u64 {
        self.progress.seconds_seeding + self.asleep_since.map_or(0, |since| since.elapsed().as_secs())
    }

    /// Shows what trackers say, unless something worse is shown. True if that changed anything.
    pub(crate) fn take_tracker_fault(&mut self, fault: Option<Box<Fault>>) -> bool {
        let has_worse = self.fault.as_ref().is_some_and(|old| old.kind == FaultKind::Local);
        if has_worse || self.fault == fault {
            return false;
        }
        self.fault = fault;
        true
    }

    /// Bytes given by bytes of the wanted files; `None` where nothing is wanted.
    pub fn ratio(&self) -> Option<f64> {
        let wanted = self.progress.bytes_wanted;
        (wanted > 0).then(|| self.progress.uploaded as f64 / wanted as f64)
    }

    /// Seconds until everything wanted is here at the present rate; `None` if that is not known.
    pub fn eta_seconds(&self) -> Option<u64> {
        let left = self.progress.bytes_left();
        let rate = self.progress.down_rate;
        (self.status == Status::Downloading && left > 0 && rate > 0).then(|| left.div_ceil(rate))
    }
}
