//! When a torrent has given enough.

use super::Keeper;
use super::book::Wish;
use crate::api::events::EventKind;
use crate::catalogue::entry::{Entry, Number, Status};
use crate::{LimitMode, Settings};
use std::time::Duration;

/// Whether a seeding torrent has reached its ratio or its time without a byte given.
fn is_enough(entry: &Entry, idle: Duration, settings: &Settings) -> bool {
    let options = &entry.options;
    let ratio_limit = match options.ratio_mode {
        LimitMode::Session => settings.ratio_limit_enabled.then_some(settings.ratio_limit),
        LimitMode::Own => Some(options.ratio_limit),
        LimitMode::Unlimited => None,
    };
    let idle_minutes = match options.idle_mode {
        LimitMode::Session => settings.idle_limit_enabled.then_some(settings.idle_limit_minutes),
        LimitMode::Own => Some(options.idle_limit_minutes),
        LimitMode::Unlimited => None,
    };
    let gave = ratio_limit.zip(entry.ratio()).is_some_and(|(limit, ratio)| ratio >= limit);
    let idles = idle_minutes.is_some_and(|minutes| idle >= Duration::from_secs(u64::from(minutes) * 60));
    gave || idles
}

impl Keeper {
    /// Stops a seeding torrent that has given enough.
    pub(super) fn check_goal(&mut self, number: Number) {
        let Some(book) = self.books.get(&number).filter(|book| book.wish != Wish::Stop) else { return };
        let idle = book.moved_at.elapsed();
        let settings = &self.config.settings;
        let enough = |entry: &Entry| entry.status == Status::Seeding && is_enough(entry, idle, settings);
        if self.entry(number, enough) != Some(true) {
            return;
        }
        let hash = self.change(number, |entry| {
            entry.progress.is_finished = true;
            entry.info_hash
        });
        if let Some(book) = self.books.get_mut(&number) {
            book.wish = Wish::Stop;
            book.admitted = false;
        }
        if let Some(hash) = hash {
            self.shared.log.tell(number, hash, EventKind::SeedingDone);
        }
        self.mark(number);
        self.commit(|_| {});
        self.reconcile(number);
        self.admit_waiting();
    }
}
