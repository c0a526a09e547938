//! How many connections to web seeds there may be: the budget, and what is left of it beside peers.
//!
//! Mirrors are gifts, and a link can be full. Balanced, it is tried now and then whether half of the connections do:
//! if as much comes as before, because peers fill in or because the link was full, it stays so, down to none where
//! peers carry everything. If less comes, the trial is undone. What is missed later brings connections back.

use crate::contract::WebSeedPolicy;
use std::time::{Duration, Instant};

/// How long a trial lasts: until rates measured over seconds tell what came of it.
const SETTLE: Duration = Duration::from_secs(3);
/// How long after a trial that failed the next one begins.
const PAUSE: Duration = Duration::from_mins(1);
/// How long web seeds alone run before it is tried whether fewer do.
const ALONE_FOR: Duration = Duration::from_secs(20);
/// How long peers must bring something before it is tried whether fewer do.
const PEERS_FOR: Duration = Duration::from_secs(1);
/// Connections that are not made fewer where there are no peers.
const FEW: usize = 4;
/// How long peers must have brought nothing before a fallback is called on.
const FALLBACK_AFTER: Duration = Duration::from_secs(10);

/// What came lately, in bytes per second.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Carried {
    /// From peers.
    pub(crate) peers: u64,
    /// From web seeds.
    pub(crate) web_seeds: u64,
}

impl Carried {
    const fn total(self) -> u64 {
        self.peers + self.web_seeds
    }

    /// Peers bring a share that is worth looking at.
    const fn peers_count(self) -> bool {
        self.peers > 0 && self.peers.saturating_mul(10) >= self.total()
    }
}

/// Half of the connections, for a time.
#[derive(Clone, Copy, Debug)]
struct Trial {
    until: Instant,
    /// Bytes per second before.
    total: u64,
    allowed: usize,
}

/// The connections that web seeds may have.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    policy: WebSeedPolicy,
    most: usize,
    allowed: usize,
    trial: Option<Trial>,
    /// No trial and no change before.
    next_at: Instant,
    /// When peers brought something last, or this began.
    peers_at: Instant,
    /// Peers bring something since then.
    peers_since: Option<Instant>,
    began: Instant,
    /// Bytes per second that came when there were enough connections.
    usual: u64,
}

impl Places {
    pub(crate) const fn new(now: Instant, policy: WebSeedPolicy, most: usize) -> Self {
        Self {
            policy,
            most,
            allowed: most,
            trial: None,
            next_at: now,
            peers_at: now,
            peers_since: None,
            began: now,
            usual: 0,
        }
    }

    /// What web seeds are for, from now on.
    pub(crate) fn set_policy(&mut self, now: Instant, policy: WebSeedPolicy) {
        if policy != self.policy {
            *self = Self::new(now, policy, self.most);
        }
    }

    /// Changes how many there may be at most.
    pub(crate) fn set_most(&mut self, most: usize) {
        let was_full = self.allowed >= self.most;
        self.most = most;
        self.allowed = if was_full { most } else { self.allowed.min(most) };
    }

    /// How many there may be now; `busy` are.
    pub(crate) fn allowed(&mut self, now: Instant, carried: Carried, busy: usize) -> usize {
        if carried.peers > 0 {
            self.peers_at = now;
        }
        match self.policy {
            WebSeedPolicy::Fallback if now < self.peers_at + FALLBACK_AFTER => 0,
            WebSeedPolicy::Fastest | WebSeedPolicy::Fallback => self.most,
            WebSeedPolicy::Balanced => {
                self.balance(now, carried, busy);
                self.allowed
            }
        }
    }

    /// When [`Self::allowed`] may change without anything else happening.
    pub(crate) fn next_at(&self, now: Instant) -> Option<Instant> {
        let fallback = self.peers_at + FALLBACK_AFTER;
        match self.policy {
            WebSeedPolicy::Fallback => (fallback > now).then_some(fallback),
            WebSeedPolicy::Fastest | WebSeedPolicy::Balanced => None,
        }
    }

