//! Keeping in touch: entering the network, pinging the silent, looking up quiet corners.

use super::{Node, Purpose};
use crate::address::Subnet;
use crate::contract::LookupKey;
use crate::krpc::Query;
use crate::limits::{
    BOOTSTRAP_PAUSE, K, MAINTENANCE_INTERVAL, MAX_BOOTSTRAP_PAUSE, MAX_NEWCOMER_PINGS, MAX_SILENT, SILENT_FOR,
};
use crate::recent::Recent;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// When the table is looked after, and what is under way for it.
#[derive(Debug)]
pub(super) struct Maintenance {
    next: Instant,
    /// The lookup that enters the network or refreshes a bucket; one at a time.
    lookup: Option<LookupKey>,
    enter_at: Option<Instant>,
    pause: Duration,
    /// Networks whose newcomers were pinged lately.
    pinged: Recent<Subnet>,
    pings_left: usize,
}

impl Maintenance {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            next: now + MAINTENANCE_INTERVAL,
            lookup: None,
            enter_at: None,
            pause: BOOTSTRAP_PAUSE,
            pinged: Recent::new(now, SILENT_FOR, MAX_SILENT),
            pings_left: MAX_NEWCOMER_PINGS,
        }
    }

    pub(super) const fn next(&self) -> Instant {
        self.next
    }

    /// The next attempt to enter the network is due at once.
    pub(super) const fn enter_network_now(&mut self) {
        self.enter_at = None;
        self.pause = BOOTSTRAP_PAUSE;
    }

    /// One ping for a network in a while, and few altogether.
    pub(super) fn may_ping_newcomer(&self, now: Instant, address: IpAddr) -> bool {
        self.pings_left > 0 && !self.pinged.contains(now, &Subnet::of(address))
    }

    pub(super) fn note_newcomer(&mut self, now: Instant, address: IpAddr) {
        self.pinged.note(now, Subnet::of(address));
        self.pings_left = self.pings_left.saturating_sub(1);
    }

    pub(super) fn ended(&mut self, key: LookupKey) {
        if self.lookup == Some(key) {
            self.lookup = None;
        }
    }
}

impl Node {
    pub(super) fn maintain(&mut self, now: Instant) {
        self.maintenance.next = now + MAINTENANCE_INTERVAL;
        self.maintenance.pings_left = MAX_NEWCOMER_PINGS;
        self.tokens.handle_timeout(now);
        self.peers.expire(now);
        self.items.expire(now);
        if let Some(contact) = self.table.next_to_ping(now) {
            self.ask(now, contact.address, Some(contact.id), Purpose::Table, &Query::Ping);
        }
        if self.maintenance.lookup.is_none() && !self.enter_network(now) {
            self.refresh_a_bucket(now);
        }
        self.advance(now);
    }

    /// While the table is poor we look ourselves up, again and again with growing pauses. True if that was begun.
    fn enter_network(&mut self, now: Instant) -> bool {
        let poor = self.table.len() < K;
        if !poor && self.maintenance.enter_at.is_some() {
            self.maintenance.pause = BOOTSTRAP_PAUSE;
            return false;
        }
        let due = self.maintenance.enter_at.is_none_or(|when| when <= now);
        let way_in = self.table.len() + self.routers.len() + self.saved.len() > 0;
        if !due || !way_in {
            return false;
        }
        self.maintenance.enter_at = Some(now + self.maintenance.pause);
        self.maintenance.pause = (self.maintenance.pause * 2).min(MAX_BOOTSTRAP_PAUSE);
        let key = self.start_search(now, self.id, None);
        self.maintenance.lookup = Some(key);
        true
    }

    fn refresh_a_bucket(&mut self, now: Instant) {
        if let Some(place) = self.table.next_to_refresh(now, &mut self.rng) {
            let key = self.start_search(now, place, None);
            self.maintenance.lookup = Some(key);
        }
    }
}
