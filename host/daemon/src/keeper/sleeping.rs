//! Seeds that nobody is connected to: they have no task, cost next to nothing, and go on announcing themselves. Each
//! gets up when somebody wants it, and is opened then as any torrent.

use super::Keeper;
use super::book::{Book, Run};
use super::opening::tiers;
use crate::catalogue::entry::{Entry, Fault, Number};
use crate::limits::{SLEEPERS_A_LOOK, SLEEPERS_EVERY, SLEEPERS_ROUND};
use engine::{Change, SleepingTorrent, Stirred};
use metainfo::InfoHash;
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::Instant;

impl Book {
    /// Nothing is to be done with it but giving.
    fn may_sleep(&self) -> bool {
        self.may_run() && !self.verify && self.place.is_none() && self.peers.is_empty()
    }

    /// Its info-hash as on the wire.
    pub(super) fn wire_hash(&self) -> [u8; 20] {
        self.info_hash.wire_bytes()
    }
}

impl Keeper {
    /// Has a complete torrent sleep from the start. False if it needs a task. Whether its files are still there is
    /// looked at behind it.
    pub(super) fn put_to_sleep(&mut self, number: Number) -> bool {
        let Some(book) = self.books.get_mut(&number).filter(|book| book.may_sleep()) else { return false };
        let info_hash = book.wire_hash();
        let as_sleeper = |entry: &Entry| {
            let progress = &entry.progress;
            // What has v2 hashes only is not transferred yet.
            let is_v1 = matches!(entry.info_hash, InfoHash::V1(_));
            let is_seed = is_v1 && progress.bytes_have > 0 && progress.bytes_left() == 0;
            is_seed.then(|| SleepingTorrent {
                info_hash,
                trackers: tiers(&entry.trackers),
                total_bytes: entry.about.total_bytes,
                is_private: entry.about.is_private,
            })
        };
        let Some(Some(torrent)) = self.entry(number, as_sleeper) else { return false };
        let Some(book) = self.books.get_mut(&number) else { return false };
        book.metainfo = None;
        book.moved_at = Instant::now();
        self.session.put_to_sleep(torrent);
        self.lie_down(number);
        self.roll_call.add(number);
        self.call_roll();
        true
    }

    /// A torrent's task has ended: perhaps it has fallen asleep.
    pub(super) fn fell_asleep(&mut self, number: Number) {
        let hash = self.books.get(&number).map(|book| book.wire_hash());
        if hash.is_some_and(|hash| self.session.is_asleep(&hash)) {
            self.lie_down(number);
        }
    }

    fn lie_down(&mut self, number: Number) {
        if let Some(book) = self.books.get_mut(&number) {
            book.run = Run::Asleep;
            book.trackers_seen = Vec::new();
            if !book.recorded_asleep {
                self.dirty.insert(number);
            }
        }
        self.change(number, |entry| entry.asleep_since = Some(Instant::now().into_std()));
    }

    /// The time asleep was time of seeding.
    pub(super) fn count_sleep(&mut self, number: Number) {
        let counted = self.change_if(number, |entry| {
            entry.progress.seconds_seeding = entry.seconds_seeding();
            entry.progress.is_stalled = false;
            entry.asleep_since.take().is_some()
        });
        if counted {
            self.mark(number);
        }
    }

    /// A sleeper is wanted, or its trackers say something new.
    pub(super) fn stirred(&mut self, stirred: Stirred) {
        let hash = InfoHash::V1(stirred.info_hash);
        let Some(number) = self.catalogue().find(&hash) else { return };
        let fault = stirred.tracker_word.map(|word| Box::new(Fault::of_tracker(word)));
        self.change_if(number, |entry| entry.take_tracker_fault(fault));
        if stirred.is_wanted {
            self.stir(number);
        }
    }

    /// Has a sleeper get up.
    pub(super) fn stir(&mut self, number: Number) {
        if let Some(book) = self.books.get_mut(&number) {
            // One that is just falling asleep gets up when it sleeps.
            book.stirred = !matches!(book.run, Run::Off | Run::Starting);
            self.reconcile(number);
        }
    }

    /// Changes a sleeper; what does not concern its announces counts when it gets up.
    pub(super) fn change_asleep(&mut self, number: Number, change: Change) {
        let Some(hash) = self.books.get(&number).map(|book| book.wire_hash()) else { return };
        match change {
            Change::Trackers(tiers) => self.session.set_trackers_asleep(&hash, tiers),
            Change::Reannounce => self.session.reannounce_asleep(&hash),
            Change::Select(_) | Change::AddPeers(_) => self.stir(number),
            Change::Sequential(_)
            | Change::AddWebSeed(_)
            | Change::RemoveWebSeed(_)
            | Change::MaxPeers(_)
            | Change::Priorities(_)
            | Change::UploadSlots(_)
            | Change::SuperSeed(_)
            | Change::WebSeedPolicy(..) => {}
        }
    }

    /// A sleeper stops; its trackers are told behind this call. Without effect on others.
    pub(super) fn dismiss(&mut self, number: Number) {
        let Some(book) = self.books.get_mut(&number).filter(|book| book.is_asleep()) else { return };
        book.run = Run::Off;
        book.stirred = false;
        let hash = book.wire_hash();
        let seen = self.session.trackers_asleep(&hash).unwrap_or_default();
        let now = Instant::now().into_std();
        book.trackers_seen = seen.into_iter().map(|tracker| (tracker, now)).collect();
        self.session.dismiss(&hash);
        self.count_sleep(number);
    }

    /// Once in a while: which sleepers have given enough, or idle for long. Of very many some are looked at each time.
    pub(super) fn look_at_sleepers(&mut self) {
        if !self.looks.is_multiple_of(SLEEPERS_EVERY) {
            return;
        }
        let stalled = self.config.settings.queue_stalled;
        let patience = Duration::from_secs(u64::from(stalled.minutes) * 60);
        let few = SLEEPERS_A_LOOK.max(self.books.len() / SLEEPERS_ROUND + 1);
        let next: Vec<Number> = self
            .books
            .range((Excluded(self.last_sleeper), Unbounded))
            .map(|(number, _)| *number)
            .take(few)
            .collect();
        self.last_sleeper = next.last().copied().filter(|_| next.len() == few).unwrap_or(Number(0));
        for number in next {
            let Some(book) = self.books.get(&number).filter(|book| book.is_asleep()) else { continue };
            let is_stalled = stalled.enabled && book.moved_at.elapsed() >= patience;
            let flips = self.change_if(number, |entry| {
                std::mem::replace(&mut entry.progress.is_stalled, is_stalled) != is_stalled
            });
            if flips {
                self.admit_waiting();
            }
            self.check_goal(number);
        }
    }

    /// All sleepers stop, at the end of everything. Ends when their trackers are told.
    pub(super) fn wake_nobody(&mut self) -> JoinHandle<()> {
        for book in self.books.values_mut().filter(|book| book.is_asleep()) {
            book.run = Run::Off;
        }
        let session = Arc::clone(&self.session);
        tokio::spawn(async move { session.dismiss_all().await })
    }
}
