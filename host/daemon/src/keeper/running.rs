//! Starting and stopping: from what the user wants of a torrent to what the engine does for it.

use super::book::{Run, Totals, Wish};
use super::{Keeper, News};
use crate::api::command::StartMode;
use crate::api::events::EventKind;
use crate::catalogue::entry::{Entry, Fault, FaultKind, Number, Status};
use crate::clock::unix_now;
use engine::{AddTorrent, AfterCompletion, Event};
use std::path::Path;
use std::sync::Arc;
use tokio::time::Instant;

impl Keeper {
    pub(super) fn start_torrents(&mut self, numbers: &[Number], mode: StartMode) {
        for number in numbers {
            let Some(book) = self.books.get_mut(number).filter(|book| book.removal.is_none()) else {
                continue;
            };
            book.wish = if mode == StartMode::Now { Wish::RunNow } else { Wish::Run };
            self.change(*number, |entry| {
                entry.fault = None;
                entry.progress.is_finished = false;
                entry.dates.started = unix_now();
            });
            self.reconcile(*number);
        }
    }

    pub(super) fn stop_torrents(&mut self, numbers: &[Number]) {
        for number in numbers {
            if let Some(book) = self.books.get_mut(number) {
                book.wish = Wish::Stop;
                book.verify = false;
                self.reconcile(*number);
            }
        }
    }

    /// Moves what the engine does for a torrent one step towards what is wanted of it.
    pub(super) fn reconcile(&mut self, number: Number) {
        let Some(book) = self.books.get(&number) else { return };
        let fault = self.entry(number, |entry| has_local_fault(entry)).unwrap_or(true);
        let wanted = book.removal.is_none() && book.wish != Wish::Stop && !fault;
        match (&book.run, wanted) {
            (Run::Off, true) => self.open(number),
            (Run::On(_), false) => self.halt(number),
            _ => {}
        }
        self.show_status(number);
    }

    /// Tells a running torrent to end.
    pub(super) fn halt(&mut self, number: Number) {
        let Some(book) = self.books.get_mut(&number) else { return };
        let Run::On(control) = &book.run else { return };
        let control = control.clone();
        book.run = Run::Stopping(control.clone());
        tokio::spawn(async move { control.stop().await });
    }

    /// Gives a torrent a task.
    fn open(&mut self, number: Number) {
        let Some(options) = self.entry(number, |entry| entry.options.clone()) else { return };
        let Some(book) = self.books.get_mut(&number) else { return };
        let Some(metainfo) = book.metainfo.clone() else { return };
        book.run = Run::Starting;
        let add = AddTorrent {
            metainfo,
            download_directory: options.download_directory,
            selected: None,
            sequential: options.sequential,
            preallocate: false,
            peers: Vec::new(),
            web_seeds: Vec::new(),
            use_peers: true,
            use_web_seeds: true,
            stop_on_disk_error: true,
            after_completion: AfterCompletion { seed: true, ratio: None, time: None },
        };
        let (session, news) = (Arc::clone(&self.session), self.news_sender.clone());
        tokio::spawn(async move {
            let opened = match make_folder(&add.download_directory).await {
                Ok(()) => session.add(add).await.map_err(|error| error.to_string()),
                Err(error) => Err(error),
            };
            let mut torrent = match opened {
                Ok(torrent) => torrent,
                Err(error) => return drop(news.send(News::Opened(number, Err(error))).await),
            };
            let control = torrent.control().clone();
            // An error means that the keeper has ended, and dropping the torrent stops it.
            if news.send(News::Opened(number, Ok(control))).await.is_err() {
                return;
            }
            while let Some(event) = torrent.next_event().await {
                if news.send(News::Told(number, event)).await.is_err() {
                    return;
                }
            }
            let _ = news.send(News::Ended(number)).await;
        });
    }

