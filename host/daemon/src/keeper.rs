//! The keeper: one task that owns the session and every decision about whole torrents.
//!
//! Commands come from handles, news from running torrents, and once a second it looks around. It never waits for a
//! disk, a network or a torrent's task: whatever takes time is a task of its own that brings news back.
//!
//! - `adding`, `removing`, `running`: the life of a torrent.
//! - `looking`: what running torrents do, carried into the catalogue.
//! - `look`: details on demand.

mod adding;
pub(crate) mod book;
pub(crate) mod command;
pub(crate) mod look;
mod looking;
mod removing;
mod running;

use crate::api::command::CommandError;
use crate::catalogue::Catalogue;
use crate::catalogue::entry::{Entry, Number};
use crate::catalogue::log::Log;
use crate::daemon::Shared;
use crate::limits::{NEWS_QUEUE, SHUTDOWN_TIMEOUT, TICK};
use crate::{Config, SessionStats, StartError};
use book::{Book, Run};
use command::Command;
use engine::Session;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout_at};

/// What a task brings back.
pub(crate) enum News {
    /// A torrent was opened, or could not be.
    Opened(Number, Result<engine::Control, String>),
    /// A running torrent tells something.
    Told(Number, engine::Event),
    /// A running torrent has ended.
    Ended(Number),
}

/// See the module.
pub(crate) struct Keeper {
    shared: Arc<Shared>,
    session: Arc<Session>,
    config: Config,
    books: BTreeMap<Number, Book>,
    news_sender: mpsc::Sender<News>,
    stats: SessionStats,
    started_at: Instant,
}

/// Starts the keeper's task.
pub(crate) async fn start(
    config: Config,
    _commands: mpsc::WeakSender<Command>,
    inbox: mpsc::Receiver<Command>,
) -> Result<Arc<Shared>, StartError> {
    let directory = &config.config_directory;
    std::fs::create_dir_all(directory)
        .map_err(|error| StartError::Directory { path: directory.clone(), reason: error.to_string() })?;
    let session = Session::start(engine::Settings {
        port: config.settings.peer_port,
        bind: config.bind,
        state_directory: Some(directory.clone()),
        lsd: config.settings.lpd,
        address_filter: config.address_filter.clone(),
        ..engine::Settings::default()
    })?;
    let shared = Arc::new(Shared {
        catalogue: RwLock::new(Catalogue::default()),
        log: Log::default(),
        settings: RwLock::new(Arc::new(config.settings.clone())),
        groups: RwLock::default(),
        stats: RwLock::default(),
        config_directory: directory.clone(),
        port: watch::Sender::new(session.port()),
        address_filter: config.address_filter.clone(),
        exit: watch::Sender::new(false),
        ended: watch::Sender::new(false),
    });
    let (news_sender, news) = mpsc::channel(NEWS_QUEUE);
    let keeper = Keeper {
        shared: Arc::clone(&shared),
        session: Arc::new(session),
        config,
        books: BTreeMap::new(),
        news_sender,
        stats: SessionStats::default(),
        started_at: Instant::now(),
    };
    tokio::spawn(keeper.run(inbox, news));
    Ok(shared)
}

impl Keeper {
    async fn run(mut self, mut inbox: mpsc::Receiver<Command>, mut news: mpsc::Receiver<News>) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                command = inbox.recv() => match command {
                    None | Some(Command::Shutdown) => break,
                    Some(command) => self.handle_command(command),
                },
                Some(news) = news.recv() => self.handle_news(news),
                _ = ticks.tick() => self.look_around(),
            }
        }
        inbox.close();
        self.shut_down(&mut news).await;
        self.shared.ended.send_replace(true);
    }

    fn handle_command(&mut self, command: Command) {
        let unknown = || Err(CommandError::Invalid("not built yet".into()));
        match command {
            Command::Add(prepared, reply) => drop(reply.send(self.add(*prepared))),
            Command::Start(numbers, mode, reply) => {
                self.start_torrents(&numbers, mode);
                drop(reply.send(Ok(())));
            }
            Command::Stop(numbers, reply) => {
                self.stop_torrents(&numbers);
                drop(reply.send(Ok(())));
            }
            Command::Remove(numbers, delete_data, reply) => {
                self.remove(&numbers, delete_data);
                drop(reply.send(Ok(())));
            }
            Command::Look(numbers, _, reply) => drop(reply.send(self.look_up(&numbers))),
            Command::Examine(_, reply) => drop(reply.send(Vec::new())),
            Command::TorrentFile(_, reply) => drop(reply.send(None)),
            Command::Rename(_, _, _, reply) => drop(reply.send(unknown().map_err(Into::into))),
            Command::Edit(_, _, reply) => drop(reply.send(unknown().map_err(Into::into))),
            Command::ChangeSettings(change, reply) => {
                let mut settings = self.config.settings.clone();
                change(&mut settings);
                self.config.settings = settings.clone();
                *self.shared.settings.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
                drop(reply.send(Ok(())));
            }
            Command::Verify(_, reply)
            | Command::Reannounce(_, reply)
            | Command::SetLocation(_, _, _, reply)
            | Command::MoveInQueue(_, _, reply)
            | Command::SetGroup(_, reply) => drop(reply.send(unknown())),
            Command::Shutdown => {}
        }
    }

    fn handle_news(&mut self, news: News) {
        match news {
            News::Opened(number, result) => self.opened(number, result),
            News::Told(number, event) => self.told(number, event),
            News::Ended(number) => self.ended(number),
        }
    }

    /// Stops everything, as long as it may take.
    async fn shut_down(&mut self, news: &mut mpsc::Receiver<News>) {
        let deadline = Instant::now() + SHUTDOWN_TIMEOUT;
        let running: Vec<Number> = self.books.keys().copied().collect();
        for number in running {
            self.halt(number);
        }
        while self.books.values().any(|book| !matches!(book.run, Run::Off)) {
            let Ok(Some(news)) = timeout_at(deadline, news.recv()).await else { break };
            match news {
                News::Opened(number, Ok(control)) => {
                    self.opened(number, Ok(control));
                    self.halt(number);
                }
                news => self.handle_news(news),
            }
        }
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
}
