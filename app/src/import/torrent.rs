//! A torrent as another client left it.

use daemon::{AddRequest, Before, Dates, FileChoice, LimitMode, Priority, Source, TorrentEdit};
use metainfo::{Bitfield, FileIndex, Metainfo};
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use storage::{FileStamp, ResumeRecord};

/// A limit of its own, in kB/s, and whether it counts.
pub(super) type Limit = Option<(u32, bool)>;

/// A torrent of another client, and what is known of it there. `None` is what the other client leaves to its session.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Foreign {
    /// The torrent itself.
    pub(super) what: What,
    /// Where its data ends.
    pub(super) directory: Option<PathBuf>,
    /// Where its data lies now, if not there.
    pub(super) elsewhere: Option<PathBuf>,
    pub(super) dates: Dates,
    /// The pieces that the other client has, and that nobody touched since.
    pub(super) pieces: Option<Bitfield>,
    /// The files as they are now, in torrent order.
    pub(super) files: Vec<Option<FileStamp>>,
    pub(super) paused: bool,
    pub(super) labels: Vec<String>,
    pub(super) group: Option<String>,
    pub(super) priority: Priority,
    pub(super) peer_limit: Option<u32>,
    pub(super) unwanted: Vec<FileIndex>,
    pub(super) file_priorities: Vec<(Priority, Vec<FileIndex>)>,
    pub(super) down_limit: Limit,
    pub(super) up_limit: Limit,
    pub(super) honors_session_limits: Option<bool>,
    pub(super) ratio: Option<(f64, LimitMode)>,
    pub(super) idle_minutes: Option<(u32, LimitMode)>,
    pub(super) sequential: Option<bool>,
    pub(super) downloaded: u64,
    pub(super) uploaded: u64,
}

/// The torrent itself.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum What {
    /// A torrent file and what is in it.
    Torrent(Vec<u8>, Box<Metainfo>),
    /// A magnet link.
    Magnet(String),
}

impl Foreign {
    /// A torrent of which nothing is known.
    pub(super) const fn new(what: What) -> Self {
        Self {
            what,
            directory: None,
            elsewhere: None,
            dates: Dates { added: 0, done: 0, started: 0, active: 0, edited: 0 },
            pieces: None,
            files: Vec::new(),
            paused: false,
            labels: Vec::new(),
            group: None,
            priority: Priority::Normal,
            peer_limit: None,
            unwanted: Vec::new(),
            file_priorities: Vec::new(),
            down_limit: None,
            up_limit: None,
            honors_session_limits: None,
            ratio: None,
            idle_minutes: None,
            sequential: None,
            downloaded: 0,
            uploaded: 0,
        }
    }

    /// What it is called.
    pub(crate) fn name(&self) -> &str {
        match &self.what {
            What::Torrent(_, metainfo) => &metainfo.name,
            What::Magnet(link) => link,
        }
    }

    /// One line for people: name, how much is there, where.
    pub(crate) fn describe(&self) -> String {
        let part = match (&self.what, &self.pieces) {
            (What::Torrent(_, metainfo), Some(pieces)) => {
                let bytes = |piece| u64::from(metainfo.geometry.piece_size(piece));
                let have: u64 = pieces.iter().map(bytes).sum();
                let total = metainfo.geometry.total_length().max(1);
                format!("{}% trusted", have.saturating_mul(100) / total)
            }
            (What::Torrent(..), None) => "to be checked".to_owned(),
            (What::Magnet(_), _) => "no metadata yet".to_owned(),
        };
        let place =
            self.directory.as_ref().map_or_else(|| "?".into(), |path| path.to_string_lossy().into_owned());
        let state = if self.paused { ", stopped" } else { "" };
        format!("{}: {part}{state}, in {place}", self.name())
    }

    /// Where its data lies now.
    pub(super) fn data_directory(&self) -> Option<&Path> {
        self.elsewhere.as_deref().or(self.directory.as_deref()).filter(|path| path.is_absolute())
    }

