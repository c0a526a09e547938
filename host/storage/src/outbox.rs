//! Events on their way to a torrent's task. The channel is bounded and its reader may be slow, or may be waiting for
//! storage itself; so what does not fit is kept here, in order, and a worker never waits.

use crate::events::DiskEvent;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use tokio::sync::mpsc::{Sender, error::TrySendError};

/// Where events go. What waits is at most a few events a piece, since a piece is asked for again only by a task that
/// read what became of it.
pub(crate) struct Outbox {
    sender: Sender<DiskEvent>,
    waiting: Mutex<VecDeque<DiskEvent>>,
}

impl Outbox {
    pub(crate) fn new(sender: Sender<DiskEvent>) -> Self {
        Self { sender, waiting: Mutex::default() }
    }

    /// Sends an event after all earlier ones. True if some wait for room: call [`Self::flush`] before long.
    pub(crate) fn send(&self, event: DiskEvent) -> bool {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.push_back(event);
        self.drain(&mut waiting)
    }

    /// Sends what waits, as far as there is room. True if some still wait.
    pub(crate) fn flush(&self) -> bool {
        self.drain(&mut self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn drain(&self, waiting: &mut VecDeque<DiskEvent>) -> bool {
        while let Some(event) = waiting.pop_front() {
            match self.sender.try_send(event) {
                Ok(()) => {}
                Err(TrySendError::Full(event)) => {
                    waiting.push_front(event);
                    return true;
                }
                // Nobody listens any more.
                Err(TrySendError::Closed(_)) => waiting.clear(),
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use metainfo::FileIndex;

    #[test]
    fn a_full_channel_keeps_events_in_order() {
        let (sender, mut receiver) = tokio::sync::mpsc::channel(1);
        let outbox = Outbox::new(sender);
        let event = |file| DiskEvent::FileCompleted { file: FileIndex(file) };
        assert!(!outbox.send(event(0)) && outbox.send(event(1)) && outbox.send(event(2)));
        for file in 0..3 {
            assert_eq!(receiver.try_recv(), Ok(event(file)));
            outbox.flush();
        }
        drop(receiver);
        assert!(!outbox.send(event(3)));
    }
}
