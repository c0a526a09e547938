//! How much may be under way: congestion control that makes way for others (LEDBAT, RFC 6817, and BEP 29).
//!
//! The measure is the delay that packets spend in queues. Below the target the window grows, above it shrinks, and since
//! TCP fills any queue beyond the target, a stream beside TCP withdraws. Six things differ from the letter of the RFC:
//!
//! - A round trip moves the window by a quarter of what would bring the queue to the target, and by a quarter of itself at
//!   most, instead of by one packet: a long fat path is filled in seconds, and a TCP flow gets the path as soon. The
//!   additive packet a round trip remains, so that streams among themselves become equal.
//! - A loss cuts the window by the part of it that stood in the queue, at most by half. On a path that loses packets by
//!   chance there is no queue, and halving would be wrong: the path is not full. How many packets were lost counts as well,
//!   so that a path which drops without queueing (a policer) is obeyed.
//! - Queues too short for the target (ten packets in front of a fast line) overflow without much delay. There the delay
//!   is no reason to make way, and quick growth would push a TCP flow aside. Whether losses come from such a queue, the
//!   delays beside them tell ([`Fullness`]): if so, the window is halved and grows by a packet a round trip, as TCP's
//!   does, until it is well beyond the one that was too large.
//! - Heavy loss is remembered: above three quarters of the window that caused it, growth is additive.
//! - Who comes late takes the queue that others keep for part of the way, and would push them aside. A stream that saw
//!   no empty queue for a while pauses for a round trip and looks (LEDBAT++, `draft-irtf-iccrg-ledbat-plus-plus`).
//! - Where queues overflow before they reach the target, the target becomes half of the delay at which they do. Otherwise
//!   a stream on such a path would be no more than another TCP.

use crate::fullness::Fullness;
use crate::limits::{
    CONGESTED_QUEUE_US, DELAY_FILTER, FIRST_WINDOW_PACKETS, MAX_WINDOW, MIN_TARGET_DELAY_US,
    MIN_WINDOW_PACKETS, PAUSE_AFTER, TARGET_DELAY_US,
};
use std::time::{Duration, Instant};

/// The part of a round trip's window that growth or decline may move it by.
const QUARTER: f64 = 0.25;

/// The least cut of a window after a loss.
const LEAST_CUT: f64 = 0.125;

/// A window cut by a loss share of this or more counts as too large for the path.
const HEAVY_LOSS: f64 = 0.125;

/// A path that carries this much more than the window that once was too large for it is another path now.
const RELIEF: f64 = 1.25;

/// The window of one stream.
#[derive(Debug)]
pub(crate) struct Ledbat {
    window: f64,
    slow_start: bool,
    /// Growth above this is additive.
    ceiling: f64,
    target_us: u32,
    /// The last samples of delay in queues, and where the next goes.
    delays: [u32; DELAY_FILTER],
    at: usize,
    fullness: Fullness,
    /// A window that a path which was full carries now all the same: from there on growth is quick again.
    relief: f64,
    /// When the queue was last seen empty, or looked for.
    emptied_at: Instant,
    /// The pause to look for an empty queue ends then.
    paused_until: Option<Instant>,
    /// The window before the pause; slow start ends there.
    resume: f64,
    /// Bytes that arrived and that were lost since the last cut.
    arrived: u64,
    lost: u64,
}

/// What an ack says about the path.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Acked {
    /// Bytes that it acknowledges.
    pub(crate) bytes: usize,
    /// Bytes that were under way when it came.
    pub(crate) in_flight: usize,
    /// The mean round trip, and the shortest.
    pub(crate) round_trip: Duration,
    pub(crate) least: Duration,
    /// Bytes of a full packet.
    pub(crate) packet: usize,
}

impl Ledbat {
    pub(crate) fn new(now: Instant, packet: usize) -> Self {
        Self {
            window: (FIRST_WINDOW_PACKETS * packet) as f64,
            slow_start: true,
            ceiling: f64::INFINITY,
            target_us: TARGET_DELAY_US,
            delays: [0; DELAY_FILTER],
            at: 0,
            fullness: Fullness::new(now),
            relief: f64::INFINITY,
            emptied_at: now,
            paused_until: None,
            resume: f64::INFINITY,
            arrived: 0,
            lost: 0,
        }
    }

    /// Bytes that may be under way.
    pub(crate) const fn window(&self) -> usize {
        self.window as usize
    }

    /// A packet spent so long in queues.
    pub(crate) fn handle_delay(&mut self, now: Instant, queue_us: u32) {
        self.fullness.handle_delay(now, queue_us);
        self.delays[self.at] = queue_us;
        self.at = (self.at + 1) % DELAY_FILTER;
    }

    fn queue_us(&self) -> u32 {
        self.delays.iter().copied().min().unwrap_or(0)
    }

