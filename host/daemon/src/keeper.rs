//! The keeper: one task that owns the session and every decision about whole torrents.
//!
//! Commands come from handles, news from running torrents, and once a second it looks around. It never waits for a
//! disk, a network or a torrent's task: whatever takes time is a task of its own that brings news back.
//!
//! - `adding`, `removing`, `running`, `opening`: the life of a torrent.
//! - `editing`, `files`, `relocating`, `limits`, `queueing`, `configuring`: what the user changes.
//! - `sleeping`, `roll_call`: seeds that nobody is connected to.
//! - `looking`, `goals`: what running torrents do, and when it is enough.
//! - `saving`, `waking`: the record of it all, and back.
//! - `distributed`, `scraping`: the DHT, and how large trackers say the swarms are.
//! - `publishers`: torrents whose publishers replace them.
//! - `look`: details on demand.

mod adding;
pub(crate) mod book;
pub(crate) mod command;
mod configuring;
mod distributed;
mod editing;
mod files;
mod goals;
mod limits;
pub(crate) mod look;
mod looking;
mod opening;
mod publishers;
mod queueing;
mod relocating;
mod removing;
mod roll_call;
mod running;
mod saving;
pub(crate) mod scraping;
mod sleeping;
mod waking;

use crate::api::command::RenameError;
use crate::catalogue::Catalogue;
use crate::catalogue::entry::{Entry, Number};
use crate::daemon::Shared;
use crate::limits::{NEWS_QUEUE, SHUTDOWN_TIMEOUT, TICK};
use crate::{Config, SessionStats, StartError, Totals};
use book::{Book, Limits, Run};
use command::{Command, Reply};
use engine::Session;
use metainfo::InfoHash;
use roll_call::RollCall;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs::File;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLockWriteGuard};
use storage::{Change, Ledger};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout_at};

/// What a task brings back.
pub(crate) enum News {
    /// A torrent was opened, or could not be.
    Opened(Number, Result<opening::Opened, String>),
    /// A running torrent tells something.
    Told(Number, engine::Event),
    /// A running torrent has ended.
    Ended(Number),
    /// Its files were moved to a folder, or could not be.
    Moved(Number, PathBuf, Result<(), String>),
    /// A file or folder of it was renamed, or could not be.
    Renamed(relocating::Renaming, Result<(), RenameError>, Reply<Result<(), RenameError>>),
    /// What its trackers said last.
    Trackers(Number, engine::Report),
    /// The data of a removed torrent was deleted.
    Gone(Number, InfoHash),
    /// What the DHT knows.
    DhtTables(engine::DhtTables),
    /// What a tracker counts.
    Scraped(scraping::Scraped),
    /// Sleepers whose files are not as they were left.
    Missed(Vec<Number>),
    /// A publisher names the torrent that takes another's place, or is not heard.
    Published(Number, Result<engine::Update, engine::UpdateError>),
}

/// See the module.
pub(crate) struct Keeper {
    shared: Arc<Shared>,
    session: Arc<Session>,
    ledger: Arc<Ledger>,
    config: Config,
    /// Boxed, as a tree of large values is half empty.
    books: BTreeMap<Number, Box<Book>>,
    /// Torrents that had a task at the last look.
    awake: BTreeSet<Number>,
    /// Removed torrents that still say goodbye.
    leaving: BTreeSet<(InfoHash, Number)>,
    groups: BTreeMap<String, Limits>,
    news_sender: mpsc::Sender<News>,
    /// Torrents whose record is older than what is known here.
    dirty: BTreeSet<Number>,
    /// Other changes to be recorded.
    changes: Vec<Change>,
    stats: SessionStats,
    /// Over earlier runs.
    past: Totals,
    started_at: Instant,
    saved_at: Instant,
    stats_noted_at: Instant,
    /// Torrents being opened.
    opening: usize,
    /// Torrents to be opened after those; one entry a torrent.
    waiting: VecDeque<Number>,
    roll_call: RollCall,
    /// The last that was looked at for a sleeper.
    last_sleeper: Number,
    /// Torrents that are being verified.
    verifying: BTreeSet<Number>,
    /// Torrents to be verified after those.
    to_verify: VecDeque<Number>,
    /// Looks around so far.
    looks: u64,
    queue: queueing::Agenda,
    scrapes: scraping::Timetable,
    /// Torrents that have a publisher.
    followed: BTreeSet<Number>,
    /// Who listens to the publishers of those that run.
    watches: BTreeMap<Number, publishers::Watch>,
    /// What the DHT knew when it was last asked, and when that was.
    dht_tables: engine::DhtTables,
    dht_saved_at: Instant,
    /// What the schedule of the other limits said last.
    scheduled: Option<bool>,
    /// Held to keep other daemons away.
    _lock: File,
}

/// Starts the keeper's task.
pub(crate) async fn start(config: Config, inbox: mpsc::Receiver<Command>) -> Result<Arc<Shared>, StartError> {
    let (news_sender, news) = mpsc::channel(NEWS_QUEUE);
    let directory = config.config_directory.clone();
    let failed = |reason: String| StartError::Directory { path: directory, reason };
    // The database is read on a thread of its own.
    let woken = tokio::task::spawn_blocking(move || waking::wake(config, news_sender)).await;
    let mut keeper = woken.map_err(|error| failed(error.to_string()))??;
    let shared = Arc::clone(&keeper.shared);
    keeper.begin();
    tokio::spawn(keeper.run(inbox, news));
    Ok(shared)
}

