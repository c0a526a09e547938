//! When a site is asked next.

use std::time::Duration;

/// Between two looks: a release a month is noticed within a working day.
const INTERVAL: Duration = Duration::from_hours(6);

/// After the first failure; each one in a row doubles it.
const FIRST_PAUSE: Duration = Duration::from_mins(5);

/// The pauses of one site.
pub(super) struct Pace {
    failures: u32,
    rng: fastrand::Rng,
}

impl Pace {
    pub(super) fn new(rng: fastrand::Rng) -> Self {
        Self { failures: 0, rng }
    }

    /// The pause after a look. It is spread, so that a site does not hear of all its followers at once.
    pub(super) fn pause(&mut self, went_well: bool) -> Duration {
        self.failures = if went_well { 0 } else { self.failures.saturating_add(1) };
        let doubled = FIRST_PAUSE.saturating_mul(1 << self.failures.saturating_sub(1).min(16));
        let pause = if went_well { INTERVAL } else { doubled.min(INTERVAL) };
        pause.mul_f64(0.9 + 0.2 * self.rng.f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_make_the_pauses_grow_up_to_the_usual_one() {
        let mut pace = Pace::new(fastrand::Rng::with_seed(7));
        let minutes = |pause: Duration| pause.as_secs_f64() / 60.0;
        assert!((324.0..=396.0).contains(&minutes(pace.pause(true))));
        for about in [5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0, 360.0, 360.0] {
            let pause = minutes(pace.pause(false));
            assert!((0.9 * about..=1.1 * about).contains(&pause), "{pause} minutes, {about} are usual");
        }
        pace.pause(true);
        assert!(minutes(pace.pause(false)) < 6.0, "a success begins anew");
    }
}
