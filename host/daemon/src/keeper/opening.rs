//! Giving a torrent a task in the engine.

use super::book::{Book, Limits, Run};
use super::{Keeper, News, files, removing, waking};
use crate::catalogue::entry::{Number, Options};
use crate::{Preallocation, Settings, Tracker};
use engine::{AddMagnet, AddTorrent, AfterCompletion, Control, Session, Tuning};
use metainfo::{FileIndex, Magnet, Metainfo, PieceIndex};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::time::Instant;
use url::Url;

/// A torrent that has a task now.
pub(crate) struct Opened {
    pub(crate) control: Control,
    /// `None` while it is looked for.
    pub(crate) metainfo: Option<Arc<Metainfo>>,
    /// Its data was found in its download folder, not where unfinished data goes.
    pub(crate) is_home: bool,
}

impl Keeper {
    /// Opens a torrent behind the keeper; [`News::Opened`] follows.
    pub(super) fn open(&mut self, number: Number) {
        let Some((options, trackers, has_pieces)) = self.entry(number, |entry| {
            (entry.options.clone(), entry.trackers.clone(), entry.progress.bytes_have > 0)
        }) else {
            return;
        };
        let settings = &self.config.settings;
        let preallocate = settings.preallocation == Preallocation::Full;
        let plain_names = !settings.rename_partial_files;
        let (upload_slots, request_queue) =
            (settings.upload_slots_per_torrent as usize, settings.request_queue);
        let torrent_file = self.torrent_file(number);
        let Some(book) = self.books.get_mut(&number) else { return };
        if !book.is_asleep() {
            book.moved_at = Instant::now();
        }
        book.run = Run::Starting;
        book.stirred = false;
        self.opening += 1;
        let limits = Limits::new();
        let opening = Opening {
            number,
            magnet: book.magnet.as_ref().and_then(|link| link.parse().ok()),
            metainfo: book.metainfo.clone(),
            torrent_file,
            directory: book.place.clone().unwrap_or_else(|| options.download_directory.clone()),
            home: book.place.as_ref().filter(|_| !has_pieces).map(|_| options.download_directory.clone()),
            expects_data: has_pieces && !book.verify,
            selected: files::selected(&book.files),
            sequential: sequential(&options),
            preallocate,
            peers: book.peers.clone(),
            web_seed_policy: web_seed_policy(&options, settings),
            web_seeds: book.web_seeds.iter().filter_map(|url| Url::parse(url).ok()).collect(),
            tuning: Tuning {
                super_seed: options.super_seeding,
                read_soon: false,
                recheck: book.verify,
                check_only: !book.may_run(),
                may_sleep: true,
                trackers: Some(tiers(&trackers)),
                paths: paths(book),
                plain_names,
                priorities: files::priorities(&book.files),
                without_web_seeds: book.web_seeds_off.clone(),
                max_peers: Some(options.peer_limit as usize),
                upload_slots: Some(upload_slots),
                request_queue: Some(request_queue),
                down: Some(Arc::clone(&limits.down)),
                up: Some(Arc::clone(&limits.up)),
            },
        };
        self.count_sleep(number);
        let Some(book) = self.books.get_mut(&number) else { return };
        if book.verify {
            self.verifying.insert(number);
        }
        book.checks = book.verify;
        book.verify = false;
        book.limits = Some(limits);
        self.set_limits(number);
        tokio::spawn(opening.run(Arc::clone(&self.session), self.news_sender.clone()));
    }

    /// Where the file of a torrent is kept.
    pub(super) fn torrent_file(&self, number: Number) -> PathBuf {
        let name = self.books.get(&number).map(|book| Book::file_name(&book.info_hash));
        self.config.config_directory.join(name.unwrap_or_default())
    }
}

/// Trackers as tiers of URLs.
pub(super) fn tiers(trackers: &[Tracker]) -> Vec<Vec<String>> {
    let mut tiers: Vec<(u32, Vec<String>)> = Vec::new();
    for tracker in trackers {
        match tiers.last_mut().filter(|(tier, _)| *tier == tracker.tier) {
            Some((_, urls)) => urls.push(tracker.announce.clone()),
            None => tiers.push((tracker.tier, vec![tracker.announce.clone()])),
        }
    }
    tiers.into_iter().map(|(_, urls)| urls).collect()
}

/// The piece that a torrent begins with, if its pieces are fetched in order.
pub(super) fn sequential(options: &Options) -> Option<PieceIndex> {
    options.sequential.then_some(PieceIndex(options.sequential_from_piece))
}

/// What a torrent's web seeds are for, and how many connections they may have.
pub(super) fn web_seed_policy(options: &Options, settings: &Settings) -> (engine::WebSeedPolicy, usize) {
    let policy = options.web_seed_policy.unwrap_or(settings.web_seed_policy);
    let connections = options.web_seed_connections.unwrap_or(settings.web_seed_connections);
    (policy.into(), connections as usize)
}

/// Paths that the user changed, as the engine wants them.
pub(super) fn paths(book: &Book) -> std::collections::BTreeMap<FileIndex, PathBuf> {
    book.paths.iter().map(|(index, path)| (FileIndex(*index), PathBuf::from(path))).collect()
}

