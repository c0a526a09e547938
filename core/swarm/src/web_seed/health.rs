//! Whether a web seed may be asked, and why not: what each fault costs it.
//!
//! A pause has two ends. While others bring the torrent, nobody hurries back to one that failed; when it is the only
//! hope, it is tried again soon. What the server itself asked for (`Retry-After`) holds in both cases.

use crate::fault::Fault;
use std::time::{Duration, Instant};

/// The longest pause a server may ask for.
const LONGEST_RETRY_AFTER: Duration = Duration::from_hours(24);
/// The pause of a busy server that does not say for how long.
const BUSY: Duration = Duration::from_secs(30);
/// The pause of one whose connections other torrents of ours have. It costs a look at a table.
const QUEUED: Duration = Duration::from_secs(2);
/// The first pause of one that is not there at all: name, port or certificate.
const ABSENT: Duration = Duration::from_mins(15);
/// The first pause of one that is there and fails.
const FAILING: Duration = Duration::from_secs(30);
/// The first pause of one that served whole ranges before.
const PROVEN: Duration = Duration::from_secs(5);
/// The first pause of one that is the only hope.
const ALONE: Duration = Duration::from_secs(5);
/// The longest pause of one that is the only hope.
const ALONE_LONGEST: Duration = Duration::from_mins(10);
/// The longest pause otherwise.
const LONGEST: Duration = Duration::from_hours(2);
/// The pause after a range that we cut off, so that connections to a server do not pile up at its end.
const AFTER_CUT: Duration = Duration::from_secs(1);
/// How long a mirror of a new torrent is given to get the file, where others have it.
const LAG: Duration = Duration::from_hours(1);

/// What follows from a fault beyond a pause.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Consequence {
    /// Nothing.
    Pause,
    /// The file is not asked of it again.
    FileGone,
    /// Nothing is asked of it again.
    GiveUp,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Rest {
    /// Until then while others bring the torrent.
    patient: Instant,
    /// Until then where nobody does.
    eager: Instant,
}

/// The standing of one web seed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Health {
    rest: Option<Rest>,
    /// Faults since the last whole range.
    failures: u32,
    /// Ranges it served whole.
    served: u32,
    last: Option<Fault>,
    is_gone: bool,
    bad_pieces: u32,
}

impl Health {
    /// It served a range whole.
    pub(crate) const fn served(&mut self) {
        self.served = self.served.saturating_add(1);
        (self.failures, self.rest, self.last) = (0, None, None);
    }

    /// It did not. `chance` in 0..1 spreads the pauses of many.
    pub(crate) fn failed(&mut self, now: Instant, fault: Fault, may_lag: bool, chance: f64) -> Consequence {
        self.last = Some(fault);
        let failures = self.failures.min(10);
        // One that waits for a connection did nothing wrong.
        self.failures += u32::from(fault != Fault::Queued);
        let jitter = 0.8 + 0.4 * chance;
        let grown = |first: Duration, factor: u32, longest: Duration| {
            first.saturating_mul(factor.saturating_pow(failures)).min(longest).mul_f64(jitter)
        };
        let (patient, eager) = match fault {
            Fault::Busy { retry_after: Some(asked), .. } => {
                let asked = asked.clamp(Duration::from_secs(1), LONGEST_RETRY_AFTER);
                (asked, asked)
            }
            Fault::Queued => (QUEUED.mul_f64(jitter), QUEUED.mul_f64(jitter)),
            Fault::Busy { retry_after: None, .. } | Fault::Crowded => {
                let pause = grown(BUSY, 2, LONGEST);
                (pause, pause)
            }
            Fault::Refused | Fault::Unreachable | Fault::NoAddress | Fault::NoTls => {
                (grown(ABSENT, 2, LONGEST), grown(ALONE, 2, ALONE_LONGEST))
            }
            Fault::NoAnswer | Fault::Stalled | Fault::CutOff | Fault::ServerError(_) => {
                let first = if self.served > 0 { PROVEN } else { FAILING };
                (grown(first, 4, LONGEST), grown(ALONE.min(first), 2, ALONE_LONGEST))
            }
            Fault::NotThere(_) if may_lag => (LAG.mul_f64(jitter), grown(ALONE, 2, LAG)),
            Fault::NotThere(_) | Fault::OtherFile => {
                // Another file of it may be there, and be asked for at once.
                self.failures = 0;
                return Consequence::FileGone;
            }
            Fault::WrongRange
            | Fault::Encoded
            | Fault::BrokenHttp
            | Fault::Redirects
            | Fault::ForbiddenAddress => {
                self.is_gone = true;
                return Consequence::GiveUp;
            }
        };
        self.rest = Some(Rest { patient: now + patient, eager: now + eager });
        Consequence::Pause
    }

    /// A connection to it was cut: the server may not have noticed yet.
    pub(crate) fn cut(&mut self, now: Instant) {
        let until = now + AFTER_CUT;
        let rest = self.rest.unwrap_or(Rest { patient: until, eager: until });
        self.rest = Some(Rest { patient: rest.patient.max(until), eager: rest.eager.max(until) });
    }