    pub(super) fn opened(&mut self, number: Number, result: Result<engine::Control, String>) {
        let totals = self.entry(number, |entry| Totals {
            downloaded: entry.progress.downloaded,
            uploaded: entry.progress.uploaded,
            corrupt: entry.progress.corrupt,
        });
        let Some(book) = self.books.get_mut(&number) else { return };
        match result {
            Ok(control) => {
                book.base = totals.unwrap_or_default();
                book.seen_at = Instant::now();
                book.moved_at = Instant::now();
                book.run = Run::On(control);
            }
            Err(text) => {
                book.run = Run::Off;
                self.fail(number, text);
            }
        }
        self.after_run(number);
    }

    /// A torrent tells something.
    pub(super) fn told(&mut self, number: Number, event: Event) {
        match event {
            Event::Checked { .. } => self.look_at(number),
            Event::Complete => self.complete(number),
            Event::Failed(error) => self.fail(number, error.to_string()),
            Event::SeedingDone | Event::PieceFailed { .. } | Event::Source { .. } => {}
        }
    }

    fn complete(&mut self, number: Number) {
        self.look_at(number);
        let fetched = self.books.get(&number).is_some_and(|book| {
            self.entry(number, |entry| entry.progress.downloaded > book.base.downloaded).unwrap_or(false)
        });
        if fetched {
            let hash = self.change(number, |entry| {
                entry.dates.done = unix_now();
                entry.info_hash
            });
            if let Some(hash) = hash {
                self.shared.log.tell(number, hash, EventKind::Complete);
            }
        }
    }

    /// A torrent's task has ended: what it did last is taken over.
    pub(super) fn ended(&mut self, number: Number) {
        self.look_at(number);
        if let Some(book) = self.books.get_mut(&number) {
            book.run = Run::Off;
        }
        self.change(number, |entry| {
            entry.progress.down_rate = 0;
            entry.progress.up_rate = 0;
            entry.progress.peers_connected = 0;
            entry.progress.peers_sending = 0;
            entry.progress.peers_getting = 0;
            entry.progress.web_seeds_sending = 0;
        });
        self.after_run(number);
    }

    /// Goes on with a torrent whose task came or went.
    fn after_run(&mut self, number: Number) {
        if self.books.get(&number).is_some_and(|book| book.removal.is_some() && matches!(book.run, Run::Off))
        {
            self.forget(number);
        } else {
            self.reconcile(number);
        }
    }

    /// A fault of the disk: the torrent stops.
    fn fail(&mut self, number: Number, text: String) {
        tracing::warn!(number = number.0, %text, "a torrent stopped");
        let hash = self.change(number, |entry| {
            entry.fault = Some(Box::new(Fault { kind: FaultKind::Local, text: text.clone() }));
            entry.info_hash
        });
        if let Some(hash) = hash {
            self.shared.log.tell(number, hash, EventKind::Failed(text));
        }
        if let Some(book) = self.books.get_mut(&number) {
            book.wish = Wish::Stop;
        }
        self.reconcile(number);
    }

    /// Shows what a torrent is doing.
    pub(super) fn show_status(&mut self, number: Number) {
        let Some(book) = self.books.get(&number) else { return };
        let phase = match &book.run {
            Run::On(control) => Some(control.with_snapshot(|snapshot| snapshot.phase)),
            _ => None,
        };
        let runs = book.wish != Wish::Stop;
        let status = |entry: &Entry| match phase {
            Some(engine::Phase::Checking) => Status::Verifying,
            Some(engine::Phase::Downloading | engine::Phase::Finishing) => Status::Downloading,
            Some(engine::Phase::Seeding) => Status::Seeding,
            Some(engine::Phase::Stopped | engine::Phase::Failed) => Status::Stopped,
            None if runs && entry.progress.bytes_left() > 0 => Status::QueuedToDownload,
            None if runs => Status::QueuedToSeed,
            None => Status::Stopped,
        };
        let Some(changed) =
            self.entry(number, |entry| (status(entry) != entry.status).then(|| status(entry)))
        else {
            return;
        };
        if let Some(status) = changed {
            self.change(number, |entry| entry.status = status);
        }
    }
}

fn has_local_fault(entry: &Entry) -> bool {
    entry.fault.as_ref().is_some_and(|fault| fault.kind == FaultKind::Local)
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
