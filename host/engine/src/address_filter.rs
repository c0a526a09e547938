//! Addresses that no connection is made with, whoever begins it.

use blocklist::Blocklist;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};

/// A blocklist that may be replaced while sessions look at it. Clones share one list; it is empty at first.
#[derive(Clone, Debug, Default)]
pub struct AddressFilter(Arc<RwLock<Arc<Blocklist>>>);

impl AddressFilter {
    /// Blocks what is in `list`, and nothing else from now on. Connections that stand already stay.
    pub fn replace(&self, list: Blocklist) {
        let old =
            std::mem::replace(&mut *self.0.write().unwrap_or_else(PoisonError::into_inner), list.into());
        // A large list takes a while to free: not while others wait for the lock.
        drop(old);
    }

    /// Whether `address` is blocked.
    pub fn blocks(&self, address: SocketAddr) -> bool {
        self.list().contains(address.ip())
    }

    /// The list as it stands.
    pub fn list(&self) -> Arc<Blocklist> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The addresses that are not blocked.
    pub(crate) fn allowed(&self, addresses: &[SocketAddr]) -> Vec<SocketAddr> {
        let list = self.list();
        addresses.iter().copied().filter(|address| !list.contains(address.ip())).collect()
    }
}
