//! Whom to ask next: the fastest known first, strangers by what strangers turned out to be worth so far.

use super::mirror::Mirror;
use crate::contract::WebSeedKey;
use std::cmp::Reverse;
use std::time::{Duration, Instant};

/// What is known of all web seeds together.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Field {
    /// Bytes per second that come now.
    pub(crate) total_speed: u64,
    /// Bytes per second that one web seed brings on average, those that bring nothing counted: what a stranger may
    /// be worth. `None` before anything is known.
    pub(crate) stranger: Option<u64>,
    /// From request to answer, on average.
    pub(crate) latency: Option<Duration>,
    /// Web seeds not asked for anything yet.
    pub(crate) untried: usize,
    /// Bytes that ranges under way are to bring.
    pub(crate) awaited: u64,
    /// Web seeds that hold a connection.
    pub(crate) busy: usize,
    /// Web seeds whose range was cut off, and that did not say so yet.
    pub(crate) leaving: usize,
    /// Some range under way does come.
    pub(crate) any_flows: bool,
    /// Bytes per second of the fastest that may be asked for pieces.
    pub(crate) fastest: u64,
}

impl Field {
    pub(crate) fn of<'a>(now: Instant, mirrors: impl Iterator<Item = &'a Mirror>) -> Self {
        let mut field = Self::default();
        let (mut known, mut sum, mut answers, mut waited) = (0u64, 0u64, 0, Duration::ZERO);
        for mirror in mirrors {
            field.untried += usize::from(!mirror.is_tried() && !mirror.health.is_gone());
            field.busy += usize::from(mirror.is_busy());
            field.leaving += usize::from(mirror.is_busy() && !mirror.is_fetching());
            field.awaited += mirror.flow.bytes_awaited();
            let speed = mirror.is_fetching().then(|| mirror.flow.speed(now)).flatten();
            let flows = speed.is_some() && !mirror.flow.is_stalled(now);
            field.any_flows |= flows;
            field.total_speed += speed.unwrap_or(0);
            if let Some(latency) = mirror.flow.latency() {
                (answers, waited) = (answers + 1, waited + latency);
            }
            if mirror.has_ranges() && !mirror.health.is_gone() && !mirror.excluded().is_full() {
                field.fastest = field.fastest.max(speed.max(mirror.flow.known()).unwrap_or(0));
            }
            if mirror.is_tried() && (!mirror.is_fetching() || mirror.flow.bytes() > 0) {
                known += 1;
                sum += speed.or(mirror.flow.known()).unwrap_or(0);
            }
        }
        field.stranger = sum.checked_div(known);
        field.latency = waited.checked_div(answers);
        field
    }

    /// Whether one of that speed is among the fast ones, which are missed most.
    pub(crate) const fn is_fast(&self, speed: u64) -> bool {
        speed >= self.fastest / 4
    }
}

/// A web seed that may be asked now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Prospect {
    pub(crate) key: WebSeedKey,
    /// Bytes per second to be expected, at least 1.
    pub(crate) speed: u64,
    /// Nothing is known of it.
    pub(crate) is_stranger: bool,
    /// It brought something, and did not fail since.
    pub(crate) is_sure: bool,
    class: Class,
    order: u32,
}

/// The better first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Class {
    Usual,
    /// It failed the last time, and never served a whole range.
    Doubtful,
    /// Files from their start only.
    NoRanges,
    LastResort,
}

/// Those of `mirrors` that may be asked, the best first.
pub(crate) fn rank<'a>(
    now: Instant,
    alone: bool,
    field: &Field,
    mirrors: impl Iterator<Item = (WebSeedKey, &'a Mirror)>,
) -> Vec<Prospect> {
    // What a suspect brings may spoil more; only the fast are missed too much meanwhile.
    let trusted =
        |mirror: &Mirror| !mirror.suspected || alone || field.is_fast(mirror.flow.known().unwrap_or(0));
    let ready = mirrors.filter(|(_, mirror)| mirror.is_ready(now, alone) && trusted(mirror));
    let mut prospects: Vec<_> = ready.map(|(key, mirror)| prospect(field, key, mirror)).collect();
    prospects.sort_unstable_by_key(|it| (it.class, Reverse(it.speed), it.order, it.key));
    prospects
}

