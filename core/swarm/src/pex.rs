//! Peer exchange (BEP 11): what one peer was told of the others.

use crate::limits;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Instant;

/// It takes pieces no more.
pub(crate) const SEED: u8 = 0x02;
/// It takes part in holepunching (BEP 55).
pub(crate) const PUNCHES_HOLES: u8 = 0x08;
/// We connected to it, so it can be reached.
pub(crate) const REACHABLE: u8 = 0x10;

/// Peers with their flags that came, and peers that went.
pub(crate) type News = (Vec<(SocketAddr, u8)>, Vec<SocketAddr>);

/// One peer's share in the exchange.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    told: BTreeSet<SocketAddr>,
    next: Instant,
}

impl Exchange {
    /// With a peer that takes part from now on.
    pub(crate) const fn new(now: Instant) -> Self {
        Self { told: BTreeSet::new(), next: now }
    }

    /// Whether there may be something to tell.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        now >= self.next
    }

    /// What is to be told now: at most fifty of each kind, once a minute, and nothing if nothing changed. `present` are
    /// the peers connected, `own` is the one that is told.
    pub(crate) fn news(
        &mut self,
        now: Instant,
        present: &BTreeMap<SocketAddr, u8>,
        own: Option<SocketAddr>,
    ) -> Option<News> {
        if !self.is_due(now) {
            return None;
        }
        let new = present.iter().filter(|(it, _)| !self.told.contains(it) && Some(**it) != own);
        let added: Vec<(SocketAddr, u8)> =
            new.take(limits::PEX_AT_ONCE).map(|(address, flags)| (*address, *flags)).collect();
        let gone = self.told.iter().filter(|it| !present.contains_key(it));
        let dropped: Vec<SocketAddr> = gone.take(limits::PEX_AT_ONCE).copied().collect();
        if added.is_empty() && dropped.is_empty() {
            self.next = now + limits::PEX_LOOK;
            return None;
        }
        self.next = now + limits::PEX_EVERY;
        self.told.retain(|it| !dropped.contains(it));
        self.told.extend(added.iter().map(|(address, _)| *address));
        Some((added, dropped))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::origin;
    use std::time::Duration;

    fn peers(hosts: impl Iterator<Item = u8>) -> BTreeMap<SocketAddr, u8> {
        hosts.map(|host| (SocketAddr::from(([10, 0, 0, host], 6881)), SEED)).collect()
    }

    #[test]
    fn only_what_changed_is_told_and_once_a_minute() {
        let now = origin();
        let mut exchange = Exchange::new(now);
        let own = SocketAddr::from(([10, 0, 0, 1], 6881));
        let (added, dropped) = exchange.news(now, &peers(1..4), Some(own)).unwrap();
        assert_eq!((added.len(), dropped.len()), (2, 0));
        assert!(added.iter().all(|(address, flags)| *address != own && *flags == SEED));
        let later = now + Duration::from_secs(59);
        assert_eq!(exchange.news(later, &peers(2..5), Some(own)), None, "too soon");
        let later = now + Duration::from_mins(1);
        let (added, dropped) = exchange.news(later, &peers(3..5), Some(own)).unwrap();
        assert_eq!((added.len(), dropped), (1, vec![SocketAddr::from(([10, 0, 0, 2], 6881))]));
        assert_eq!(exchange.news(later + Duration::from_hours(1), &peers(3..5), None), None, "nothing new");
    }

    #[test]
    fn many_are_told_in_parts() {
        let now = origin();
        let mut exchange = Exchange::new(now);
        let everybody = peers(1..=120);
        let counts: Vec<usize> = (0..3)
            .map(|minute| exchange.news(now + minute * limits::PEX_EVERY, &everybody, None).unwrap().0.len())
            .collect();
        assert_eq!(counts, [50, 50, 20]);
    }
}
