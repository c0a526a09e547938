//! Addresses of peers, connected or not, and when to try which.

use crate::contract::{CandidateSource, ConnectFailure};
use crate::limits;
use crate::local_first::is_local;
use crate::priority::priority;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};
use wire::Close;

/// The time between attempts that are evenly spaced.
const SPACING: Duration = Duration::from_nanos(1_000_000_000 / limits::CONNECTS_PER_SECOND as u64);
/// How far attempts may run ahead.
const BURST_AHEAD: Duration = SPACING.saturating_mul(limits::CONNECT_BURST - 1);

/// What decides before chance does: failures, whether it is of another network, has a system port, and who named it.
type Worth = (u8, bool, bool, CandidateSource);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Idle,
    Connecting,
    Connected,
}

#[derive(Clone, Copy, Debug)]
struct Candidate {
    source: CandidateSource,
    state: State,
    /// Failures in a row.
    failures: u8,
    /// Not tried before this.
    next: Instant,
    /// An attempt or connection was made in this run.
    tried: bool,
    /// Somebody was asked to bring us together.
    asked_for: bool,
}

/// The addresses known for one torrent.
#[derive(Debug)]
pub(crate) struct PeerList {
    candidates: BTreeMap<SocketAddr, Candidate>,
    own: BTreeSet<SocketAddr>,
    /// How often peers said that they see us at an address.
    seen_at: BTreeMap<IpAddr, u32>,
    connecting: usize,
    /// Where attempts would stand had they always been evenly spaced; may run ahead of the clock by the burst.
    paced_until: Instant,
    rng: fastrand::Rng,
}

impl PeerList {
    pub(crate) fn new(now: Instant, rng: fastrand::Rng) -> Self {
        Self {
            candidates: BTreeMap::new(),
            own: BTreeSet::new(),
            seen_at: BTreeMap::new(),
            connecting: 0,
            paced_until: now,
            rng,
        }
    }

    /// Attempts under way.
    pub(crate) const fn connecting(&self) -> usize {
        self.connecting
    }

    /// A peer says that it sees us at an address. Nobody is believed alone: the address said most counts.
    pub(crate) fn seen_at(&mut self, address: IpAddr) {
        let address = address.to_canonical();
        if self.seen_at.len() < limits::OWN_ADDRESSES || self.seen_at.contains_key(&address) {
            *self.seen_at.entry(address).or_default() += 1;
        }
    }

    /// Our own address as peers of a family see it.
    fn own_address(&self, is_ipv4: bool) -> Option<SocketAddr> {
        let of_family = self.seen_at.iter().filter(|(address, _)| address.is_ipv4() == is_ipv4);
        of_family.max_by_key(|(_, said)| **said).map(|(address, _)| SocketAddr::new(*address, 0))
    }

    /// Addresses not connected and not being tried.
    pub(crate) fn idle(&self) -> usize {
        self.candidates.values().filter(|candidate| candidate.state == State::Idle).count()
    }

    /// Where the address came from, if it is known.
    pub(crate) fn source(&self, address: SocketAddr) -> Option<CandidateSource> {
        self.candidates.get(&canonical(address)).map(|candidate| candidate.source)
    }

