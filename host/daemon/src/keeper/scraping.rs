//! Asking trackers how large the swarms are, of many torrents at once, whether they run or not.

use super::look::scrape_url;
use super::{Keeper, News};
use crate::catalogue::entry::{Number, Status};
use crate::limits::{SCRAPE_INTERVAL, SCRAPE_PAUSE_FAILED, SCRAPE_SOON, SCRAPES_A_LOOK, SCRAPES_AT_ONCE};
use engine::{AnnounceError, SCRAPE_HASHES, ScrapeCounts};
use metainfo::InfoHash;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// What one tracker said of one torrent.
#[derive(Clone, Debug)]
pub(crate) struct Scrape {
    pub(crate) announce: String,
    pub(crate) began: Instant,
    pub(crate) ended: Instant,
    pub(crate) result: Result<ScrapeCounts, AnnounceError>,
}

/// A scrape that ended: the tracker, whose torrents, and what it said of each.
pub(crate) struct Scraped {
    announce: String,
    numbers: Vec<Number>,
    began: Instant,
    result: Result<Vec<Option<ScrapeCounts>>, AnnounceError>,
}

/// When which torrent is scraped.
#[derive(Debug, Default)]
pub(crate) struct Timetable {
    due: BTreeSet<(Instant, Number)>,
    /// The same by torrent.
    times: BTreeMap<Number, Instant>,
    under_way: usize,
}

impl Timetable {
    /// Scrapes a torrent before long, whatever was planned.
    pub(crate) fn hurry(&mut self, number: Number) {
        self.plan(number, SCRAPE_SOON);
    }

    fn plan(&mut self, number: Number, wait: Duration) {
        self.forget(number);
        let time = Instant::now() + wait;
        self.times.insert(number, time);
        self.due.insert((time, number));
    }

    pub(crate) fn forget(&mut self, number: Number) {
        if let Some(time) = self.times.remove(&number) {
            self.due.remove(&(time, number));
        }
    }

    /// When a torrent is scraped next.
    pub(crate) fn next(&self, number: Number) -> Option<Instant> {
        self.times.get(&number).copied()
    }

    /// The torrents that are due, as many as one look takes on. Each must be planned anew.
    fn take_due(&mut self) -> Vec<Number> {
        let now = Instant::now();
        let due = self.due.iter().take_while(|(time, _)| *time <= now).take(SCRAPES_A_LOOK);
        due.map(|(_, number)| *number).collect()
    }
}

impl Keeper {
    /// Begins the scrapes that are due, those of one tracker together.
    pub(super) fn look_at_scrapes(&mut self) {
        if self.scrapes.under_way >= SCRAPES_AT_ONCE {
            return;
        }
        let mut by_tracker: BTreeMap<String, Vec<(Number, [u8; 20])>> = BTreeMap::new();
        for number in self.scrapes.take_due() {
            self.scrapes.plan(number, SCRAPE_INTERVAL);
            let stopped_too = self.config.settings.scrape_paused_torrents;
            let asked = self.entry(number, |entry| {
                let InfoHash::V1(hash) = entry.info_hash else { return None };
                let is_asked_for = stopped_too || entry.status != Status::Stopped;
                (is_asked_for && !entry.is_unresolved()).then(|| (hash, entry.trackers.clone()))
            });
            let Some(Some((hash, trackers))) = asked else { continue };
            // Where the announce URL has no scrape form there is nobody to ask.
            for tracker in trackers.into_iter().filter(|tracker| scrape_url(&tracker.announce).is_some()) {
                by_tracker.entry(tracker.announce).or_default().push((number, hash));
            }
        }
        for (announce, torrents) in by_tracker {
            for part in torrents.chunks(SCRAPE_HASHES) {
                self.begin_scrape(announce.clone(), part);
            }
        }
    }

    fn begin_scrape(&mut self, announce: String, torrents: &[(Number, [u8; 20])]) {
        let (numbers, hashes): (Vec<Number>, Vec<[u8; 20]>) = torrents.iter().copied().unzip();
        let (session, news) = (Arc::clone(&self.session), self.news_sender.clone());
        self.scrapes.under_way += 1;
        tokio::spawn(async move {
            let began = Instant::now();
            let result = session.scrape(&announce, &hashes).await;
            // An error means that the keeper has ended.
            let _ = news.send(News::Scraped(Scraped { announce, numbers, began, result })).await;
        });
    }

    pub(super) fn scraped(&mut self, scraped: Scraped) {
        let Scraped { announce, numbers, began, result } = scraped;
        self.scrapes.under_way = self.scrapes.under_way.saturating_sub(1);
        let unknown = || AnnounceError::Malformed("the tracker does not know the torrent");
        for (index, number) in numbers.into_iter().enumerate() {
            let result = match &result {
                Ok(counts) => counts.get(index).copied().flatten().ok_or_else(unknown),
                Err(error) => Err(error.clone()),
            };
            let Some(book) = self.books.get_mut(&number) else { continue };
            if result.is_err() {
                self.scrapes.plan(number, SCRAPE_PAUSE_FAILED);
            }
            book.scrapes.retain(|scrape| scrape.announce != announce);
            let announce = announce.clone();
            book.scrapes.push(Scrape { announce, began, ended: Instant::now(), result });
        }
    }
}
