//! What is kept of a torrent between runs, as text in the database.

use crate::FileChoice;
use crate::api::events::Revision;
use crate::catalogue::entry::{
    About, Dates, Entry, Fault, FaultKind, Number, Options, Priority, Progress, Publication, Status, Tracker,
};
use crate::keeper::book::{Book, FileWishes, Run, Wish};
use metainfo::{FileIndex, InfoHash, Publisher, hex, unhex, unhex_bytes};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

/// One torrent's record. Fields that an older program did not write have their defaults.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Record {
    pub(crate) name: String,
    /// Orders the queue; may have gaps.
    pub(crate) order: i64,
    pub(crate) wish: Wish,
    pub(crate) about: About,
    pub(crate) options: Options,
    pub(crate) dates: Dates,
    pub(crate) trackers: Vec<Tracker>,
    pub(crate) files: FileWishes,
    pub(crate) choices: Vec<Choice>,
    /// Paths of files that the user renamed.
    pub(crate) paths: BTreeMap<u32, String>,
    pub(crate) web_seeds: Vec<String>,
    pub(crate) web_seeds_off: Vec<String>,
    /// Where its data lies, if not in its download folder.
    pub(crate) place: Option<PathBuf>,
    /// Its data is on its way from there to its download folder.
    pub(crate) moves: bool,
    /// The text of the fault that stopped it.
    pub(crate) fault: Option<String>,
    pub(crate) magnet: Option<String>,
    pub(crate) publication: Option<PublicationRecord>,
    pub(crate) counters: Counters,
}

/// Who is followed, in hex digits.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct PublicationRecord {
    pub(crate) key: String,
    pub(crate) salt: String,
    pub(crate) sequence: Option<i64>,
    pub(crate) nodes: Vec<(String, u16)>,
    /// The info-hash of what goes.
    pub(crate) replaces: Option<String>,
    /// It stays when another takes its place.
    pub(crate) is_kept: bool,
}

impl PublicationRecord {
    fn of(publication: &Publication) -> Self {
        Self {
            key: hex(&publication.publisher.key),
            salt: hex(&publication.publisher.salt),
            sequence: publication.sequence,
            nodes: publication.nodes.clone(),
            replaces: publication.replaces.map(|hash| hash.to_string()),
            is_kept: publication.is_kept,
        }
    }

    fn restore(self) -> Option<Box<Publication>> {
        let publisher = Publisher { key: unhex(&self.key)?, salt: unhex_bytes(&self.salt)? };
        let hash =
            |digits: String| unhex(&digits).map(InfoHash::V1).or_else(|| unhex(&digits).map(InfoHash::V2));
        let replaces = self.replaces.and_then(hash);
        let Self { sequence, nodes, is_kept, .. } = self;
        Some(Box::new(Publication { publisher, sequence, nodes, replaces, is_kept }))
    }
}

/// A choice of files as it is kept: whether they are wanted, or their priority, and which.
pub(crate) type Choice = (Option<bool>, Option<Priority>, Vec<u32>);

fn keep(choice: &FileChoice) -> Choice {
    let numbers = |files: &[FileIndex]| files.iter().map(|file| file.0).collect();
    match choice {
        FileChoice::Wanted(files) => (Some(true), None, numbers(files)),
        FileChoice::Unwanted(files) => (Some(false), None, numbers(files)),
        FileChoice::Priority(priority, files) => (None, Some(*priority), numbers(files)),
    }
}

fn restore(choice: Choice) -> Option<FileChoice> {
    let (wanted, priority, files) = choice;
    let files = files.into_iter().map(FileIndex).collect();
    match (wanted, priority) {
        (Some(true), _) => Some(FileChoice::Wanted(files)),
        (Some(false), _) => Some(FileChoice::Unwanted(files)),
        (None, priority) => priority.map(|priority| FileChoice::Priority(priority, files)),
    }
}

