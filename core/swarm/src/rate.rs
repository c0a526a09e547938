//! A rate over the last few seconds, from counts and the times they happened.

use std::time::{Duration, Instant};

const SLOTS: u64 = 8;
const SLOT: Duration = Duration::from_millis(500);
/// Below this a rate is a guess from too few samples; the window is taken as at least this long.
const SHORTEST: Duration = Duration::from_millis(500);

/// Bytes per second over a window of about four seconds. Constant space, constant time.
#[derive(Clone, Debug)]
pub(crate) struct Rate {
    slots: [u64; SLOTS as usize],
    /// The time slot 0 began.
    origin: Instant,
    /// Number of the newest slot in use.
    newest: u64,
    /// When the first byte after a silence came.
    since: Instant,
}

impl Rate {
    pub(crate) const fn new(now: Instant) -> Self {
        Self { slots: [0; SLOTS as usize], origin: now, newest: 0, since: now }
    }

    fn slot_at(&self, now: Instant) -> u64 {
        (now.saturating_duration_since(self.origin).as_millis() / SLOT.as_millis()) as u64
    }

    /// The sum over slots that are inside the window that ends in slot `at`.
    fn sum(&self, at: u64) -> u64 {
        let oldest = (at + 1).saturating_sub(SLOTS);
        (oldest..=self.newest).map(|slot| self.slots[(slot % SLOTS) as usize]).sum()
    }

    /// Counts `bytes` at `now`.
    pub(crate) fn add(&mut self, now: Instant, bytes: u64) {
        let at = self.slot_at(now).max(self.newest);
        if self.sum(at) == 0 {
            self.since = now;
        }
        for slot in (self.newest + 1..=at).rev().take(SLOTS as usize) {
            self.slots[(slot % SLOTS) as usize] = 0;
        }
        self.newest = at;
        self.slots[(at % SLOTS) as usize] += bytes;
    }

    /// Bytes per second at `now`.
    pub(crate) fn per_second(&self, now: Instant) -> u64 {
        let at = self.slot_at(now).max(self.newest);
        let sum = self.sum(at);
        if sum == 0 {
            return 0;
        }
        let oldest = self.origin + SLOT * (at + 1).saturating_sub(SLOTS) as u32;
        let window = now.saturating_duration_since(oldest.max(self.since)).max(SHORTEST);
        sum * 1000 / window.as_millis() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_flow_is_measured_and_forgotten() {
        let start = crate::world::origin();
        let mut rate = Rate::new(start);
        for step in 0..100u32 {
            rate.add(start + Duration::from_millis(100) * step, 10_000);
        }
        let now = start + Duration::from_secs(10);
        assert!((90_000..=110_000).contains(&rate.per_second(now)), "{}", rate.per_second(now));
        assert_eq!(rate.per_second(now + Duration::from_secs(5)), 0);
        rate.add(now + Duration::from_mins(1), 50_000);
        assert_eq!(rate.per_second(now + Duration::from_mins(1)), 100_000);
    }
}
