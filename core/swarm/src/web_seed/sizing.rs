//! How much to ask of a web seed at once.
//!
//! A range is some seconds of work: long enough that the wait between two ranges is small, short enough that a server
//! that turns slow holds little. Towards the end ranges shrink with what is left, so that all finish together.

use crate::limits;
use metainfo::BLOCK_LENGTH;
use std::time::Duration;

/// What the size of a range depends on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Need {
    /// Bytes nobody was asked for.
    pub(crate) free: u64,
    /// Bytes that ranges under way are to bring.
    pub(crate) awaited: u64,
    /// Bytes per second that all web seeds bring together.
    pub(crate) total_speed: u64,
    /// Web seeds that nothing is known of.
    pub(crate) untried: usize,
    /// Bytes of a piece.
    pub(crate) piece_length: u64,
}

impl Need {
    fn time_for(&self, bytes: u64) -> Option<Duration> {
        let millis = bytes.saturating_mul(1000).checked_div(self.total_speed)?;
        Some(Duration::from_millis(millis))
    }

    /// Whether all will be here so soon that nobody new need be tried.
    pub(crate) fn is_late(&self) -> bool {
        self.time_for(self.free + self.awaited).is_some_and(|left| left < limits::EXPLORE_LEAST)
    }

    /// Bytes of the next range of a web seed of that speed.
    pub(crate) fn range_bytes(&self, speed: Option<u64>) -> u64 {
        let Some(speed) = speed else {
            // Of many a look will do; of few each may be the one that brings it all, but for what peers bring.
            return if self.untried > limits::MANY_WEB_SEEDS {
                // A piece of its own tells whether what it sends is right.
                self.piece_length.clamp(limits::PROBE_RANGE, limits::LONGEST_PROBE)
            } else {
                limits::FIRST_RANGE.min(self.free / 4)
            };
        };
        let half = self.time_for(self.free).map_or(limits::RANGE_TIME, |left| left / 2);
        let time = half.clamp(limits::SHORTEST_RANGE_TIME, limits::RANGE_TIME);
        let bytes = speed.saturating_mul(time.as_millis() as u64) / 1000;
        // One that brought nothing so far shows itself with a block.
        bytes.clamp(u64::from(BLOCK_LENGTH), limits::LONGEST_RANGE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_seconds_of_work_and_shrink_towards_the_end() {
        let need =
            Need { free: 1 << 30, awaited: 0, total_speed: 10 << 20, untried: 0, piece_length: 1 << 18 };
        assert_eq!(need.range_bytes(Some(5 << 20)), (5 * limits::RANGE_TIME.as_secs()) << 20);
        assert_eq!(need.range_bytes(Some(u64::MAX)), limits::LONGEST_RANGE);
        assert_eq!(need.range_bytes(Some(1)), 16_384, "a block is the least");
        let late = Need { free: 40 << 20, ..need };
        assert_eq!(late.range_bytes(Some(1 << 20)), 2 << 20, "half of the four seconds left");
        let last = Need { free: 0, ..need };
        assert_eq!(last.range_bytes(Some(1 << 20)), 2 << 20);
    }

    #[test]
    fn of_many_strangers_a_look_will_do() {
        let many = Need { free: 1 << 30, awaited: 0, total_speed: 0, untried: 300, piece_length: 1 << 18 };
        assert_eq!(many.range_bytes(None), limits::PROBE_RANGE);
        assert_eq!(Need { piece_length: 1 << 20, ..many }.range_bytes(None), 1 << 20, "one piece");
        assert_eq!(Need { piece_length: 1 << 24, ..many }.range_bytes(None), limits::LONGEST_PROBE);
        assert_eq!(Need { untried: 1, ..many }.range_bytes(None), limits::FIRST_RANGE);
    }
}