/// How far a torrent was.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Counters {
    pub(crate) bytes_wanted: u64,
    pub(crate) bytes_done: u64,
    pub(crate) bytes_have: u64,
    pub(crate) downloaded: u64,
    pub(crate) uploaded: u64,
    pub(crate) corrupt: u64,
    pub(crate) seconds_downloading: u64,
    pub(crate) seconds_seeding: u64,
    pub(crate) is_finished: bool,
    /// It sleeps since the session had run for so many seconds, over all runs. Nothing is written while it sleeps.
    pub(crate) asleep_since: Option<u64>,
}

impl Record {
    /// What is to be kept. `age`: how long the session had run at a moment, over all runs, in seconds.
    pub(crate) fn of(entry: &Entry, book: &Book, age: impl Fn(Instant) -> u64) -> Self {
        let progress = &entry.progress;
        let fault = entry.fault.as_ref().filter(|fault| fault.kind == FaultKind::Local);
        Self {
            name: entry.name.clone(),
            order: book.order,
            wish: book.wish,
            about: entry.about.clone(),
            options: entry.options.clone(),
            dates: entry.dates,
            trackers: entry.trackers.clone(),
            files: book.files.clone(),
            choices: book.choices.iter().map(keep).collect(),
            paths: book.paths.clone(),
            web_seeds: book.web_seeds.clone(),
            web_seeds_off: book.web_seeds_off.clone(),
            place: book.place.clone(),
            moves: book.move_due || matches!(book.run, Run::Moving),
            fault: fault.map(|fault| fault.text.clone()),
            magnet: book.magnet.clone(),
            publication: entry.publication().map(PublicationRecord::of),
            counters: Counters {
                bytes_wanted: progress.bytes_wanted,
                bytes_done: progress.bytes_done,
                bytes_have: progress.bytes_have,
                downloaded: progress.downloaded,
                uploaded: progress.uploaded,
                corrupt: progress.corrupt,
                seconds_downloading: progress.seconds_downloading,
                seconds_seeding: progress.seconds_seeding,
                is_finished: progress.is_finished,
                asleep_since: entry.asleep_since.map(age),
            },
        }
    }

    /// The torrent as it was when the session had run for `age` seconds, over all runs.
    pub(crate) fn restore(self, number: Number, info_hash: InfoHash, age: u64) -> (Entry, Book) {
        let mut book = Book::new(number, info_hash);
        book.order = self.order;
        book.wish = self.wish;
        book.files = self.files;
        book.choices = self.choices.into_iter().filter_map(restore).collect();
        book.paths = self.paths;
        book.web_seeds = self.web_seeds;
        book.web_seeds_off = self.web_seeds_off;
        book.move_due = self.moves && self.place.is_some();
        book.place = self.place;
        book.magnet = self.magnet;
        let counters = self.counters;
        let slept = counters.asleep_since.map_or(0, |since| age.saturating_sub(since));
        book.recorded_asleep = counters.asleep_since.is_some();
        let entry = Entry {
            number,
            info_hash,
            hash_hex: info_hash.to_string().into(),
            name: self.name,
            status: Status::Stopped,
            fault: self.fault.map(|text| Box::new(Fault { kind: FaultKind::Local, text })),
            queue_position: number.0 - 1,
            progress: Progress {
                bytes_wanted: counters.bytes_wanted,
                bytes_done: counters.bytes_done,
                bytes_have: counters.bytes_have,
                downloaded: counters.downloaded,
                uploaded: counters.uploaded,
                corrupt: counters.corrupt,
                seconds_downloading: counters.seconds_downloading,
                seconds_seeding: counters.seconds_seeding + slept,
                is_finished: counters.is_finished,
                metadata: if self.about.has_metadata { 1.0 } else { 0.0 },
                ..Progress::default()
            },
            about: self.about,
            options: self.options,
            dates: self.dates,
            trackers: self.trackers,
            publication: self.publication.and_then(PublicationRecord::restore),
            asleep_since: None,
            changed_at: Instant::now(),
            revision: Revision::default(),
        };
        (entry, book)
    }
}
