//! Finding peers without trackers: the local network and the DHT, each switched on and off while torrents run.

use crate::dht::{Dht, DhtSettings, DhtTables};
use crate::lsd::Lsd;
use crate::udp::Udp;
use std::sync::Arc;
use tokio::sync::watch;

/// What there is, for all torrents of a session. They are told when that changes.
#[derive(Default)]
pub(crate) struct Discovery(watch::Sender<Services>);

/// The services that run.
#[derive(Default)]
pub(crate) struct Services {
    lsd: Option<Arc<Lsd>>,
    dht: Option<Arc<Dht>>,
}

impl Discovery {
    /// Discovery on the local network, where it is on. Not to be kept: it ends with the last holder.
    pub(crate) fn lsd(&self) -> Option<Arc<Lsd>> {
        self.0.borrow().lsd.clone()
    }

    /// The DHT, where it is on. Not to be kept: it ends with the last holder.
    pub(crate) fn dht(&self) -> Option<Arc<Dht>> {
        self.0.borrow().dht.clone()
    }

    /// Tells of every change from now on.
    pub(crate) fn changes(&self) -> watch::Receiver<Services> {
        self.0.subscribe()
    }

    /// Finds peers on the local network from now on, or does so no more.
    pub(crate) fn set_lsd(&self, on: bool, start: impl FnOnce() -> Option<Lsd>) {
        self.0.send_if_modified(|services| {
            let changes = on != services.lsd.is_some();
            if changes {
                services.lsd = on.then(start).flatten().map(Arc::new);
            }
            changes
        });
    }

    /// Finds peers through the DHT from now on, or does so no more.
    pub(crate) fn set_dht(
        &self,
        wanted: Option<&DhtSettings>,
        start: impl FnOnce(&DhtSettings) -> Option<Dht>,
    ) {
        self.0.send_if_modified(|services| {
            let changes = wanted.is_some() != services.dht.is_some();
            if changes {
                services.dht = wanted.and_then(start).map(Arc::new);
            }
            changes
        });
    }

    /// Ends all of it for now. Everybody is to be told what there is instead.
    pub(crate) fn stop(&self) {
        self.0.send_if_modified(|services| {
            *services = Services::default();
            false
        });
    }

    /// Neighbours reach us at another port from now on, or those outside do.
    pub(crate) fn set_port(&self, port: u16, announced: u16) {
        if let Some(lsd) = self.lsd() {
            lsd.set_port(port);
        }
        if let Some(dht) = self.dht() {
            dht.set_port(announced);
        }
        self.announce_change();
    }

    /// The DHT is at other sockets from now on.
    pub(crate) fn set_sockets(&self, udp: &Udp) {
        if let Some(dht) = self.dht() {
            dht.set_sockets(udp);
        }
    }

    /// Has everybody look again at what there is.
    pub(crate) fn announce_change(&self) {
        self.0.send_modify(|_| ());
    }

    /// What the DHT knows, for a later run; `None` if there is none.
    pub(crate) async fn dht_tables(&self) -> Option<DhtTables> {
        let asked = self.dht()?.ask_for_tables()?;
        asked.await.ok()
    }
}
