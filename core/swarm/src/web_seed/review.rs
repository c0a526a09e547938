//! Which ranges under way give their connection to others.
//!
//! Connections are few and mirrors many. A range that was looked at long enough and comes much slower than the next in
//! line is expected to, is cut off; what it brought is kept.

use super::flow::Flow;
use super::ranking::{Field, Prospect};
use crate::contract::WebSeedKey;
use crate::limits;
use std::time::Instant;

/// How much faster the next in line must be expected to be.
const CLEARLY_FASTER: u64 = 2;

/// What a range under way is worth in bytes per second; `None` if it is too early to say.
fn worth(now: Instant, field: &Field, flow: &Flow) -> Option<u64> {
    let Some(age) = flow.age(now) else {
        let usual = field.latency.unwrap_or(limits::PATIENCE_LEAST);
        let patience = (usual * 5).clamp(limits::PATIENCE_LEAST, limits::PATIENCE_MOST);
        return (flow.waited_for_answer(now) > patience).then_some(0);
    };
    if flow.is_stalled(now) {
        return Some(0);
    }
    // A far server's stream takes some round trips to unfold.
    let trial = limits::TRIAL + flow.waited_for_answer(now).min(limits::PATIENCE_LEAST);
    (age >= trial).then(|| flow.speed_at_most(now))
}

/// The keys of ranges that give way to `waiting`, which has the best first. The slowest `explore` of them give way to
/// strangers who are only as good on average: one of those may be much better.
pub(crate) fn give_way<'a>(
    now: Instant,
    field: &Field,
    waiting: &[Prospect],
    explore: usize,
    flows: impl Iterator<Item = (WebSeedKey, &'a Flow)>,
) -> Vec<WebSeedKey> {
    let mut judged: Vec<_> =
        flows.filter_map(|(key, flow)| worth(now, field, flow).map(|worth| (worth, key))).collect();
    judged.sort_unstable();
    let strangers = waiting.iter().filter(|next| next.is_stranger).count().min(explore);
    let average = field.stranger.unwrap_or(0);
    let pairs = judged.into_iter().zip(waiting).enumerate();
    pairs
        .take_while(|(at, ((worth, _), next))| {
            is_gain(field, *worth, next.speed) || (*at < strangers && *worth <= average / 4 * 5)
        })
        .map(|(_, ((_, key), _))| key)
        .collect()
}

/// Whether it is worth a request that one of speed `next` takes the place of one of speed `now`.
fn is_gain(field: &Field, now: u64, next: u64) -> bool {
    let gain = next.saturating_sub(now).saturating_mul(limits::WORTH_A_REQUEST);
    now.saturating_mul(CLEARLY_FASTER) < next && (now == 0 || gain >= field.total_speed)
}

/// The keys of `count` ranges that are missed least.
pub(crate) fn least<'a>(
    now: Instant,
    count: usize,
    flows: impl Iterator<Item = (WebSeedKey, &'a Flow)>,
) -> Vec<WebSeedKey> {
    let mut by_speed: Vec<_> = flows.map(|(key, flow)| (flow.promise(now), key)).collect();
    by_speed.sort_unstable();
    by_speed.into_iter().take(count).map(|(_, key)| key).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::WebSeedInfo;
    use crate::picker::Run;
    use crate::web_seed::mirror::Mirror;
    use crate::web_seed::ranking::rank;
    use crate::world::origin;
    use std::time::Duration;

    fn waiting(speeds: &[u64]) -> Vec<Prospect> {
        let mirrors: Vec<_> = speeds
            .iter()
            .map(|speed| {
                let info = WebSeedInfo { score: Some(*speed), ..WebSeedInfo::default() };
                Mirror::new(origin(), info, WebSeedKey(0), 1, 0)
            })
            .collect();
        rank(origin(), false, &Field::default(), (100..).map(WebSeedKey).zip(&mirrors))
    }

    /// A flow with one block every so many milliseconds, for a second.
    fn flow(block_ms: u64) -> Flow {
        let mut flow = Flow::new(origin(), None);
        flow.begin(origin(), Run { offset: 0, length: 1 << 30, blocks: 65_536 });
        flow.answered(origin());
        for block in 1..=1000 / block_ms {
            flow.on_block(origin() + Duration::from_millis(block * block_ms), block * 16_384, 16_384);
        }
        flow
    }

    fn losers(flows: &[Flow], speeds: &[u64], after: Duration) -> Vec<u32> {
        let keyed = (0..).map(WebSeedKey).zip(flows);
        let keys = give_way(origin() + after, &Field::default(), &waiting(speeds), 0, keyed);
        keys.iter().map(|key| key.0).collect()
    }

    #[test]
    fn the_slow_give_way_to_the_clearly_faster() {
        let flows = [flow(10), flow(500), flow(400)];
        let second = Duration::from_secs(1);
        assert_eq!(losers(&flows, &[1 << 20, 1 << 20, 1 << 20], second), [1, 2]);
        assert_eq!(losers(&flows, &[1 << 20], second), [1], "no more than are waiting");
        assert_eq!(losers(&flows, &[50_000], second), [0; 0], "a little faster is not worth it");
        assert_eq!(losers(&flows, &[1 << 30], Duration::from_millis(100)), [0; 0], "it is too early to say");
    }

    #[test]
    fn a_change_that_brings_next_to_nothing_is_not_worth_a_request() {
        let field = |total_speed| Field { total_speed, ..Field::default() };
        assert!(is_gain(&field(1 << 20), 30_000, 70_000) && !is_gain(&field(1 << 20), 40_000, 70_000));
        assert!(!is_gain(&field(100 << 20), 30_000, 70_000));
        assert!(is_gain(&field(100 << 20), 0, 70_000), "nothing at all is worth less than anything");
    }

    #[test]
    fn one_that_does_not_answer_gives_way_to_anybody() {
        let mut mute = Flow::new(origin(), None);
        mute.begin(origin(), Run { offset: 0, length: 16_384, blocks: 1 });
        assert_eq!(losers(&[mute.clone()], &[1], Duration::from_millis(500)), [0; 0]);
        assert_eq!(losers(&[mute], &[1], Duration::from_secs(8)), [0]);
    }
}
