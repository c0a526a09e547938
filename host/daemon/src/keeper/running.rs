//! Starting and stopping: from what the user wants of a torrent to what the engine does for it.

use super::book::{Book, Run, Totals, Wish};
use super::command::Done;
use super::opening::Opened;
use super::{Keeper, News};
use crate::api::command::StartMode;
use crate::api::events::EventKind;
use crate::catalogue::entry::{Entry, Fault, FaultKind, Number, Progress, Status};
use crate::clock::unix_now;
use crate::limits::{CHANGES_HELD, MAX_NAMED_PEERS, STARTS_AT_ONCE, VERIFIES_AT_ONCE};
use engine::{Change, Event, Phase};
use metainfo::InfoHash;
use std::mem::discriminant;
use std::net::SocketAddr;
use tokio::time::Instant;

impl Book {
    /// The user and the queue let it run.
    pub(super) fn may_run(&self) -> bool {
        match self.wish {
            Wish::Stop => false,
            Wish::Run => self.admitted,
            Wish::RunNow => true,
        }
    }
}

impl Keeper {
    pub(super) fn start_torrents(&mut self, numbers: &[Number], mode: StartMode, done: Done) {
        for number in self.present(numbers) {
            let Some(book) = self.books.get_mut(&number) else { continue };
            book.wish = if mode == StartMode::Now { Wish::RunNow } else { Wish::Run };
            self.change(number, |entry| {
                entry.fault = None;
                entry.progress.is_finished = false;
                entry.dates.started = unix_now();
            });
            self.mark(number);
            self.show_status(number);
            self.scrapes.hurry(number);
        }
        self.admit();
        self.answer(done);
    }

    pub(super) fn stop_torrents(&mut self, numbers: &[Number], done: Done) {
        for number in self.present(numbers) {
            if let Some(book) = self.books.get_mut(&number) {
                book.wish = Wish::Stop;
                book.admitted = false;
                book.verify = false;
            }
            self.mark(number);
            self.halt(number);
            self.show_status(number);
        }
        self.admit_waiting();
        self.answer(done);
    }

    pub(super) fn reject(&mut self, number: Number, reason: String, done: Done) {
        if !self.present(&[number]).is_empty() {
            self.fail(number, reason);
        }
        self.answer(done);
    }

    pub(super) fn verify(&mut self, numbers: &[Number], done: Done) {
        for number in self.present(numbers) {
            if !self.entry(number, |entry| entry.about.has_metadata).unwrap_or(false) {
                // There is nothing to be hashed.
                continue;
            }
            self.doubt(number);
            self.mark(number);
            self.halt(number);
            self.reconcile(number);
        }
        self.answer(done);
    }

    /// What lies there is looked at before it is trusted, whatever was wrong with it.
    pub(super) fn doubt(&mut self, number: Number) {
        if let Some(book) = self.books.get_mut(&number) {
            book.verify = true;
        }
        self.clear_local_fault(number);
    }

    pub(super) fn clear_local_fault(&self, number: Number) {
        self.change(number, |entry| {
            entry.fault = entry.fault.take().filter(|fault| fault.kind != FaultKind::Local);
        });
    }

    pub(super) fn reannounce(&mut self, numbers: &[Number], done: Done) {
        for number in self.present(numbers) {
            self.send(number, Change::Reannounce);
            self.ask_publisher(number);
        }
        self.answer(done);
    }

    pub(super) fn add_peers(&mut self, number: Number, peers: Vec<SocketAddr>, done: Done) {
        if let Some(book) = self.books.get_mut(&number) {
            book.peers.extend(peers.iter().take(MAX_NAMED_PEERS.saturating_sub(book.peers.len())));
        }
        self.send(number, Change::AddPeers(peers));
        self.answer(done);
    }

    /// Has a running torrent change; one that is just being opened, as soon as it is.
    pub(super) fn send(&mut self, number: Number, change: Change) {
        let Some(book) = self.books.get_mut(&number) else { return };
        let is_taken = match &book.run {
            Run::Asleep => return self.change_asleep(number, change),
            Run::Starting => hold(&mut book.held, change),
            Run::On(control) | Run::Stopping(control) => control.change(change),
            // The next start goes by what is wanted then.
            Run::Off | Run::Moving => true,
        };
        if !is_taken {
            tracing::warn!(
                number = number.0,
                "a torrent is too busy to take a change; it counts from its next start"
            );
        }
    }

