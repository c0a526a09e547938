//! What a one-way delay is made of: the way itself, which is always there, and the queue, which is what we cause.
//!
//! The clocks of the two ends differ by an unknown amount, so that a sample alone means nothing; only its distance
//! from the least of the last minutes does (RFC 6817, `base_delay`). All samples are microseconds modulo 2^32.

use crate::limits::{BASE_HISTORY, BASE_INTERVAL, MAX_CLOCK_STEP_US};
use std::time::Instant;

/// The least samples of the last minutes.
#[derive(Debug)]
pub(crate) struct DelayHistory {
    /// The least sample of each interval, the current one at `at`; none before the first sample.
    least: Option<[u32; BASE_HISTORY]>,
    at: usize,
    turns_at: Instant,
}

impl DelayHistory {
    pub(crate) fn new(now: Instant) -> Self {
        Self { least: None, at: 0, turns_at: now + BASE_INTERVAL }
    }

    /// Takes a sample and tells how much longer it is than the least.
    pub(crate) fn queue_us(&mut self, now: Instant, sample: u32) -> u32 {
        let Some(least) = &mut self.least else {
            self.least = Some([sample; BASE_HISTORY]);
            return 0;
        };
        if now >= self.turns_at {
            self.turns_at = now + BASE_INTERVAL;
            self.at = (self.at + 1) % BASE_HISTORY;
            least[self.at] = sample;
        } else if is_less(sample, least[self.at]) {
            least[self.at] = sample;
        }
        let base = base(least);
        sample.wrapping_sub(base)
    }

    /// The least sample of all.
    pub(crate) fn base_us(&self) -> Option<u32> {
        self.least.as_ref().map(base)
    }

    /// The other clock runs slower or faster than ours: what it told before has to be seen in that light.
    pub(crate) fn shift(&mut self, by: u32) {
        for least in self.least.iter_mut().flatten() {
            *least = least.wrapping_add(by);
        }
    }
}

const fn is_less(a: u32, b: u32) -> bool {
    a.wrapping_sub(b).cast_signed() < 0
}

fn base(least: &[u32; BASE_HISTORY]) -> u32 {
    least.iter().copied().reduce(|a, b| if is_less(b, a) { b } else { a }).unwrap_or(0)
}

/// Both directions of one stream, which see the drift of the clocks with opposite signs.
#[derive(Debug)]
pub(crate) struct Delays {
    /// Samples of our packets, that the other end took.
    ours: DelayHistory,
    /// Samples of theirs.
    theirs: DelayHistory,
}

impl Delays {
    pub(crate) fn new(now: Instant) -> Self {
        Self { ours: DelayHistory::new(now), theirs: DelayHistory::new(now) }
    }

    /// A packet of theirs took so long. When their least delay falls, either the way became shorter or their clock
    /// drifts against ours; a small step is drift, and by as much our delays seem to grow.
    pub(crate) fn handle_theirs(&mut self, now: Instant, sample: u32) {
        let before = self.theirs.base_us();
        self.theirs.queue_us(now, sample);
        if let (Some(before), Some(after)) = (before, self.theirs.base_us()) {
            let step = before.wrapping_sub(after);
            if is_less(after, before) && step <= MAX_CLOCK_STEP_US {
                self.ours.shift(step);
            }
        }
    }

    /// A packet of ours took so long, says the other end. Gives the part of it that was spent in queues.
    pub(crate) fn handle_ours(&mut self, now: Instant, sample: u32) -> u32 {
        self.ours.queue_us(now, sample)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::start;
    use std::time::Duration;

    #[test]
    fn the_queue_is_what_exceeds_the_least() {
        let mut history = DelayHistory::new(start());
        let queues: Vec<u32> =
            [5000, 7000, 4000, 104_000].iter().map(|&sample| history.queue_us(start(), sample)).collect();
        assert_eq!(queues, [0, 2000, 0, 100_000]);
    }

    #[test]
    fn clocks_may_be_anywhere_and_wrap() {
        let mut history = DelayHistory::new(start());
        let base = u32::MAX - 10;
        assert_eq!(history.queue_us(start(), base), 0);
        assert_eq!(history.queue_us(start(), base.wrapping_add(50_000)), 50_000);
        assert_eq!(history.queue_us(start(), base.wrapping_add(20)), 20);
    }

    #[test]
    fn a_least_delay_is_forgotten_after_some_minutes() {
        let (mut history, mut now) = (DelayHistory::new(start()), start());
        history.queue_us(now, 1000);
        for _ in 0..BASE_HISTORY {
            now += BASE_INTERVAL;
            history.queue_us(now, 9000);
        }
        assert_eq!(history.queue_us(now, 9000), 0, "the way is longer now");
    }

    /// Their clock loses 50 us a second: without the correction our delay would seem to grow to 6 ms in two minutes.
    #[test]
    fn drift_of_the_clocks_is_no_queue() {
        let mut delays = Delays::new(start());
        let mut most = 0;
        for second in 0..120u32 {
            let now = start() + Duration::from_secs(u64::from(second));
            let drift = 50 * second;
            delays.handle_theirs(now, 1_000_000u32.wrapping_sub(drift));
            most = most.max(delays.handle_ours(now, 20_000 + drift));
        }
        assert!(most <= 50, "a queue of {most} us that is not there");
    }
}
