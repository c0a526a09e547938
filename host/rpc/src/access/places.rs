//! Places that are few, of which no one address gets all.

use crate::http::gate::Caller;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many places there are.
#[derive(Clone, Copy)]
pub(crate) struct Share {
    /// For all callers together.
    pub(crate) all: usize,
    /// For this machine and for the unix socket: a proxy asks from there for everybody.
    pub(crate) near: usize,
    /// For each other address.
    pub(crate) far: usize,
}

/// The places, and who has how many of them.
pub(crate) struct Places {
    share: Share,
    all: Arc<Semaphore>,
    /// Of callers that have or want a place.
    own: Mutex<BTreeMap<Caller, Weak<Semaphore>>>,
}

/// A place, given back when it is dropped.
pub(crate) struct Place {
    _own: OwnedSemaphorePermit,
    _all: OwnedSemaphorePermit,
}

impl Places {
    pub(crate) fn new(share: Share) -> Self {
        Self { share, all: Arc::new(Semaphore::new(share.all)), own: Mutex::default() }
    }

    /// A place, if there is one for this caller.
    pub(crate) fn try_take(&self, caller: Caller) -> Option<Place> {
        let own = self.own(caller).try_acquire_owned().ok()?;
        let all = Arc::clone(&self.all).try_acquire_owned().ok()?;
        Some(Place { _own: own, _all: all })
    }

    /// Waits for a place.
    pub(crate) async fn take(&self, caller: Caller) -> Option<Place> {
        let own = self.own(caller).acquire_owned().await.ok()?;
        let all = Arc::clone(&self.all).acquire_owned().await.ok()?;
        Some(Place { _own: own, _all: all })
    }

    /// The places of one caller.
    fn own(&self, caller: Caller) -> Arc<Semaphore> {
        let mut known = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = known.get(&caller).and_then(Weak::upgrade) {
            return own;
        }
        // No more are left than there are places and callers that wait for one.
        known.retain(|_, own| own.strong_count() > 0);
        let is_near = match caller {
            Caller::Address(address) => address.is_loopback(),
            Caller::Socket => true,
        };
        let own = Arc::new(Semaphore::new(if is_near { self.share.near } else { self.share.far }));
        known.insert(caller, Arc::downgrade(&own));
        own
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> Caller {
        Caller::Address([10, 0, 0, last].into())
    }

    #[test]
    fn one_address_leaves_places_for_others() {
        let places = Places::new(Share { all: 4, near: 3, far: 2 });
        let taken: Vec<Place> = (0..9).filter_map(|_| places.try_take(address(1))).collect();
        assert_eq!(taken.len(), 2);
        let other: Vec<Place> = (0..9).filter_map(|_| places.try_take(address(2))).collect();
        assert_eq!(other.len(), 2);
        assert!(places.try_take(Caller::Socket).is_none(), "all are taken");
        drop(taken);
        let local: Vec<Place> = (0..9).filter_map(|_| places.try_take(Caller::Socket)).collect();
        assert_eq!(local.len(), 2);
        drop((other, local));
        assert_eq!((0..9).filter_map(|_| places.try_take(Caller::Socket)).count(), 9, "each is given back");
    }

    #[tokio::test]
    async fn who_waits_gets_the_place_that_is_given_back() {
        let places = Places::new(Share { all: 2, near: 1, far: 1 });
        let first = places.try_take(address(1)).unwrap();
        let (second, ()) = tokio::join!(places.take(address(1)), async { drop(first) });
        assert!(second.is_some() && places.try_take(address(1)).is_none());
    }
}
