//! Moving and renaming the data of torrents.

use super::book::{Book, Run};
use super::command::{Done, Reply};
use super::{Keeper, News, opening, removing};
use crate::api::command::{CommandError, RenameError};
use crate::api::events::EventKind;
use crate::catalogue::entry::Number;
use crate::limits::RENAMES_WAITING;
use metainfo::{FileIndex, Metainfo};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use storage::{DiskError, StateStore};

/// A rename under way.
#[derive(Debug)]
pub(crate) struct Renaming {
    number: Number,
    /// The paths of all renamed files afterwards.
    paths: BTreeMap<u32, String>,
    /// The new name of the torrent, if its root is renamed.
    name: Option<String>,
}

impl Keeper {
    pub(super) fn set_location(&mut self, numbers: &[Number], to: &Path, move_data: bool, done: Done) {
        if !to.is_absolute() {
            return drop(done.send(Err(CommandError::RelativePath(to.to_path_buf()))));
        }
        for number in self.present(numbers) {
            let old = self.change(number, |entry| {
                std::mem::replace(&mut entry.options.download_directory, to.to_path_buf())
            });
            let Some(book) = self.books.get_mut(&number) else { continue };
            if move_data {
                // What is on its way elsewhere comes from there.
                let is_moving = matches!(book.run, Run::Moving);
                let from = book.place.take().or(old).filter(|from| from != to || is_moving);
                book.move_due = from.is_some();
                book.place = from;
            } else {
                book.place = None;
                book.move_due = false;
                self.doubt(number);
            }
            self.mark(number);
            self.halt(number);
            self.reconcile(number);
        }
        self.answer(done);
    }

    /// Moves the data of a torrent without a task to its download folder; [`News::Moved`] follows.
    pub(super) fn begin_move(&mut self, number: Number) {
        let Some(to) = self.entry(number, |entry| entry.options.download_directory.clone()) else { return };
        let file = self.torrent_file(number);
        let state = self.session.state().cloned();
        let Some(book) = self.books.get_mut(&number) else { return };
        book.move_due = false;
        let Some(from) = book.place.clone() else { return };
        book.run = Run::Moving;
        let (known, paths, news) = (book.metainfo.clone(), opening::paths(book), self.news_sender.clone());
        let folder = to.clone();
        tokio::spawn(async move {
            let metainfo = match known {
                Some(metainfo) => Ok(metainfo),
                None => opening::load(file).await,
            };
            let result = match metainfo {
                Ok(metainfo) => {
                    let work = move || move_data(&metainfo, &paths, &from, &folder, state.as_ref());
                    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(error.to_string()))
                }
                Err(error) => Err(error),
            };
            // An error means that the keeper has ended.
            let _ = news.send(News::Moved(number, to, result)).await;
        });
    }

    pub(super) fn moved(&mut self, number: Number, to: PathBuf, result: Result<(), String>) {
        let target = self.entry(number, |entry| entry.options.download_directory.clone());
        let Some(book) = self.books.get_mut(&number) else { return };
        book.run = Run::Off;
        book.left_at = result.is_err().then(|| to.clone());
        if book.is_leaving() {
            if result.is_ok() {
                book.place = Some(to);
            }
            return self.forget(number);
        }
        match result {
            Ok(()) => {
                // Meanwhile another folder may have been chosen, to which it moves on from here.
                book.move_due &= target.as_ref() != Some(&to);
                book.place = Some(to).filter(|_| book.move_due);
                let hash = book.info_hash;
                if std::mem::take(&mut book.is_completion_untold) {
                    self.shared.log.tell(number, hash, EventKind::Complete);
                }
                self.clear_local_fault(number);
                self.mark(number);
                self.commit(|_| {});
                self.reconcile(number);
            }
            Err(text) => {
                self.stay(number);
                self.fail(number, text);
                self.reconcile(number);
            }
        }
        self.next_rename(number);
    }

    /// A move failed: the data's folder is its download folder again, unless it is to move elsewhere meanwhile, or only
    /// unfinished data belongs there.
    fn stay(&mut self, number: Number) {
        let unfinished = &self.config.settings.incomplete_directory;
        let Some(book) = self.books.get_mut(&number).filter(|book| !book.move_due) else { return };
        if let Some(place) = book.place.take_if(|place| place != unfinished) {
            self.change(number, |entry| entry.options.download_directory = place);
        }
    }

    pub(super) fn rename(
        &mut self,
        number: Number,
        path: &str,
        name: &str,
        reply: Reply<Result<(), RenameError>>,
    ) {
        let is_plain = !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\0']);
        if !is_plain {
            return drop(reply.send(Err(RenameError::InvalidName)));
        }
        if self.present(&[number]).is_empty() {
            return drop(reply.send(Err(RenameError::NoTorrent)));
        }
        let is_busy = |book: &Book| book.renaming || matches!(book.run, Run::Starting | Run::Moving);
        if self.books.get(&number).is_some_and(|book| is_busy(book)) {
            return self.rename_later(number, path, name, reply);
        }
        let directory = self.entry(number, |entry| entry.options.download_directory.clone());
        let file = self.torrent_file(number);
        let Some(book) = self.books.get_mut(&number) else { return };
        let root = book.place.clone().or(directory).unwrap_or_default();
        let work = RenameWork {
            number,
            known: book.metainfo.clone(),
            file,
            paths: book.paths.clone(),
            control: book.control().cloned(),
            root,
            from: path.trim_end_matches('/').to_owned(),
            name: name.to_owned(),
        };
        book.renaming = true;
        if let Run::On(control) = &book.run {
            book.run = Run::Stopping(control.clone());
        }
        let news = self.news_sender.clone();
        tokio::spawn(async move {
            let (renaming, result) = work.run().await;
            let _ = news.send(News::Renamed(renaming, result, reply)).await;
        });
    }

    /// Its files are being opened, moved or renamed: this one waits for that.
    fn rename_later(
        &mut self,
        number: Number,
        path: &str,
        name: &str,
        reply: Reply<Result<(), RenameError>>,
    ) {
        let Some(book) = self.books.get_mut(&number) else { return };
        if book.renames.len() >= RENAMES_WAITING {
            return drop(reply.send(Err(RenameError::Disk("too many renames at once; try again".into()))));
        }
        book.renames.push_back((path.to_owned(), name.to_owned(), reply));
    }

    /// Begins the rename that waits longest.
    pub(super) fn next_rename(&mut self, number: Number) {
        let Some(book) = self.books.get_mut(&number) else { return };
        if let Some((path, name, reply)) = book.renames.pop_front() {
            self.rename(number, &path, &name, reply);
        }
    }

    pub(super) fn renamed(
        &mut self,
        renaming: Renaming,
        result: Result<(), RenameError>,
        reply: Reply<Result<(), RenameError>>,
    ) {
        let number = renaming.number;
        let Some(book) = self.books.get_mut(&number) else { return };
        book.renaming = false;
        if result.is_ok() {
            book.paths = renaming.paths;
            // A task that has not ended yet holds the old names.
            self.change(number, |entry| {
                if let Some(name) = renaming.name {
                    entry.name = name;
                }
            });
            self.mark(number);
        }
        self.commit(move |saved| {
            let saved = saved.map_err(|text| RenameError::Command(CommandError::NotSaved(text)));
            let _ = reply.send(result.and(saved));
        });
        self.reconcile(number);
        self.next_rename(number);
    }
}

