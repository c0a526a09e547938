//! Addresses that no connection is made with, whoever begins it.

use blocklist::Blocklist;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// A blocklist that may be replaced, or switched off, while sessions look at it. Clones share one list; it is empty
/// at first.
#[derive(Clone, Debug, Default)]
pub struct AddressFilter(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    list: RwLock<Arc<Blocklist>>,
    is_off: AtomicBool,
}

impl AddressFilter {
    /// Blocks what is in `list`, and nothing else from now on. Connections that stand already stay.
    pub fn replace(&self, list: Blocklist) {
        let old =
            std::mem::replace(&mut *self.0.list.write().unwrap_or_else(PoisonError::into_inner), list.into());
        // A large list takes a while to free: not while others wait for the lock.
        drop(old);
    }

    /// Whether the list counts; it is kept while it does not.
    pub fn switch(&self, on: bool) {
        self.0.is_off.store(!on, Ordering::Relaxed);
    }

    /// Whether `address` is blocked.
    pub fn blocks(&self, address: SocketAddr) -> bool {
        !self.is_off() && self.list().contains(address.ip())
    }

    /// The list as it stands, whether it counts or not.
    pub fn list(&self) -> Arc<Blocklist> {
        Arc::clone(&self.0.list.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The addresses that are not blocked.
    pub(crate) fn allowed(&self, addresses: &[SocketAddr]) -> Vec<SocketAddr> {
        let (list, is_off) = (self.list(), self.is_off());
        addresses.iter().copied().filter(|address| is_off || !list.contains(address.ip())).collect()
    }

    fn is_off(&self) -> bool {
        self.0.is_off.load(Ordering::Relaxed)
    }
}
