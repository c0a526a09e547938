//! What a long-lived client sets beyond what a plain download needs.

use crate::RateLimit;
use metainfo::FileIndex;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use swarm::Priority;

/// Settings of one torrent that a plain download leaves alone.
#[derive(Clone, Debug, Default)]
pub struct Tuning {
    /// Hash everything that is there, whatever the resume record says.
    pub recheck: bool,
    /// End after the check.
    pub check_only: bool,
    /// As a seed that nobody is connected to it may give up its task, see
    /// [`Session::stirred`](crate::Session::stirred).
    pub may_sleep: bool,
    /// Tiers of trackers in place of the torrent's own.
    pub trackers: Option<Vec<Vec<String>>>,
    /// Paths of files that differ from the torrent's, relative to the download folder.
    pub paths: BTreeMap<FileIndex, PathBuf>,
    /// The files are read from end to end once they are complete: what is fetched stays in the page cache, where it
    /// otherwise makes room once it is on a fast device.
    pub read_soon: bool,
    /// Unfinished files have their final names too.
    pub plain_names: bool,
    /// Which files come before others, by file; none at all: no file does.
    pub priorities: Vec<Priority>,
    /// Web seeds of the torrent that are left alone, as they stand in it.
    pub without_web_seeds: Vec<String>,
    /// Show each peer a few pieces at a time while everything is here (BEP 16): for the first and only seed.
    pub super_seed: bool,
    /// Connections at most.
    pub max_peers: Option<usize>,
    /// Peers served at once.
    pub upload_slots: Option<usize>,
    /// Requests of one peer that are queued (`reqq`), up to 2,000.
    pub request_queue: Option<u32>,
    /// What limits the download, in place of the session's limit.
    pub down: Option<Arc<RateLimit>>,
    /// What limits the upload, in place of the session's limit.
    pub up: Option<Arc<RateLimit>>,
}