fn move_data(
    metainfo: &Metainfo,
    paths: &BTreeMap<FileIndex, PathBuf>,
    from: &Path,
    to: &Path,
    state: Option<&StateStore>,
) -> Result<(), String> {
    let real_from = std::fs::canonicalize(from);
    let layout = removing::layout(metainfo, paths, from.to_path_buf());
    storage::move_data(&layout, to).map_err(|error| error.to_string())?;
    if let (Some(state), Ok(real_from), Ok(real_to)) = (state, real_from, std::fs::canonicalize(to))
        && real_from != real_to
        && let Err(error) = state.relocate(&metainfo.info_hash(), &real_from, &real_to)
    {
        tracing::warn!(%error, "the moved data has to be verified again");
    }
    Ok(())
}

/// What a rename needs, away from the keeper.
struct RenameWork {
    number: Number,
    known: Option<Arc<Metainfo>>,
    file: PathBuf,
    paths: BTreeMap<u32, String>,
    control: Option<engine::Control>,
    root: PathBuf,
    from: String,
    name: String,
}

impl RenameWork {
    async fn run(self) -> (Renaming, Result<(), RenameError>) {
        let mut renaming = Renaming { number: self.number, paths: self.paths.clone(), name: None };
        let metainfo = match &self.known {
            Some(metainfo) => Ok(Arc::clone(metainfo)),
            None => opening::load(self.file.clone()).await,
        };
        if let Some(control) = &self.control {
            control.stop().await;
        }
        let result = match metainfo {
            Ok(metainfo) => self.rename(&metainfo, &mut renaming).await,
            Err(text) => Err(RenameError::Disk(text)),
        };
        (renaming, result)
    }

    async fn rename(&self, metainfo: &Metainfo, renaming: &mut Renaming) -> Result<(), RenameError> {
        let parent = self.from.rsplit_once('/').map(|(parent, _)| parent);
        let to = parent.map_or_else(|| self.name.clone(), |parent| format!("{parent}/{}", self.name));
        let inside = format!("{}/", self.from);
        let mut found = false;
        let mut clash = false;
        for (index, file) in (0u32..).zip(&metainfo.files) {
            let now = self.paths.get(&index).cloned().unwrap_or_else(|| file.path.join("/"));
            if now == self.from {
                found = true;
                renaming.paths.insert(index, to.clone());
            } else if let Some(rest) = now.strip_prefix(&inside) {
                found = true;
                renaming.paths.insert(index, format!("{to}/{rest}"));
            } else {
                clash |= now == to || now.starts_with(&format!("{to}/"));
            }
        }
        if !found {
            return Err(RenameError::NoSuchPath);
        }
        if clash && to != self.from {
            return Err(RenameError::Exists);
        }
        if to == self.from {
            return Ok(());
        }
        if parent.is_none() {
            renaming.name = Some(self.name.clone());
        }
        let (root, from) = (self.root.clone(), self.from.clone());
        let work = move || {
            if !root.exists() {
                return Ok(());
            }
            storage::rename_path(&root, Path::new(&from), Path::new(&to))
        };
        match tokio::task::spawn_blocking(work).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(DiskError::InTheWay { .. })) => Err(RenameError::Exists),
            Ok(Err(error)) => Err(RenameError::Disk(error.to_string())),
            Err(error) => Err(RenameError::Disk(error.to_string())),
        }
    }
}
