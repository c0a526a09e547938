//! Bytes per second, shared by everybody who holds the limit.
//!
//! Everyone moves bytes first and pays afterwards: [`RateLimit::charge`] books them on one virtual line and says
//! when the payer may move the next ones. The line is first come, first served, so nobody starves, and a limit
//! that is not set costs one atomic load. A priority makes what is moved in one turn longer or shorter, so that of a
//! limit that several share nothing is left unused.

use crate::limits::{RATE_BURST, RATE_QUANTUM_MAX};
use metainfo::BLOCK_LENGTH;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;
use swarm::Priority;
use tokio::time::Instant;

/// A limit in bytes per second that several connections share.
#[derive(Debug)]
pub struct RateLimit {
    /// Limits that count as well: those of a group, of the session.
    above: RwLock<Vec<Arc<RateLimit>>>,
    /// 0 means no limit.
    bytes_per_second: AtomicU64,
    /// When everything booked so far is paid for.
    paid_until: Mutex<Option<Instant>>,
    /// Halves of the ordinary turn that its holders move in one turn.
    halves: AtomicU64,
}

impl RateLimit {
    /// A limit of so many bytes per second, or none.
    pub fn new(bytes_per_second: Option<u64>) -> Self {
        let limit = Self {
            above: RwLock::default(),
            bytes_per_second: AtomicU64::new(0),
            paid_until: Mutex::new(None),
            halves: AtomicU64::new(2),
        };
        limit.set(bytes_per_second);
        limit
    }

    /// Puts the limit below others: whatever is booked here is booked there too. The others must not lie below it.
    pub fn set_above(&self, above: Vec<Arc<Self>>) {
        *self.above.write().unwrap_or_else(PoisonError::into_inner) = above;
    }

    /// Changes the limit; what was booked stays booked. A limit of 0 is taken as 1 byte per second.
    pub fn set(&self, bytes_per_second: Option<u64>) {
        self.bytes_per_second.store(bytes_per_second.map_or(0, |rate| rate.max(1)), Ordering::Relaxed);
    }

    /// What its holders get of a limit above that they share with others: twice as much as ordinary ones, or half.
    pub fn set_priority(&self, priority: Priority) {
        let halves = match priority {
            Priority::High => 4,
            Priority::Normal => 2,
            Priority::Low => 1,
        };
        self.halves.store(halves, Ordering::Relaxed);
    }

    /// How many bytes to move in one go, so that a small limit is not spent in bursts. `None` without a limit.
    pub fn quantum(&self) -> Option<usize> {
        let halves = self.halves.load(Ordering::Relaxed) as usize;
        self.turn().map(|bytes| bytes * halves / 2)
    }

    fn turn(&self) -> Option<usize> {
        let own = match self.bytes_per_second.load(Ordering::Relaxed) {
            0 => None,
            rate => Some((rate / 20).clamp(u64::from(BLOCK_LENGTH), RATE_QUANTUM_MAX) as usize),
        };
        let above = self.above.read().unwrap_or_else(PoisonError::into_inner);
        above.iter().filter_map(|limit| limit.turn()).chain(own).min()
    }

    /// Books `bytes` just moved. The answer, if any, is when the next ones may be moved.
    pub fn charge(&self, now: Instant, bytes: usize) -> Option<Instant> {
        let above = self.above.read().unwrap_or_else(PoisonError::into_inner);
        let others = above.iter().filter_map(|limit| limit.charge(now, bytes)).max();
        self.charge_own(now, bytes).max(others)
    }

    fn charge_own(&self, now: Instant, bytes: usize) -> Option<Instant> {
        let rate = self.bytes_per_second.load(Ordering::Relaxed);
        if rate == 0 || bytes == 0 {
            return None;
        }
        let mut paid_until = self.paid_until.lock().unwrap_or_else(PoisonError::into_inner);
        let earliest = now.checked_sub(RATE_BURST).unwrap_or(now);
        let start = paid_until.map_or(earliest, |until| until.max(earliest));
        let end = start + Duration::from_secs_f64(bytes as f64 / rate as f64);
        *paid_until = Some(end);
        (end > now).then_some(end)
    }

