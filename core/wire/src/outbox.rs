//! What waits for the socket: control bytes, and how long the peer has not taken what we lined up.

use crate::limits::{SEND_BUFFER, STALL_BYTES, STALL_TIMEOUT};
use crate::message::Message;
use std::time::Instant;

/// Control bytes to be written, and the account of everything handed out and not yet written.
#[derive(Clone, Debug)]
pub(crate) struct Outbox {
    bytes: Vec<u8>,
    /// Bytes waiting here or handed to the host and not yet written, blocks counted.
    unwritten: u64,
    limit: u64,
    /// When something was last lined up or written.
    active: Instant,
    stall: Option<Stall>,
}

/// A span in which the peer must take some bytes.
#[derive(Clone, Copy, Debug)]
struct Stall {
    since: Instant,
    missing: u64,
}

impl Outbox {
    /// An empty one of a connection whose longest message is `longest` bytes.
    pub(crate) const fn new(longest: u64, now: Instant) -> Self {
        Self { bytes: Vec::new(), unwritten: 0, limit: SEND_BUFFER + longest, active: now, stall: None }
    }

    /// Lines up a message. False if the peer has left too much unread.
    pub(crate) fn push(&mut self, now: Instant, message: &Message<'_>) -> bool {
        let before = self.bytes.len();
        message.encode(&mut self.bytes);
        self.lined_up(now, before)
    }

    /// Lines up raw bytes, as a handshake is.
    pub(crate) fn push_bytes(&mut self, now: Instant, bytes: &[u8]) -> bool {
        let before = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        self.lined_up(now, before)
    }

    fn lined_up(&mut self, now: Instant, before: usize) -> bool {
        self.unwritten += (self.bytes.len() - before) as u64;
        self.active = now;
        self.watch(now);
        self.unwritten <= self.limit
    }

    /// A block of so many bytes, header counted, goes out beside.
    pub(crate) fn lend(&mut self, bytes: u64) {
        self.unwritten += bytes;
    }

    /// The block does not go out after all.
    pub(crate) fn unlend(&mut self, bytes: u64) {
        self.unwritten = self.unwritten.saturating_sub(bytes);
        if self.unwritten == 0 {
            self.stall = None;
        }
    }

    /// Moves the control bytes to the end of `out`. False if there are none.
    pub(crate) fn take(&mut self, out: &mut Vec<u8>) -> bool {
        let any = !self.bytes.is_empty();
        if out.is_empty() {
            std::mem::swap(out, &mut self.bytes);
        } else {
            out.append(&mut self.bytes);
        }
        any
    }

    /// So many bytes were written.
    pub(crate) fn written(&mut self, now: Instant, bytes: u64) {
        self.active = now;
        self.unwritten = self.unwritten.saturating_sub(bytes);
        match &mut self.stall {
            Some(stall) if stall.missing > bytes => stall.missing -= bytes,
            _ => self.stall = None,
        }
        if self.unwritten == 0 {
            self.stall = None;
        }
        self.watch(now);
    }

    /// Begins to watch the peer's reading if something waits. Called with every turn of the clock, because
    /// blocks are lent without one.
    pub(crate) fn watch(&mut self, now: Instant) {
        if self.unwritten > 0 && self.stall.is_none() {
            self.stall = Some(Stall { since: now, missing: self.unwritten.min(STALL_BYTES) });
        }
    }

    /// Whether the peer has taken next to nothing for too long.
    pub(crate) fn is_stalled(&self, now: Instant) -> bool {
        self.stall.is_some_and(|stall| now >= stall.since + STALL_TIMEOUT)
    }

    /// When [`Self::is_stalled`] may become true, or a keepalive is due.
    pub(crate) fn timeout(&self, keepalive_at: Instant) -> Instant {
        match self.stall {
            Some(stall) => stall.since + STALL_TIMEOUT,
            None if self.unwritten > 0 => self.active,
            None => keepalive_at,
        }
    }

    /// When something was last lined up or written.
    pub(crate) const fn active(&self) -> Instant {
        self.active
    }

    /// Bytes waiting or handed to the host and not yet written.
    pub(crate) const fn unwritten(&self) -> u64 {
        self.unwritten
    }

    /// Whether everything lined up was written.
    pub(crate) const fn is_clear(&self) -> bool {
        self.unwritten == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::origin;
    use std::time::Duration;

    const SECOND: Duration = Duration::from_secs(1);

    fn outbox(now: Instant) -> Outbox {
        Outbox::new(0, now)
    }

    #[test]
    fn control_bytes_come_out_once_in_order() {
        let now = origin();
        let mut outbox = outbox(now);
        outbox.push(now, &Message::Choke);
        outbox.push(now, &Message::KeepAlive);
        let mut out = vec![9];
        assert!(outbox.take(&mut out));
        assert_eq!(out, [9, 0, 0, 0, 1, 0, 0, 0, 0, 0]);
        assert!(!outbox.take(&mut out));
        assert!(!outbox.is_clear());
        outbox.written(now, 9);
        assert!(outbox.is_clear());
    }

    #[test]
    fn a_peer_that_takes_nothing_stalls_and_one_that_takes_enough_does_not() {
        let start = origin();
        let mut outbox = outbox(start);
        outbox.lend(100_000);
        outbox.watch(start);
        assert!(!outbox.is_stalled(start + 59 * SECOND));
        outbox.written(start + 59 * SECOND, STALL_BYTES);
        assert!(!outbox.is_stalled(start + 118 * SECOND));
        outbox.written(start + 118 * SECOND, 16);
        assert!(outbox.is_stalled(start + 119 * SECOND), "a trickle does not count");
    }

    #[test]
    fn a_few_bytes_taken_whole_are_enough() {
        let start = origin();
        let mut outbox = outbox(start);
        outbox.push(start, &Message::Choke);
        outbox.written(start + SECOND, 5);
        assert!(!outbox.is_stalled(start + 1000 * SECOND));
    }

    #[test]
    fn too_much_unread_is_told() {
        let now = origin();
        let mut outbox = outbox(now);
        assert!(outbox.push_bytes(now, &vec![0; SEND_BUFFER as usize]));
        assert!(!outbox.push(now, &Message::Choke));
    }

    #[test]
    fn a_block_given_back_does_not_wait() {
        let now = origin();
        let mut outbox = outbox(now);
        outbox.lend(16397);
        outbox.watch(now);
        outbox.unlend(16397);
        assert!(outbox.is_clear() && !outbox.is_stalled(now + 1000 * SECOND));
    }
}
