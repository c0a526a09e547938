//! Once a second: what running torrents do, carried into the catalogue.

use super::Keeper;
use super::book::{Book, Run, Totals};
use crate::api::details::PeersFrom;
use crate::api::events::EventKind;
use crate::catalogue::entry::{Fault, Number, Progress};
use crate::clock::unix_now;
use crate::limits::{PROGRESS_INTERVAL, SAVE_INTERVAL};
use engine::{CandidateSource, Phase, Report, Snapshot};
use std::sync::PoisonError;
use std::time::Duration;
use tokio::time::Instant;

impl Keeper {
    /// Looks at every running torrent, then at the session.
    pub(super) fn look_around(&mut self) {
        let (mut news, books) = (Vec::new(), &mut self.books);
        self.awake.retain(|number| {
            let Some(Run::On(control)) = books.get_mut(number).map(|book| &mut book.run) else {
                return false;
            };
            if control.has_news() {
                news.push(*number);
            }
            true
        });
        for number in news {
            self.look_at(number);
            self.check_goal(number);
        }
        self.look_at_sleepers();
        self.follow_schedule();
        self.looks += 1;
        self.count();
        self.look_at_dht();
        self.look_at_publishers();
        self.look_at_scrapes();
        self.save_now_and_then(SAVE_INTERVAL);
    }

    /// Carries the snapshot of one torrent into the catalogue.
    pub(super) fn look_at(&mut self, number: Number) {
        let settings = &self.config.settings;
        let stalled_after = settings
            .queue_stalled
            .enabled
            .then(|| Duration::from_secs(u64::from(settings.queue_stalled.minutes) * 60));
        let Some((old, hash)) = self.entry(number, |entry| (entry.progress, entry.info_hash)) else { return };
        let Some(book) = self.books.get_mut(&number) else { return };
        let Some(control) = book.control() else { return };
        let base = book.base;
        let (mut new, phase, word) =
            control.with_snapshot(|it| (progress(&old, it, base), it.phase, it.tracker_word.clone()));
        count_seconds(book, &mut new, phase);
        let (down, up) =
            (new.downloaded.saturating_sub(old.downloaded), new.uploaded.saturating_sub(old.uploaded));
        let moved = down > 0 || up > 0;
        if moved {
            book.moved_at = Instant::now();
        }
        new.is_stalled = stalled_after.is_some_and(|after| book.moved_at.elapsed() >= after);
        let fault = word.map(|word| Box::new(Fault::of_tracker(word)));
        self.count_payload(down, up);
        let changed = self.change_if(number, |entry| {
            let faults = entry.take_tracker_fault(fault);
            let visible = Progress {
                seconds_downloading: old.seconds_downloading,
                seconds_seeding: old.seconds_seeding,
                ..new
            };
            entry.progress = new;
            if moved {
                entry.dates.active = unix_now();
            }
            faults || visible != old
        });
        if changed {
            self.mark(number);
        }
        if let Some(book) = self.books.get_mut(&number) {
            book.untold |= changed;
            if book.untold && book.told_at.elapsed() >= PROGRESS_INTERVAL {
                book.untold = false;
                book.told_at = Instant::now();
                self.shared.log.tell(number, hash, EventKind::Progress);
            }
        }
        self.show_status(number);
        if new.is_stalled && !old.is_stalled {
            self.admit_waiting();
        }
    }

    pub(super) fn trackers_seen(&mut self, number: Number, report: Report) {
        if let Some(book) = self.books.get_mut(&number) {
            book.trackers_seen = report.trackers.into_iter().map(|tracker| (tracker, report.at)).collect();
        }
    }

