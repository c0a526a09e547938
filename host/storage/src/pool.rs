//! The block pool: the one mechanism of back-pressure. It is finite; whoever finds no buffer does not read, and
//! the sender's TCP window closes.
//!
//! It starts small, so that buffers are used again while they are warm, and grows up to its limit only where unfinished
//! pieces would have to be written early: many peers, each at a large piece of its own.
//!
//! Buffers are allocated when first needed, zeroed once, and recycled as they are: an idle client is small and a
//! busy one never clears memory that is about to be overwritten.

use crate::limits::{GROWTH_FRACTION, LOW_FRACTION, RELIEVED_FRACTION};
use metainfo::BLOCK_LENGTH;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use tokio::sync::Semaphore;

/// A finite supply of 16 KiB buffers, shared by every torrent of a session. Cloning shares it.
#[derive(Clone)]
pub struct BlockPool(Arc<Shared>);

struct Shared {
    /// Blocks now, at the start and between two busy times, and at most.
    capacity: AtomicUsize,
    start: usize,
    limit: usize,
    permits: Semaphore,
    free: Mutex<Vec<Box<[u8]>>>,
    /// Buffers allocated so far and not given back to the system.
    allocated: AtomicUsize,
    /// Called when the pool runs low.
    relief: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

impl BlockPool {
    /// A pool of `capacity` blocks (at least 1). No memory is taken yet.
    pub fn new(capacity: usize) -> Self {
        Self::growing(capacity, capacity)
    }

    /// A pool of `start` blocks (at least 1) that may become `limit`. No memory is taken yet.
    pub(crate) fn growing(start: usize, limit: usize) -> Self {
        let limit = limit.clamp(1, Semaphore::MAX_PERMITS);
        let start = start.clamp(1, limit);
        Self(Arc::new(Shared {
            capacity: AtomicUsize::new(start),
            start,
            limit,
            permits: Semaphore::new(start),
            free: Mutex::default(),
            allocated: AtomicUsize::new(0),
            relief: OnceLock::new(),
        }))
    }

    /// A buffer, if one is free.
    pub fn try_acquire(&self) -> Option<BlockBuffer> {
        let permit = self.0.permits.try_acquire().ok();
        if self.is_low() {
            self.ask_for_relief();
        }
        permit.map(|permit| {
            permit.forget();
            self.buffer()
        })
    }

    /// A buffer, as soon as one is free. Waiters are served in order.
    pub async fn acquire(&self) -> BlockBuffer {
        if let Some(buffer) = self.try_acquire() {
            return buffer;
        }
        match self.0.permits.acquire().await {
            Ok(permit) => permit.forget(),
            // The semaphore is never closed.
            Err(_closed) => std::future::pending().await,
        }
        self.buffer()
    }

    /// Blocks free now.
    pub fn available(&self) -> usize {
        self.0.permits.available_permits()
    }

    /// Blocks in all.
    pub fn capacity(&self) -> usize {
        self.0.capacity.load(Ordering::Acquire)
    }

    /// Makes room for a quarter more of what it started with. False at the limit.
    pub(crate) fn grow(&self) -> bool {
        let more = |capacity: usize| {
            let grown = (capacity + self.0.start.div_ceil(GROWTH_FRACTION)).min(self.0.limit);
            (grown > capacity).then_some(grown)
        };
        let before = self.0.capacity.fetch_update(Ordering::AcqRel, Ordering::Acquire, more);
        let Ok(before) = before else { return false };
        self.0.permits.add_permits(more(before).unwrap_or(before) - before);
        true
    }

    /// Bytes of memory the pool holds now, used or waiting to be.
    pub fn allocated_bytes(&self) -> usize {
        self.0.allocated.load(Ordering::Relaxed) * BLOCK_LENGTH as usize
    }

    /// Whether so few blocks are free that unverified ones should go to disk.
    pub fn is_low(&self) -> bool {
        self.available() < self.capacity().div_ceil(LOW_FRACTION)
    }

    /// Whether enough blocks are free that flushing may stop.
    pub(crate) fn is_relieved(&self) -> bool {
        self.available() >= self.capacity().div_ceil(RELIEVED_FRACTION)
    }

