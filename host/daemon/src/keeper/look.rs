//! Details on demand: the keeper says where they are, the asker gathers them.

use super::Keeper;
use super::book::{Book, FileWishes, Run};
use super::scraping::Scrape;
use super::{opening, waking};
use crate::api::details::{
    Details, FileDetails, PeerDetails, TrackerDetails, TrackerState, Wanted, WebSeedDetails,
};
use crate::catalogue::entry::{Number, Tracker};
use crate::clock::unix_now;
use crate::doctor::{Part, Patient};
use crate::limits::REPORT_WITHIN;
use engine::{AnnounceError, Control, Direction, PeerReport, Report, TrackerSnapshot, TrackerStatus};
use metainfo::{Bitfield, FileIndex, InfoHash, Metainfo};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;
use storage::StateStore;
use tokio::time::timeout;

/// Where the details of one torrent are.
pub(crate) struct Lookup {
    number: Number,
    info_hash: InfoHash,
    metainfo: Option<Arc<Metainfo>>,
    torrent_file: PathBuf,
    directory: PathBuf,
    state: Option<StateStore>,
    files: FileWishes,
    paths: BTreeMap<FileIndex, PathBuf>,
    trackers: Vec<Tracker>,
    trackers_seen: Vec<(TrackerSnapshot, Instant)>,
    scrapes: Vec<Scrape>,
    next_scrape: Option<Instant>,
    /// Of a torrent that sleeps.
    trackers_asleep: Option<Vec<TrackerSnapshot>>,
    web_seeds: Vec<String>,
    web_seeds_off: Vec<String>,
    control: Option<Control>,
}

impl Keeper {
    pub(super) fn look_up(&self, numbers: &[Number]) -> Vec<Option<Lookup>> {
        let look_up = |number: &Number| {
            let book = self.books.get(number).filter(|book| !book.is_leaving())?;
            let (trackers, directory) = self
                .entry(*number, |entry| (entry.trackers.clone(), entry.options.download_directory.clone()))?;
            Some(Lookup {
                number: *number,
                info_hash: book.info_hash,
                metainfo: book.metainfo.clone(),
                torrent_file: self.config.config_directory.join(Book::file_name(&book.info_hash)),
                directory: book.place.clone().unwrap_or(directory),
                state: self.session.state().cloned(),
                files: book.files.clone(),
                paths: opening::paths(book),
                trackers,
                trackers_seen: book.trackers_seen.clone(),
                scrapes: book.scrapes.clone(),
                next_scrape: self.scrapes.next(*number).map(tokio::time::Instant::into_std),
                trackers_asleep: self.session.trackers_asleep(&book.wire_hash()),
                web_seeds: book.web_seeds.clone(),
                web_seeds_off: book.web_seeds_off.clone(),
                control: match &book.run {
                    Run::On(control) => Some(control.clone()),
                    _ => None,
                },
            })
        };
        numbers.iter().map(look_up).collect()
    }
}

impl Lookup {
    /// Gathers what is wanted.
    pub(crate) async fn gather(mut self, wanted: Wanted) -> Details {
        let report = match &self.control {
            // One that closes its files may take longer: what the catalogue knows is told without it.
            Some(control) => timeout(REPORT_WITHIN, control.report()).await.ok().flatten(),
            None => None,
        };
        let needs_metainfo = wanted.files || wanted.web_seeds || wanted.pieces || wanted.availability;
        if needs_metainfo {
            self.load().await;
        }
        let needs_have = wanted.files || wanted.pieces || wanted.availability;
        let have = if needs_have { self.have(report.as_ref()).await } else { None };
        let mut details = Details::default();
        if let (true, Some(metainfo), Some(have)) = (wanted.files, &self.metainfo, &have) {
            details.files = files(metainfo, &self.files, &self.paths, have);
        }
        if let (true, Some(have)) = (wanted.availability, &have) {
            details.availability = availability(have, report.as_ref());
        }
        if wanted.peers
            && let Some(report) = &report
        {
            let pieces = report.have.length();
            details.peers = report.peers.iter().filter_map(|peer| peer_details(peer, pieces)).collect();
        }
        if wanted.trackers {
            details.trackers = self.tracker_details(report.as_ref());
        }
        if wanted.web_seeds {
            details.web_seeds = self.web_seed_details(report.as_ref());
        }
        details.pieces = have.filter(|_| wanted.pieces);
        details
    }

    /// The torrent as the doctor sees it.
    pub(crate) async fn patient(self) -> Patient {
        let (number, directory) = (self.number, self.directory.clone());
        let details = self.gather(Wanted { files: true, ..Wanted::default() }).await;
        let part = |file: crate::FileDetails| Part {
            path: PathBuf::from(&file.path),
            length: file.length,
            is_complete: file.bytes_completed == file.length && file.length > 0,
            is_begun: file.bytes_completed > 0,
        };
        Patient { number, directory, files: details.files.into_iter().map(part).collect() }
    }