    /// Every address, whatever its state.
    pub(crate) fn all(&self) -> impl Iterator<Item = (CandidateSource, SocketAddr)> + '_ {
        self.candidates.iter().map(|(address, candidate)| (candidate.source, *address))
    }

    /// Takes an address in, unless it cannot be a peer's. A full list gives up its worst for a better one.
    pub(crate) fn add(&mut self, now: Instant, source: CandidateSource, address: SocketAddr) {
        let address = canonical(address);
        if !is_plausible(address) || self.own.contains(&address) {
            return;
        }
        if let Some(known) = self.candidates.get_mut(&address) {
            if source < known.source {
                known.source = source;
                known.failures = known.failures.min(1);
                known.next = known.next.min(now + limits::RETRY_FIRST);
            }
            return;
        }
        if self.candidates.len() >= limits::CANDIDATES && !self.make_room(source) {
            return;
        }
        let fresh =
            Candidate { source, state: State::Idle, failures: 0, next: now, tried: false, asked_for: false };
        self.candidates.insert(address, fresh);
    }

    /// Drops the idle address that failed most, or is trusted least, if it is worth less than a newcomer.
    fn make_room(&mut self, source: CandidateSource) -> bool {
        let idle = self.candidates.iter().filter(|(_, candidate)| candidate.state == State::Idle);
        let worst = idle.map(|(address, it)| ((it.failures, it.source), *address)).max();
        match worst {
            Some((worth, address)) if worth > (0, source) => self.candidates.remove(&address).is_some(),
            _ => false,
        }
    }

    /// The next address to connect to; it counts as being tried from now on. Addresses that failed least come
    /// first, then those of our own network and those trusted most, system ports last, and canonical priority (BEP 40) decides, or chance while our
    /// own address is not known.
    pub(crate) fn next(&mut self, now: Instant) -> Option<SocketAddr> {
        if self.paced_until.saturating_duration_since(now) > BURST_AHEAD {
            return None;
        }
        let own = [self.own_address(false), self.own_address(true)];
        let mut best = None;
        for (address, candidate) in &self.candidates {
            if candidate.state == State::Idle && candidate.next <= now {
                let own = own[usize::from(address.is_ipv4())];
                let luck = own.map_or_else(|| self.rng.u32(..), |own| !priority(own, *address));
                let is_far = !is_local(address.ip(), Some(candidate.source));
                let worth = (candidate.failures, is_far, address.port() < 1024, candidate.source);
                let rank = (worth, luck, *address);
                best = best.map_or(Some(rank), |least: (Worth, u32, SocketAddr)| Some(least.min(rank)));
            }
        }
        let (.., address) = best?;
        self.paced_until = self.paced_until.max(now) + SPACING;
        self.connecting += 1;
        let candidate = self.candidates.get_mut(&address)?;
        (candidate.state, candidate.tried) = (State::Connecting, true);
        Some(address)
    }

    /// Begins an attempt out of turn. False if the address is not known, or is not idle.
    pub(crate) fn begin(&mut self, address: SocketAddr) -> bool {
        let candidate = self.candidates.get_mut(&canonical(address));
        let Some(candidate) = candidate.filter(|it| it.state == State::Idle) else { return false };
        (candidate.state, candidate.tried) = (State::Connecting, true);
        self.connecting += 1;
        true
    }

    /// Whether somebody may be asked to bring us together with an address: once.
    pub(crate) fn may_ask_for(&mut self, address: SocketAddr) -> bool {
        self.candidates.get_mut(&address).is_some_and(|it| !std::mem::replace(&mut it.asked_for, true))
    }

    /// When an attempt may begin next; `None` if no address waits for one.
    pub(crate) fn next_at(&self) -> Option<Instant> {
        let idle = self.candidates.values().filter(|candidate| candidate.state == State::Idle);
        let ready = idle.map(|candidate| candidate.next).min()?;
        let paced = self.paced_until.checked_sub(BURST_AHEAD);
        Some(paced.map_or(ready, |paced| ready.max(paced)))
    }

    fn set_state(&mut self, address: SocketAddr, state: State) -> Option<&mut Candidate> {
        let candidate = self.candidates.get_mut(&address)?;
        if candidate.state == State::Connecting {
            self.connecting -= 1;
        }
        candidate.state = state;
        Some(candidate)
    }

    /// A peer that listens at this address is connected.
    pub(crate) fn connected(&mut self, now: Instant, source: CandidateSource, address: SocketAddr) {
        let address = canonical(address);
        self.add(now, source, address);
        if let Some(candidate) = self.set_state(address, State::Connected) {
            candidate.tried = true;
        }
    }

    /// An attempt failed.
    pub(crate) fn failed(&mut self, now: Instant, address: SocketAddr, failure: ConnectFailure) {
        let address = canonical(address);
        let jitter = 0.8 + 0.4 * self.rng.f64();
        let Some(candidate) = self.set_state(address, State::Idle) else { return };
        if failure == ConnectFailure::Local {
            candidate.next = now + limits::RETRY_FIRST.mul_f64(jitter);
            return;
        }
        back_off(now, candidate, jitter);
        let trusted = candidate.source <= CandidateSource::Lsd;
        if candidate.failures >= limits::CONNECT_FAILURES && !trusted {
            self.candidates.remove(&address);
        }
    }

    /// The connection to the peer at this address ended; `traded`: it had been of use.
    pub(crate) fn disconnected(&mut self, now: Instant, address: SocketAddr, reason: Close, traded: bool) {
        let address = canonical(address);
        let jitter = 0.8 + 0.4 * self.rng.f64();
        let Some(candidate) = self.set_state(address, State::Idle) else { return };
        match reason {
            Close::Myself => self.mark_own(address),
            Close::Banned => {
                self.candidates.remove(&address);
            }
            Close::Stopped => candidate.next = now,
            Close::NothingToTrade | Close::Duplicate | Close::Replaced => {
                candidate.next = now + limits::RETRY_NOTHING_TO_TRADE.mul_f64(jitter);
            }
            Close::Violation(_) => {
                back_off(now, candidate, jitter);
                candidate.next = now + limits::RETRY_LONGEST.mul_f64(jitter);
            }
            Close::Remote | Close::TimedOut | Close::NotReading => {
                if traded {
                    candidate.failures = 0;
                }
                back_off(now, candidate, jitter);
            }
        }
    }

    /// What there is to trade changed: peers left alone for that reason may be tried again.
    pub(crate) fn reconsider(&mut self, now: Instant) {
        for candidate in self.candidates.values_mut().filter(|candidate| candidate.failures == 0) {
            candidate.next = candidate.next.min(now);
        }
    }

    /// This address is our own: never tried again.
    pub(crate) fn mark_own(&mut self, address: SocketAddr) {
        let address = canonical(address);
        self.set_state(address, State::Idle);
        self.candidates.remove(&address);
        if self.own.len() < limits::OWN_ADDRESSES {
            self.own.insert(address);
        }
    }

    /// Forgets every address of a banned host.
    pub(crate) fn forget_host(&mut self, host: IpAddr) {
        self.candidates.retain(|address, candidate| address.ip() != host || candidate.state != State::Idle);
    }

    /// Whether some address was never tried, so that replacing a bad peer makes sense.
    pub(crate) fn has_untried(&self) -> bool {
        self.candidates.values().any(|candidate| candidate.state == State::Idle && !candidate.tried)
    }
}

