//! Neighbours first: what a peer of the same network brings costs no line to the outside.
//!
//! Once local peers bring half of what comes, it is tried for a moment whether they do alone: others are not asked for what
//! a local peer has. If nearly as much comes as before it stays so, until less comes; a local peer that is slow holds
//! nobody up.

use crate::contract::CandidateSource;
use metainfo::{Bitfield, PieceIndex};
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// How long local peers must have brought half before it is tried whether they do alone.
const LOCAL_FOR: Duration = Duration::from_secs(1);
/// How long a trial lasts: until rates measured over seconds tell what came of it.
const SETTLE: Duration = Duration::from_secs(3);
/// How long after one that failed the next trial begins, and after local peers became slow.
const PAUSE: Duration = Duration::from_mins(1);

/// Whether a peer is of the same network, as far as that can be told: it was heard there (BEP 14), or its address is one
/// that the outside has no way to. A loopback address tells nothing: it may be the end of anybody's tunnel.
pub(crate) const fn is_local(address: IpAddr, source: Option<CandidateSource>) -> bool {
    let by_address = match address.to_canonical() {
        IpAddr::V4(v4) => v4.is_private() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local(),
    };
    by_address || matches!(source, Some(CandidateSource::Lsd))
}

/// What came lately, in bytes per second.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Carried {
    /// From local peers.
    pub(crate) local: u64,
    /// From other peers and web seeds.
    pub(crate) others: u64,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// Everybody is asked; local peers bring half since then.
    Mixed(Option<Instant>),
    /// Until then others are left out, to see what comes of it; the bytes per second before.
    Trial(Instant, u64),
    /// Others are left out; the bytes per second when they were not.
    Alone(u64),
}

/// Whether local peers do alone.
#[derive(Clone, Debug)]
pub(crate) struct LocalFirst {
    state: State,
    /// No trial before.
    next_at: Instant,
    /// What local peers have that serve us.
    covered: Bitfield,
}

impl LocalFirst {
    pub(crate) fn new(now: Instant) -> Self {
        Self { state: State::Mixed(None), next_at: now, covered: Bitfield::new(0) }
    }

    /// Others are not asked for what a local peer has.
    pub(crate) const fn leaves_others_out(&self) -> bool {
        !matches!(self.state, State::Mixed(_))
    }

    /// Whether a piece is left to local peers.
    pub(crate) fn keeps(&self, piece: PieceIndex) -> bool {
        self.leaves_others_out() && self.covered.contains(piece)
    }

    /// What local peers have that serve us.
    pub(crate) fn set_covered(&mut self, covered: Bitfield) {
        self.covered = covered;
    }

    /// Looks at what came. True if others are to be asked from now on who were not.
    pub(crate) fn look(&mut self, now: Instant, carried: Carried) -> bool {
        let total = carried.local + carried.others;
        let nearly = |before: u64| carried.local > 0 && carried.local * 10 >= before * 8;
        match self.state {
            State::Mixed(_) if carried.local == 0 || carried.local < carried.others => {
                self.state = State::Mixed(None);
            }
            State::Mixed(since) => {
                let since = since.unwrap_or(now);
                let is_due = now >= since + LOCAL_FOR && now >= self.next_at;
                self.state = if is_due && carried.others > 0 {
                    State::Trial(now + SETTLE, total)
                } else {
                    State::Mixed(Some(since))
                };
            }
            State::Trial(until, _) if now < until && carried.local > 0 => {}
            State::Trial(_, before) | State::Alone(before) if nearly(before) => {
                self.state = State::Alone(before);
            }
            State::Trial(..) | State::Alone(_) => {
                self.state = State::Mixed(None);
                self.next_at = now + PAUSE;
                return true;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::origin;

    const TICK: Duration = Duration::from_millis(500);

    /// Looks every half second for so long; whether others are left out in the end.
    fn after(first: &mut LocalFirst, now: &mut Instant, time: Duration, local: u64, others: u64) -> bool {
        let end = *now + time;
        while *now < end {
            *now += TICK;
            // Who is left out brings nothing.
            let others = if first.leaves_others_out() { 0 } else { others };
            first.look(*now, Carried { local, others });
        }
        first.leaves_others_out()
    }

    #[test]
    fn addresses_of_the_own_network_are_local_and_so_is_whoever_was_heard_there() {
        let local = |address: &str, source| is_local(address.parse().unwrap(), source);
        for address in
            ["192.168.1.5", "10.0.0.1", "172.16.9.9", "169.254.3.3", "fe80::1", "fd00::7", "::ffff:10.0.0.1"]
        {
            assert!(local(address, None), "{address}");
        }
        for address in ["127.0.0.1", "::1", "203.0.113.5", "2001:db8::1", "100.64.0.1"] {
            assert!(!local(address, Some(CandidateSource::Tracker)), "{address}");
            assert!(local(address, Some(CandidateSource::Lsd)), "{address}");
        }
    }

    #[test]
    fn others_are_left_out_where_local_peers_do_alone_and_until_they_do_not() {
        let mut now = origin();
        let mut first = LocalFirst::new(now);
        first.set_covered(Bitfield::full(4));
        assert!(!first.keeps(PieceIndex(1)));
        assert!(after(&mut first, &mut now, Duration::from_secs(10), 900, 100));
        assert!(first.keeps(PieceIndex(1)));
        assert!(after(&mut first, &mut now, Duration::from_mins(9), 850, 100), "that is as good as before");
        assert!(!after(&mut first, &mut now, TICK, 600, 100), "something is missing");
        assert!(!after(&mut first, &mut now, Duration::from_secs(50), 900, 100), "not again at once");
        assert!(after(&mut first, &mut now, Duration::from_mins(1), 900, 100));
    }

    #[test]
    fn slow_local_peers_hold_nobody_up() {
        let mut now = origin();
        let mut first = LocalFirst::new(now);
        assert!(!after(&mut first, &mut now, Duration::from_mins(9), 100, 900), "it is not even tried");
        // They bring half, and cannot bring more: the trial is undone, and not made again soon.
        let mut left_out = 0;
        for _ in 0..240 {
            left_out += u32::from(after(&mut first, &mut now, TICK, 500, 450));
        }
        assert!(left_out * 10 <= 240, "{left_out} of 240 looks");
    }
}
