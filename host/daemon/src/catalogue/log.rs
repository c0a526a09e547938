//! The last events, for streams that begin anywhere among them.

use crate::api::events::{Event, EventKind, Missed, Revision};
use crate::catalogue::entry::Number;
use crate::limits::EVENTS_KEPT;
use metainfo::InfoHash;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// Where events are written down.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    kept: Arc<Mutex<VecDeque<Event>>>,
    latest: watch::Sender<Revision>,
}

impl Default for Log {
    fn default() -> Self {
        Self { kept: Arc::default(), latest: watch::Sender::new(Revision(0)) }
    }
}

impl Log {
    pub(crate) fn tell(&self, number: Number, info_hash: InfoHash, kind: EventKind) {
        let mut kept = lock(&self.kept);
        let revision = Revision(self.latest.borrow().0 + 1);
        kept.push_back(Event { revision, number, info_hash, kind });
        if kept.len() > EVENTS_KEPT {
            kept.pop_front();
        }
        self.latest.send_replace(revision);
    }

    /// The events after `after`, or those to come.
    pub(crate) fn subscribe(&self, after: Option<Revision>) -> Events {
        let latest = self.latest.subscribe();
        let after = after.unwrap_or_else(|| *latest.borrow());
        Events { kept: Arc::clone(&self.kept), latest, after }
    }
}

/// A stream of events. Dropping it ends it; a slow reader costs nothing and may miss some.
#[derive(Debug)]
pub struct Events {
    kept: Arc<Mutex<VecDeque<Event>>>,
    latest: watch::Receiver<Revision>,
    after: Revision,
}

impl Events {
    /// The next event; waits for one. `None` once the daemon has ended. May be dropped and called again.
    pub async fn next(&mut self) -> Option<Result<Event, Missed>> {
        loop {
            if let Some(found) = self.try_next() {
                return Some(found);
            }
            self.latest.changed().await.ok()?;
        }
    }

    /// The next event, if there is one already.
    pub fn try_next(&mut self) -> Option<Result<Event, Missed>> {
        let latest = *self.latest.borrow_and_update();
        let kept = lock(&self.kept);
        let oldest = kept.front()?.revision;
        if self.after.0 + 1 < oldest.0 || self.after > latest {
            self.after = latest;
            return Some(Err(Missed { latest }));
        }
        let event = kept.get((self.after.0 + 1 - oldest.0) as usize)?.clone();
        self.after = event.revision;
        Some(Ok(event))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