    fn balance(&mut self, now: Instant, carried: Carried, busy: usize) {
        self.peers_since = carried.peers_count().then(|| self.peers_since.unwrap_or(now));
        let total = carried.total();
        if let Some(trial) = self.trial {
            if now >= trial.until {
                self.conclude(now, trial, total);
            }
        } else if now >= self.next_at && self.allowed < self.most && total < self.usual / 10 * 8 {
            // Something is missing. What is usual is forgotten by and by, should it never come again.
            self.allowed = (self.allowed * 2).clamp(1, self.most);
            self.usual = self.usual / 8 * 7;
            self.next_at = now + SETTLE;
        } else if now >= self.next_at
            && let Some(fewer) = self.fewer(now, busy)
        {
            self.trial = Some(Trial { until: now + SETTLE, total, allowed: self.allowed });
            self.allowed = fewer;
        }
    }

    /// How many connections to try to do with.
    fn fewer(&self, now: Instant, busy: usize) -> Option<usize> {
        let current = self.allowed.min(busy);
        match self.peers_since {
            Some(since) => (now >= since + PEERS_FOR && current > 0).then_some(current / 2),
            None => (now >= self.began + ALONE_FOR && current >= 2 * FEW).then_some(current / 2),
        }
    }

    fn conclude(&mut self, now: Instant, trial: Trial, total: u64) {
        self.trial = None;
        if total >= trial.total / 10 * 9 {
            self.usual = trial.total;
            self.next_at = now;
        } else {
            self.allowed = trial.allowed.min(self.most);
            self.next_at = now + PAUSE;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::origin;

    /// Minutes with a link of `link`, peers that bring at most `peers`, and web seeds of one unit each; the
    /// connections allowed in the end, and the average of what came.
    fn settle(policy: WebSeedPolicy, link: u64, peers: u64, minutes: u64) -> (usize, f64) {
        let mut places = Places::new(origin(), policy, 96);
        let (mut allowed, mut sum) = (96, 0);
        let steps = minutes * 600;
        for step in 0..steps {
            let now = origin() + Duration::from_millis(100 * step);
            // Everybody gets a part of a link that is full.
            let web_seeds = allowed as u64 * 1000;
            let wanted = web_seeds + peers;
            let came = |of: u64| if wanted > link { of * link / wanted } else { of };
            let carried = Carried { peers: came(peers), web_seeds: came(web_seeds) };
            sum += carried.total();
            allowed = places.allowed(now, carried, allowed);
        }
        (allowed, sum as f64 / steps as f64)
    }

    #[test]
    fn fewer_at_most_are_fewer_at_once_and_come_back() {
        let mut places = Places::new(origin(), WebSeedPolicy::Balanced, 96);
        let mut allowed = |most| {
            places.set_most(most);
            places.allowed(origin(), Carried { peers: 0, web_seeds: 1 }, 48)
        };
        assert_eq!((allowed(48), allowed(0), allowed(96)), (48, 0, 96));
    }

    #[test]
    fn peers_that_fill_the_link_spare_the_mirrors() {
        let (allowed, rate) = settle(WebSeedPolicy::Balanced, 50_000, 60_000, 2);
        assert!(allowed == 0 && rate > 49_900.0, "{allowed} connections, {rate}");
        assert_eq!(settle(WebSeedPolicy::Fastest, 50_000, 60_000, 1).0, 96);
        assert_eq!(settle(WebSeedPolicy::Fallback, 50_000, 1_000, 1).0, 0);
        assert_eq!(settle(WebSeedPolicy::Fallback, 50_000, 0, 1).0, 96);
    }

    #[test]
    fn what_peers_do_not_bring_comes_from_mirrors() {
        let (allowed, rate) = settle(WebSeedPolicy::Balanced, 1 << 30, 20_000, 10);
        assert!(allowed >= 48 && rate > 0.95 * 116_000.0, "{allowed} connections, {rate}");
    }

    #[test]
    fn a_link_that_is_full_needs_few_connections() {
        let (allowed, rate) = settle(WebSeedPolicy::Balanced, 10_000, 0, 5);
        assert!((10..=12).contains(&allowed) && rate > 9_500.0, "{allowed} connections, {rate}");
    }
}
