//! The range under way of one web seed: how far it is, how fast it comes, how long the rest takes.

use crate::limits;
use crate::picker::Run;
use crate::rate::Rate;
use metainfo::BLOCK_LENGTH;
use std::time::{Duration, Instant};

/// How long the average over the whole range says more than the last seconds do.
const SETTLED_AFTER: Duration = Duration::from_secs(3);

/// One range, and what ranges before it taught.
#[derive(Clone, Debug)]
pub(crate) struct Flow {
    run: Run,
    /// Torrent offset up to which the range was delivered.
    position: u64,
    /// Blocks of it that are still missing and that it is to bring.
    awaited: u32,
    began: Instant,
    answered: Option<Instant>,
    progress_at: Instant,
    bytes: u64,
    rate: Rate,
    /// Bytes per second of earlier ranges, or as told by earlier runs of the program.
    known: Option<u64>,
    /// From request to answer, the last time.
    latency: Option<Duration>,
}

impl Flow {
    pub(crate) fn new(now: Instant, known: Option<u64>) -> Self {
        Self {
            run: Run { offset: 0, length: 0, blocks: 0 },
            position: 0,
            awaited: 0,
            began: now,
            answered: None,
            progress_at: now,
            bytes: 0,
            rate: Rate::new(now),
            known,
            latency: None,
        }
    }

    /// A range was asked for.
    pub(crate) fn begin(&mut self, now: Instant, run: Run) {
        (self.run, self.position, self.awaited) = (run, run.offset, run.blocks);
        (self.began, self.progress_at, self.answered, self.bytes) = (now, now, None, 0);
    }

    /// The answer began.
    pub(crate) fn answered(&mut self, now: Instant) {
        if self.answered.is_none() {
            (self.answered, self.progress_at) = (Some(now), now);
            self.latency = Some(now.saturating_duration_since(self.began));
        }
    }

    /// A block came, `end` the torrent offset behind it.
    pub(crate) fn on_block(&mut self, now: Instant, end: u64, bytes: u32) {
        self.answered(now);
        self.rate.add(now, u64::from(bytes));
        self.bytes += u64::from(bytes);
        self.position = self.position.max(end);
        self.progress_at = now;
    }

    /// So many blocks of it are awaited no more. True if what is left of the range is of no use.
    pub(crate) fn settle(&mut self, blocks: u32) -> bool {
        self.awaited -= blocks.min(self.awaited);
        self.awaited == 0 && self.position < self.end()
    }

    /// The range now goes on as `run`.
    pub(crate) const fn extend(&mut self, run: Run) {
        self.awaited += run.blocks;
        let end = run.offset + run.length;
        if end > self.run.offset + self.run.length {
            self.run.length = end - self.run.offset;
        }
    }

    /// The range is over: what it showed is remembered.
    pub(crate) fn ended(&mut self, now: Instant) {
        if let Some(speed) = self.speed(now).filter(|_| self.bytes > 0) {
            // A range that was long enough to be measured counts as much as all before it.
            self.known = Some(self.known.map_or(speed, |known| known.midpoint(speed)).max(1));
        }
        (self.awaited, self.answered) = (0, None);
    }

    /// It is of no use: whatever was known of its speed is not so.
    pub(crate) const fn forget_speed(&mut self) {
        self.known = Some(0);
    }

    /// Nothing whole came yet: it may be as fast as a block that is nearly here would make it.
    pub(crate) fn guess(&mut self, now: Instant) {
        self.known = Some(self.speed_at_most(now));
    }

    pub(crate) const fn run(&self) -> Run {
        self.run
    }

    pub(crate) const fn position(&self) -> u64 {
        self.position
    }

    const fn end(&self) -> u64 {
        self.run.offset + self.run.length
    }

    /// Bytes of the range under way so far.
    pub(crate) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Bytes the range is still to bring.
    pub(crate) fn bytes_awaited(&self) -> u64 {
        u64::from(self.awaited) * u64::from(BLOCK_LENGTH)
    }

    /// Bytes per second of earlier ranges.
    pub(crate) const fn known(&self) -> Option<u64> {
        self.known
    }