fn prospect(field: &Field, key: WebSeedKey, mirror: &Mirror) -> Prospect {
    let is_stranger = mirror.flow.known().is_none();
    // A stranger may be better than strangers are on average, and one that is known will not.
    let hoped = field.stranger.map(|average| average / 2 * 3);
    let speed = mirror.flow.known().or(hoped).unwrap_or(1).max(1);
    let class = if mirror.info.is_last_resort && !mirror.is_tried() {
        Class::LastResort
    } else if !mirror.has_ranges() {
        Class::NoRanges
    } else if mirror.health.is_failing() && !mirror.health.is_proven() {
        Class::Doubtful
    } else {
        Class::Usual
    };
    let is_sure = mirror.flow.known().is_some_and(|speed| speed > 0) && !mirror.health.is_failing();
    Prospect { key, speed, is_stranger, is_sure, class, order: mirror.order }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{FetchEnd, WebSeedInfo};
    use crate::fault::Fault;
    use crate::picker::Run;
    use crate::web_seed::mirror::Verdict;
    use crate::world::origin;
    use metainfo::{BlockRequest, Geometry, PieceIndex};

    fn mirror(host: &str, score: Option<u64>) -> Mirror {
        let is_last_resort = host.starts_with("archive.");
        let info = WebSeedInfo { host: host.to_owned(), score, is_last_resort };
        Mirror::new(origin(), info, WebSeedKey(0), 4, 0)
    }

    fn failed(host: &str) -> Mirror {
        let mut mirror = mirror(host, None);
        mirror.begin(origin(), Run { offset: 0, length: 16_384, blocks: 1 });
        let geometry = Geometry::new(16_384, [65_536]).unwrap();
        let verdict = Verdict { geometry: &geometry, may_lag: false, chance: 0.5 };
        mirror.ended(origin(), FetchEnd::Failed(Fault::CutOff), &verdict);
        mirror
    }

    #[test]
    fn known_speed_then_strangers_then_the_rest() {
        let mirrors = [
            mirror("archive.example", None),
            failed("failing.example"),
            mirror("slow.example", Some(10)),
            mirror("stranger.example", None),
            mirror("fast.example", Some(1000)),
        ];
        let field = Field { stranger: Some(100), ..Field::default() };
        let later = origin() + Duration::from_mins(1);
        let keyed = (0..).map(WebSeedKey).zip(&mirrors);
        let ranked: Vec<u32> = rank(later, false, &field, keyed).iter().map(|it| it.key.0).collect();
        assert_eq!(ranked, [4, 3, 2, 1, 0]);
        let keyed = (0..).map(WebSeedKey).zip(&mirrors);
        let now: Vec<u32> = rank(origin(), false, &field, keyed).iter().map(|it| it.key.0).collect();
        assert_eq!(now, [4, 3, 2, 0], "one that failed rests");
    }

    #[test]
    fn one_under_suspicion_waits_unless_it_is_fast() {
        let mut mirrors = [mirror("slow", Some(10)), mirror("fast", Some(1000))];
        for mirror in &mut mirrors {
            mirror.suspected = true;
        }
        let field = Field { fastest: 1000, ..Field::default() };
        let ranked = |alone| rank(origin(), alone, &field, (0..).map(WebSeedKey).zip(&mirrors)).len();
        assert_eq!((ranked(false), ranked(true)), (1, 2));
    }

    #[test]
    fn a_stranger_is_worth_what_the_others_were_on_average() {
        let mut fast = mirror("a", None);
        fast.begin(origin(), Run { offset: 0, length: 1 << 20, blocks: 64 });
        fast.answered(origin(), None);
        let block = BlockRequest { piece: PieceIndex(0), begin: 0, length: 16_384 };
        fast.on_block(origin(), block, 16_384, true);
        let now = origin() + Duration::from_secs(1);
        let mirrors = [fast, failed("b"), mirror("c", None)];
        let field = Field::of(now, mirrors.iter());
        assert_eq!(
            (field.total_speed, field.stranger, field.untried, field.busy),
            (16_384, Some(8_192), 1, 1)
        );
    }
}
