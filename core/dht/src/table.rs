//! The routing table: a few nodes of every distance, the steadiest we know (BEP 5).
//!
//! Buckets are numbered by the bits that their nodes share with our id. A node is in the table only after it answered
//! us. No network (/24 or /64) holds more than one place of the whole table, and no address a place under two ids, so
//! that whoever wants many places needs many networks; among equals those with an id that fits their address (BEP 42)
//! are preferred.

use crate::address::Subnet;
use crate::bep42::id_fits;
use crate::contract::Contact;
use crate::id::Id;
use crate::limits::{
    BAD_FAILURES, GOOD_FOR, K, LOST_FAILURES, MAX_REPLACEMENTS, MAX_SHIFTY, QUERY_TIMEOUT, REFRESH_AFTER,
    SHIFTY_FOR,
};
use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

/// Nodes we know to answer.
#[derive(Debug)]
pub(crate) struct Table {
    own: Id,
    buckets: BTreeMap<u8, Bucket>,
    /// Who holds the place of each network, in a bucket or waiting beside one.
    holders: BTreeMap<Subnet, Contact>,
    /// Addresses that changed their id, and until when they are not taken.
    shifty: BTreeMap<IpAddr, Instant>,
    /// When each bucket was last looked up.
    looked_up: BTreeMap<u8, Instant>,
}

#[derive(Debug)]
struct Bucket {
    nodes: Vec<Entry>,
    /// Nodes that find no place, the latest at the end.
    waiting: VecDeque<Entry>,
    changed: Instant,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    contact: Contact,
    /// The id is one that the address may have.
    fits: bool,
    heard: Instant,
    pinged: Option<Instant>,
    failures: u8,
}

impl Entry {
    const fn is_bad(&self) -> bool {
        self.failures >= BAD_FAILURES
    }
}

impl Table {
    pub(crate) const fn new(own: Id) -> Self {
        Self {
            own,
            buckets: BTreeMap::new(),
            holders: BTreeMap::new(),
            shifty: BTreeMap::new(),
            looked_up: BTreeMap::new(),
        }
    }

    /// Number of nodes that may be named.
    pub(crate) fn len(&self) -> usize {
        self.nodes().count()
    }