    pub(crate) const fn latency(&self) -> Option<Duration> {
        self.latency
    }

    /// Bytes per second of the range under way; `None` before it was answered.
    pub(crate) fn speed(&self, now: Instant) -> Option<u64> {
        let age = now.saturating_duration_since(self.answered?);
        if age > SETTLED_AFTER {
            return Some(self.rate.per_second(now));
        }
        Some(self.bytes.saturating_mul(1000) / (age.as_millis() as u64).max(1))
    }

    /// The most that the range under way may turn out to bring: a block that is nearly here counts.
    pub(crate) fn speed_at_most(&self, now: Instant) -> u64 {
        let age = self.answered.map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        let bytes = u64::from(BLOCK_LENGTH).saturating_mul(1000) / (age.as_millis() as u64).max(1);
        self.speed(now).unwrap_or(u64::MAX).saturating_add(bytes)
    }

    /// Bytes per second to be expected of the range under way.
    pub(crate) fn promise(&self, now: Instant) -> u64 {
        match self.speed(now) {
            _ if self.is_stalled(now) => 0,
            Some(speed) if self.bytes > 0 => speed,
            _ => self.known.unwrap_or(0),
        }
    }

    /// How long the range waits for its answer, or waited.
    pub(crate) fn waited_for_answer(&self, now: Instant) -> Duration {
        self.answered.unwrap_or(now).saturating_duration_since(self.began)
    }

    /// How long the answer is under way; `None` before it began.
    pub(crate) fn age(&self, now: Instant) -> Option<Duration> {
        Some(now.saturating_duration_since(self.answered?))
    }

    /// How long nothing came.
    pub(crate) fn silence(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.progress_at)
    }

    /// Whether blocks are overdue by far, measured by how fast they came before.
    pub(crate) fn is_stalled(&self, now: Instant) -> bool {
        let usual = self.known.or_else(|| self.speed(now)).filter(|usual| *usual > 0);
        let blocks = usual.map_or(0, |usual| 4 * u64::from(BLOCK_LENGTH) * 1000 / usual);
        let overdue = Duration::from_millis(blocks).clamp(limits::STALLED_AFTER, limits::STALLED_AFTER * 5);
        self.silence(now) > overdue
    }

    /// How long until the byte before torrent offset `end` is here.
    pub(crate) fn delay(&self, now: Instant, end: u64) -> Duration {
        self.delay_of(now, end.saturating_sub(self.position))
    }

    /// How long until `bytes` more are here.
    pub(crate) fn delay_of(&self, now: Instant, bytes: u64) -> Duration {
        match self.promise(now) {
            0 => limits::STALLED_AFTER,
            speed => Duration::from_millis(bytes.saturating_mul(1000) / speed),
        }
    }

    /// Bytes per second over the last seconds, for people to look at.
    pub(crate) fn shown_rate(&self, now: Instant) -> u64 {
        self.rate.per_second(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::origin;

    #[test]
    fn speed_counts_from_the_answer_and_is_remembered() {
        let start = origin();
        let mut flow = Flow::new(start, None);
        flow.begin(start, Run { offset: 0, length: 1 << 20, blocks: 64 });
        let answered = start + Duration::from_millis(200);
        flow.answered(answered);
        for block in 1..=10u64 {
            flow.on_block(answered + Duration::from_millis(50) * block as u32, block * 16_384, 16_384);
        }
        let now = answered + Duration::from_millis(500);
        assert_eq!(flow.speed(now), Some(327_680));
        assert_eq!(flow.latency(), Some(Duration::from_millis(200)));
        flow.ended(now);
        assert_eq!((flow.known(), flow.speed(now)), (Some(327_680), None));
    }

    #[test]
    fn a_range_whose_blocks_came_from_elsewhere_is_of_no_use() {
        let mut flow = Flow::new(origin(), None);
        flow.begin(origin(), Run { offset: 0, length: 3 * 16_384, blocks: 3 });
        assert!(!flow.settle(1));
        flow.on_block(origin(), 16_384, 16_384);
        assert!(!flow.settle(1));
        assert!(flow.settle(1));
    }
}