    /// It spoilt a piece; how many it did.
    pub(crate) const fn spoilt(&mut self) -> u32 {
        self.bad_pieces += 1;
        self.bad_pieces
    }

    /// It is never asked again.
    pub(crate) const fn give_up(&mut self) {
        self.is_gone = true;
    }

    pub(crate) const fn is_gone(&self) -> bool {
        self.is_gone
    }

    pub(crate) const fn bad_pieces(&self) -> u32 {
        self.bad_pieces
    }

    /// It served a range whole at least once.
    pub(crate) const fn is_proven(&self) -> bool {
        self.served > 0
    }

    /// It failed since it last served a range.
    pub(crate) const fn is_failing(&self) -> bool {
        self.failures > 0
    }

    pub(crate) const fn last_fault(&self) -> Option<Fault> {
        self.last
    }

    /// When it may be asked again, if that is not now; `alone`: nobody else brings anything.
    pub(crate) fn rests_until(&self, now: Instant, alone: bool) -> Option<Instant> {
        let rest = self.rest.as_ref()?;
        let until = if alone { rest.eager.min(rest.patient) } else { rest.patient };
        (until > now).then_some(until)
    }

    /// Whether it may be asked now.
    pub(crate) fn may_be_asked(&self, now: Instant, alone: bool) -> bool {
        !self.is_gone && self.rests_until(now, alone).is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::origin;

    /// Rounded, for pauses are spread by a factor.
    fn pause(health: &Health, now: Instant, alone: bool) -> u64 {
        health.rests_until(now, alone).map_or(0, |until| (until - now).as_secs_f64().round() as u64)
    }

    #[test]
    fn one_that_fails_is_tried_later_and_later_but_sooner_where_it_is_alone() {
        let now = origin();
        let mut health = Health::default();
        let mut pauses = Vec::new();
        for _ in 0..4 {
            assert_eq!(health.failed(now, Fault::CutOff, false, 0.5), Consequence::Pause);
            pauses.push((pause(&health, now, false), pause(&health, now, true)));
        }
        assert_eq!(pauses, [(30, 5), (120, 10), (480, 20), (1920, 40)]);
        assert!(health.is_failing());
        health.served();
        assert!(health.may_be_asked(now, false) && !health.is_failing());
        health.failed(now, Fault::CutOff, false, 0.5);
        assert_eq!((pause(&health, now, false), pause(&health, now, true)), (5, 5));
    }

    #[test]
    fn one_that_is_not_there_costs_a_single_request() {
        let mut health = Health::default();
        health.failed(origin(), Fault::Refused, false, 0.5);
        assert_eq!((pause(&health, origin(), false), pause(&health, origin(), true)), (900, 5));
    }

    #[test]
    fn what_the_server_asked_for_holds_even_where_it_is_alone() {
        let mut health = Health::default();
        let busy = |seconds| Fault::Busy { status: 429, retry_after: Some(Duration::from_secs(seconds)) };
        health.failed(origin(), busy(7), false, 0.0);
        assert_eq!((pause(&health, origin(), false), pause(&health, origin(), true)), (7, 7));
        health.failed(origin(), busy(u64::MAX), false, 0.0);
        assert_eq!(pause(&health, origin(), true), 24 * 3600);
    }

    #[test]
    fn one_that_waits_for_other_torrents_is_asked_again_soon_however_often_it_waited() {
        let mut health = Health::default();
        for _ in 0..20 {
            assert_eq!(health.failed(origin(), Fault::Queued, false, 0.5), Consequence::Pause);
        }
        assert_eq!((pause(&health, origin(), false), pause(&health, origin(), true)), (2, 2));
        assert!(!health.is_failing());
    }

    #[test]
    fn a_missing_file_is_gone_unless_the_torrent_is_new() {
        let mut health = Health::default();
        assert_eq!(health.failed(origin(), Fault::NotThere(404), false, 0.5), Consequence::FileGone);
        assert!(health.may_be_asked(origin(), false));
        assert_eq!(health.failed(origin(), Fault::NotThere(404), true, 0.5), Consequence::Pause);
        assert_eq!((pause(&health, origin(), false), pause(&health, origin(), true)), (3600, 5));
        health.failed(origin(), Fault::NotThere(404), true, 0.5);
        assert_eq!((pause(&health, origin(), false), pause(&health, origin(), true)), (3600, 10));
    }

    #[test]
    fn a_cut_is_followed_by_a_short_pause_and_shortens_none() {
        let mut health = Health::default();
        health.cut(origin());
        assert_eq!((pause(&health, origin(), false), pause(&health, origin(), true)), (1, 1));
        health.failed(origin(), Fault::Stalled, false, 0.5);
        health.cut(origin());
        assert_eq!((pause(&health, origin(), false), pause(&health, origin(), true)), (30, 5));
    }

    #[test]
    fn rule_breakers_are_given_up() {
        for fault in [Fault::WrongRange, Fault::Encoded, Fault::BrokenHttp, Fault::Redirects] {
            let mut health = Health::default();
            assert_eq!(health.failed(origin(), fault, false, 0.5), Consequence::GiveUp);
            assert!(health.is_gone() && !health.may_be_asked(origin(), true));
        }
    }
}