    /// Moves what the engine does for a torrent one step towards what is wanted of it.
    pub(super) fn reconcile(&mut self, number: Number) {
        let Some(book) = self.books.get(&number) else { return };
        if book.is_leaving() || book.renaming {
            return;
        }
        let faulty = self.entry(number, has_local_fault).unwrap_or(true);
        let has_metadata = self.entry(number, |entry| entry.about.has_metadata).unwrap_or(false);
        let is_unresolved = self.entry(number, Entry::is_unresolved).unwrap_or(true);
        let is_known = has_metadata || book.magnet.is_some() && !is_unresolved;
        let wanted = (book.may_run() || book.verify) && !faulty;
        // One that was removed a moment ago still says goodbye; its end brings us back here.
        let is_leaving = |hash: InfoHash| {
            self.leaving.range((hash, Number(0))..).next().is_some_and(|(first, _)| *first == hash)
        };
        let has_predecessor = is_leaving(book.info_hash) || book.after.is_some_and(is_leaving);
        match &book.run {
            Run::Off if book.move_due => self.begin_move(number),
            Run::Off if wanted && is_known && !has_predecessor => self.begin_to_run(number),
            Run::Asleep if !wanted || book.move_due => {
                self.dismiss(number);
                return self.reconcile(number);
            }
            Run::Asleep if book.stirred || book.verify => self.open_in_turn(number),
            Run::On(control) => {
                let only_checks = !book.may_run() && control.with_snapshot(|it| it.phase == Phase::Checking);
                if !wanted && !only_checks || book.move_due {
                    self.halt(number);
                }
            }
            _ => {}
        }
        self.show_status(number);
    }

    fn begin_to_run(&mut self, number: Number) {
        if !self.put_to_sleep(number) {
            self.open_in_turn(number);
        }
    }

    /// Opens a torrent now, or when others have been opened.
    fn open_in_turn(&mut self, number: Number) {
        let Some(book) = self.books.get_mut(&number) else { return };
        let (queue, has_turn) = if book.verify && self.verifying.len() >= VERIFIES_AT_ONCE {
            (&mut self.to_verify, false)
        } else {
            (&mut self.waiting, self.opening < STARTS_AT_ONCE)
        };
        if has_turn {
            self.open(number);
        } else if !book.waiting {
            book.waiting = true;
            queue.push_back(number);
        }
    }

    /// A torrent is not being verified any more: others may be.
    fn verified(&mut self, number: Number) {
        self.verifying.remove(&number);
        while self.verifying.len() < VERIFIES_AT_ONCE
            && let Some(next) = self.to_verify.pop_front()
        {
            if let Some(book) = self.books.get_mut(&next) {
                book.waiting = false;
            }
            self.reconcile(next);
        }
    }

    /// Tells a running torrent to end, or one that sleeps.
    pub(super) fn halt(&mut self, number: Number) {
        self.dismiss(number);
        let Some(book) = self.books.get_mut(&number) else { return };
        let Run::On(control) = &book.run else { return };
        let control = control.clone();
        book.run = Run::Stopping(control.clone());
        let news = self.news_sender.clone();
        tokio::spawn(async move {
            // What its trackers said is shown after its end, too.
            if let Some(report) = control.report().await {
                let _ = news.send(News::Trackers(number, report)).await;
            }
            control.stop().await;
        });
    }

    pub(super) fn opened(&mut self, number: Number, result: Result<Opened, String>) {
        self.opening = self.opening.saturating_sub(1);
        let totals = self.entry(number, |entry| Totals {
            downloaded: entry.progress.downloaded,
            uploaded: entry.progress.uploaded,
            corrupt: entry.progress.corrupt,
        });
        let Some(book) = self.books.get_mut(&number) else { return };
        match result {
            Ok(opened) => {
                book.base = totals.unwrap_or_default();
                book.seen_at = Instant::now();
                book.searches = opened.metainfo.is_none();
                book.metainfo = opened.metainfo;
                if opened.is_home {
                    book.place = None;
                    self.dirty.insert(number);
                }
                book.run = Run::On(opened.control);
                let held = std::mem::take(&mut book.held);
                self.awake.insert(number);
                for change in held {
                    self.send(number, change);
                }
                if self.is_unwanted(number) {
                    self.halt(number);
                }
                self.show_status(number);
            }
            Err(text) => {
                book.run = Run::Off;
                book.held = Vec::new();
                book.checks = false;
                book.limits = None;
                if book.is_leaving() {
                    self.forget(number);
                } else {
                    self.fail(number, text);
                }
            }
        }
        self.next_rename(number);
        if self.books.get(&number).is_none_or(|book| book.control().is_none()) {
            self.verified(number);
        }
        while self.opening < STARTS_AT_ONCE
            && let Some(next) = self.waiting.pop_front()
        {
            if let Some(book) = self.books.get_mut(&next) {
                book.waiting = false;
            }
            self.reconcile(next);
        }
    }

    /// It was stopped or removed while it was being opened.
    fn is_unwanted(&self, number: Number) -> bool {
        let Some(book) = self.books.get(&number) else { return false };
        book.is_leaving() || !book.may_run() && !self.checks_only(number)
    }

    /// A torrent that was opened to be verified, and stays stopped.
    fn checks_only(&self, number: Number) -> bool {
        let Some(book) = self.books.get(&number) else { return false };
        book.control().is_some_and(|control| {
            control.with_snapshot(|snapshot| matches!(snapshot.phase, Phase::Checking | Phase::Stopped))
        })
    }

