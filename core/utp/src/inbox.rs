//! Bytes of a stream that arrived in order and were not read yet.

use crate::limits::LARGE_BUFFER;
use crate::pool::{Buffer, Pool};
use std::collections::VecDeque;

/// A queue of bytes in pooled buffers; holds none while empty.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    buffers: VecDeque<Buffer>,
    /// Bytes read of the first buffer.
    read: usize,
    /// Bytes written of the last buffer.
    written: usize,
    length: usize,
}

impl Inbox {
    pub(crate) const fn len(&self) -> usize {
        self.length
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Takes all bytes, or none if memory is short.
    pub(crate) fn push(&mut self, mut bytes: &[u8], pool: &mut Pool) -> bool {
        if bytes.len() > self.room() + pool.free_bytes().saturating_sub(LARGE_BUFFER) {
            return false;
        }
        self.length += bytes.len();
        while !bytes.is_empty() {
            if self.room() == 0 {
                // The first buffer of a burst is a small one: most messages are.
                let wanted = if self.buffers.is_empty() { bytes.len() } else { LARGE_BUFFER };
                let Some(buffer) = pool.take(wanted) else {
                    self.length -= bytes.len();
                    return false;
                };
                self.buffers.push_back(buffer);
                self.written = 0;
            }
            let Some(last) = self.buffers.back_mut() else { return false };
            let now = bytes.len().min(last.len() - self.written);
            let (these, rest) = bytes.split_at(now);
            last[self.written..self.written + now].copy_from_slice(these);
            self.written += now;
            bytes = rest;
        }
        true
    }

    fn room(&self) -> usize {
        self.buffers.back().map_or(0, |last| last.len() - self.written)
    }

    /// Moves bytes into `to` and tells how many.
    pub(crate) fn read(&mut self, to: &mut [u8], pool: &mut Pool) -> usize {
        let mut done = 0;
        while done < to.len() && self.length > 0 {
            let Some(first) = self.buffers.front() else { break };
            let end = if self.buffers.len() == 1 { self.written } else { first.len() };
            let now = (to.len() - done).min(end - self.read);
            to[done..done + now].copy_from_slice(&first[self.read..self.read + now]);
            (done, self.read, self.length) = (done + now, self.read + now, self.length - now);
            if self.read == end {
                self.read = 0;
                self.buffers.pop_front().into_iter().for_each(|buffer| pool.give_back(buffer));
            }
        }
        done
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self, pool: &mut Pool) {
        self.buffers.drain(..).for_each(|buffer| pool.give_back(buffer));
        (self.read, self.written, self.length) = (0, 0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_out_as_they_went_in_and_buffers_go_back() {
        let mut rng = fastrand::Rng::with_seed(3);
        let (mut inbox, mut pool) = (Inbox::default(), Pool::new(4 << 20));
        let (mut sent, mut received) = (Vec::new(), Vec::new());
        for _ in 0..2000 {
            let bytes: Vec<u8> = (0..rng.usize(0..3000)).map(|_| rng.u8(..)).collect();
            assert!(inbox.push(&bytes, &mut pool));
            sent.extend(bytes);
            let mut to = vec![0; rng.usize(0..3200)];
            let n = inbox.read(&mut to, &mut pool);
            received.extend_from_slice(&to[..n]);
            assert_eq!(inbox.len(), sent.len() - received.len());
        }
        let mut to = vec![0; inbox.len()];
        assert_eq!(inbox.read(&mut to, &mut pool), to.len());
        received.extend(to);
        assert!(sent == received && inbox.is_empty());
        assert_eq!(pool.free_bytes(), 4 << 20, "an empty queue holds no buffer");
    }

    #[test]
    fn without_memory_nothing_is_taken() {
        let (mut inbox, mut pool) = (Inbox::default(), Pool::new(2 * LARGE_BUFFER));
        let mut taken = 0;
        while inbox.push(&[7; 1000], &mut pool) {
            taken += 1000;
        }
        assert!(taken >= LARGE_BUFFER && inbox.len() == taken);
        inbox.clear(&mut pool);
        assert_eq!(pool.free_bytes(), 2 * LARGE_BUFFER);
    }
}