/// What is needed to open a torrent.
struct Opening {
    number: Number,
    /// Its metadata is not known.
    magnet: Option<Magnet>,
    metainfo: Option<Arc<Metainfo>>,
    torrent_file: PathBuf,
    directory: PathBuf,
    /// Its download folder, if its unfinished data is elsewhere and none of that is known: its data may be there.
    home: Option<PathBuf>,
    /// Some of its data was there and nobody doubts it.
    expects_data: bool,
    selected: Option<Vec<FileIndex>>,
    sequential: Option<PieceIndex>,
    preallocate: bool,
    peers: Vec<SocketAddr>,
    web_seeds: Vec<Url>,
    web_seed_policy: (engine::WebSeedPolicy, usize),
    tuning: Tuning,
}

impl Opening {
    /// Opens the torrent, then carries what it tells to the keeper until it ends.
    async fn run(self, session: Arc<Session>, news: mpsc::Sender<News>) {
        let number = self.number;
        let opened = self.open(&session).await;
        // The session ends with the keeper, not with the last word of a torrent.
        drop(session);
        let (mut torrent, metainfo, is_home) = match opened {
            Ok(opened) => opened,
            // An error means that the keeper has ended, here and below.
            Err(text) => return drop(news.send(News::Opened(number, Err(text))).await),
        };
        let control = torrent.control().clone();
        if news.send(News::Opened(number, Ok(Opened { control, metainfo, is_home }))).await.is_err() {
            return;
        }
        while let Some(event) = torrent.next_event().await {
            if news.send(News::Told(number, event)).await.is_err() {
                return;
            }
        }
        drop(news.send(News::Ended(number)).await);
    }

    async fn open(
        mut self,
        session: &Session,
    ) -> Result<(engine::Torrent, Option<Arc<Metainfo>>, bool), String> {
        if let Some(magnet) = self.magnet.take() {
            let torrent = session.add_magnet(self.search(magnet)).map_err(|error| error.to_string())?;
            return Ok((torrent, None, false));
        }
        let metainfo = match self.metainfo.take() {
            Some(metainfo) => metainfo,
            None => load(std::mem::take(&mut self.torrent_file)).await?,
        };
        let is_home = self.find_data(&metainfo).await?;
        make_folder(&self.directory).await?;
        let add = AddTorrent {
            metainfo: Arc::clone(&metainfo),
            download_directory: self.directory,
            selected: self.selected,
            sequential: self.sequential,
            preallocate: self.preallocate,
            peers: self.peers,
            web_seeds: self.web_seeds,
            use_peers: true,
            use_web_seeds: true,
            web_seed_policy: self.web_seed_policy.0,
            web_seed_connections: self.web_seed_policy.1,
            stop_on_disk_error: true,
            after_completion: AfterCompletion { seed: true, ratio: None, time: None },
            tuning: self.tuning,
        };
        let torrent = session.add(add).await.map_err(|error| error.to_string())?;
        Ok((torrent, Some(metainfo), is_home))
    }

    /// Looks where the data is. True if that is the download folder instead of the one for unfinished data.
    ///
    /// Data that was there and is gone as a whole is on a disk that is not mounted, most likely: to make its folder and
    /// fetch it again would fill another disk. Only to verify it settles that it is gone.
    async fn find_data(&mut self, metainfo: &Arc<Metainfo>) -> Result<bool, String> {
        let home = self.home.take();
        if home.is_none() && !self.expects_data {
            return Ok(false);
        }
        let folder = home.clone().unwrap_or_else(|| self.directory.clone());
        let (metainfo, paths) = (Arc::clone(metainfo), self.tuning.paths.clone());
        let look = move || storage::has_data(&removing::layout(&metainfo, &paths, folder));
        let found = tokio::task::spawn_blocking(look).await.map_err(|error| error.to_string())?;
        match home {
            None if !found => Err(NO_DATA.into()),
            Some(home) if found => {
                self.directory = home;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// What is looked for while the metadata is not known.
    fn search(self, magnet: Magnet) -> AddMagnet {
        AddMagnet {
            magnet,
            peers: self.peers,
            trackers: self.tuning.trackers,
            use_peers: true,
            max_peers: self.tuning.max_peers,
            down: self.tuning.down,
            up: self.tuning.up,
        }
    }
}

/// In the words of Transmission, which programs know.
const NO_DATA: &str = "No data found! Ensure your drives are connected or use \"Set Location\". To re-download, use \
                       \"Verify Local Data\" and start the torrent afterwards.";

/// Reads and parses a torrent file.
pub(super) async fn load(path: PathBuf) -> Result<Arc<Metainfo>, String> {
    let work = move || {
        waking::parse(&path)
            .map(Arc::new)
            .map_err(|error| format!("cannot use the torrent file {}: {error}", path.display()))
    };
    tokio::task::spawn_blocking(work).await.map_err(|error| error.to_string())?
}

/// The download folder is made when it is needed.
async fn make_folder(path: &Path) -> Result<(), String> {
    let owned = path.to_owned();
    let made = tokio::task::spawn_blocking(move || std::fs::create_dir_all(owned)).await;
    match made {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(format!("cannot make the folder {}: {error}", path.display())),
        Err(error) => Err(error.to_string()),
    }
}
