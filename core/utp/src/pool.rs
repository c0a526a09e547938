//! Buffers that all streams share, in two sizes, within a bound.

use crate::limits::{LARGE_BUFFER, MAX_IDLE_MEMORY, SMALL_BUFFER};

/// One buffer.
pub(crate) type Buffer = Box<[u8]>;

/// Buffers, lent and idle.
#[derive(Debug)]
pub(crate) struct Pool {
    small: Vec<Buffer>,
    large: Vec<Buffer>,
    idle_bytes: usize,
    lent_bytes: usize,
    most: usize,
}

impl Pool {
    /// A pool that lends `most` bytes at once.
    pub(crate) const fn new(most: usize) -> Self {
        Self { small: Vec::new(), large: Vec::new(), idle_bytes: 0, lent_bytes: 0, most }
    }

    /// A buffer for so many bytes or as many as the larger size holds. `None`: all memory is lent.
    pub(crate) fn take(&mut self, bytes: usize) -> Option<Buffer> {
        let size = if bytes <= SMALL_BUFFER { SMALL_BUFFER } else { LARGE_BUFFER };
        if self.lent_bytes + size > self.most {
            return None;
        }
        self.lent_bytes += size;
        let idle = if size == SMALL_BUFFER { self.small.pop() } else { self.large.pop() };
        Some(if let Some(buffer) = idle {
            self.idle_bytes -= size;
            buffer
        } else {
            vec![0; size].into_boxed_slice()
        })
    }

    pub(crate) fn give_back(&mut self, buffer: Buffer) {
        let size = buffer.len();
        self.lent_bytes = self.lent_bytes.saturating_sub(size);
        if self.idle_bytes + size <= MAX_IDLE_MEMORY {
            self.idle_bytes += size;
            if size == SMALL_BUFFER { self.small.push(buffer) } else { self.large.push(buffer) }
        }
    }

    /// Bytes that can still be lent.
    pub(crate) const fn free_bytes(&self) -> usize {
        self.most - self.lent_bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_lends_no_more_than_it_may_and_keeps_no_more_than_a_burst() {
        let mut pool = Pool::new(10 << 20);
        let lent: Vec<Buffer> = std::iter::from_fn(|| pool.take(LARGE_BUFFER)).collect();
        assert_eq!(lent.len(), (10 << 20) / LARGE_BUFFER);
        assert!(pool.free_bytes() < LARGE_BUFFER);
        for buffer in lent {
            pool.give_back(buffer);
        }
        assert_eq!(pool.free_bytes(), 10 << 20);
        assert!(pool.idle_bytes <= MAX_IDLE_MEMORY && pool.large.len() * LARGE_BUFFER == pool.idle_bytes);
    }

    #[test]
    fn small_needs_get_small_buffers() {
        let mut pool = Pool::new(1 << 20);
        assert_eq!(pool.take(100).expect("free").len(), SMALL_BUFFER);
        assert_eq!(pool.take(SMALL_BUFFER + 1).expect("free").len(), LARGE_BUFFER);
    }
}
