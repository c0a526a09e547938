//! How many requests to keep with one peer: enough that the line never runs dry, few enough that little is
//! lost when the peer goes away.
//!
//! Slow start adds one request per block received, which doubles the queue each round trip, until the rate
//! stops growing; from then on the queue is what the measured rate delivers in [`limits::QUEUE_TIME`].

use crate::limits;
use crate::rate::Rate;
use metainfo::BLOCK_LENGTH;
use std::time::{Duration, Instant};

/// How often slow start asks whether the rate still grows.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The request queue of one peer, in numbers.
#[derive(Clone, Debug)]
pub(crate) struct Pipeline {
    rate: Rate,
    target: u32,
    limit: u32,
    slow_start: bool,
    snubbed: bool,
    rate_before: u64,
    looked_at: Instant,
    /// The last time a block came, or the queue began to wait for one.
    progress_at: Instant,
}

impl Pipeline {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            rate: Rate::new(now),
            target: limits::FIRST_REQUESTS,
            limit: limits::ASSUMED_REQUEST_QUEUE,
            slow_start: true,
            snubbed: false,
            rate_before: 0,
            looked_at: now,
            progress_at: now,
        }
    }

    /// The peer queues so many requests (`reqq`).
    pub(crate) fn set_request_queue(&mut self, requests: u32) {
        self.limit = requests.clamp(1, limits::MOST_REQUESTS);
        self.target = self.target.min(self.limit);
    }

    /// Bytes per second received.
    pub(crate) fn rate(&self, now: Instant) -> u64 {
        self.rate.per_second(now)
    }

    pub(crate) const fn is_snubbed(&self) -> bool {
        self.snubbed
    }

    /// Requests went out to a peer that owed us nothing: it is given time from now.
    pub(crate) fn begin_waiting(&mut self, now: Instant) {
        self.progress_at = now;
    }

    /// How long the peer, owing something, has sent no block.
    pub(crate) fn silence(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.progress_at)
    }

    /// A block came.
    pub(crate) fn on_block(&mut self, now: Instant, bytes: u32) {
        self.rate.add(now, u64::from(bytes));
        self.snubbed = false;
        self.progress_at = now;
        if self.slow_start {
            self.target = (self.target + 1).min(self.limit);
        }
    }

    /// The peer choked us: what was measured is old by the time it serves us again.
    pub(crate) fn on_choked(&mut self) {
        self.snubbed = false;
    }

    /// Looks at the clock. True if the peer, owing `outstanding` requests, is found snubbed just now.
    pub(crate) fn on_tick(&mut self, now: Instant, outstanding: usize) -> bool {
        if now.saturating_duration_since(self.looked_at) >= LOOK_EVERY {
            self.looked_at = now;
            self.measure(now);
        }
        let newly = outstanding > 0 && !self.snubbed && self.silence(now) >= limits::SNUB_AFTER;
        if newly {
            self.snubbed = true;
            self.slow_start = false;
            self.target = self.target.min(limits::FEWEST_REQUESTS);
        }
        newly
    }

    fn measure(&mut self, now: Instant) {
        let rate = self.rate.per_second(now);
        if self.slow_start && self.rate_before > 0 && rate < self.rate_before + self.rate_before / 10 {
            self.slow_start = false;
        }
        self.rate_before = rate;
        let bytes = rate * limits::QUEUE_TIME.as_millis() as u64 / 1000;
        let wanted = u32::try_from(bytes / u64::from(BLOCK_LENGTH)).unwrap_or(u32::MAX);
        let wanted = if rate == 0 { 0 } else { wanted.saturating_add(limits::QUEUE_MORE) };
        let floor = if self.slow_start { self.target } else { limits::FEWEST_REQUESTS };
        self.target = wanted.max(floor).min(self.limit);
    }

    /// How many requests to add to `outstanding` ones. Nothing until a quarter of the queue is used up, so that
    /// requests go out in batches.
    pub(crate) fn room(&self, outstanding: usize) -> usize {
        if self.snubbed {
            return 1usize.saturating_sub(outstanding);
        }
        let target = self.target as usize;
        if outstanding + (target / 4).max(1) > target { 0 } else { target - outstanding }
    }

    /// How long until one more block, asked for now behind `outstanding` others, is here; a guess of a second
    /// for the whole queue if nothing was measured yet.
    pub(crate) fn delay(&self, now: Instant, outstanding: usize) -> Duration {
        match self.rate(now) {
            0 => Duration::from_secs(1),
            rate => Duration::from_millis((outstanding as u64 + 1) * u64::from(BLOCK_LENGTH) * 1000 / rate),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::origin;

    /// A peer with `rate` blocks a second and a round trip of `rtt`: returns the queue after `seconds`.
    fn settle(blocks_per_second: u64, seconds: u64, reqq: u32) -> (Pipeline, usize) {
        let start = origin();
        let mut pipeline = Pipeline::new(start);
        pipeline.set_request_queue(reqq);
        let mut outstanding = pipeline.room(0);
        for block in 0..blocks_per_second * seconds {
            let now = start + Duration::from_micros(block * 1_000_000 / blocks_per_second);
            if outstanding > 0 {
                outstanding -= 1;
                pipeline.on_block(now, BLOCK_LENGTH);
            }
            pipeline.on_tick(now, outstanding);
            outstanding += pipeline.room(outstanding);
        }
        (pipeline, outstanding)
    }

    #[test]
    fn the_queue_follows_the_rate() {
        let (slow, _) = settle(4, 30, 250);
        assert!((6..=16).contains(&slow.target), "{}", slow.target);
        let (fast, outstanding) = settle(100, 30, 500);
        assert!((160..=240).contains(&fast.target) && outstanding > 100, "{} {outstanding}", fast.target);
        let (limited, outstanding) = settle(1000, 10, 64);
        assert!(limited.target == 64 && outstanding <= 64);
    }

    #[test]
    fn slow_start_doubles_and_requests_go_out_in_batches() {
        let now = origin();
        let mut pipeline = Pipeline::new(now);
        assert_eq!(pipeline.room(0), 8);
        pipeline.on_block(now, BLOCK_LENGTH);
        assert_eq!((pipeline.target, pipeline.room(8), pipeline.room(7)), (9, 0, 2));
        for _ in 0..7 {
            pipeline.on_block(now, BLOCK_LENGTH);
        }
        assert_eq!(pipeline.room(0), 16);
    }

    #[test]
    fn silence_with_debts_snubs_until_a_block_comes() {
        let now = origin();
        let mut pipeline = Pipeline::new(now);
        assert!(!pipeline.on_tick(now + Duration::from_secs(100), 0));
        pipeline.begin_waiting(now + Duration::from_secs(100));
        assert!(!pipeline.on_tick(now + Duration::from_secs(129), 3));
        assert!(pipeline.on_tick(now + Duration::from_secs(130), 3));
        assert!(!pipeline.on_tick(now + Duration::from_secs(131), 3), "told once");
        assert_eq!((pipeline.room(0), pipeline.room(1)), (1, 0));
        pipeline.on_block(now + Duration::from_secs(132), BLOCK_LENGTH);
        assert!(!pipeline.is_snubbed());
    }
}