impl Keeper {
    async fn run(mut self, mut inbox: mpsc::Receiver<Command>, mut news: mpsc::Receiver<News>) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let session = Arc::clone(&self.session);
        loop {
            tokio::select! {
                command = inbox.recv() => match command {
                    None | Some(Command::Shutdown) => break,
                    Some(command) => self.handle_command(command),
                },
                Some(news) = news.recv() => self.handle_news(news),
                stirred = session.stirred() => self.stirred(stirred),
                () = queueing::due(self.queue.due) => self.look_at_queue(),
                _ = ticks.tick() => self.look_around(),
            }
        }
        inbox.close();
        drop(session);
        self.shut_down(&mut news).await;
        let shared = Arc::clone(&self.shared);
        // Who hears of the end finds the directory unlocked and the database closed.
        drop(self);
        shared.ended.send_replace(true);
    }

    fn handle_command(&mut self, command: Command) {
        match command {
            Command::Add(prepared, reply) => self.add(*prepared, reply),
            Command::Start(numbers, mode, done) => self.start_torrents(&numbers, mode, done),
            Command::Stop(numbers, done) => self.stop_torrents(&numbers, done),
            Command::Verify(numbers, done) => self.verify(&numbers, done),
            Command::Reject(number, reason, done) => self.reject(number, reason, done),
            Command::AddPeers(number, peers, done) => self.add_peers(number, peers, done),
            Command::Reannounce(numbers, done) => self.reannounce(&numbers, done),
            Command::Remove(numbers, delete_data, done) => self.remove(&numbers, delete_data, done),
            Command::SetLocation(numbers, location, move_data, done) => {
                self.set_location(&numbers, &location, move_data, done);
            }
            Command::Rename(number, path, name, reply) => self.rename(number, &path, &name, reply),
            Command::Edit(numbers, edit, reply) => self.edit(&numbers, &edit, reply),
            Command::MoveInQueue(numbers, to, done) => self.move_in_queue(&numbers, to, done),
            Command::SetGroup(group, done) => self.set_group(group, done),
            Command::ChangeSettings(change, done) => self.change_settings(change, done),
            Command::Look(numbers, reply) => drop(reply.send(self.look_up(&numbers))),
            Command::Shutdown => {}
        }
    }

    fn handle_news(&mut self, news: News) {
        match news {
            News::Opened(number, result) => self.opened(number, result),
            News::Told(number, event) => self.told(number, event),
            News::Ended(number) => self.ended(number),
            News::Moved(number, to, result) => self.moved(number, to, result),
            News::Renamed(renaming, result, reply) => self.renamed(renaming, result, reply),
            News::Trackers(number, report) => self.trackers_seen(number, report),
            News::Gone(number, hash) => self.gone(number, &hash),
            News::DhtTables(tables) => self.keep_dht(tables),
            News::Scraped(scraped) => self.scraped(scraped),
            News::Missed(numbers) => self.missed(&numbers),
            News::Published(number, told) => self.published(number, told),
        }
    }

    /// Stops everything, as long as it may take, and saves.
    async fn shut_down(&mut self, news: &mut mpsc::Receiver<News>) {
        let deadline = Instant::now() + SHUTDOWN_TIMEOUT;
        let goodbyes = self.wake_nobody();
        let all: Vec<Number> = self.books.keys().copied().collect();
        for number in all {
            self.halt(number);
        }
        while self.books.values().any(|book| !matches!(book.run, Run::Off)) {
            let Ok(Some(news)) = timeout_at(deadline, news.recv()).await else { break };
            match news {
                News::Opened(number, Ok(opened)) => {
                    if let Some(book) = self.books.get_mut(&number) {
                        book.run = Run::On(opened.control);
                    }
                    self.halt(number);
                }
                News::Ended(number) => self.take_over_last(number),
                News::Opened(number, Err(_)) | News::Moved(number, ..) => {
                    if let Some(book) = self.books.get_mut(&number) {
                        book.run = Run::Off;
                    }
                }
                News::Told(number, engine::Event::Complete) => self.complete(number),
                News::Told(..)
                | News::Renamed(..)
                | News::Trackers(..)
                | News::Gone(..)
                | News::DhtTables(_)
                | News::Scraped(_)
                | News::Missed(_)
                | News::Published(..) => {}
            }
        }
        // Trackers that do not answer in time have been told as well as they can be.
        let _ = timeout_at(deadline, goodbyes).await;
        self.save_dht().await;
        self.save_everything().await;
    }

    fn catalogue(&self) -> RwLockWriteGuard<'_, Catalogue> {
        self.shared.catalogue.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads one entry.
    fn entry<R>(&self, number: Number, read: impl FnOnce(&Entry) -> R) -> Option<R> {
        let catalogue = self.shared.catalogue.read().unwrap_or_else(PoisonError::into_inner);
        catalogue.get(number).map(read)
    }

    /// Changes one entry.
    fn change<R>(&self, number: Number, change: impl FnOnce(&mut Entry) -> R) -> Option<R> {
        self.catalogue().change(number, change)
    }

    /// Those of `numbers` that are there.
    fn present(&self, numbers: &[Number]) -> Vec<Number> {
        let is_present = |number: &&Number| self.books.get(number).is_some_and(|book| !book.is_leaving());
        numbers.iter().filter(is_present).copied().collect()
    }
}
