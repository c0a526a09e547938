//! Packets that arrived beyond a gap, and the memory that all streams have for them.

use crate::limits::{HELD_PACKET_COST, MAX_AHEAD, MAX_IDLE_MEMORY, REORDER_MEMORY};
use crate::sequence::Seq;
use std::collections::VecDeque;

/// The memory that all streams share.
#[derive(Debug, Default)]
pub(crate) struct ReorderMemory {
    used_bytes: usize,
    idle: Vec<Vec<u8>>,
    idle_bytes: usize,
}

impl ReorderMemory {
    /// Bytes held by streams and idle.
    pub(crate) const fn bytes(&self) -> usize {
        self.used_bytes + self.idle_bytes
    }

    /// Copies a packet's payload. `None`: memory is short, or this stream has its share already. A share is as much as
    /// is left for others, so that one hoarder takes half, two a third each, and an honest stream always finds some.
    fn hold(&mut self, payload: &[u8], held_bytes: usize) -> Option<Vec<u8>> {
        let left = REORDER_MEMORY - self.used_bytes;
        if held_bytes + payload.len() > left {
            return None;
        }
        let mut bytes = self.idle.pop().unwrap_or_default();
        self.idle_bytes -= bytes.capacity();
        bytes.clear();
        bytes.reserve_exact(payload.len());
        bytes.extend_from_slice(payload);
        if cost(&bytes) > left {
            return None;
        }
        self.used_bytes += cost(&bytes);
        Some(bytes)
    }

    fn release(&mut self, bytes: Vec<u8>) {
        self.used_bytes = self.used_bytes.saturating_sub(cost(&bytes));
        if self.bytes() + bytes.capacity() <= REORDER_MEMORY
            && self.idle_bytes + bytes.capacity() <= MAX_IDLE_MEMORY
        {
            self.idle_bytes += bytes.capacity();
            self.idle.push(bytes);
        }
    }

    /// Makes room: what is used and what is idle together stay within the bound.
    fn trim(&mut self) {
        while self.bytes() > REORDER_MEMORY {
            let Some(bytes) = self.idle.pop() else { return };
            self.idle_bytes -= bytes.capacity();
        }
    }
}

const fn cost(bytes: &Vec<u8>) -> usize {
    bytes.capacity() + HELD_PACKET_COST
}

/// The packets of one stream beyond its gap, in order.
#[derive(Debug, Default)]
pub(crate) struct Reorder {
    held: VecDeque<(Seq, Vec<u8>)>,
    bytes: usize,
}

impl Reorder {
    pub(crate) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Bytes of payload and what holding them costs.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Numbers of the packets, in order.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = Seq> {
        self.held.iter().map(|(seq, _)| *seq)
    }

    /// Keeps a packet beyond `next`, the one that is missing. A packet that is held already or finds no memory is
    /// dropped; its sender repeats it.
    pub(crate) fn insert(&mut self, next: Seq, seq: Seq, payload: &[u8], memory: &mut ReorderMemory) {
        let ahead = seq.ahead_of(next);
        if ahead == 0 || ahead >= MAX_AHEAD {
            return;
        }
        // Most packets arrive behind all others.
        let at = match self.held.back() {
            Some((last, _)) if last.ahead_of(next) >= ahead => {
                match self.held.binary_search_by_key(&ahead, |(seq, _)| seq.ahead_of(next)) {
                    Ok(_) => return,
                    Err(at) => at,
                }
            }
            _ => self.held.len(),
        };
        if let Some(bytes) = memory.hold(payload, self.bytes) {
            memory.trim();
            self.bytes += cost(&bytes);
            self.held.insert(at, (seq, bytes));
        }
    }

    /// The payload of packet `next`, if it is there.
    pub(crate) fn first(&self, next: Seq) -> Option<&[u8]> {
        self.held.front().filter(|(seq, _)| *seq == next).map(|(_, bytes)| bytes.as_slice())
    }

    pub(crate) fn drop_first(&mut self, memory: &mut ReorderMemory) {
        if let Some((_, bytes)) = self.held.pop_front() {
            self.bytes -= cost(&bytes);
            memory.release(bytes);
        }
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self, memory: &mut ReorderMemory) {
        while !self.is_empty() {
            self.drop_first(memory);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_come_out_in_order_around_the_circle() {
        let (mut reorder, mut memory) = (Reorder::default(), ReorderMemory::default());
        let mut next = Seq(65533);
        let mut numbers: Vec<u16> = (1..50).collect();
        fastrand::Rng::with_seed(1).shuffle(&mut numbers);
        for n in numbers.iter().chain(&numbers) {
            reorder.insert(next, next.plus(*n), &[*n as u8], &mut memory);
        }
        assert_eq!(reorder.numbers().count(), 49, "a doubled packet is held once");
        for n in 1..50 {
            next = next.next();
            assert_eq!(reorder.first(next), Some(&[n][..]));
            reorder.drop_first(&mut memory);
        }
        assert!(reorder.is_empty() && reorder.bytes() == 0 && memory.used_bytes == 0);
    }

    #[test]
    fn what_is_too_far_ahead_is_dropped() {
        let (mut reorder, mut memory) = (Reorder::default(), ReorderMemory::default());
        for ahead in [0, MAX_AHEAD, 30_000, 65_535] {
            reorder.insert(Seq(9), Seq(9).plus(ahead), b"x", &mut memory);
        }
        assert!(reorder.is_empty());
    }

    #[test]
    fn hoarders_share_and_leave_some() {
        let mut memory = ReorderMemory::default();
        let mut hoarders: Vec<Reorder> = (0..100).map(|_| Reorder::default()).collect();
        for ahead in 1..900 {
            for hoarder in &mut hoarders {
                hoarder.insert(Seq(0), Seq(ahead), &[0; 1400], &mut memory);
                assert!(memory.bytes() <= REORDER_MEMORY);
            }
        }
        let mut honest = Reorder::default();
        for ahead in 1..50 {
            honest.insert(Seq(0), Seq(ahead), &[0; 1400], &mut memory);
        }
        assert_eq!(honest.numbers().count(), 49, "an honest stream still finds room");
        for hoarder in &mut hoarders {
            hoarder.clear(&mut memory);
        }
        honest.clear(&mut memory);
        assert_eq!(memory.used_bytes, 0);
        assert!(memory.bytes() <= MAX_IDLE_MEMORY);
    }
}
