//! The connections to web seeds that all torrents of a session share.
//!
//! Whoever fetches claims as many as it can use. Where that is more than there are, those who want little get it, and the
//! others get equal shares of the rest. What one has too many it gives back at its next claim, and only then can
//! another have it: at no time are there more.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// So many connections at most, of all torrents. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct WebSeedPlaces(Arc<Mutex<Claims>>);

#[derive(Debug)]
struct Claims {
    most: usize,
    next: u64,
    by_torrent: BTreeMap<u64, Claim>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Claim {
    wanted: usize,
    granted: usize,
}

/// The part of one torrent; it is given back once this is dropped.
#[derive(Debug)]
pub(crate) struct WebSeedShare {
    places: WebSeedPlaces,
    torrent: u64,
}

impl WebSeedPlaces {
    pub(crate) fn new(most: usize) -> Self {
        Self(Arc::new(Mutex::new(Claims { most, next: 0, by_torrent: BTreeMap::new() })))
    }

    /// Changes how many there are.
    pub(crate) fn set_most(&self, most: usize) {
        self.claims().most = most;
    }

    /// A torrent that has none yet.
    pub(crate) fn join(&self) -> WebSeedShare {
        let mut claims = self.claims();
        let torrent = claims.next;
        claims.next += 1;
        claims.by_torrent.insert(torrent, Claim::default());
        WebSeedShare { places: self.clone(), torrent }
    }

    fn claims(&self) -> MutexGuard<'_, Claims> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl WebSeedShare {
    /// Claims `wanted` connections in the place of what was claimed before. How many there may be now.
    pub(crate) fn claim(&self, wanted: usize) -> usize {
        let mut claims = self.places.claims();
        claims.by_torrent.insert(self.torrent, Claim { wanted, granted: 0 });
        let granted = claims.fair(wanted).min(claims.free());
        claims.by_torrent.insert(self.torrent, Claim { wanted, granted });
        granted
    }
}

impl Drop for WebSeedShare {
    fn drop(&mut self) {
        self.places.claims().by_torrent.remove(&self.torrent);
    }
}

impl Claims {
    /// The fair part of one that wants so many.
    fn fair(&self, wanted: usize) -> usize {
        let mut all: Vec<usize> = self.by_torrent.values().map(|claim| claim.wanted).collect();
        all.sort_unstable();
        let mut left = self.most;
        for (at, one) in all.iter().enumerate() {
            let equal = left / (all.len() - at);
            if *one > equal {
                // More torrents than connections: one each, for whoever comes first.
                return wanted.min(equal.max(1));
            }
            left -= one;
        }
        wanted
    }

    fn free(&self) -> usize {
        let granted: usize = self.by_torrent.values().map(|claim| claim.granted).sum();
        self.most.saturating_sub(granted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_alone_gets_what_there_is() {
        let places = WebSeedPlaces::new(96);
        let share = places.join();
        assert_eq!((share.claim(400), share.claim(3)), (96, 3));
        places.set_most(2);
        assert_eq!(share.claim(3), 2);
    }

    #[test]
    fn a_second_one_waits_until_the_first_has_given_back() {
        let places = WebSeedPlaces::new(96);
        let (first, second) = (places.join(), places.join());
        assert_eq!(first.claim(350), 96);
        assert_eq!(second.claim(350), 0, "all are in use");
        assert_eq!((first.claim(350), second.claim(350)), (48, 48));
        drop(first);
        assert_eq!(second.claim(350), 96);
    }

    #[test]
    fn many_torrents_take_turns() {
        let places = WebSeedPlaces::new(96);
        let mut shares: Vec<WebSeedShare> = (0..150).map(|_| places.join()).collect();
        let granted: Vec<usize> = shares.iter().map(|share| share.claim(2)).collect();
        assert_eq!(granted.iter().sum::<usize>(), 96);
        assert!(granted.iter().all(|granted| *granted <= 2));
        let rest = shares.split_off(96);
        drop(shares);
        assert!(rest.iter().all(|share| share.claim(2) >= 1));
    }

    #[test]
    fn who_wants_little_gets_it_and_the_rest_is_shared() {
        let places = WebSeedPlaces::new(96);
        let wishes = [350, 2, 1000, 0];
        let shares: Vec<WebSeedShare> = wishes.iter().map(|_| places.join()).collect();
        let claim =
            || shares.iter().zip(wishes).map(|(share, wanted)| share.claim(wanted)).collect::<Vec<_>>();
        claim();
        claim();
        assert_eq!(claim(), [47, 2, 47, 0]);
    }
}
