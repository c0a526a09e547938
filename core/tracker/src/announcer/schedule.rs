//! When one tracker is asked next, and which event it is told.

use crate::announce::{AnnounceError, AnnounceEvent, AnnounceResponse, Retry};
use crate::announcer::TrackerStatus;
use crate::limits::{
    DEFAULT_ANNOUNCE_INTERVAL, DEFAULT_MIN_INTERVAL, FIRST_BACK_OFF, MAX_ANNOUNCE_INTERVAL, MAX_BACK_OFF,
    MIN_ANNOUNCE_INTERVAL, MIN_ASK_INTERVAL,
};
use std::time::{Duration, Instant};

/// The HTTP status that says never again.
const STATUS_GONE: u16 = 410;

/// The timetable of one tracker.
#[derive(Debug)]
pub(super) struct Schedule {
    /// When it is asked next; `None`: never.
    due: Option<Instant>,
    /// The earliest time that [`hurry`](Self::hurry) may move `due` to.
    not_before: Instant,
    /// The earliest time that [`ask`](Self::ask) may move `due` to.
    not_asked_before: Instant,
    last_announce: Option<Instant>,
    in_flight: Option<AnnounceEvent>,
    /// It gave a good answer to `started`.
    started: bool,
    /// It must be told `completed`.
    owes_completed: bool,
    /// It was told `stopped`, or need not be.
    said_goodbye: bool,
    /// Failures since the last good answer.
    failures: u32,
}

impl Schedule {
    pub(super) const fn new(now: Instant) -> Self {
        Self {
            due: Some(now),
            not_before: now,
            not_asked_before: now,
            last_announce: None,
            in_flight: None,
            started: false,
            owes_completed: false,
            said_goodbye: false,
            failures: 0,
        }
    }

    /// The torrent runs (again): ask at once, but no sooner than the floor allows.
    pub(super) fn restart(&mut self, now: Instant) {
        let floor = self.last_announce.map_or(now, |last| last + MIN_ANNOUNCE_INTERVAL);
        self.due = self.due.map(|_| now.max(floor));
        self.not_before = now.max(floor);
        self.started = false;
        self.owes_completed = false;
        self.said_goodbye = false;
        self.in_flight = None;
        self.failures = 0;
    }

    pub(super) const fn due(&self) -> Option<Instant> {
        self.due
    }

    pub(super) const fn last_announce(&self) -> Option<Instant> {
        self.last_announce
    }

    pub(super) const fn is_in_flight(&self) -> bool {
        self.in_flight.is_some()
    }

    /// Its last answer was good.
    pub(super) const fn is_working(&self) -> bool {
        self.started && self.failures == 0
    }

    /// It was asked in vain.
    pub(super) const fn is_failing(&self) -> bool {
        self.failures > 0 || self.due.is_none()
    }

    pub(super) const fn status(&self) -> TrackerStatus {
        match self {
            Self { in_flight: Some(_), .. } => TrackerStatus::Announcing,
            Self { due: None, .. } => TrackerStatus::Gone,
            Self { failures: 1.., .. } => TrackerStatus::Failing,
            Self { started: true, .. } => TrackerStatus::Working,
            _ => TrackerStatus::Idle,
        }
    }

    /// The download became complete: a tracker that was told of an incomplete one is told at once.
    pub(super) fn completed(&mut self, now: Instant) {
        if self.started || self.in_flight == Some(AnnounceEvent::Started) {
            self.owes_completed = true;
            if self.is_working() {
                self.due = self.due.map(|_| now);
            }
        }
    }

    /// Moves the next announce to the earliest allowed time, if the tracker works.
    pub(super) fn hurry(&mut self, now: Instant) {
        if self.is_working() {
            self.due = self.due.map(|due| due.min(self.not_before.max(now)));
        }
    }

    /// Moves the next announce to the earliest time that the tracker itself allows: a person asked for it.
    pub(super) fn ask(&mut self, now: Instant) {
        if self.in_flight.is_none() {
            self.due = self.due.map(|due| due.min(self.not_asked_before.max(now)));
        }
    }

    /// It is to be told `stopped` now, after `completed` if that is owed.
    pub(super) const fn owes_goodbye(&self) -> bool {
        self.started && !self.said_goodbye && self.in_flight.is_none() && self.due.is_some()
    }

    /// It was told `stopped`, and nothing is under way.
    pub(super) const fn has_said_goodbye(&self) -> bool {
        self.said_goodbye && self.in_flight.is_none()
    }

    /// An announce leaves; the event it carries.
    pub(super) const fn send(&mut self, now: Instant, goodbye: bool) -> AnnounceEvent {
        let event = if goodbye && self.owes_completed && self.started {
            // The tracker's count of downloads is worth one packet more, but not a second try.
            self.owes_completed = false;
            AnnounceEvent::Completed
        } else if goodbye {
            self.said_goodbye = true;
            AnnounceEvent::Stopped
        } else if !self.started {
            AnnounceEvent::Started
        } else if self.owes_completed {
            AnnounceEvent::Completed
        } else {
            AnnounceEvent::None
        };
        self.last_announce = Some(now);
        self.in_flight = Some(event);
        event
    }

    /// Nobody waits for an answer any more.
    pub(super) const fn abandon(&mut self) {
        self.in_flight = None;
    }

    pub(super) fn succeeded(&mut self, now: Instant, response: &AnnounceResponse, rng: &mut fastrand::Rng) {
        match self.in_flight.take() {
            Some(AnnounceEvent::Started) => self.started = true,
            Some(AnnounceEvent::Completed) => self.owes_completed = false,
            _ => {}
        }
        self.failures = 0;
        let interval = clamp(response.interval.unwrap_or(DEFAULT_ANNOUNCE_INTERVAL));
        let min_interval = clamp(response.min_interval.unwrap_or_else(|| interval.min(DEFAULT_MIN_INTERVAL)));
        self.not_before = now + min_interval;
        self.not_asked_before = now + response.min_interval.unwrap_or_default().max(MIN_ASK_INTERVAL);
        // An event that came up while the answer was under way is owed at once.
        let wait =
            if self.owes_completed { Duration::ZERO } else { spread(interval.max(min_interval), 0.05, rng) };
        self.due = Some(now + wait);
    }

    pub(super) fn failed(&mut self, now: Instant, error: &AnnounceError, rng: &mut fastrand::Rng) {
        self.in_flight = None;
        self.failures = self.failures.saturating_add(1);
        self.due = match error {
            AnnounceError::Refused { retry: Some(Retry::Never), .. }
            | AnnounceError::Status { status: STATUS_GONE, .. }
            | AnnounceError::BadUrl(_) => None,
            AnnounceError::Refused { retry: Some(Retry::After(wait)), .. }
            | AnnounceError::Status { retry_after: Some(wait), .. } => {
                Some(now + spread(clamp(*wait), 0.05, rng))
            }
            _ => {
                let doublings = (self.failures - 1).min(16);
                let pause = FIRST_BACK_OFF.saturating_mul(1 << doublings);
                Some(now + spread(pause, 0.5, rng).min(MAX_BACK_OFF))
            }
        };
    }
}

fn clamp(interval: Duration) -> Duration {
    interval.clamp(MIN_ANNOUNCE_INTERVAL, MAX_ANNOUNCE_INTERVAL)
}

/// Lengthens a pause by a random part, so that many torrents do not ask in step.
fn spread(pause: Duration, part: f64, rng: &mut fastrand::Rng) -> Duration {
    pause.mul_f64(part.mul_add(rng.f64(), 1.0))
}
