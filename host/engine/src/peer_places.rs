//! The places that all torrents of a session share among their connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// So many connections at most, of all torrents. Clones share the places.
#[derive(Clone, Debug)]
pub(crate) struct PeerPlaces(Arc<Counts>);

#[derive(Debug)]
struct Counts {
    most: AtomicUsize,
    taken: AtomicUsize,
}

/// A place for one connection; it is free again once this is dropped.
#[derive(Debug)]
pub(crate) struct Place(PeerPlaces);

impl PeerPlaces {
    pub(crate) fn new(most: Option<usize>) -> Self {
        let most = AtomicUsize::new(most.unwrap_or(usize::MAX));
        Self(Arc::new(Counts { most, taken: AtomicUsize::new(0) }))
    }

    /// Changes how many there are.
    pub(crate) fn set_most(&self, most: Option<usize>) {
        self.0.most.store(most.unwrap_or(usize::MAX), Ordering::Relaxed);
    }

    /// A place, if one is free.
    pub(crate) fn take(&self) -> Option<Place> {
        let most = self.0.most.load(Ordering::Relaxed);
        let one_more = |taken| (taken < most).then_some(taken + 1);
        self.0.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).ok()?;
        Some(Place(self.clone()))
    }

    /// Whether there are fewer places than are taken: somebody is to close a connection.
    pub(crate) fn are_too_many_taken(&self) -> bool {
        self.0.taken.load(Ordering::Relaxed) > self.0.most.load(Ordering::Relaxed)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.0.taken.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_taken_and_given_back() {
        let places = PeerPlaces::new(Some(2));
        let (first, second) = (places.take().unwrap(), places.take().unwrap());
        assert!(places.take().is_none() && !places.are_too_many_taken());
        places.set_most(Some(1));
        assert!(places.are_too_many_taken());
        drop(first);
        assert!(!places.are_too_many_taken() && places.take().is_none());
        drop(second);
        assert!(places.take().is_some());
    }
}
