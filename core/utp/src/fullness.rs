//! Was a loss congestion, or chance? The queue tells, however short it is.
//!
//! A queue that overflows is full at that moment: the packets around the lost one waited about as long as any did
//! lately. A packet that a radio link lost finds the queue as it happens to be. One loss says little, so a mean over
//! the last few decides. Nothing has to be known of the path for this, neither its rate nor how long its queue is; a
//! queue so short that it drowns in jitter remains unseen, and there only the number of losses speaks.

use crate::limits::{FULL_QUEUE_SHARE, LEAST_FULL_QUEUE_US, LONGEST_DELAY_INTERVAL};
use std::time::Instant;

/// A loss moves the mean by this part of the way.
const GAIN: f64 = 0.125;

/// What losses met, as a mean.
#[derive(Debug)]
pub(crate) struct Fullness {
    /// The longest delays of this interval and of the one before.
    longest_us: [u32; 2],
    turns_at: Instant,
    /// How long the queue was at the last losses, as a part of how long it lately was at most.
    mean: f64,
}

impl Fullness {
    pub(crate) fn new(now: Instant) -> Self {
        Self { longest_us: [0; 2], turns_at: now + LONGEST_DELAY_INTERVAL, mean: 0.5 }
    }

    /// A packet spent so long in queues.
    pub(crate) fn handle_delay(&mut self, now: Instant, queue_us: u32) {
        if now >= self.turns_at {
            self.turns_at = now + LONGEST_DELAY_INTERVAL;
            self.longest_us = [0, self.longest_us[0]];
        }
        self.longest_us[0] = self.longest_us[0].max(queue_us);
    }

    /// Packets were lost, and those around them spent so long in queues.
    pub(crate) fn handle_loss(&mut self, queue_us: u32) {
        let longest = self.longest_us[0].max(self.longest_us[1]);
        if longest >= LEAST_FULL_QUEUE_US {
            let share = (f64::from(queue_us) / f64::from(longest)).min(1.0);
            self.mean += (share - self.mean) * GAIN;
        }
    }

    /// Do losses come from a queue that overflows?
    pub(crate) fn is_cause(&self) -> bool {
        self.mean >= FULL_QUEUE_SHARE
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::start;

    /// What is thought after losses that met such queues, where the longest is 9 ms.
    fn after(queues_us: impl IntoIterator<Item = u32>) -> bool {
        let mut fullness = Fullness::new(start());
        fullness.handle_delay(start(), 9_000);
        queues_us.into_iter().for_each(|queue_us| fullness.handle_loss(queue_us));
        fullness.is_cause()
    }

    #[test]
    fn losses_at_a_full_queue_are_congestion_and_others_are_not() {
        assert!(after([8_500; 6]));
        assert!(!after([9_000]), "one loss is no proof");
        assert!(!after([0; 9]));
        let mut rng = fastrand::Rng::with_seed(4);
        assert!(!after((0..50).map(|_| rng.u32(0..9_000))), "by chance");
        assert!(after([[0; 3].as_slice(), &[9_000; 9]].concat()), "a path may change");
    }

    #[test]
    fn jitter_is_no_queue() {
        let mut fullness = Fullness::new(start());
        fullness.handle_delay(start(), LEAST_FULL_QUEUE_US - 1);
        (0..20).for_each(|_| fullness.handle_loss(LEAST_FULL_QUEUE_US - 1));
        assert!(!fullness.is_cause());
    }

    #[test]
    fn a_queue_that_was_longer_long_ago_is_forgotten() {
        let mut fullness = Fullness::new(start());
        fullness.handle_delay(start(), 200_000);
        for n in 1..3 {
            fullness.handle_delay(start() + n * LONGEST_DELAY_INTERVAL, 9_000);
            (0..8).for_each(|_| fullness.handle_loss(9_000));
            assert_eq!(fullness.is_cause(), n == 2, "interval {n}");
        }
    }
}