    /// A torrent tells something.
    pub(super) fn told(&mut self, number: Number, event: Event) {
        match event {
            Event::Checked { .. } => {
                self.look_at(number);
                self.verified(number);
            }
            Event::Complete => self.complete(number),
            Event::Failed(error) => self.fail(number, error.to_string()),
            Event::Metadata { metainfo, torrent_file } => self.found(number, &metainfo, torrent_file),
            Event::SeedingDone | Event::PieceFailed { .. } | Event::Source { .. } => {}
        }
    }

    pub(super) fn complete(&mut self, number: Number) {
        self.look_at(number);
        let Some(book) = self.books.get_mut(&number).filter(|book| !book.is_leaving()) else { return };
        book.changes_queue = true;
        book.move_due = book.place.is_some();
        let before = book.base.downloaded;
        let fetched = self.entry(number, |entry| {
            (entry.progress.downloaded > before && entry.dates.done == 0).then_some(entry.info_hash)
        });
        if let Some(hash) = fetched.flatten() {
            self.change(number, |entry| entry.dates.done = unix_now());
            let Some(book) = self.books.get_mut(&number) else { return };
            book.verify |= self.config.settings.verify_completed;
            // Whoever hears of it finds the data where it shall be.
            book.is_completion_untold = book.move_due;
            if !book.move_due {
                self.shared.log.tell(number, hash, EventKind::Complete);
            }
            if book.verify {
                self.halt(number);
            }
        }
        self.mark(number);
        self.commit(|_| {});
        self.admit();
        self.reconcile(number);
    }

    /// What the last snapshot of a torrent that has ended says.
    pub(super) fn take_over_last(&mut self, number: Number) {
        self.look_at(number);
        if let Some(book) = self.books.get_mut(&number) {
            book.run = Run::Off;
            book.checks = false;
            // What was just found is needed at once, and its file may not be written yet.
            let is_new = std::mem::take(&mut book.searches);
            book.metainfo = book.metainfo.take().filter(|_| book.is_leaving() || is_new);
            book.limits = None;
        }
        self.change(number, |entry| {
            entry.progress = Progress {
                down_rate: 0,
                up_rate: 0,
                peers_connected: 0,
                peers_sending: 0,
                peers_getting: 0,
                peers_from: crate::PeersFrom::default(),
                web_seeds_sending: 0,
                bytes_available: 0,
                bytes_unchecked: 0,
                verified: 0.0,
                is_stalled: false,
                ..entry.progress
            };
        });
        self.mark(number);
    }

    /// A torrent's task has ended.
    pub(super) fn ended(&mut self, number: Number) {
        self.take_over_last(number);
        self.verified(number);
        self.fell_asleep(number);
        if self.books.get(&number).is_some_and(|book| book.is_leaving()) {
            self.dismiss(number);
            self.forget(number);
        } else {
            self.reconcile(number);
            self.admit_waiting();
        }
    }

    /// A fault of the disk: the torrent stops.
    pub(super) fn fail(&mut self, number: Number, text: String) {
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
            book.admitted = false;
            book.verify = false;
        }
        self.mark(number);
        self.commit(|_| {});
        self.halt(number);
        self.show_status(number);
        self.admit_waiting();
    }

    /// Shows what a torrent is doing.
    pub(super) fn show_status(&mut self, number: Number) {
        let Some(book) = self.books.get(&number) else { return };
        let phase = match &book.run {
            Run::On(control) => control.with_snapshot(|it| Some((it.phase, it.bytes_checked))),
            _ => None,
        };
        let status = |entry: &Entry| {
            let left = entry.progress.bytes_left() > 0 || !entry.about.has_metadata;
            match phase {
                Some((Phase::Checking, _)) => Status::Verifying,
                Some((Phase::Metadata | Phase::Downloading | Phase::Finishing, _)) => Status::Downloading,
                Some((Phase::Seeding, _)) => Status::Seeding,
                Some((Phase::Stopped | Phase::Failed, _)) => Status::Stopped,
                None if book.verify || book.checks => Status::QueuedToVerify,
                None if book.wish == Wish::Stop => Status::Stopped,
                // On its way: as good as running.
                None if book.may_run() && left => Status::Downloading,
                None if book.may_run() => Status::Seeding,
                None if left => Status::QueuedToDownload,
                None => Status::QueuedToSeed,
            }
        };
        self.change_if(number, |entry| {
            let status = status(entry);
            std::mem::replace(&mut entry.status, status) != status
        });
    }
}

/// Keeps a change for later. Of those that set something the last counts. False if there is no room.
fn hold(held: &mut Vec<Change>, change: Change) -> bool {
    let adds_up = matches!(change, Change::AddWebSeed(_) | Change::RemoveWebSeed(_) | Change::AddPeers(_));
    if !adds_up {
        held.retain(|old| discriminant(old) != discriminant(&change));
    }
    let has_room = held.len() < CHANGES_HELD;
    if has_room {
        held.push(change);
    }
    has_room
}

fn has_local_fault(entry: &Entry) -> bool {
    entry.fault.as_ref().is_some_and(|fault| fault.kind == FaultKind::Local)
}