    /// Packets arrived.
    pub(crate) fn handle_acked(&mut self, now: Instant, acked: Acked) {
        self.arrived += acked.bytes as u64;
        let queue_us = self.queue_us();
        if self.pause(now, queue_us, &acked) {
            return;
        }
        if self.slow_start && (queue_us > self.target_us / 2 || self.window >= self.ceiling.min(self.resume))
        {
            (self.slow_start, self.resume) = (false, f64::INFINITY);
        }
        // A window that is not used says nothing about what it could be.
        let is_used = acked.in_flight as f64 * 2.0 >= self.window;
        if self.slow_start {
            self.window += if is_used { acked.bytes as f64 } else { 0.0 };
        } else {
            if self.window >= self.relief {
                (self.ceiling, self.relief) = (f64::INFINITY, f64::INFINITY);
            }
            let change = self.change(queue_us, &acked);
            self.window += if is_used || change < 0.0 { change } else { 0.0 };
        }
        self.clamp(acked.packet);
    }

    /// Is this a pause to see the queue empty? The way back from it is a slow start.
    fn pause(&mut self, now: Instant, queue_us: u32, acked: &Acked) -> bool {
        if let Some(until) = self.paused_until {
            if now < until {
                return true;
            }
            (self.paused_until, self.emptied_at, self.slow_start) = (None, now, true);
        }
        if queue_us <= self.target_us / 8 {
            self.emptied_at = now;
        }
        let is_worth_it = !self.slow_start && self.window > (2 * FIRST_WINDOW_PACKETS * acked.packet) as f64;
        if is_worth_it && now.saturating_duration_since(self.emptied_at) >= PAUSE_AFTER {
            // What is under way drains, and then one round trip shows the path as it is.
            self.paused_until = Some(now + acked.round_trip + acked.least);
            self.resume = self.window;
            self.window = 0.0;
            self.clamp(acked.packet);
        }
        self.paused_until.is_some()
    }

    /// What these packets' part of a round trip moves the window by.
    fn change(&self, queue_us: u32, acked: &Acked) -> f64 {
        let target = f64::from(self.target_us);
        let missing = target - f64::from(queue_us);
        let round_trip = acked.round_trip.as_micros().max(1) as f64;
        let quarter = (missing / round_trip * QUARTER).clamp(-QUARTER, QUARTER) * self.window;
        let additive = if missing > 0.0 { acked.packet as f64 * missing / target } else { 0.0 };
        let multiplicative = if missing > 0.0 && self.window >= self.ceiling { 0.0 } else { quarter };
        (additive + multiplicative) * (acked.bytes as f64 / self.window)
    }

    /// A packet was lost, by whatever cause; a cut may follow.
    pub(crate) const fn handle_lost(&mut self, bytes: usize) {
        self.lost += bytes as u64;
    }

    /// Cuts the window, once a window: packets of it were lost. `least`: the shortest round trip.
    pub(crate) fn cut(&mut self, least: Duration, packet: usize) {
        let queue_us = self.queue_us();
        let share = self.lost as f64 / (self.lost + self.arrived).max(1) as f64;
        let queued = f64::from(queue_us) / (least.as_micros() as f64 + f64::from(queue_us)).max(1.0);
        self.fullness.handle_loss(self.delays.iter().copied().max().unwrap_or(0));
        let is_full = self.fullness.is_cause();
        let cut =
            if self.slow_start || is_full { 0.5 } else { (4.0 * share).max(queued).clamp(LEAST_CUT, 0.5) };
        if queue_us >= CONGESTED_QUEUE_US {
            self.target_us = (queue_us / 2).clamp(MIN_TARGET_DELAY_US, TARGET_DELAY_US);
        }
        if is_full {
            (self.ceiling, self.relief) = (self.window * (1.0 - cut), self.window * RELIEF);
        } else if share >= HEAVY_LOSS {
            self.ceiling = self.window * 0.75;
        } else if self.window > self.ceiling {
            self.ceiling = self.window;
        }
        self.window *= 1.0 - cut;
        (self.slow_start, self.resume) = (false, f64::INFINITY);
        (self.arrived, self.lost) = (0, 0);
        self.clamp(packet);
    }

    /// Nothing was heard: begin again with the least window, fast up to half of the former.
    pub(crate) fn handle_timeout(&mut self, packet: usize) {
        self.ceiling = (self.window / 2.0).max((FIRST_WINDOW_PACKETS * packet) as f64);
        self.window = 0.0;
        (self.slow_start, self.resume) = (true, f64::INFINITY);
        (self.arrived, self.lost) = (0, 0);
        self.clamp(packet);
    }

    /// Nothing was under way for a while: what the window was says little about the path of now (RFC 5681, 4.1).
    pub(crate) fn handle_idle(&mut self, packet: usize) {
        self.window = self.window.min((FIRST_WINDOW_PACKETS * packet) as f64);
        self.clamp(packet);
        self.slow_start = true;
    }

    /// A minute passed: paths change, and a shallow queue of then need not be one now.
    pub(crate) fn handle_minute(&mut self) {
        self.target_us = (self.target_us * 2).min(TARGET_DELAY_US);
    }

    fn clamp(&mut self, packet: usize) {
        self.window = self.window.clamp((MIN_WINDOW_PACKETS * packet) as f64, MAX_WINDOW as f64);
    }
}

#[cfg(test)]
mod tests;
