//! How much each source may ask, and how much all of them together may cost.

use crate::limits::{
    AMPLIFICATION_TENTHS, ANSWER_BURST_BYTES, ANSWER_BYTES_PER_SECOND, MAX_PROVED, MAX_SOURCE_QUERIES,
    MAX_SOURCES, PROOF_LIFE, SOURCE_BLOCK, SOURCE_WINDOW,
};
use crate::recent::Recent;
use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::time::Instant;

/// Who asks how much, who proved to be at its address, and what is left for answers.
#[derive(Debug)]
pub(crate) struct Sources {
    counts: BTreeMap<IpAddr, Count>,
    /// Sources in the order they were first counted in their window, for forgetting.
    order: VecDeque<IpAddr>,
    proved: Recent<IpAddr>,
    /// Answer bytes that may go out now.
    bytes_left: u64,
    refilled_at: Instant,
}

#[derive(Clone, Copy, Debug)]
struct Count {
    queries: u32,
    window_ends: Instant,
    blocked_until: Option<Instant>,
}

impl Sources {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            counts: BTreeMap::new(),
            order: VecDeque::new(),
            proved: Recent::new(now, PROOF_LIFE, MAX_PROVED),
            bytes_left: ANSWER_BURST_BYTES,
            refilled_at: now,
        }
    }

    /// Counts a query. False: it is not answered, because its source floods us.
    pub(crate) fn may_ask(&mut self, now: Instant, source: IpAddr) -> bool {
        let Some(count) = self.counts.get_mut(&source) else {
            self.forget_the_oldest();
            let fresh = Count { queries: 1, window_ends: now + SOURCE_WINDOW, blocked_until: None };
            self.counts.insert(source, fresh);
            self.order.push_back(source);
            return true;
        };
        if count.blocked_until.is_some_and(|until| now < until) {
            return false;
        }
        if now >= count.window_ends {
            *count = Count { queries: 0, window_ends: now + SOURCE_WINDOW, blocked_until: None };
        }
        count.queries += 1;
        if count.queries > MAX_SOURCE_QUERIES {
            count.blocked_until = Some(now + SOURCE_BLOCK);
        }
        count.blocked_until.is_none()
    }

    fn forget_the_oldest(&mut self) {
        while self.counts.len() >= MAX_SOURCES {
            let Some(oldest) = self.order.pop_front() else { return };
            self.counts.remove(&oldest);
        }
    }

    /// The source received something that only its address gets: a token, a transaction id.
    pub(crate) fn prove(&mut self, now: Instant, source: IpAddr) {
        self.proved.note(now, source);
    }

    pub(crate) fn is_proved(&self, now: Instant, source: IpAddr) -> bool {
        self.proved.contains(now, &source)
    }

    /// The longest answer that a query of so many bytes may have.
    pub(crate) fn answer_bytes(&self, now: Instant, source: IpAddr, query_bytes: usize) -> usize {
        if self.is_proved(now, source) { usize::MAX } else { query_bytes * AMPLIFICATION_TENTHS / 10 }
    }

    /// Takes an answer's bytes out of what all sources share. False: there is no room.
    pub(crate) fn spend(&mut self, now: Instant, bytes: usize) -> bool {
        let passed = now.saturating_duration_since(self.refilled_at);
        let earned = (passed.as_micros() as u64).saturating_mul(ANSWER_BYTES_PER_SECOND) / 1_000_000;
        if earned > 0 {
            self.bytes_left = self.bytes_left.saturating_add(earned).min(ANSWER_BURST_BYTES);
            self.refilled_at = now;
        }
        match self.bytes_left.checked_sub(bytes as u64) {
            Some(left) => {
                self.bytes_left = left;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::start;
    use std::time::Duration;

    const SOURCE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(9, 8, 7, 6));

    #[test]
    fn a_flood_gets_fifty_answers_and_five_minutes() {
        let now = start();
        let mut sources = Sources::new(now);
        let answered =
            (0..4000u64).filter(|i| sources.may_ask(now + Duration::from_micros(500 * i), SOURCE)).count();
        assert_eq!(answered, 50);
        assert!(sources.may_ask(now, IpAddr::from([1, 1, 1, 1])), "others are answered");
        assert!(!sources.may_ask(now + Duration::from_secs(200), SOURCE));
        assert!(sources.may_ask(now + Duration::from_secs(400), SOURCE));
    }

    #[test]
    fn an_eager_honest_node_is_answered() {
        let now = start();
        let mut sources = Sources::new(now);
        assert!((0..1000).all(|i| sources.may_ask(now + Duration::from_millis(210 * i), SOURCE)));
    }

    #[test]
    fn only_a_proved_source_gets_long_answers() {
        let now = start();
        let mut sources = Sources::new(now);
        assert_eq!(sources.answer_bytes(now, SOURCE, 100), 330);
        sources.prove(now, SOURCE);
        assert_eq!(sources.answer_bytes(now, SOURCE, 100), usize::MAX);
        assert_eq!(sources.answer_bytes(now + 2 * PROOF_LIFE, SOURCE, 100), 330);
    }

    #[test]
    fn all_sources_share_one_budget() {
        let mut now = start();
        let mut sources = Sources::new(now);
        let mut sent = 0;
        for _ in 0..10_000 {
            now += Duration::from_millis(1);
            sent += if sources.spend(now, 1000) { 1000 } else { 0 };
        }
        assert!(sent <= ANSWER_BURST_BYTES + 10 * ANSWER_BYTES_PER_SECOND);
        assert!(sent >= 10 * ANSWER_BYTES_PER_SECOND);
    }

    #[test]
    fn memory_is_bounded() {
        let now = start();
        let mut sources = Sources::new(now);
        for i in 0..50_000u32 {
            sources.may_ask(now, IpAddr::from(i.to_be_bytes()));
        }
        assert!(sources.counts.len() <= MAX_SOURCES && sources.order.len() <= MAX_SOURCES);
    }
}
