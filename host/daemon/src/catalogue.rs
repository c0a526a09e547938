//! All torrents, in memory, for reading without waiting.

pub(crate) mod entry;
pub(crate) mod log;

use crate::api::events::Revision;
use crate::limits::REMEMBER_CHANGES;
use entry::{Entry, Number, Status};
use metainfo::{InfoHash, unhex};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Instant;

/// All torrents of the session. Writing is the keeper's alone, in short sections.
#[derive(Debug, Default)]
pub struct Catalogue {
    /// Boxed, as a tree of large values is half empty.
    entries: BTreeMap<Number, Box<Entry>>,
    by_hash: HashMap<InfoHash, Number>,
    /// The last change of each torrent, for [`Self::changed_since`].
    by_revision: BTreeMap<Revision, Number>,
    removed: VecDeque<(Instant, Revision, Number)>,
    revision: Revision,
    last_number: u32,
    tally: Tally,
}

/// Sums over all torrents, kept up as they change.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) active: u32,
    pub(crate) paused: u32,
    /// Bytes per second.
    pub(crate) down_rate: u64,
    /// Bytes per second.
    pub(crate) up_rate: u64,
}

impl Tally {
    fn of(entry: &Entry) -> Self {
        Self {
            active: u32::from(matches!(
                entry.status,
                Status::Verifying | Status::Downloading | Status::Seeding
            )),
            paused: u32::from(entry.status == Status::Stopped),
            down_rate: entry.progress.down_rate,
            up_rate: entry.progress.up_rate,
        }
    }

    const fn replace(&mut self, old: Self, new: Self) {
        self.active = self.active - old.active + new.active;
        self.paused = self.paused - old.paused + new.paused;
        self.down_rate = self.down_rate - old.down_rate + new.down_rate;
        self.up_rate = self.up_rate - old.up_rate + new.up_rate;
    }
}

impl Catalogue {
    /// Every torrent by number.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Entry> {
        self.entries.values().map(Box::as_ref)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many are stopped.
    pub const fn stopped(&self) -> usize {
        self.tally.paused as usize
    }

    /// One torrent.
    pub fn get(&self, number: Number) -> Option<&Entry> {
        self.entries.get(&number).map(Box::as_ref)
    }

    /// The number of a torrent.
    pub fn find(&self, info_hash: &InfoHash) -> Option<Number> {
        self.by_hash.get(info_hash).copied()
    }

    /// The number of the torrent with this info-hash in hex, of any case.
    pub fn find_hex(&self, hex: &str) -> Option<Number> {
        let hash = unhex(hex).map(InfoHash::V1).or_else(|| unhex(hex).map(InfoHash::V2));
        self.find(&hash?)
    }

    /// The revision of the last change of anything.
    pub const fn revision(&self) -> Revision {
        self.revision
    }

    /// Torrents changed after `revision`, in the order of their last changes.
    pub fn changed_since(&self, revision: Revision) -> impl Iterator<Item = &Entry> {
        let later = self.by_revision.range(Revision(revision.0 + 1)..);
        later.filter_map(|(_, number)| self.get(*number))
    }

    /// Torrents changed at `since` or later, newest change first.
    pub fn changed_at_or_after(&self, since: Instant) -> impl Iterator<Item = &Entry> {
        let newest = self.by_revision.values().rev().filter_map(|number| self.get(*number));
        newest.take_while(move |entry| entry.changed_at >= since)
    }

    /// Torrents removed at `since` or later; kept for a minute and a bit.
    pub fn removed_at_or_after(&self, since: Instant) -> impl Iterator<Item = Number> {
        self.removed.iter().filter(move |(at, _, _)| *at >= since).map(|(_, _, number)| *number)
    }

    /// Torrents removed after `revision`; kept for a minute and a bit.
    pub fn removed_since(&self, revision: Revision) -> impl Iterator<Item = Number> {
        self.removed.iter().filter(move |(_, at, _)| *at > revision).map(|(_, _, number)| *number)
    }

    /// The number of the next torrent.
    pub(crate) fn next_number(&mut self) -> Number {
        self.last_number += 1;
        Number(self.last_number)
    }

    /// Takes a torrent in. Its number and hash are new.
    pub(crate) fn insert(&mut self, entry: Entry) {
        let number = entry.number;
        self.tally.replace(Tally::default(), Tally::of(&entry));
        self.by_hash.insert(entry.info_hash, number);
        self.entries.insert(number, Box::new(entry));
        self.touch(number);
    }

    /// Forgets a torrent.
    pub(crate) fn remove(&mut self, number: Number) -> Option<Entry> {
        let entry = self.entries.remove(&number)?;
        self.tally.replace(Tally::of(&entry), Tally::default());
        self.by_hash.remove(&entry.info_hash);
        self.by_revision.remove(&entry.revision);
        self.revision.0 += 1;
        let now = Instant::now();
        self.removed.push_back((now, self.revision, number));
        while self.removed.front().is_some_and(|(at, _, _)| now.duration_since(*at) > REMEMBER_CHANGES) {
            self.removed.pop_front();
        }
        Some(*entry)
    }

    /// Changes a torrent and says that it changed.
    pub(crate) fn change<R>(&mut self, number: Number, change: impl FnOnce(&mut Entry) -> R) -> Option<R> {
        let result = self.change_quietly(number, change)?;
        self.touch(number);
        Some(result)
    }

    fn change_quietly<R>(&mut self, number: Number, change: impl FnOnce(&mut Entry) -> R) -> Option<R> {
        let entry = self.entries.get_mut(&number)?;
        let before = Tally::of(entry);
        let result = change(entry);
        self.tally.replace(before, Tally::of(entry));
        Some(result)
    }

    /// Sums over all torrents.
    pub(crate) const fn tally(&self) -> Tally {
        self.tally
    }

    /// As [`Self::change`], but says that it changed only if `change` says so.
    pub(crate) fn change_if(&mut self, number: Number, change: impl FnOnce(&mut Entry) -> bool) -> bool {
        let changed = self.change_quietly(number, change) == Some(true);
        if changed {
            self.touch(number);
        }
        changed
    }

    fn touch(&mut self, number: Number) {
        let Some(entry) = self.entries.get_mut(&number) else { return };
        self.by_revision.remove(&entry.revision);
        self.revision.0 += 1;
        entry.revision = self.revision;
        entry.changed_at = Instant::now();
        self.by_revision.insert(self.revision, number);
    }
}