    /// The record by which the data is trusted without hashing it; `None` where nothing is known.
    pub(super) fn record(&self) -> Option<ResumeRecord> {
        let pieces = self.pieces.clone()?;
        // The last is the file of edges, which other clients do not have.
        let files = self.files.iter().copied().chain([None]).collect();
        let Self { downloaded, uploaded, .. } = *self;
        Some(ResumeRecord { pieces, files, blocks: Vec::new(), clean: true, downloaded, uploaded })
    }

    /// How it is taken in: stopped, until everything about it is set.
    pub(super) fn request(&self) -> AddRequest {
        let source = match &self.what {
            What::Torrent(bytes, _) => Source::Metainfo(bytes.clone()),
            What::Magnet(link) => Source::Magnet(link.clone()),
        };
        let mut request = AddRequest::new(source);
        request.download_directory = self.directory.clone().filter(|path| path.is_absolute());
        request.paused = Some(true);
        request.before = self
            .data_directory()
            .map(|path| Before { data_directory: path.to_path_buf(), dates: self.dates });
        request.labels.clone_from(&self.labels);
        request.bandwidth_priority = Some(self.priority);
        request.peer_limit = self.peer_limit;
        request.sequential = self.sequential;
        // An empty list would mean all files.
        if !self.unwanted.is_empty() {
            request.files.push(FileChoice::Unwanted(self.unwanted.clone()));
        }
        let priorities = self.file_priorities.iter().filter(|(_, files)| !files.is_empty());
        request
            .files
            .extend(priorities.map(|(priority, files)| FileChoice::Priority(*priority, files.clone())));
        request
    }

    /// What is set once it is taken in.
    pub(super) fn edit(&self) -> TorrentEdit {
        let rate = |limit: Limit| limit.map(|(rate, _)| rate);
        let counts = |limit: Limit| limit.map(|(_, counts)| counts);
        TorrentEdit {
            down_limit: rate(self.down_limit),
            down_limited: counts(self.down_limit),
            up_limit: rate(self.up_limit),
            up_limited: counts(self.up_limit),
            honors_session_limits: self.honors_session_limits,
            ratio_limit: self.ratio.map(|(ratio, _)| ratio),
            ratio_mode: self.ratio.map(|(_, mode)| mode),
            idle_limit_minutes: self.idle_minutes.map(|(minutes, _)| minutes),
            idle_mode: self.idle_minutes.map(|(_, mode)| mode),
            group: self.group.clone(),
            ..TorrentEdit::default()
        }
    }
}

/// The files of a torrent as they lie in `directory`, each under its own name or with `suffix` behind it.
pub(super) fn look(metainfo: &Metainfo, directory: &Path, suffix: &str) -> Vec<Option<FileStamp>> {
    let find = |file: &metainfo::File| {
        let path = file.path.iter().fold(directory.to_path_buf(), |path, part| path.join(part));
        let mut unfinished = path.clone().into_os_string();
        unfinished.push(suffix);
        let found = std::fs::metadata(&path).or_else(|_| std::fs::metadata(unfinished)).ok()?;
        (found.is_file() && !file.pad).then(|| stamp(&found))
    };
    metainfo.files.iter().map(find).collect()
}

fn stamp(found: &Metadata) -> FileStamp {
    let mtime_ns = i128::from(found.mtime()) * 1_000_000_000 + i128::from(found.mtime_nsec());
    FileStamp { length: found.len(), mtime_ns }
}

/// kB/s of a limit in bytes per second.
pub(super) fn kilobytes(bytes_per_second: i64) -> u32 {
    u32::try_from(bytes_per_second.max(0) / 1000).unwrap_or(u32::MAX)
}

/// The groups of files that are not of normal priority.
pub(super) fn grouped(priorities: impl Iterator<Item = i64>) -> Vec<(Priority, Vec<FileIndex>)> {
    let (mut low, mut high) = (Vec::new(), Vec::new());
    for (index, priority) in (0u32..).zip(priorities) {
        match priority {
            ..=-1 => low.push(FileIndex(index)),
            0 => {}
            1.. => high.push(FileIndex(index)),
        }
    }
    vec![(Priority::Low, low), (Priority::High, high)]
}
