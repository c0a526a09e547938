//! Once a second: what running torrents do, carried into the catalogue.

use super::Keeper;
use super::book::Run;
use crate::api::events::EventKind;
use crate::catalogue::entry::{Number, Progress};
use crate::clock::unix_now;
use std::sync::PoisonError;
use tokio::time::Instant;

impl Keeper {
    /// Looks at every running torrent, then at the session.
    pub(super) fn look_around(&mut self) {
        let running: Vec<Number> = self
            .books
            .values()
            .filter(|book| matches!(book.run, Run::On(_)))
            .map(|book| book.number)
            .collect();
        for number in running {
            self.look_at(number);
        }
        self.count();
    }

    /// Carries the snapshot of one torrent into the catalogue.
    pub(super) fn look_at(&mut self, number: Number) {
        let Some(book) = self.books.get_mut(&number) else { return };
        let (Run::On(control) | Run::Stopping(control)) = &book.run else { return };
        let base = book.base;
        let fresh = |old: &Progress| {
            control.with_snapshot(|snapshot| Progress {
                bytes_wanted: snapshot.bytes_wanted,
                bytes_done: snapshot.bytes_done,
                bytes_have: snapshot.bytes_done,
                downloaded: base.downloaded + snapshot.bytes_from_peers + snapshot.bytes_from_web_seeds,
                uploaded: base.uploaded + snapshot.bytes_uploaded,
                down_rate: snapshot.down_rate,
                up_rate: snapshot.up_rate,
                peers_connected: snapshot.peers_connected,
                peers_sending: snapshot.peers_active,
                web_seeds_sending: snapshot.web_seeds_active,
                ..*old
            })
        };
        let catalogue = self.shared.catalogue.read().unwrap_or_else(PoisonError::into_inner);
        let Some(entry) = catalogue.get(number) else { return };
        let (old, hash) = (entry.progress, entry.info_hash);
        drop(catalogue);
        let new = fresh(&old);
        book.seen_at = Instant::now();
        if new != old {
            let moved = new.downloaded != old.downloaded || new.uploaded != old.uploaded;
            if moved {
                book.moved_at = Instant::now();
            }
            self.change(number, |entry| {
                entry.progress = new;
                if moved {
                    entry.dates.active = unix_now();
                }
            });
            self.shared.log.tell(number, hash, EventKind::Progress);
        }
        self.show_status(number);
    }

    /// Counters of the session.
    fn count(&mut self) {
        let mut stats = self.stats;
        let catalogue = self.shared.catalogue.read().unwrap_or_else(PoisonError::into_inner);
        (stats.torrents, stats.active, stats.paused) = (0, 0, 0);
        (stats.down_rate, stats.up_rate) = (0, 0);
        for entry in catalogue.iter() {
            stats.torrents += 1;
            match entry.status {
                crate::Status::Stopped => stats.paused += 1,
                _ => stats.active += 1,
            }
            stats.down_rate += entry.progress.down_rate;
            stats.up_rate += entry.progress.up_rate;
        }
        drop(catalogue);
        stats.current.active = self.started_at.elapsed();
        stats.current.sessions = 1;
        self.stats = stats;
        *self.shared.stats.write().unwrap_or_else(PoisonError::into_inner) = stats;
    }
}
