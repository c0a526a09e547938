//! Where nothing is free, a web seed with nothing to do takes over the tail of the range that would end last.

use super::flow::Flow;
use crate::contract::WebSeedKey;
use crate::limits;
use metainfo::BLOCK_LENGTH;
use std::cmp::Reverse;
use std::time::{Duration, Instant};

/// What the one with nothing to do could bring.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Thief {
    /// Bytes per second.
    pub(crate) speed: u64,
    /// Until its first byte.
    pub(crate) latency: Duration,
    /// It takes no more than that.
    pub(crate) most: u64,
}

/// Whose tails are worth taking, the one that would end last first, and how many bytes of each: so many that both
/// finish together.
pub(crate) fn victims<'a>(
    now: Instant,
    thief: &Thief,
    flows: impl Iterator<Item = (WebSeedKey, &'a Flow)>,
) -> Vec<(WebSeedKey, u64)> {
    let left = |flow: &Flow| {
        if flow.is_stalled(now) { Duration::MAX } else { flow.delay_of(now, flow.bytes_awaited()) }
    };
    let busy = flows.filter(|(_, flow)| flow.bytes_awaited() > 0);
    let mut victims: Vec<_> = busy
        .map(|(key, flow)| (left(flow), key, flow.bytes_awaited()))
        .filter_map(|(time, key, bytes)| Some((time, key, share(thief, time, bytes)?)))
        .collect();
    victims.sort_unstable_by_key(|(time, key, _)| (Reverse(*time), *key));
    victims.into_iter().map(|(_, key, share)| (key, share)).collect()
}

/// How much of `bytes` that take `time` where they are the thief should bring; `None` if too little is gained.
fn share(thief: &Thief, time: Duration, bytes: u64) -> Option<u64> {
    if time == Duration::MAX {
        return Some(bytes.min(thief.most));
    }
    // The victim needs `bytes / time` a second; both end together when (bytes - x) / victim = latency + x / thief.
    let ahead = time.checked_sub(thief.latency).filter(|ahead| *ahead > limits::END_GAME_MARGIN)?;
    let victim = bytes.saturating_mul(1000) / (time.as_millis() as u64).max(1);
    let together = u128::from(victim) + u128::from(thief.speed);
    let spare = u128::from(victim) * ahead.as_millis() / 1000;
    let share = (spare * u128::from(thief.speed) / together.max(1)) as u64;
    let share = share.min(thief.most);
    (share >= u64::from(BLOCK_LENGTH)).then_some(share)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picker::Run;
    use crate::world::origin;

    /// A flow that brought `came` of `blocks` blocks in a second.
    fn flow(blocks: u32, came: u32) -> Flow {
        let mut flow = Flow::new(origin(), None);
        flow.begin(origin(), Run { offset: 0, length: u64::from(blocks) * 16_384, blocks });
        flow.answered(origin());
        for block in 1..=came {
            flow.on_block(at(), u64::from(block) * 16_384, 16_384);
            flow.settle(1);
        }
        flow
    }

    fn at() -> Instant {
        origin() + Duration::from_secs(1)
    }

    fn stolen(blocks_a_second: u64, flows: &[Flow], now: Instant) -> Option<(u32, u64)> {
        let latency = Duration::from_millis(100);
        let thief = Thief { speed: blocks_a_second * 16_384, latency, most: 1 << 30 };
        let keyed = (0..).map(WebSeedKey).zip(flows);
        victims(now, &thief, keyed).first().map(|(key, bytes)| (key.0, bytes / 16_384))
    }

    #[test]
    fn the_last_to_finish_shares_so_that_both_finish_together() {
        let flows = [flow(1000, 500), flow(100, 10)];
        // Nine seconds are left for 90 blocks: with 90 more a second, one is enough.
        assert_eq!(stolen(90, &flows, at()), Some((1, 80)));
        assert_eq!(stolen(10, &flows, at()), Some((1, 44)));
    }

    #[test]
    fn what_is_nearly_here_is_left_alone() {
        assert_eq!(stolen(1000, &[flow(100, 90)], at()), None);
        assert_eq!(stolen(1000, &[], at()), None);
    }

    #[test]
    fn a_stalled_one_loses_everything() {
        assert_eq!(stolen(1000, &[flow(100, 90)], at() + Duration::from_secs(10)), Some((0, 10)));
    }
}
