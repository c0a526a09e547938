//! The queue: who runs, and in which order.

use super::Keeper;
use super::book::{Run, Wish};
use super::command::Done;
use crate::QueueMove;
use crate::catalogue::entry::Number;
use crate::queue::{self, Candidate};
use std::collections::BTreeSet;
use std::sync::PoisonError;
use std::time::Duration;

impl Keeper {
    /// The torrents in the order of the queue.
    fn queue(&self) -> Vec<Number> {
        let present = self.books.values().filter(|book| !book.is_leaving());
        let mut queue: Vec<(i64, Number)> = present.map(|book| (book.order, book.number)).collect();
        queue.sort_unstable();
        queue.into_iter().map(|(_, number)| number).collect()
    }

    /// A place in the queue may be free: somebody who waits for it may run.
    pub(super) fn admit_waiting(&mut self) {
        if self.queue_waits {
            self.admit();
        }
    }

    /// Lets those run that may, and brings what the engine does in line.
    pub(super) fn admit(&mut self) {
        let settings = &self.config.settings;
        let patience = Duration::from_secs(u64::from(settings.queue_stalled.minutes) * 60);
        let stalls = settings.queue_stalled.enabled;
        let catalogue = self.shared.catalogue.read().unwrap_or_else(PoisonError::into_inner);
        let candidate = |number: Number| {
            let (book, entry) = (self.books.get(&number)?, catalogue.get(number)?);
            (book.wish != Wish::Stop).then(|| Candidate {
                key: number,
                downloads: entry.progress.bytes_left() > 0 || !entry.about.has_metadata,
                now: book.wish == Wish::RunNow,
                runs: book.admitted,
                stalled: stalls && book.moved_at.elapsed() >= patience,
            })
        };
        let candidates: Vec<_> = self.queue().into_iter().filter_map(candidate).collect();
        drop(catalogue);
        let admitted: BTreeSet<Number> =
            queue::admit(&candidates, settings.download_queue, settings.seed_queue).into_iter().collect();
        self.queue_waits = admitted.len() < candidates.len();
        let mut changed = Vec::new();
        for candidate in &candidates {
            let Some(book) = self.books.get_mut(&candidate.key) else { continue };
            let is_admitted = admitted.contains(&candidate.key);
            let was_admitted = std::mem::replace(&mut book.admitted, is_admitted);
            let is_due = match book.run {
                Run::Off => book.may_run() && !book.waiting,
                Run::On(_) | Run::Asleep => !book.may_run(),
                Run::Starting | Run::Stopping(_) | Run::Moving => false,
            };
            // Those that wait for the queue are shown as waiting.
            if is_due || is_admitted != was_admitted || !book.may_run() {
                changed.push(candidate.key);
            }
        }
        for number in changed {
            self.reconcile(number);
        }
    }

    pub(super) fn move_in_queue(&mut self, numbers: &[Number], to: QueueMove, done: Done) {
        let chosen = self.present(numbers);
        let queue = queue::moved(&self.queue(), &chosen, to);
        self.reorder(&queue);
        self.admit();
        self.answer(done);
    }

    /// Puts a torrent at a place of the queue.
    pub(super) fn place(&mut self, number: Number, position: u32) {
        let mut queue = self.queue();
        queue.retain(|other| *other != number);
        queue.insert((position as usize).min(queue.len()), number);
        self.reorder(&queue);
    }

    /// Closes the gaps that removed torrents leave.
    pub(super) fn renumber(&mut self) {
        let queue = self.queue();
        self.show_positions(&queue);
    }

    /// Gives torrents new places; only what moves is recorded anew.
    fn reorder(&mut self, queue: &[Number]) {
        let mut last = i64::MIN;
        let mut orders: Vec<i64> = self.books.values().map(|book| book.order).collect();
        orders.sort_unstable();
        for (number, order) in queue.iter().zip(orders) {
            let Some(book) = self.books.get_mut(number) else { continue };
            let order = order.max(last.saturating_add(1));
            last = order;
            if book.order != order {
                book.order = order;
                self.mark(*number);
            }
        }
        self.show_positions(queue);
    }

    fn show_positions(&self, queue: &[Number]) {
        for (position, number) in (0u32..).zip(queue) {
            self.change_if(*number, |entry| {
                std::mem::replace(&mut entry.queue_position, position) != position
            });
        }
    }
}
