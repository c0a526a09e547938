//! What an endpoint wants sent, has to tell, and waits for.

use super::{Endpoint, Slot, stream_at};
use crate::contract::{Event, StreamId, Transmit};
use crate::limits::HEADER_BYTES;
use crate::stream::{Batch, Now};
use std::net::SocketAddr;
use std::time::Instant;

/// What the next call to the socket sends.
enum Next {
    Reply(SocketAddr),
    Batch(u32, Batch),
}

impl Endpoint {
    /// Datagrams to be sent now. Drained to `None` before [`Self::poll_timeout`] counts.
    pub fn poll_transmit(&mut self, now: Instant) -> Option<Transmit<'_>> {
        let next = self.next(self.now(now))?;
        self.stats.batches_sent += 1;
        let (index, batch) = match next {
            Next::Reply(to) => {
                self.stats.packets_sent += 1;
                let contents = &self.scratch[..HEADER_BYTES];
                return Some(Transmit { to, contents, segment_size: HEADER_BYTES, may_fragment: false });
            }
            Next::Batch(index, batch) => (index, batch),
        };
        self.stats.packets_sent += batch.packets as u64;
        self.stats.packets_resent += batch.resent as u64;
        let stream = stream_at(&mut self.slots, index)?;
        let contents = match batch.sheet {
            Some(sheet) => stream.bytes(sheet, &batch.bytes),
            None => &self.scratch[batch.bytes],
        };
        let (segment_size, may_fragment) = (batch.segment, batch.may_fragment);
        Some(Transmit { to: stream.peer, contents, segment_size, may_fragment })
    }

    fn next(&mut self, now: Now) -> Option<Next> {
        if let Some((to, reply)) = self.replies.pop_front() {
            self.scratch[..HEADER_BYTES].copy_from_slice(&reply);
            return Some(Next::Reply(to));
        }
        while let Some(index) = self.ready.pop_front() {
            let Some(slot) = self.slots.get_mut(index as usize) else { continue };
            let Some(stream) = slot.stream.as_deref_mut() else {
                slot.is_ready = false;
                continue;
            };
            if let Some(batch) = stream.transmit(now, &mut self.memory, &mut self.scratch) {
                // The others first.
                self.ready.push_back(index);
                return Some(Next::Batch(index, batch));
            }
            slot.is_ready = false;
            if stream.is_done() {
                self.remove(now, index);
            } else {
                self.set_timer(index);
            }
        }
        None
    }

    /// A timer that rings too early costs less than one that is moved with every packet.
    fn set_timer(&mut self, index: u32) {
        let Some(Slot { stream: Some(stream), wakes_at, .. }) = self.slots.get_mut(index as usize) else {
            return;
        };
        let deadline = stream.deadline();
        if wakes_at.is_some() && deadline.is_some() && *wakes_at <= deadline {
            return;
        }
        if let Some(when) = wakes_at.take() {
            self.timers.remove(&(when, index));
        }
        if let Some(when) = deadline {
            *wakes_at = Some(when);
            self.timers.insert((when, index));
        }
    }

    /// Something that happened.
    pub fn poll_event(&mut self) -> Option<Event> {
        while let Some(&index) = self.news.front() {
            let slot = self.slots.get_mut(index as usize)?;
            let id = StreamId { slot: index, generation: slot.generation };
            if let Some(stream) = slot.stream.as_deref_mut() {
                let news = &mut stream.news;
                let take = std::mem::take::<bool>;
                if take(&mut news.incoming) {
                    return Some(Event::Incoming(id, stream.peer));
                }
                if take(&mut news.connected) {
                    return Some(Event::Connected(id));
                }
                if take(&mut news.readable) {
                    return Some(Event::Readable(id));
                }
                if take(&mut news.writable) {
                    return Some(Event::Writable(id));
                }
                if let Some(reason) = news.closed.take() {
                    return Some(Event::Closed(id, reason));
                }
            }
            slot.has_news = false;
            self.news.pop_front();
        }
        None
    }

    /// When [`Self::handle_timeout`] is to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.first().map(|(when, _)| *when)
    }

    /// Time passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        let now = self.now(now);
        while let Some(&(when, index)) = self.timers.first()
            && when <= now.at
        {
            self.timers.pop_first();
            if let Some(Slot { stream: Some(stream), wakes_at, .. }) = self.slots.get_mut(index as usize) {
                *wakes_at = None;
                stream.handle_timeout(now, &mut self.memory);
                self.touch(now, index);
            }
        }
    }
}
