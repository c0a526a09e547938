//! Forgetting torrents.

use super::book::{Book, Run, Wish};
use super::command::Done;
use super::opening;
use super::{Keeper, News};
use crate::api::events::EventKind;
use crate::catalogue::entry::Number;
use metainfo::{FileIndex, InfoHash, Metainfo};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use storage::{Change, TorrentLayout};

impl Keeper {
    pub(super) fn remove(&mut self, numbers: &[Number], delete_data: bool, done: Done) {
        for number in self.present(numbers) {
            // Its data may be deleted after its record and file are gone: the metainfo is kept for that.
            let file = self.torrent_file(number);
            let removed = self.catalogue().remove(number);
            let Some(book) = self.books.get_mut(&number) else { continue };
            book.removal = Some(delete_data);
            book.wish = Wish::Stop;
            book.admitted = false;
            if delete_data && book.metainfo.is_none() {
                // A small read, once for a torrent whose data goes anyway.
                book.metainfo = super::waking::parse(&file).ok().map(Arc::new);
            }
            if let Some(entry) = removed {
                let directory = book.place.take().unwrap_or(entry.options.download_directory);
                book.place = Some(directory);
                self.changes.push(Change::Remove(entry.info_hash));
                let link = Book::file_name(&entry.info_hash).with_extension("magnet");
                self.changes.push(Change::RemoveFile(Book::file_name(&entry.info_hash)));
                self.changes.push(Change::RemoveFile(link));
                self.shared.log.tell(number, entry.info_hash, EventKind::Removed);
            }
            self.leaving.insert((book.info_hash, number));
            self.dismiss(number);
            if self.books.get(&number).is_some_and(|book| matches!(book.run, Run::Off)) {
                self.forget(number);
            } else {
                self.halt(number);
            }
        }
        self.queue.has_gaps = true;
        self.admit();
        self.answer(done);
    }

    /// Drops what is left of a removed torrent, and deletes its data if that was asked for.
    pub(super) fn forget(&mut self, number: Number) {
        let Some(book) = self.books.remove(&number) else { return };
        self.dirty.remove(&number);
        self.scrapes.forget(number);
        // Its task may have recorded its progress once more at its end.
        let hash = book.info_hash;
        if self.catalogue().find(&hash).is_none() {
            self.changes.push(Change::Remove(hash));
            self.commit(|_| {});
        }
        let (Some(true), Some(metainfo)) = (book.removal, &book.metainfo) else {
            return self.gone(number, &hash);
        };
        let (places, paths) = (book.place.iter().chain(&book.left_at), opening::paths(&book));
        let layouts: Vec<_> = places.map(|place| layout(metainfo, &paths, place.clone())).collect();
        let news = self.news_sender.clone();
        tokio::task::spawn_blocking(move || {
            for error in layouts.iter().filter_map(|layout| storage::delete_data(layout).err()) {
                tracing::warn!(%error, "the data of a removed torrent could not be deleted");
            }
            // An error means that the keeper has ended.
            let _ = news.blocking_send(News::Gone(number, hash));
        });
    }

    /// Nothing is left of a removed torrent: the same one may begin anew.
    pub(super) fn gone(&mut self, number: Number, hash: &InfoHash) {
        self.leaving.remove(&(*hash, number));
        let successor = self.catalogue().find(hash);
        if let Some(successor) = successor {
            self.reconcile(successor);
        }
        self.let_heirs_begin(hash);
    }
}

/// A torrent's files as storage sees them, `paths` being those that the user changed.
pub(super) fn layout(
    metainfo: &Metainfo,
    paths: &BTreeMap<FileIndex, PathBuf>,
    directory: PathBuf,
) -> TorrentLayout {
    let mut layout = storage::Layout::new(metainfo);
    for (index, path) in paths {
        if let Some(file) = layout.files.get_mut(index.as_usize()) {
            file.path.clone_from(path);
        }
    }
    TorrentLayout {
        layout: Arc::new(layout),
        download_directory: directory,
        selected: None,
        preallocate: false,
        plain_names: false,
        looks_only: true,
    }
}