    async fn load(&mut self) {
        if self.metainfo.is_none() {
            let path = self.torrent_file.clone();
            let parsed = tokio::task::spawn_blocking(move || waking::parse(&path)).await;
            self.metainfo = parsed.ok().and_then(Result::ok).map(Arc::new);
        }
    }

    /// The pieces verified and stored: of the running torrent, or as they are recorded.
    async fn have(&self, report: Option<&Report>) -> Option<Bitfield> {
        if let Some(report) = report {
            return Some(report.have.clone());
        }
        let count = self.metainfo.as_ref()?.geometry.piece_count();
        let (state, hash, directory) = (self.state.clone(), self.info_hash, self.directory.clone());
        let work = move || {
            let root = std::fs::canonicalize(directory).ok()?;
            state?.load(&hash, &root).ok()?.map(|record| record.pieces)
        };
        let recorded = tokio::task::spawn_blocking(work).await.ok().flatten();
        Some(recorded.filter(|pieces| pieces.length() == count).unwrap_or_else(|| Bitfield::new(count)))
    }

    fn tracker_details(&self, report: Option<&Report>) -> Vec<TrackerDetails> {
        let asleep = self.trackers_asleep.as_ref().map(|trackers| (trackers, Instant::now()));
        let live = report.map(|report| (&report.trackers, report.at)).or(asleep);
        let details = |tracker: &Tracker| {
            let running =
                live.and_then(|(list, at)| Some((list.iter().find(|it| it.url == tracker.announce)?, at)));
            let seen = || {
                let seen = self.trackers_seen.iter().find(|(it, _)| it.url == tracker.announce);
                seen.map(|(it, at)| (it, *at))
            };
            let mut details = tracker_details(tracker, running.or_else(seen), running.is_some());
            let scrape = self.scrapes.iter().find(|scrape| scrape.announce == tracker.announce);
            note_scrape(&mut details, scrape, self.next_scrape);
            details
        };
        self.trackers.iter().map(details).collect()
    }

    fn web_seed_details(&self, report: Option<&Report>) -> Vec<WebSeedDetails> {
        let given = self.metainfo.iter().flat_map(|metainfo| &metainfo.web_seeds);
        let given = given.filter(|url| !self.web_seeds_off.contains(url)).map(|url| (url, false));
        let all = self.web_seeds.iter().map(|url| (url, true)).chain(given);
        all.map(|(url, is_own)| {
            let live = report.and_then(|report| report.web_seeds.iter().find(|seed| seed.url == *url));
            let idle = match report {
                Some(_) => "unusable",
                None if self.trackers_asleep.is_some() => "idle",
                None => "stopped",
            };
            WebSeedDetails {
                url: url.clone(),
                is_own,
                state: live.map_or(idle, |seed| match seed.state {
                    engine::WebSeedState::Idle => "idle",
                    engine::WebSeedState::Fetching => "fetching",
                    engine::WebSeedState::Waiting => "pausing",
                    engine::WebSeedState::Dropped => "dropped",
                }),
                is_downloading: live.is_some_and(|seed| seed.state == engine::WebSeedState::Fetching),
                down_rate: live.map_or(0, |seed| seed.down_rate),
                bytes_down: live.map_or(0, |seed| seed.bytes_down),
                last_error: live.map(|seed| seed.last_error.clone()).unwrap_or_default(),
            }
        })
        .collect()
    }
}

fn files(
    metainfo: &Metainfo,
    wishes: &FileWishes,
    paths: &BTreeMap<FileIndex, PathBuf>,
    have: &Bitfield,
) -> Vec<FileDetails> {
    let geometry = &metainfo.geometry;
    let completed = |index: FileIndex| {
        let (start, length) = geometry.file_range(index);
        let of_piece = |piece| {
            let piece = metainfo::PieceIndex(piece);
            let from = geometry.piece_offset(piece).max(start);
            let to = geometry.piece_offset(piece) + u64::from(geometry.piece_size(piece));
            if have.contains(piece) { to.min(start + length).saturating_sub(from) } else { 0 }
        };
        if have.is_full() { length } else { geometry.file_pieces(index).map(of_piece).sum() }
    };
    let list = (0u32..).zip(&metainfo.files).filter(|(_, file)| !file.pad);
    list.map(|(index, file)| FileDetails {
        path: match paths.get(&FileIndex(index)) {
            Some(path) => path.to_string_lossy().into_owned(),
            None => file.path.join("/"),
        },
        length: file.length,
        bytes_completed: completed(FileIndex(index)),
        wanted: wishes.wanted.get(index as usize).copied().unwrap_or(true),
        priority: wishes.priorities.get(index as usize).copied().unwrap_or_default(),
        pieces: geometry.file_pieces(FileIndex(index)),
    })
    .collect()
}

