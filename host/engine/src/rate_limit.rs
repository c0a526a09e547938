//! Bytes per second, shared by everybody who holds the limit.
//!
//! Everyone moves bytes first and pays afterwards: [`RateLimit::charge`] books them on one virtual line and says
//! when the payer may move the next ones. The line is first come, first served, so nobody starves, and a limit
//! that is not set costs one atomic load.

use crate::limits::{RATE_BURST, RATE_QUANTUM_MAX};
use metainfo::BLOCK_LENGTH;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// A limit in bytes per second that several connections share.
#[derive(Debug)]
pub struct RateLimit {
    /// 0 means no limit.
    bytes_per_second: AtomicU64,
    /// When everything booked so far is paid for.
    paid_until: Mutex<Option<Instant>>,
}

impl RateLimit {
    /// A limit of so many bytes per second, or none.
    pub fn new(bytes_per_second: Option<u64>) -> Self {
        let limit = Self { bytes_per_second: AtomicU64::new(0), paid_until: Mutex::new(None) };
        limit.set(bytes_per_second);
        limit
    }

    /// Changes the limit; what was booked stays booked. A limit of 0 is taken as 1 byte per second.
    pub fn set(&self, bytes_per_second: Option<u64>) {
        self.bytes_per_second.store(bytes_per_second.map_or(0, |rate| rate.max(1)), Ordering::Relaxed);
    }

    /// How many bytes to move in one go, so that a small limit is not spent in bursts. `None` without a limit.
    pub fn quantum(&self) -> Option<usize> {
        match self.bytes_per_second.load(Ordering::Relaxed) {
            0 => None,
            rate => Some((rate / 20).clamp(u64::from(BLOCK_LENGTH), RATE_QUANTUM_MAX) as usize),
        }
    }

    /// Books `bytes` just moved. The answer, if any, is when the next ones may be moved.
    pub fn charge(&self, now: Instant, bytes: usize) -> Option<Instant> {
        let rate = self.bytes_per_second.load(Ordering::Relaxed);
        if rate == 0 || bytes == 0 {
            return None;
        }
        let mut paid_until = self.paid_until.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
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
    async fn no_limit_never_waits_and_idle_time_is_not_saved_up() {
        let limit = RateLimit::new(None);
        assert_eq!(limit.charge(Instant::now(), 1 << 30), None);
        limit.set(Some(1000));
        tokio::time::advance(Duration::from_hours(1)).await;
        let wait = limit.charge(Instant::now(), 10_000).map(|when| when - Instant::now());
        assert!(wait.is_some_and(|wait| wait > Duration::from_secs(9)), "{wait:?}");
    }
}