fn back_off(now: Instant, candidate: &mut Candidate, jitter: f64) {
    let longest = if candidate.source <= CandidateSource::Lsd {
        limits::RETRY_LONGEST_TRUSTED
    } else {
        limits::RETRY_LONGEST
    };
    let pause = limits::RETRY_FIRST * 3u32.pow(u32::from(candidate.failures.min(8)));
    candidate.next = now + pause.min(longest).mul_f64(jitter);
    candidate.failures = candidate.failures.saturating_add(1);
}

/// An IPv4 address as such, even if it came as an IPv6 one.
pub(crate) fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

fn is_plausible(address: SocketAddr) -> bool {
    let host = address.ip();
    let broadcast = matches!(host, IpAddr::V4(v4) if v4.is_broadcast() || v4.octets()[0] == 0);
    address.port() != 0 && !host.is_unspecified() && !host.is_multicast() && !broadcast
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::origin;

    fn list() -> (PeerList, Instant) {
        let now = origin();
        (PeerList::new(now, fastrand::Rng::with_seed(3)), now)
    }

    fn address(n: u16) -> SocketAddr {
        SocketAddr::from(([10, 0, (n >> 8) as u8, n as u8], 6881))
    }

    #[test]
    fn peers_of_the_own_network_are_dialled_first() {
        let now = origin();
        let mut list = PeerList::new(now, fastrand::Rng::with_seed(1));
        let at = |text: &str| text.parse::<SocketAddr>().unwrap();
        list.add(now, CandidateSource::User, at("203.0.113.1:7000"));
        list.add(now, CandidateSource::Pex, at("192.168.1.9:7000"));
        list.add(now, CandidateSource::Lsd, at("203.0.113.9:7000"));
        let order: Vec<_> = std::iter::from_fn(|| list.next(now)).collect();
        assert_eq!(order, ["203.0.113.9:7000", "192.168.1.9:7000", "203.0.113.1:7000"].map(at));
    }

    #[test]
    fn impossible_and_own_addresses_are_not_tried() {
        let (mut list, now) = list();
        for bad in ["0.0.0.0:6881", "255.255.255.255:6881", "224.0.0.1:6881", "10.0.0.1:0", "[ff02::1]:6881"]
        {
            list.add(now, CandidateSource::Pex, bad.parse().unwrap());
        }
        assert_eq!(list.next(now), None);
        list.add(now, CandidateSource::Pex, "[::ffff:10.0.0.1]:6881".parse().unwrap());
        assert_eq!(list.next(now), Some(address(1)));
        list.connected(now, CandidateSource::Pex, address(1));
        list.disconnected(now, address(1), Close::Myself, false);
        list.add(now, CandidateSource::Tracker, address(1));
        assert_eq!(list.next(now + Duration::from_hours(1)), None);
    }

    #[test]
    fn failures_are_tried_again_later_and_later_and_then_forgotten() {
        let (mut list, mut now) = list();
        list.add(now, CandidateSource::Tracker, address(1));
        let mut pauses = Vec::new();
        while let Some(it) = list.next(now) {
            list.failed(now, it, ConnectFailure::Refused);
            let Some(next) = list.next_at() else { break };
            pauses.push(next - now);
            now = next;
        }
        assert_eq!(pauses.len(), usize::from(limits::CONNECT_FAILURES) - 1);
        assert!(pauses.windows(2).all(|pair| pair[1] > pair[0] * 3 / 2), "{pauses:?}");
        assert_eq!((list.connecting(), list.idle()), (0, 0));
    }

    #[test]
    fn the_user_s_own_addresses_are_never_given_up() {
        let (mut list, mut now) = list();
        list.add(now, CandidateSource::User, address(1));
        for _ in 0..50 {
            let it = list.next(now).expect("still tried");
            list.failed(now, it, ConnectFailure::Unreachable);
            let next = list.next_at().unwrap();
            assert!(next - now <= Duration::from_secs(75));
            now = next;
        }
    }

    #[test]
    fn once_our_address_is_known_canonical_priority_decides() {
        let (mut list, now) = list();
        let own: SocketAddr = "192.0.2.1:0".parse().unwrap();
        list.seen_at("198.51.100.1".parse().unwrap());
        list.seen_at(own.ip());
        list.seen_at(own.ip());
        for n in 1..20 {
            list.add(now, CandidateSource::Tracker, SocketAddr::from(([10, n, 0, 1], 6881)));
        }
        let order: Vec<u32> =
            std::iter::from_fn(|| list.next(now)).map(|address| priority(own, address)).collect();
        assert_eq!(order.len(), 19);
        assert!(order.is_sorted_by(|a, b| a >= b), "{order:?}");
    }

    #[test]
    fn the_list_is_bounded_and_attempts_are_paced() {
        let (mut list, now) = list();
        for n in 0..5000 {
            list.add(now, CandidateSource::Pex, address(n));
        }
        assert_eq!(list.idle(), limits::CANDIDATES);
        list.add(now, CandidateSource::Tracker, address(6000));
        assert!(list.source(address(6000)).is_some(), "a tracker's word is worth more than another peer's");
        let first = std::iter::from_fn(|| list.next(now)).count();
        assert_eq!(first, limits::CONNECT_BURST as usize);
        let second = std::iter::from_fn(|| list.next(now + Duration::from_millis(500))).count();
        assert_eq!(second, limits::CONNECTS_PER_SECOND as usize / 2);
    }
}