fn availability(have: &Bitfield, report: Option<&Report>) -> Vec<i32> {
    let counts = report.map(|report| &report.availability);
    let count =
        |piece: usize| counts.and_then(|counts| counts.get(piece)).map_or(0, |count| count.cast_signed());
    let of = |piece: u32| if have.contains(metainfo::PieceIndex(piece)) { -1 } else { count(piece as usize) };
    (0..have.length()).map(of).collect()
}

/// `None` while the handshake is not over.
fn peer_details(report: &PeerReport, pieces: u32) -> Option<PeerDetails> {
    let peer = &report.peer;
    Some(PeerDetails {
        address: peer.address,
        client: peer.client.clone().unwrap_or_default(),
        peer_id: peer.peer_id?.0,
        progress: f64::from(peer.pieces) / f64::from(pieces.max(1)),
        down_rate: peer.down_rate,
        up_rate: peer.up_rate,
        bytes_down: peer.bytes_down,
        bytes_up: peer.bytes_up,
        is_incoming: peer.direction == Direction::Incoming,
        is_encrypted: report.link.is_encrypted,
        is_utp: report.link.is_utp,
        client_is_choked: peer.peer_choking,
        client_is_interested: peer.am_interested,
        peer_is_choked: peer.am_choking,
        peer_is_interested: peer.peer_interested,
        flags: report.flags(),
    })
}

fn tracker_details(
    tracker: &Tracker,
    seen: Option<(&TrackerSnapshot, Instant)>,
    runs: bool,
) -> TrackerDetails {
    let mut details = TrackerDetails {
        id: tracker.id,
        tier: tracker.tier,
        announce: tracker.announce.clone(),
        scrape: scrape_url(&tracker.announce).unwrap_or_default(),
        seeders: -1,
        leechers: -1,
        downloads: -1,
        ..TrackerDetails::default()
    };
    let Some((seen, at)) = seen else { return details };
    let unix = |moment: Instant| unix_time(moment, at);
    let count = |count: Option<u32>| count.map_or(-1, i64::from);
    details.state = match seen.status {
        _ if !runs => TrackerState::Inactive,
        TrackerStatus::Announcing => TrackerState::Active,
        TrackerStatus::Gone => TrackerState::Inactive,
        TrackerStatus::Idle if seen.next_announce.is_none() => TrackerState::Inactive,
        TrackerStatus::Idle | TrackerStatus::Working | TrackerStatus::Failing => TrackerState::Waiting,
    };
    details.is_backup = seen.status == TrackerStatus::Idle && seen.last_announce.is_none();
    details.has_announced = seen.has_ended;
    details.last_announce = seen.last_announce.map_or(0, unix);
    details.last_succeeded = seen.has_ended && seen.last_error.is_none();
    details.last_timed_out = seen.last_error.as_deref() == Some("no answer in time");
    details.last_result = match &seen.last_error {
        Some(error) => error.clone(),
        None if details.has_announced => "Success".to_owned(),
        None => String::new(),
    };
    details.last_peer_count = seen.peers_received;
    details.next_announce = seen.next_announce.filter(|_| runs).map_or(0, unix);
    details.seeders = count(seen.seeders);
    details.leechers = count(seen.leechers);
    details.downloads = count(seen.downloads);
    details
}

/// A moment as seconds since 1970, as it was to be told at another.
fn unix_time(moment: Instant, told_at: Instant) -> i64 {
    let seconds = |span: std::time::Duration| i64::try_from(span.as_secs()).unwrap_or(i64::MAX);
    let told = unix_now() - seconds(Instant::now().saturating_duration_since(told_at));
    told + seconds(moment.saturating_duration_since(told_at))
        - seconds(told_at.saturating_duration_since(moment))
}

/// What a scrape told, which counts what an announce may have left out.
fn note_scrape(details: &mut TrackerDetails, scrape: Option<&Scrape>, next: Option<Instant>) {
    let now = Instant::now();
    if !details.scrape.is_empty() {
        details.next_scrape = next.map_or(0, |next| unix_time(next, now));
    }
    let Some(scrape) = scrape else { return };
    details.scrape_began = unix_time(scrape.began.into_std(), now);
    details.last_scrape = unix_time(scrape.ended.into_std(), now);
    match &scrape.result {
        Ok(counts) => {
            details.scrape_succeeded = true;
            let is_newer = details.seeders < 0 || details.last_scrape >= details.last_announce;
            if is_newer {
                (details.seeders, details.leechers) = (counts.seeders.into(), counts.leechers.into());
            }
            details.downloads = counts.downloads.into();
        }
        Err(error) => {
            details.scrape_timed_out = *error == AnnounceError::TimedOut;
            details.scrape_result = error.to_string();
        }
    }
}

/// The scrape URL that belongs to an announce URL (BEP 48).
pub(super) fn scrape_url(announce: &str) -> Option<String> {
    if announce.starts_with("udp:") {
        return Some(announce.to_owned());
    }
    let (before, last) = announce.rsplit_once('/')?;
    let rest = last.strip_prefix("announce")?;
    Some(format!("{before}/scrape{rest}"))
}
