//! How long a round trip takes, and after which time a packet counts as lost (BEP 29, RFC 6298).

use crate::limits::{FIRST_TIMEOUT, MAX_TIMEOUT, MIN_TIMEOUT};
use std::time::Duration;

/// The estimate.
#[derive(Debug)]
pub(crate) struct RoundTrip {
    /// Mean and deviation, once there was a sample.
    smoothed: Option<(Duration, Duration)>,
    least: Duration,
    /// Timeouts in a row.
    backed_off: u32,
}

impl RoundTrip {
    pub(crate) const fn new() -> Self {
        Self { smoothed: None, least: Duration::MAX, backed_off: 0 }
    }

    /// A packet that was sent once took this long.
    pub(crate) fn sample(&mut self, sample: Duration) {
        self.least = self.least.min(sample);
        self.smoothed = Some(match self.smoothed {
            None => (sample, sample / 2),
            Some((mean, deviation)) => ((mean * 7 + sample) / 8, (deviation * 3 + mean.abs_diff(sample)) / 4),
        });
    }

    /// Something new was acknowledged: the path works.
    pub(crate) const fn heard(&mut self) {
        self.backed_off = 0;
    }

    pub(crate) const fn back_off(&mut self) {
        self.backed_off = self.backed_off.saturating_add(1);
    }

    /// Timeouts in a row.
    pub(crate) const fn backed_off(&self) -> u32 {
        self.backed_off
    }

    pub(crate) fn timeout(&self) -> Duration {
        let once =
            self.smoothed.map_or(FIRST_TIMEOUT, |(mean, deviation)| (mean + 4 * deviation).max(MIN_TIMEOUT));
        once.saturating_mul(1 << self.backed_off.min(16)).min(MAX_TIMEOUT)
    }

    /// The mean; a guess before the first sample.
    pub(crate) fn mean(&self) -> Duration {
        self.smoothed.map_or(FIRST_TIMEOUT / 4, |(mean, _)| mean)
    }

    /// The shortest there was.
    pub(crate) fn least(&self) -> Duration {
        if self.least == Duration::MAX { self.mean() } else { self.least }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn the_timeout_starts_at_a_second_and_never_falls_below_half() {
        let mut rtt = RoundTrip::new();
        assert_eq!(rtt.timeout(), 1000 * MS);
        (0..50).for_each(|_| rtt.sample(20 * MS));
        assert_eq!(rtt.timeout(), 500 * MS);
        assert_eq!(rtt.mean(), 20 * MS);
    }

    #[test]
    fn it_follows_the_formula_of_the_specification() {
        let mut rtt = RoundTrip::new();
        rtt.sample(800 * MS);
        rtt.sample(1600 * MS);
        assert_eq!(rtt.mean(), 900 * MS, "800 and an eighth of the way");
        assert_eq!(rtt.timeout(), (900 + 4 * 500) * MS, "deviation (3 * 400 + 800) / 4");
    }

    #[test]
    fn silence_doubles_it_until_something_is_heard() {
        let mut rtt = RoundTrip::new();
        rtt.sample(10 * MS);
        let timeouts: Vec<_> = (0..7)
            .map(|_| {
                rtt.back_off();
                rtt.timeout().as_millis()
            })
            .collect();
        assert_eq!(timeouts, [1000, 2000, 4000, 8000, 8000, 8000, 8000]);
        rtt.heard();
        assert_eq!(rtt.timeout(), 500 * MS);
    }
}
