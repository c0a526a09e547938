//! Details on demand: the keeper says where they are, the asker gathers them.

use super::Keeper;
use super::book::{FileWishes, Run};
use crate::api::details::{Details, FileDetails, Wanted};
use crate::catalogue::entry::Number;
use engine::Control;
use metainfo::{FileIndex, Metainfo};
use std::sync::Arc;

/// Where the details of one torrent are.
#[derive(Debug)]
pub(crate) struct Lookup {
    metainfo: Option<Arc<Metainfo>>,
    files: FileWishes,
    control: Option<Control>,
}

impl Keeper {
    pub(super) fn look_up(&self, numbers: &[Number]) -> Vec<Option<Lookup>> {
        let look_up = |number| {
            let book = self.books.get(number).filter(|book| book.removal.is_none())?;
            let control = match &book.run {
                Run::On(control) => Some(control.clone()),
                _ => None,
            };
            Some(Lookup { metainfo: book.metainfo.clone(), files: book.files.clone(), control })
        };
        numbers.iter().map(look_up).collect()
    }
}

impl Lookup {
    /// Gathers what is wanted.
    pub(crate) async fn gather(self, wanted: Wanted) -> Details {
        let mut details = Details::default();
        if wanted.files
            && let Some(metainfo) = &self.metainfo
        {
            details.files = files(metainfo, &self.files);
        }
        let _ = self.control;
        details
    }
}

fn files(metainfo: &Metainfo, wishes: &FileWishes) -> Vec<FileDetails> {
    let list = (0u32..).zip(&metainfo.files).filter(|(_, file)| !file.pad);
    list.map(|(index, file)| FileDetails {
        path: file.path.join("/"),
        length: file.length,
        bytes_completed: 0,
        wanted: wishes.wanted.get(index as usize).copied().unwrap_or(true),
        priority: wishes.priorities.get(index as usize).copied().unwrap_or_default(),
        pieces: metainfo.geometry.file_pieces(FileIndex(index)),
    })
    .collect()
}