    /// Counters of the session.
    pub(super) fn count(&mut self) {
        let mut stats = self.stats;
        let catalogue = self.shared.catalogue.read().unwrap_or_else(PoisonError::into_inner);
        let (count, tally) = (catalogue.len(), catalogue.tally());
        drop(catalogue);
        stats.torrents = count as u32;
        (stats.active, stats.paused) = (tally.active, tally.paused);
        (stats.down_rate, stats.up_rate) = (tally.down_rate, tally.up_rate);
        stats.current.active = self.started_at.elapsed();
        stats.current.sessions = 1;
        stats.cumulative = self.past;
        stats.cumulative.downloaded += stats.current.downloaded;
        stats.cumulative.uploaded += stats.current.uploaded;
        stats.cumulative.torrents_added += stats.current.torrents_added;
        stats.cumulative.active += stats.current.active;
        self.stats = stats;
        *self.shared.stats.write().unwrap_or_else(PoisonError::into_inner) = stats;
    }

    /// Counts payload for the session, once.
    pub(super) const fn count_payload(&mut self, downloaded: u64, uploaded: u64) {
        self.stats.current.downloaded += downloaded;
        self.stats.current.uploaded += uploaded;
    }
}

/// What a snapshot says, on top of what was there before this run of the task.
fn progress(old: &Progress, snapshot: &Snapshot, base: Totals) -> Progress {
    let down_now = snapshot.bytes_from_peers + snapshot.bytes_from_web_seeds;
    let transferred = Progress {
        downloaded: base.downloaded + down_now,
        uploaded: base.uploaded + snapshot.bytes_uploaded,
        corrupt: base.corrupt + snapshot.bytes_corrupt,
        down_rate: snapshot.down_rate,
        up_rate: snapshot.up_rate,
        peers_connected: snapshot.peers_connected,
        peers_sending: snapshot.peers_active,
        peers_getting: snapshot.peers_served,
        peers_from: peers_from(snapshot),
        web_seeds_sending: snapshot.web_seeds_active,
        ..*old
    };
    match snapshot.phase {
        Phase::Metadata => Progress {
            metadata: snapshot.metadata_bytes as f64 / snapshot.metadata_size.max(1) as f64,
            ..transferred
        },
        Phase::Checking => Progress {
            verified: snapshot.bytes_checked as f64 / snapshot.bytes_wanted.max(1) as f64,
            ..transferred
        },
        // Nothing was looked at.
        _ if snapshot.bytes_wanted == 0 && snapshot.bytes_have == 0 => transferred,
        _ => Progress {
            bytes_wanted: snapshot.bytes_wanted,
            bytes_done: snapshot.bytes_done,
            bytes_have: snapshot.bytes_have,
            // As long as something is missing, something is shown to be.
            bytes_unchecked: snapshot.bytes_partial.min(missing(snapshot).saturating_sub(1)),
            bytes_available: snapshot.bytes_available,
            verified: 0.0,
            ..transferred
        },
    }
}

const fn missing(snapshot: &Snapshot) -> u64 {
    snapshot.bytes_wanted.saturating_sub(snapshot.bytes_done)
}

fn peers_from(snapshot: &Snapshot) -> PeersFrom {
    let count = |source| snapshot.peers_by_source.get(&source).copied().unwrap_or(0);
    PeersFrom {
        cache: count(CandidateSource::Resume),
        dht: count(CandidateSource::Dht),
        incoming: count(CandidateSource::Incoming) + count(CandidateSource::User),
        lpd: count(CandidateSource::Lsd),
        ltep: 0,
        pex: count(CandidateSource::Pex),
        tracker: count(CandidateSource::Tracker),
    }
}

/// The time since the last look goes to what the torrent was doing.
fn count_seconds(book: &mut Book, progress: &mut Progress, phase: Phase) {
    let now = Instant::now();
    let elapsed = (now - book.seen_at).as_secs_f64() + book.rest_seconds;
    book.seen_at = now;
    book.rest_seconds = elapsed.fract();
    match phase {
        Phase::Metadata | Phase::Downloading | Phase::Finishing => {
            progress.seconds_downloading += elapsed as u64;
        }
        Phase::Seeding => progress.seconds_seeding += elapsed as u64,
        Phase::Checking | Phase::Stopped | Phase::Failed => {}
    }
}
