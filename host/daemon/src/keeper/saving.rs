//! Making changes durable before they are answered.

use super::Keeper;
use super::command::Done;
use crate::api::command::CommandError;
use crate::catalogue::entry::Number;
use crate::limits::{SAVE_TIMEOUT, STATS_INTERVAL};
use crate::record::Record;
use std::sync::PoisonError;
use storage::Change;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

/// The names of the session's values in the database.
pub(super) const STATS: &str = "stats";
pub(super) const GROUPS: &str = "groups";

impl Keeper {
    /// The record of a torrent is to be written.
    pub(super) fn mark(&mut self, number: Number) {
        self.dirty.insert(number);
    }

    /// Writes what is to be written, then calls `told`.
    pub(super) fn commit(&mut self, told: impl FnOnce(Result<(), String>) + Send + 'static) {
        let changes = self.take_changes();
        if changes.is_empty() {
            told(Ok(()));
        } else {
            self.ledger.commit(changes, told);
        }
    }

    /// Writes what is to be written, then answers.
    pub(super) fn answer(&mut self, done: Done) {
        self.commit(move |result| {
            // Whoever asked may have stopped waiting.
            let _ = done.send(result.map_err(CommandError::NotSaved));
        });
    }

    fn take_changes(&mut self) -> Vec<Change> {
        let mut changes = std::mem::take(&mut self.changes);
        let catalogue = self.shared.catalogue.read().unwrap_or_else(PoisonError::into_inner);
        let (past, started_at) = (self.past.active, self.started_at.into_std());
        let age =
            |moment: std::time::Instant| (past + moment.saturating_duration_since(started_at)).as_secs();
        for number in std::mem::take(&mut self.dirty) {
            let (Some(entry), Some(book)) = (catalogue.get(number), self.books.get_mut(&number)) else {
                continue;
            };
            book.recorded_asleep = entry.asleep_since.is_some();
            match serde_json::to_string(&Record::of(entry, book, age)) {
                Ok(record) => changes.push(Change::Put(entry.info_hash, record)),
                Err(error) => tracing::error!(%error, "the record of {} cannot be written", entry.name),
            }
        }
        changes
    }

    /// What changed by itself (counters) is written every few seconds.
    pub(super) fn save_now_and_then(&mut self, every: std::time::Duration) {
        if self.saved_at.elapsed() < every {
            return;
        }
        self.saved_at = Instant::now();
        if !self.dirty.is_empty() || self.stats_noted_at.elapsed() >= STATS_INTERVAL {
            self.note_stats();
            let changes = self.take_changes();
            self.ledger.note(changes);
        }
    }

    pub(super) fn note_stats(&mut self) {
        self.stats_noted_at = Instant::now();
        if let Ok(text) = serde_json::to_string(&self.stats.cumulative) {
            self.changes.push(Change::Set(STATS, text));
        }
    }

    /// The last words.
    pub(super) async fn save_everything(&mut self) {
        self.count();
        self.note_stats();
        let (done, wait) = oneshot::channel();
        self.commit(move |result| drop(done.send(result)));
        if timeout(SAVE_TIMEOUT, wait).await.is_err() {
            tracing::error!("the last counters could not be saved in time");
        }
    }
}
