//! Torrents whose publishers replace them (BEP 46): who is listened to, and what becomes of a torrent when a newer one is
//! named.
//!
//! A newer torrent is added beside the older one as a magnet link; once its metadata is here the older one leaves the
//! list, its data stays, and the newer one takes what it can use of that. A link that says no more than who its publisher
//! is has a row from the beginning, under the target of the publisher's item.

use super::{Keeper, News};
use crate::catalogue::entry::{Entry, Fault, FaultKind, Number, Publication};
use crate::limits::PUBLISHERS_FOLLOWED;
use crate::prepare::{Prepared, What};
use crate::{AddRequest, Source};
use engine::{Update, UpdateError, Updates};
use metainfo::{InfoHash, Magnet, hex};
use std::sync::Arc;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::AbortHandle;

/// Listens to a publisher until it is dropped.
pub(crate) struct Watch {
    hurry: Arc<Notify>,
    task: AbortHandle,
}

impl Watch {
    fn start(mut updates: Updates, number: Number, news: mpsc::Sender<News>) -> Self {
        let hurry = Arc::new(Notify::new());
        let hurried = Arc::clone(&hurry);
        let task = tokio::spawn(async move {
            loop {
                tokio::select! {
                    told = updates.next() => {
                        let Some(told) = told else { return };
                        // An error means that the keeper has ended.
                        if news.send(News::Published(number, told)).await.is_err() {
                            return;
                        }
                    }
                    () = hurried.notified() => updates.look_now(),
                }
            }
        });
        Self { hurry, task: task.abort_handle() }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Who a link says is its publisher.
pub(super) fn publication(magnet: &Magnet) -> Option<Box<Publication>> {
    let publisher = magnet.publisher.clone()?;
    let nodes = magnet.nodes.clone();
    Some(Box::new(Publication { publisher, sequence: None, nodes, replaces: None, is_kept: false }))
}

impl Keeper {
    /// Listens to the publishers of torrents that run, and to no others.
    pub(super) fn look_at_publishers(&mut self) {
        let catalogue = self.shared.catalogue.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        self.followed.retain(|number| catalogue.get(*number).is_some_and(|it| it.publication.is_some()));
        drop(catalogue);
        let followed = &self.followed;
        let books = &self.books;
        let runs = |number: &Number| {
            followed.contains(number)
                && books.get(number).is_some_and(|book| book.may_run() && !book.is_leaving())
        };
        self.watches.retain(|number, _| runs(number));
        let new = followed.iter().filter(|number| runs(number) && !self.watches.contains_key(number));
        let new: Vec<Number> =
            new.take(PUBLISHERS_FOLLOWED.saturating_sub(self.watches.len())).copied().collect();
        for number in new {
            let publication = self.entry(number, |entry| entry.publication.clone());
            let Some(it) = publication.flatten() else { continue };
            let updates = self.session.updates(it.publisher, it.nodes, it.sequence);
            self.watches.insert(number, Watch::start(updates, number, self.news_sender.clone()));
        }
    }

    /// Asks a torrent's publisher at once, if it has one.
    pub(super) fn ask_publisher(&self, number: Number) {
        if let Some(watch) = self.watches.get(&number) {
            watch.hurry.notify_one();
        }
    }

    /// A publisher was heard, or was not.
    pub(super) fn published(&mut self, number: Number, told: Result<Update, UpdateError>) {
        if self.books.get(&number).is_none_or(|book| book.is_leaving()) {
            return;
        }
        match told {
            Ok(update) => self.follow(number, update),
            Err(error) => {
                tracing::debug!(number = number.0, %error, "a publisher");
                let fault = Fault { kind: FaultKind::TrackerWarning, text: error.to_string() };
                self.change_if(number, |entry| {
                    entry.is_unresolved() && entry.take_tracker_fault(Some(Box::new(fault)))
                });
            }
        }
    }

    /// The publisher's newest torrent takes the place of what is there.
    fn follow(&mut self, number: Number, update: Update) {
        let Some(entry) = self.entry(number, Entry::clone) else { return };
        let Some(publication) = entry.publication().cloned() else { return };
        if publication.sequence.is_some_and(|known| update.sequence <= known) {
            return;
        }
        let info_hash = InfoHash::V1(update.info_hash);
        let replaces = match entry.about.has_metadata {
            true if publication.is_kept => None,
            true => Some(entry.info_hash),
            false => publication.replaces,
        };
        let mut newer = Publication {
            sequence: Some(update.sequence),
            replaces: replaces.filter(|old| *old != info_hash),
            ..publication
        };
        let hash = hex(&update.info_hash);
        tracing::info!(name = entry.name, sequence = update.sequence, hash, "its publisher names a torrent");
        if entry.info_hash == info_hash {
            return self.set_publication(number, newer);
        }
        let known = self.catalogue().find(&info_hash);
        newer.is_kept = known.is_some();
        let successor = match known {
            Some(successor) => successor,
            None => match self.take_in_successor(&entry, &newer, update.info_hash) {
                Some(successor) => successor,
                None => return,
            },
        };
        self.set_publication(successor, newer);
        self.change(number, |entry| entry.publication = None);
        self.mark(number);
        if !entry.about.has_metadata {
            let (done, _) = oneshot::channel();
            self.remove(&[number], false, done);
        }
        if self.entry(successor, |entry| entry.about.has_metadata).unwrap_or(false) {
            self.retire_predecessor(successor);
        }
        self.commit(|_| {});
        self.admit();
    }

    /// Takes a newer torrent in as the older one was.
    fn take_in_successor(&mut self, old: &Entry, newer: &Publication, hash: [u8; 20]) -> Option<Number> {
        let link = self.books.get(&old.number)?.magnet.as_ref().filter(|_| old.is_unresolved());
        let mut magnet = link.and_then(|link| link.parse::<Magnet>().ok()).unwrap_or_else(|| Magnet {
            name: Some(old.name.clone()),
            trackers: old.trackers.iter().map(|tracker| tracker.announce.clone()).collect(),
            nodes: newer.nodes.clone(),
            ..Magnet::default()
        });
        magnet.info_hash_v1 = Some(hash);
        magnet.publisher = Some(newer.publisher.clone());
        let mut request = AddRequest::new(Source::Metainfo(Vec::new()));
        request.paused = Some(false);
        if !old.about.has_metadata {
            let book = self.books.get(&old.number)?;
            request.files = book.choices.iter().cloned().collect();
        }
        let added = self.take_in(Prepared { request, what: What::Magnet(Box::new(magnet)) });
        let number = added.inspect_err(|error| tracing::warn!(%error, "a newer torrent")).ok()?.number;
        self.change(number, |entry| entry.options = old.options.clone());
        if let (Some(wish), Some(book)) =
            (self.books.get(&old.number).map(|book| book.wish), self.books.get_mut(&number))
        {
            book.wish = wish;
        }
        Some(number)
    }

    /// A torrent turned out to be known by another hash: whoever publishes it does so still.
    pub(super) fn pass_publication_on(&mut self, from: Number, to: Number) {
        let publication = self.change(from, |entry| entry.publication.take());
        if let Some(publication) = publication.flatten() {
            self.set_publication(to, *publication);
            self.retire_predecessor(to);
        }
    }

    pub(super) fn set_publication(&mut self, number: Number, publication: Publication) {
        self.change(number, |entry| {
            entry.publication = Some(Box::new(publication));
            entry.fault = entry.fault.take().filter(|fault| fault.kind == FaultKind::Local);
        });
        self.followed.insert(number);
        self.mark(number);
    }

    /// The metadata of a newer torrent is here: the older one leaves, its data stays.
    pub(super) fn retire_predecessor(&mut self, number: Number) {
        let replaces = self.change(number, |entry| {
            entry.publication.as_mut().and_then(|publication| publication.replaces.take())
        });
        let Some(hash) = replaces.flatten() else { return };
        if let Some(book) = self.books.get_mut(&number) {
            book.after = Some(hash);
        }
        self.mark(number);
        let old = self.catalogue().find(&hash);
        if let Some(old) = old.filter(|old| *old != number) {
            let (done, _) = oneshot::channel();
            self.remove(&[old], false, done);
        }
    }

    /// Nothing holds the files of a removed torrent any more: one that takes its place may begin.
    pub(super) fn let_heirs_begin(&mut self, hash: &InfoHash) {
        let is_heir =
            |number: &&Number| self.books.get(number).is_some_and(|book| book.after.as_ref() == Some(hash));
        let heirs: Vec<Number> = self.followed.iter().filter(is_heir).copied().collect();
        for number in heirs {
            self.reconcile(number);
        }
    }
}
