//! Forgetting torrents.

use super::Keeper;
use super::book::{Run, Wish};
use crate::api::events::EventKind;
use crate::catalogue::entry::Number;

impl Keeper {
    pub(super) fn remove(&mut self, numbers: &[Number], delete_data: bool) {
        for number in numbers {
            let Some(book) = self.books.get_mut(number) else { continue };
            book.removal = Some(delete_data);
            book.wish = Wish::Stop;
            if matches!(book.run, Run::Off) {
                self.forget(*number);
            } else {
                self.reconcile(*number);
            }
            // Gone for everybody else at once; the task says goodbye behind it.
            let removed = self.catalogue().remove(*number);
            if let Some(entry) = removed {
                self.shared.log.tell(*number, entry.info_hash, EventKind::Removed);
            }
        }
    }

    /// Drops what is left of a removed torrent.
    pub(super) fn forget(&mut self, number: Number) {
        self.books.remove(&number);
    }
}