    /// Names what to call when the pool runs low; only the first call counts.
    pub(crate) fn on_low(&self, relief: impl Fn() + Send + Sync + 'static) {
        let _ = self.0.relief.set(Box::new(relief));
    }

    /// Gives half of the idle buffers back to the system, and forgets growth that nobody uses. Called now and then
    /// while nothing happens.
    pub(crate) fn trim(&self) {
        let grown = self.capacity() - self.0.start;
        let shrunk = self.0.permits.forget_permits(grown);
        self.0.capacity.fetch_sub(shrunk, Ordering::AcqRel);
        let mut free = self.free();
        let keep = free.len() / 2;
        self.0.allocated.fetch_sub(free.len() - keep, Ordering::Relaxed);
        free.truncate(keep);
        free.shrink_to_fit();
    }

    fn ask_for_relief(&self) {
        if let Some(relief) = self.0.relief.get() {
            relief();
        }
    }

    /// A buffer for whoever took a permit.
    fn buffer(&self) -> BlockBuffer {
        let recycled = self.free().pop();
        let bytes = recycled.unwrap_or_else(|| {
            self.0.allocated.fetch_add(1, Ordering::Relaxed);
            vec![0; BLOCK_LENGTH as usize].into_boxed_slice()
        });
        BlockBuffer { bytes, pool: self.clone() }
    }

    fn free(&self) -> std::sync::MutexGuard<'_, Vec<Box<[u8]>>> {
        self.0.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// 16 KiB of the pool, returned on drop. Its content is whatever the last user left.
pub struct BlockBuffer {
    bytes: Box<[u8]>,
    pool: BlockPool,
}

impl Deref for BlockBuffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl DerefMut for BlockBuffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }
}

impl Drop for BlockBuffer {
    fn drop(&mut self) {
        // The buffer goes back before the permit does, so that whoever gets the permit finds it.
        let bytes = std::mem::take(&mut self.bytes);
        self.pool.free().push(bytes);
        self.pool.0.permits.add_permits(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pool_is_finite_and_recycles() {
        let pool = BlockPool::new(2);
        let mut first = pool.try_acquire().unwrap();
        first[0] = 7;
        let second = pool.try_acquire().unwrap();
        assert!(pool.try_acquire().is_none() && pool.available() == 0);
        drop(first);
        assert_eq!(pool.try_acquire().unwrap()[0], 7, "recycled, not zeroed again");
        drop(second);
        assert_eq!((pool.available(), pool.allocated_bytes()), (2, 2 * 16384));
        pool.trim();
        assert_eq!(pool.allocated_bytes(), 16384, "half of the idle ones");
    }

    #[test]
    fn it_grows_to_its_limit_and_shrinks_when_idle() {
        let pool = BlockPool::growing(4, 6);
        assert_eq!(pool.capacity(), 4);
        assert!(pool.grow() && pool.grow() && !pool.grow());
        assert_eq!((pool.capacity(), pool.available()), (6, 6));
        let held: Vec<_> = (0..5).map(|_| pool.try_acquire().unwrap()).collect();
        pool.trim();
        assert_eq!((pool.capacity(), pool.available()), (5, 0), "what is in use stays");
        drop(held);
        pool.trim();
        assert_eq!((pool.capacity(), pool.available()), (4, 4));
    }

    #[tokio::test]
    async fn a_waiter_gets_the_buffer_that_comes_back() {
        let pool = BlockPool::new(1);
        let held = pool.acquire().await;
        let waiting = tokio::spawn({
            let pool = pool.clone();
            async move { pool.acquire().await.len() }
        });
        tokio::task::yield_now().await;
        drop(held);
        assert_eq!(waiting.await.unwrap(), 16384);
    }

    #[test]
    fn running_low_asks_for_relief() {
        let pool = BlockPool::new(8);
        let asked = Arc::new(AtomicUsize::new(0));
        pool.on_low({
            let asked = asked.clone();
            move || _ = asked.fetch_add(1, Ordering::Relaxed)
        });
        let held: Vec<_> = (0..7).map(|_| pool.try_acquire().unwrap()).collect();
        assert_eq!(asked.load(Ordering::Relaxed), 0);
        let _last = pool.try_acquire().unwrap();
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        drop(held);
    }
}
