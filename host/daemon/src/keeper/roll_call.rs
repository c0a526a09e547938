//! Are the files of sleepers there? A torrent that is put to sleep without having been opened is looked at behind it,
//! a few at a time; one whose files are gone or of another length gets up, and is checked as any torrent.

use super::book::Book;
use super::{Keeper, News, opening, waking};
use crate::catalogue::entry::Number;
use crate::limits::ROLL_CALL;
use metainfo::FileIndex;
use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;

/// Who is to be looked at.
#[derive(Debug, Default)]
pub(crate) struct RollCall {
    waiting: VecDeque<Number>,
    is_called: bool,
}

impl RollCall {
    pub(super) fn add(&mut self, number: Number) {
        self.waiting.push_back(number);
    }
}

/// Where the files of one torrent should be.
struct Named {
    number: Number,
    torrent_file: PathBuf,
    directory: PathBuf,
    paths: BTreeMap<FileIndex, PathBuf>,
    wanted: Vec<bool>,
}

impl Keeper {
    /// Looks at the next few; [`News::Missed`] follows.
    pub(super) fn call_roll(&mut self) {
        if self.roll_call.is_called || self.roll_call.waiting.is_empty() {
            return;
        }
        let few = self.roll_call.waiting.len().min(ROLL_CALL);
        let numbers: Vec<Number> = self.roll_call.waiting.drain(..few).collect();
        let named: Vec<Named> = numbers.into_iter().filter_map(|number| self.named(number)).collect();
        self.roll_call.is_called = true;
        let news = self.news_sender.clone();
        tokio::task::spawn_blocking(move || {
            let missed = named.iter().filter(|torrent| !torrent.is_there()).map(|torrent| torrent.number);
            // An error means that the keeper has ended.
            let _ = news.blocking_send(News::Missed(missed.collect()));
        });
    }

    fn named(&self, number: Number) -> Option<Named> {
        let book = self.books.get(&number).filter(|book| book.is_asleep())?;
        Some(Named {
            number,
            torrent_file: self.config.config_directory.join(Book::file_name(&book.info_hash)),
            directory: self.entry(number, |entry| entry.options.download_directory.clone())?,
            paths: opening::paths(book),
            wanted: book.files.wanted.clone(),
        })
    }

    /// These are not as they were left: they are checked.
    pub(super) fn missed(&mut self, numbers: &[Number]) {
        self.roll_call.is_called = false;
        for number in numbers {
            if self.books.get(number).is_some_and(|book| book.is_asleep()) {
                self.stir(*number);
            }
        }
        self.call_roll();
    }
}

impl Named {
    /// Every wanted file has its length; blocks.
    fn is_there(&self) -> bool {
        let Ok(metainfo) = waking::parse(&self.torrent_file) else { return false };
        (0u32..).zip(&metainfo.files).all(|(index, file)| {
            let is_wanted = self.wanted.get(index as usize).copied().unwrap_or(true);
            if file.pad || file.length == 0 || !is_wanted {
                return true;
            }
            let path = match self.paths.get(&FileIndex(index)) {
                Some(path) => self.directory.join(path),
                None => file.path.iter().fold(self.directory.clone(), |path, part| path.join(part)),
            };
            std::fs::metadata(path).is_ok_and(|found| found.len() == file.length)
        })
    }
}
