//! What happened lately, in bounded memory.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// A set that forgets: in two generations, the former of which goes when the latter is old or full.
#[derive(Debug)]
pub(crate) struct Recent<T> {
    latest: BTreeSet<T>,
    former: BTreeSet<T>,
    since: Instant,
    life: Duration,
    most: usize,
}

impl<T: Ord> Recent<T> {
    /// Keeps what is noted for `life` at least and twice that at most, if there is no more than `most`.
    pub(crate) const fn new(now: Instant, life: Duration, most: usize) -> Self {
        Self { latest: BTreeSet::new(), former: BTreeSet::new(), since: now, life, most }
    }

    pub(crate) fn note(&mut self, now: Instant, what: T) {
        let age = now.saturating_duration_since(self.since);
        if self.latest.len() >= self.most / 2 || age >= self.life {
            self.former = std::mem::take(&mut self.latest);
            if age >= 2 * self.life {
                self.former.clear();
            }
            self.since = now;
        }
        self.latest.insert(what);
    }

    pub(crate) fn contains(&self, now: Instant, what: &T) -> bool {
        let age = now.saturating_duration_since(self.since);
        age < 2 * self.life && self.latest.contains(what) || age < self.life && self.former.contains(what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::start;

    const LIFE: Duration = Duration::from_mins(1);

    #[test]
    fn it_remembers_for_one_life_and_forgets_within_two() {
        let now = start();
        let mut recent = Recent::new(now, LIFE, 100);
        recent.note(now + LIFE / 2, 1);
        recent.note(now + LIFE, 2);
        assert!(recent.contains(now + LIFE, &1) && recent.contains(now + LIFE, &2));
        assert!(!recent.contains(now + 2 * LIFE, &1), "two generations later");
        assert!(!recent.contains(now + 3 * LIFE, &2), "without anything new as well");
        recent.note(now + 10 * LIFE, 3);
        assert!(!recent.contains(now + 10 * LIFE, &2));
    }

    #[test]
    fn it_is_bounded() {
        let mut recent = Recent::new(start(), LIFE, 100);
        (0..10_000).for_each(|n| recent.note(start(), n));
        assert!(recent.latest.len() + recent.former.len() <= 100);
        assert!(recent.contains(start(), &9999));
    }
}