    /// All nodes that may be named.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = Contact> {
        let entries = self.buckets.values().flat_map(|bucket| &bucket.nodes);
        entries.filter(|entry| !entry.is_bad()).map(|entry| entry.contact)
    }

    /// The nodes nearest to a place, the nearest first.
    pub(crate) fn closest(&self, target: Id, most: usize) -> Vec<Contact> {
        let mut nodes: Vec<_> = self.nodes().map(|node| (node.id.distance(target), node)).collect();
        nodes.sort_unstable();
        nodes.into_iter().map(|(_, node)| node).take(most).collect()
    }

    /// Would a node that we do not know yet get a place if it answered?
    pub(crate) fn wants(&self, now: Instant, contact: Contact) -> bool {
        if !self.is_allowed(now, contact) || self.holders.contains_key(&Subnet::of(contact.address.ip())) {
            return false;
        }
        let Some(bucket) = self.buckets.get(&self.own.shared_bits(contact.id)) else { return true };
        bucket.nodes.len() < K || bucket.weakest(id_fits(contact.id, contact.address.ip())).is_some()
    }

    /// Ours is nobody else's id, and an address that changed its id is not taken for a while.
    fn is_allowed(&self, now: Instant, contact: Contact) -> bool {
        contact.id != self.own && self.shifty.get(&contact.address.ip()).is_none_or(|until| *until <= now)
    }

    /// A node answered: it gets a place if there is one, or waits for one.
    pub(crate) fn answered(&mut self, now: Instant, contact: Contact) {
        let subnet = Subnet::of(contact.address.ip());
        let fits = id_fits(contact.id, contact.address.ip());
        match self.holders.get(&subnet).copied() {
            Some(holder) if holder == contact => return self.refresh(now, contact),
            Some(holder) if holder.address.ip() == contact.address.ip() && holder.id != contact.id => {
                self.remove(holder);
                self.remember_shifty(now, contact.address.ip());
                return;
            }
            _ if !self.is_allowed(now, contact) => return,
            // The place of a network changes hands only when its holder fails or has an id it should not have.
            Some(holder) if !self.is_weak(holder, fits) => return,
            Some(holder) => self.remove(holder),
            None => {}
        }
        let entry = Entry { contact, fits, heard: now, pinged: None, failures: 0 };
        let bucket = self.buckets.entry(self.own.shared_bits(contact.id)).or_insert_with(|| Bucket::new(now));
        let lost = bucket.insert(now, entry);
        self.holders.insert(subnet, contact);
        if let Some(lost) = lost {
            self.holders.remove(&Subnet::of(lost.address.ip()));
        }
    }

    fn is_weak(&self, holder: Contact, newcomer_fits: bool) -> bool {
        self.entry(holder).is_none_or(|entry| entry.is_bad() || newcomer_fits && !entry.fits)
    }

    fn entry(&self, contact: Contact) -> Option<&Entry> {
        let bucket = self.buckets.get(&self.own.shared_bits(contact.id))?;
        bucket.nodes.iter().chain(&bucket.waiting).find(|entry| entry.contact == contact)
    }

    fn refresh(&mut self, now: Instant, contact: Contact) {
        let Some(bucket) = self.buckets.get_mut(&self.own.shared_bits(contact.id)) else { return };
        if bucket.nodes.iter().any(|entry| entry.contact == contact) {
            bucket.changed = now;
        }
        for entry in
            bucket.nodes.iter_mut().chain(&mut bucket.waiting).filter(|entry| entry.contact == contact)
        {
            entry.heard = now;
            entry.failures = 0;
        }
    }

    /// A node asked us something: one that answered before is still there (BEP 5).
    pub(crate) fn asked_us(&mut self, now: Instant, contact: Contact) {
        let Some(bucket) = self.buckets.get_mut(&self.own.shared_bits(contact.id)) else { return };
        let known = bucket.nodes.iter_mut().find(|entry| entry.contact == contact && entry.failures == 0);
        if let Some(entry) = known {
            entry.heard = now;
        }
    }

    /// A node did not answer. One that waits takes the place of one that fails repeatedly.
    pub(crate) fn failed(&mut self, now: Instant, address: SocketAddr) {
        let Some(contact) = self.holders.get(&Subnet::of(address.ip())).copied() else { return };
        let Some(bucket) = self.buckets.get_mut(&self.own.shared_bits(contact.id)) else { return };
        if contact.address != address {
            return;
        }
        let Some(entry) = bucket.nodes.iter_mut().find(|entry| entry.contact == contact) else {
            // Whoever only waits and fails waits no more.
            return self.remove(contact);
        };
        entry.failures = entry.failures.saturating_add(1);
        let (bad, lost) = (entry.is_bad(), entry.failures >= LOST_FAILURES);
        if lost || bad && !bucket.waiting.is_empty() {
            self.remove(contact);
            self.promote(now, contact.id);
        }
    }

    /// A node that waits longest heard of takes a free place.
    fn promote(&mut self, now: Instant, near: Id) {
        let Some(bucket) = self.buckets.get_mut(&self.own.shared_bits(near)) else { return };
        if bucket.nodes.len() < K
            && let Some(entry) = bucket.waiting.pop_back()
        {
            bucket.nodes.push(entry);
            bucket.changed = now;
        }
    }

    fn remove(&mut self, contact: Contact) {
        self.holders.remove(&Subnet::of(contact.address.ip()));
        let index = self.own.shared_bits(contact.id);
        if let Some(bucket) = self.buckets.get_mut(&index) {
            bucket.nodes.retain(|entry| entry.contact != contact);
            bucket.waiting.retain(|entry| entry.contact != contact);
            if bucket.nodes.is_empty() && bucket.waiting.is_empty() {
                self.buckets.remove(&index);
            }
        }
    }

    fn remember_shifty(&mut self, now: Instant, address: IpAddr) {
        if self.shifty.len() >= MAX_SHIFTY {
            self.shifty.retain(|_, until| *until > now);
            if self.shifty.len() >= MAX_SHIFTY {
                self.shifty.pop_first();
            }
        }
        self.shifty.insert(address, now + SHIFTY_FOR);
    }

    /// The node that should be pinged next: the one longest not heard of, if that is long enough or its last answer
    /// is missing.
    pub(crate) fn next_to_ping(&mut self, now: Instant) -> Option<Contact> {
        let due = |entry: &&mut Entry| {
            let questionable = entry.failures > 0 || entry.heard + GOOD_FOR <= now;
            questionable && entry.pinged.is_none_or(|pinged| pinged + 2 * QUERY_TIMEOUT <= now)
        };
        let entries = self.buckets.values_mut().flat_map(|bucket| &mut bucket.nodes);
        let entry = entries.filter(due).min_by_key(|entry| entry.heard)?;
        entry.pinged = Some(now);
        Some(entry.contact)
    }

    /// A place in a bucket that should be looked up: one that is not full and never was looked up, as after entering
    /// the network, or one that nothing happened to for long.
    pub(crate) fn next_to_refresh(&mut self, now: Instant, rng: &mut fastrand::Rng) -> Option<Id> {
        let (deepest, _) = self.buckets.last_key_value()?;
        let due = |bits: &u8| {
            let bucket = self.buckets.get(bits);
            match self.looked_up.get(bits) {
                None if bucket.is_none_or(|bucket| bucket.nodes.len() < K) => true,
                looked_up => {
                    let latest = looked_up.copied().max(bucket.map(|bucket| bucket.changed));
                    latest.is_some_and(|when| when + REFRESH_AFTER <= now)
                }
            }
        };
        let bits = (0..=*deepest).find(due)?;
        self.looked_up.insert(bits, now);
        Some(self.own.random_sharing(bits, rng))
    }

    /// Sorts everything anew around another id of ours.
    pub(crate) fn rebase(&mut self, now: Instant, own: Id) {
        let entries: Vec<Contact> = self.nodes().collect();
        let shifty = std::mem::take(&mut self.shifty);
        *self = Self { shifty, ..Self::new(own) };
        for contact in entries {
            self.answered(now, contact);
        }
    }
}

impl Bucket {
    const fn new(now: Instant) -> Self {
        Self { nodes: Vec::new(), waiting: VecDeque::new(), changed: now }
    }

    /// The node that gives way to a newcomer: one that fails, or one whose id does not fit where the newcomer's does.
    fn weakest(&self, newcomer_fits: bool) -> Option<usize> {
        let bad = self.nodes.iter().position(Entry::is_bad);
        bad.or_else(|| self.nodes.iter().position(|entry| newcomer_fits && !entry.fits))
    }

    /// Puts a node in, or beside. Gives the node that is forgotten for it.
    fn insert(&mut self, now: Instant, entry: Entry) -> Option<Contact> {
        if self.nodes.len() < K {
            self.nodes.push(entry);
            self.changed = now;
            return None;
        }
        if let Some(index) = self.weakest(entry.fits) {
            self.changed = now;
            return Some(std::mem::replace(&mut self.nodes[index], entry).contact);
        }
        let lost = if self.waiting.len() >= MAX_REPLACEMENTS { self.waiting.pop_front() } else { None };
        self.waiting.push_back(entry);
        lost.map(|lost| lost.contact)
    }
}

#[cfg(test)]
mod tests;
