//! The queue: who runs, and in which order.

use super::Keeper;
use super::book::{Book, Run, Wish};
use super::command::Done;
use crate::QueueMove;
use crate::catalogue::entry::Number;
use crate::limits::{QUEUE_AT_ONCE, QUEUE_PAUSE_EACH};
use crate::queue::{self, Candidate};
use std::collections::BTreeSet;
use std::sync::PoisonError;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// What there is to decide about the queue, and when.
#[derive(Debug)]
pub(crate) struct Agenda {
    /// The place after the last.
    end: i64,
    /// Somebody waits for a place.
    is_waited_for: bool,
    /// Torrents were removed, and the others' positions are not told yet.
    pub(super) has_gaps: bool,
    looked_at: Instant,
    /// When it is to be looked at, if at all.
    pub(super) due: Option<Instant>,
}

impl Agenda {
    /// `end`: the place after the last.
    pub(super) fn new(end: i64) -> Self {
        Self { end, is_waited_for: false, has_gaps: false, looked_at: Instant::now(), due: None }
    }

    /// A place at the end.
    pub(super) const fn take_last(&mut self) -> i64 {
        self.end += 1;
        self.end - 1
    }
}

/// Ends when the queue is to be looked at.
pub(super) async fn due(when: Option<Instant>) {
    match when {
        Some(when) => sleep_until(when).await,
        None => std::future::pending().await,
    }
}

impl Keeper {
    /// The torrents in the order of the queue.
    fn in_order(&self) -> Vec<Number> {
        let present = self.books.values().filter(|book| !book.is_leaving());
        let mut queue: Vec<(i64, Number)> = present.map(|book| (book.order, book.number)).collect();
        queue.sort_unstable();
        queue.into_iter().map(|(_, number)| number).collect()
    }

    /// A place in the queue may be free: somebody who waits for it may run.
    pub(super) fn admit_waiting(&mut self) {
        if self.queue.is_waited_for {
            self.admit();
        }
    }

    /// Something has changed that the queue depends on. It is looked at at once, in a session of very many torrents not
    /// more often than that session can afford: adding or removing one of them must not cost a look at all.
    pub(super) fn admit(&mut self) {
        let many = self.books.len().saturating_sub(QUEUE_AT_ONCE);
        let next = self.queue.looked_at + QUEUE_PAUSE_EACH * u32::try_from(many).unwrap_or(u32::MAX);
        if next <= Instant::now() {
            self.look_at_queue();
        } else {
            self.queue.due = Some(next);
        }
    }

    /// Lets those run that may, and brings what the engine does in line.
    pub(super) fn look_at_queue(&mut self) {
        self.queue.due = None;
        if std::mem::take(&mut self.queue.has_gaps) {
            self.show_positions(&self.in_order());
        }
        let candidates = self.candidates();
        let settings = &self.config.settings;
        let admitted: BTreeSet<Number> =
            queue::admit(&candidates, settings.download_queue, settings.seed_queue).into_iter().collect();
        self.queue.is_waited_for = admitted.len() < candidates.len();
        for candidate in candidates {
            let Some(book) = self.books.get_mut(&candidate.key) else { continue };
            let is_admitted = admitted.contains(&candidate.key);
            let was_admitted = std::mem::replace(&mut book.admitted, is_admitted);
            book.changes_queue = false;
            let is_due = match book.run {
                Run::Off => book.may_run() && !book.waiting,
                Run::On(_) | Run::Asleep => !book.may_run(),
                Run::Starting | Run::Stopping(_) | Run::Moving => false,
            };
            if is_due || is_admitted != was_admitted {
                self.reconcile(candidate.key);
            }
        }
        // From its end on: in the longest queues a look takes as long as the pause to the next.
        self.queue.looked_at = Instant::now();
    }

    /// Those who want to run, in the order of the queue.
    fn candidates(&self) -> Vec<Candidate<Number>> {
        let stalled = self.config.settings.queue_stalled;
        let patience = Duration::from_secs(u64::from(stalled.minutes) * 60);
        let now = Instant::now();
        let catalogue = self.shared.catalogue.read().unwrap_or_else(PoisonError::into_inner);
        let candidate = |book: &Book| {
            let entry = catalogue.get(book.number)?;
            Some(Candidate {
                key: book.number,
                downloads: entry.progress.bytes_left() > 0 || !entry.about.has_metadata,
                now: book.wish == Wish::RunNow,
                runs: book.admitted && !book.changes_queue,
                stalled: stalled.enabled && now.saturating_duration_since(book.moved_at) >= patience,
            })
        };
        let wishing = self.books.values().filter(|book| book.wish != Wish::Stop && !book.is_leaving());
        let mut queue: Vec<_> = wishing.filter_map(|book| Some((book.order, candidate(book)?))).collect();
        queue.sort_unstable_by_key(|(order, candidate)| (*order, candidate.key));
        queue.into_iter().map(|(_, candidate)| candidate).collect()
    }

    pub(super) fn move_in_queue(&mut self, numbers: &[Number], to: QueueMove, done: Done) {
        let chosen = self.present(numbers);
        let queue = queue::moved(&self.in_order(), &chosen, to);
        self.reorder(&queue);
        self.admit();
        self.answer(done);
    }

    /// Puts a torrent at a place of the queue.
    pub(super) fn place(&mut self, number: Number, position: u32) {
        let mut queue = self.in_order();
        queue.retain(|other| *other != number);
        queue.insert((position as usize).min(queue.len()), number);
        self.reorder(&queue);
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
        self.queue.end = self.queue.end.max(last.saturating_add(1));
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
