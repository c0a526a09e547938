//! The price of cheap messages: a token bucket.

use std::time::Instant;

/// Units a peer may spend: a burst at once, and so many a second after it.
#[derive(Clone, Debug)]
pub(crate) struct Bucket {
    units: u32,
    burst: u32,
    per_second: u32,
    filled_at: Instant,
}

impl Bucket {
    /// A full bucket of `burst` units.
    pub(crate) const fn new(burst: u32, per_second: u32, now: Instant) -> Self {
        Self { units: burst, burst, per_second, filled_at: now }
    }

    /// Pays `price`. False if the peer cannot: it floods.
    pub(crate) fn pay(&mut self, now: Instant, price: u32) -> bool {
        if self.units < price {
            self.fill(now);
        }
        match self.units.checked_sub(price) {
            Some(left) => {
                self.units = left;
                true
            }
            None => false,
        }
    }

    /// Only when short: an honest peer's messages cost one comparison.
    fn fill(&mut self, now: Instant) {
        let earned =
            now.saturating_duration_since(self.filled_at).as_millis() * u128::from(self.per_second) / 1000;
        if earned > 0 {
            self.units =
                u32::try_from(earned).map_or(self.burst, |n| self.units.saturating_add(n).min(self.burst));
            self.filled_at = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::origin;
    use std::time::Duration;

    #[test]
    fn a_burst_passes_and_a_flood_does_not() {
        let now = origin();
        let mut bucket = Bucket::new(10, 2, now);
        assert!((0..10).all(|_| bucket.pay(now, 1)));
        assert!(!bucket.pay(now, 1));
    }

    #[test]
    fn units_come_back_with_time_but_never_more_than_the_burst() {
        let now = origin();
        let mut bucket = Bucket::new(10, 2, now);
        assert!(bucket.pay(now, 10));
        assert!(!bucket.pay(now + Duration::from_millis(400), 1));
        assert!(bucket.pay(now + Duration::from_millis(500), 1));
        assert!(!bucket.pay(now + Duration::from_hours(1), 11));
        assert!(bucket.pay(now + Duration::from_hours(1), 10));
    }

    #[test]
    fn many_short_steps_earn_as_much_as_a_long_one() {
        let start = origin();
        let mut bucket = Bucket::new(1000, 10, start);
        assert!(bucket.pay(start, 1000));
        let paid = (1..=10_000u64).filter(|ms| bucket.pay(start + Duration::from_millis(*ms), 1)).count();
        assert_eq!(paid, 100);
    }
}
