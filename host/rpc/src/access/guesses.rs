//! Patience with failed logins. Every address is judged by its own failures: nobody can lock out another, and least
//! of all everybody.

use crate::limits::{FAILURE_ADDRESSES, FAILURE_AGE, FREE_FAILURES, LOGIN_PAUSE, LOGIN_WAIT};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

/// Failed logins by address.
#[derive(Default)]
pub(crate) struct Guesses {
    by_address: BTreeMap<IpAddr, Failures>,
}

struct Failures {
    count: u32,
    last: Instant,
    /// The next login that has to wait has its turn then.
    next_turn: Instant,
}

/// What an address may do now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Patience {
    /// Try, after so long a pause.
    Try(Duration),
    /// Not now: too many others of this address wait.
    TooMany,
}

impl Guesses {
    /// Is the address locked, having failed `threshold` times?
    pub(crate) fn is_locked(&self, address: IpAddr, threshold: u32, now: Instant) -> bool {
        self.known(address, now).is_some_and(|failures| failures.count >= threshold)
    }

    /// A login begins: how long must it wait for its turn?
    pub(crate) fn begin(&mut self, address: IpAddr, now: Instant) -> Patience {
        let Some(failures) = self.by_address.get_mut(&network(address)) else {
            return Patience::Try(Duration::ZERO);
        };
        if failures.count < FREE_FAILURES {
            return Patience::Try(Duration::ZERO);
        }
        let turn = failures.next_turn.max(now);
        let wait = turn.saturating_duration_since(now);
        if wait > LOGIN_WAIT {
            return Patience::TooMany;
        }
        failures.next_turn = turn + LOGIN_PAUSE;
        Patience::Try(wait)
    }

    /// A login failed.
    pub(crate) fn failed(&mut self, address: IpAddr, now: Instant) {
        let address = network(address);
        if self.known(address, now).is_none() {
            self.by_address.remove(&address);
            self.make_room(now);
        }
        let fresh = Failures { count: 0, last: now, next_turn: now };
        let failures = self.by_address.entry(address).or_insert(fresh);
        failures.count = failures.count.saturating_add(1);
        failures.last = now;
    }

    /// A login succeeded: the address has shown who it is.
    pub(crate) fn succeeded(&mut self, address: IpAddr) {
        self.by_address.remove(&network(address));
    }

    fn known(&self, address: IpAddr, now: Instant) -> Option<&Failures> {
        let failures = self.by_address.get(&network(address))?;
        (now.saturating_duration_since(failures.last) < FAILURE_AGE).then_some(failures)
    }

    fn make_room(&mut self, now: Instant) {
        if self.by_address.len() < FAILURE_ADDRESSES {
            return;
        }
        self.by_address.retain(|_, failures| now.saturating_duration_since(failures.last) < FAILURE_AGE);
        if self.by_address.len() >= FAILURE_ADDRESSES {
            let oldest = self.by_address.iter().min_by_key(|(_, failures)| failures.last);
            if let Some(address) = oldest.map(|(address, _)| *address) {
                self.by_address.remove(&address);
            }
        }
    }
}

/// A household has a /64 of IPv6 addresses: it is judged as one.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_first_failures_cost_nothing_and_later_ones_take_turns() {
        let (mut guesses, now, guest) = (Guesses::default(), Instant::now(), address("10.0.0.1"));
        for _ in 0..FREE_FAILURES {
            assert_eq!(guesses.begin(guest, now), Patience::Try(Duration::ZERO));
            guesses.failed(guest, now);
        }
        assert_eq!(guesses.begin(guest, now), Patience::Try(Duration::ZERO), "the first turn is now");
        assert_eq!(guesses.begin(guest, now), Patience::Try(LOGIN_PAUSE));
        assert_eq!(guesses.begin(guest, now), Patience::Try(LOGIN_PAUSE * 2));
        let waiting = (0..1000).filter(|_| guesses.begin(guest, now) != Patience::TooMany).count();
        assert!(waiting < 40, "{waiting} wait at once");
        guesses.succeeded(guest);
        assert_eq!(guesses.begin(guest, now), Patience::Try(Duration::ZERO));
    }

    #[test]
    fn only_the_address_that_failed_is_locked() {
        let (mut guesses, now) = (Guesses::default(), Instant::now());
        for _ in 0..100 {
            guesses.failed(address("2001:db8::1"), now);
        }
        assert!(guesses.is_locked(address("2001:db8::ffff"), 100, now), "the same /64");
        assert!(!guesses.is_locked(address("2001:db8::1"), 101, now));
        assert!(!guesses.is_locked(address("127.0.0.1"), 100, now));
        assert!(!guesses.is_locked(address("2001:db8::1"), 100, now + FAILURE_AGE), "forgotten in time");
    }

    #[test]
    fn memory_is_bounded() {
        let (mut guesses, now) = (Guesses::default(), Instant::now());
        for n in 0..FAILURE_ADDRESSES as u32 + 100 {
            guesses.failed(IpAddr::V4((0x0a00_0000 + n).into()), now + Duration::from_millis(u64::from(n)));
        }
        assert_eq!(guesses.by_address.len(), FAILURE_ADDRESSES);
        assert!(!guesses.is_locked(address("10.0.0.0"), 1, now), "the oldest went first");
    }
}