    /// [`Self::charge`], then waits.
    pub async fn pace(&self, bytes: usize) {
        if let Some(when) = self.charge(Instant::now(), bytes) {
            tokio::time::sleep_until(when).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn two_payers_share_the_rate_exactly() {
        let limit = std::sync::Arc::new(RateLimit::new(Some(1 << 20)));
        let start = Instant::now();
        let pay = |limit: std::sync::Arc<RateLimit>| async move {
            let mut moved = 0;
            while start.elapsed() < Duration::from_secs(10) {
                moved += 16_384;
                limit.pace(16_384).await;
            }
            moved
        };
        let (a, b) = tokio::join!(pay(limit.clone()), pay(limit.clone()));
        let total = f64::from(a + b) / f64::from(10 << 20);
        assert!((0.98..1.02).contains(&total), "moved {total} of the limit");
        assert!((f64::from(a) / f64::from(b) - 1.0).abs() < 0.05, "{a} and {b} are not fair");
    }

    #[tokio::test(start_paused = true)]
    async fn what_lies_below_a_limit_shares_it_and_keeps_its_own() {
        let session = Arc::new(RateLimit::new(Some(1 << 20)));
        let torrents = [None, Some(256 << 10)].map(|own| {
            let limit = RateLimit::new(own);
            limit.set_above(vec![Arc::clone(&session)]);
            Arc::new(limit)
        });
        let start = Instant::now();
        let pay = |limit: Arc<RateLimit>| async move {
            let mut moved = 0.0;
            while start.elapsed() < Duration::from_secs(10) {
                moved += 16_384.0;
                limit.pace(16_384).await;
            }
            moved
        };
        let (free, held) = tokio::join!(pay(Arc::clone(&torrents[0])), pay(Arc::clone(&torrents[1])));
        let total: f64 = (free + held) / f64::from(10 << 20);
        let own = held / f64::from(10 * (256 << 10));
        assert!((0.98..1.02).contains(&total), "moved {total} of the session's limit");
        assert!((0.95..1.05).contains(&own), "moved {own} of its own limit");
    }

    #[tokio::test(start_paused = true)]
    async fn priority_decides_who_gets_more_of_a_shared_limit_and_nothing_is_lost() {
        let session = Arc::new(RateLimit::new(Some(1 << 20)));
        let start = Instant::now();
        let pay = |priority| {
            let limit = RateLimit::new(None);
            limit.set_above(vec![Arc::clone(&session)]);
            limit.set_priority(priority);
            async move {
                let mut moved = 0.0;
                while start.elapsed() < Duration::from_secs(10) {
                    let bytes = limit.quantum().unwrap();
                    moved += bytes as f64;
                    limit.pace(bytes).await;
                }
                moved
            }
        };
        let (high, normal, low) =
            tokio::join!(pay(Priority::High), pay(Priority::Normal), pay(Priority::Low));
        let total: f64 = (high + normal + low) / f64::from(10 << 20);
        assert!((0.98..1.05).contains(&total), "moved {total} of the limit");
        assert!((1.9..2.1).contains(&(high / normal)) && (1.9..2.1).contains(&(normal / low)));
    }

    #[tokio::test(start_paused = true)]
    async fn no_limit_never_waits_and_idle_time_is_not_saved_up() {
        let limit = RateLimit::new(None);
        assert_eq!(limit.charge(Instant::now(), 1 << 30), None);
        limit.set(Some(1000));
        tokio::time::advance(Duration::from_hours(1)).await;
        let wait = limit.charge(Instant::now(), 10_000).map(|when| when - Instant::now());
        assert!(wait.is_some_and(|wait| wait > Duration::from_secs(9)), "{wait:?}");
    }
}
