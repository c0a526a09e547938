//! All lookups under way, and those that wait for a place.

use super::search::Search;
use super::{Node, Purpose};
use crate::contract::{Contact, Goal, LookupKey, Outcome, Output};
use crate::id::Id;
use crate::krpc::{Answer, Query, Want};
use crate::limits::{K, MAX_LOOKUPS, MAX_WAITING_LOOKUPS};
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Instant;

/// Lookups by their keys.
#[derive(Debug, Default)]
pub(super) struct Searches {
    next_key: u64,
    running: BTreeMap<LookupKey, Search>,
    waiting: VecDeque<(LookupKey, Id, Option<Goal>)>,
}

impl Searches {
    pub(super) fn remove(&mut self, key: LookupKey) {
        self.running.remove(&key);
        self.waiting.retain(|(waiting, ..)| *waiting != key);
    }

    pub(super) fn slow(&mut self, key: LookupKey, address: SocketAddr) {
        if let Some(search) = self.running.get_mut(&key) {
            search.lookup.slow(address);
        }
    }

    pub(super) fn failed(&mut self, key: LookupKey, address: SocketAddr) {
        if let Some(search) = self.running.get_mut(&key) {
            search.lookup.failed(address);
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.running.values().map(|search| search.lookup.give_up_at()).min()
    }
}

impl Node {
    /// Lines a lookup up; one without a goal is our own and does not wait.
    pub(super) fn start_search(&mut self, now: Instant, target: Id, goal: Option<Goal>) -> LookupKey {
        let key = LookupKey(self.searches.next_key);
        self.searches.next_key += 1;
        if goal.is_none() {
            self.run_search(now, key, target, None);
        } else if self.searches.waiting.len() >= MAX_WAITING_LOOKUPS {
            self.outputs.push_back(Output::Finished(key, Outcome::default()));
        } else {
            self.searches.waiting.push_back((key, target, goal));
        }
        self.advance(now);
        key
    }

    /// Begins at the nearest nodes we know; while those are few, also where the network is entered.
    fn run_search(&mut self, now: Instant, key: LookupKey, target: Id, goal: Option<Goal>) {
        let poor = self.table.len() < K;
        let want = if poor && goal.is_none() { Want::BOTH } else { Want::only(self.family()) };
        let mut search = Search::new(now, target, goal, want);
        for contact in self.table.closest(target, 2 * K) {
            search.lookup.add_start(Some(contact.id), contact.address);
        }
        if poor {
            let reachable = |contact: &&Contact| self.reach.takes_node(self.family(), contact.address);
            let saved: Vec<Contact> = self.saved.iter().filter(reachable).copied().collect();
            for contact in saved {
                search.lookup.add_start(Some(contact.id), contact.address);
            }
            for router in &self.routers {
                search.lookup.add_start(None, *router);
            }
        }
        // What others put here is found here, however few of them there are to ask.
        let own = self.items.get(target).and_then(|item| search.accept_item(item, self.config.verify));
        self.outputs.extend(own.map(|item| Output::Item(key, item)));
        self.searches.running.insert(key, search);
    }

    /// Moves everything on: questions that may be asked, lookups that are over, lookups that may begin.
    pub(super) fn advance(&mut self, now: Instant) {
        let keys: Vec<LookupKey> = self.searches.running.keys().copied().collect();
        for key in keys {
            self.advance_one(now, key);
        }
        while self.searches.running.len() < MAX_LOOKUPS
            && let Some((key, target, goal)) = self.searches.waiting.pop_front()
        {
            self.run_search(now, key, target, goal);
            self.advance_one(now, key);
        }
    }

    fn advance_one(&mut self, now: Instant, key: LookupKey) {
        while let Some(search) = self.searches.running.get_mut(&key) {
            let Some(to) = search.lookup.next(now) else { break };
            let query = search.query();
            if !self.ask(now, to, None, Purpose::Lookup(key), &query) {
                self.searches.failed(key, to);
            }
        }
        let done = |search: &Search| search.lookup.is_done(now);
        if self.searches.running.get(&key).is_some_and(done)
            && let Some(search) = self.searches.running.remove(&key)
        {
            self.finish(now, key, &search);
        }
    }

    pub(super) fn lookup_answered(
        &mut self,
        now: Instant,
        key: LookupKey,
        from: Contact,
        answer: &Answer<'_>,
    ) {
        let (own, ours): (Vec<Contact>, Vec<Contact>) = self.usable_nodes(now, answer);
        if !ours.is_empty() {
            let addresses = ours.iter().map(|node| node.address).collect();
            self.outputs.push_back(Output::OtherFamily(addresses));
        }
        let Some(search) = self.searches.running.get_mut(&key) else { return };
        if search.lookup.answered(from, answer.token, &own) {
            self.tell(key, answer);
        }
        self.advance(now);
    }

    /// The nodes named that can be nodes at all: of our family, and of the other if we asked for them.
    fn usable_nodes(&self, now: Instant, answer: &Answer<'_>) -> (Vec<Contact>, Vec<Contact>) {
        let (own, other): (Vec<Contact>, Vec<Contact>) =
            answer.nodes.iter().partition(|node| self.family().holds(node.address));
        let usable = |node: &Contact| {
            node.id != self.id
                && self.reach.takes_node(self.family(), node.address)
                && !self.is_us(node.address)
                && !self.silent.contains(now, &node.address)
        };
        let others_usable =
            |node: &Contact| self.reach.takes_node(crate::Family::of(node.address), node.address);
        let own = own.into_iter().filter(usable).collect();
        (own, other.into_iter().filter(others_usable).take(K).collect())
    }

    /// Others see us there. On a local network many share an address, and ports are not compared: a question to
    /// ourselves would be answered by our own id and dropped.
    fn is_us(&self, address: SocketAddr) -> bool {
        !crate::address::is_exempt(address.ip()) && self.votes.agreed() == Some(address.ip())
    }

    /// Tells what an answer brought for the goal.
    fn tell(&mut self, key: LookupKey, answer: &Answer<'_>) {
        let (family, reach, verify) = (self.family(), self.reach, self.config.verify);
        let Some(search) = self.searches.running.get_mut(&key) else { return };
        let values: Vec<SocketAddr> =
            answer.values.iter().copied().filter(|peer| reach.takes_peer(family, *peer)).collect();
        match search.goal {
            Some(Goal::Peers(_)) => {
                let peers = search.fresh_peers(values.into_iter());
                if !peers.is_empty() {
                    self.outputs.push_back(Output::Peers(key, peers));
                }
            }
            Some(Goal::Scrape) => {
                let estimate = search.count(answer.filters.as_ref(), &values);
                self.outputs.push_back(Output::Scraped(key, estimate));
            }
            Some(Goal::Get { .. }) => {
                let found = answer.item.as_ref().and_then(|item| search.accept_item(item, verify));
                self.outputs.extend(found.map(|item| Output::Item(key, item)));
            }
            Some(Goal::Samples) if !answer.samples.is_empty() => {
                self.outputs.push_back(Output::Samples(key, answer.samples.clone()));
            }
            _ => {}
        }
    }

    /// Stores what is to be stored at the nearest nodes, and tells how it went.
    fn finish(&mut self, now: Instant, key: LookupKey, search: &Search) {
        let stores = if matches!(search.goal, Some(Goal::Peers(Some(_)) | Goal::Put { .. })) {
            search.lookup.stores()
        } else {
            Vec::new()
        };
        let info_hash = search.lookup.target();
        let mut stored_at = 0;
        for (to, token) in &stores {
            let (purpose, query) = match &search.goal {
                Some(Goal::Peers(Some(announce))) => {
                    let port = (!announce.implied_port).then_some(announce.port);
                    let seed = announce.seed;
                    (Purpose::Announce, Query::AnnouncePeer { info_hash, port, token, seed })
                }
                Some(Goal::Put { item, cas }) => {
                    (Purpose::Put(key), Query::Put { token, item: item.clone(), cas: *cas })
                }
                _ => continue,
            };
            stored_at += usize::from(self.ask(now, *to, None, purpose, &query));
        }
        if search.goal.is_none() {
            self.maintenance.ended(key);
        } else {
            let (answered, queries) = (search.lookup.answered_count(), search.lookup.queries());
            self.outputs.push_back(Output::Finished(key, Outcome { answered, queries, stored_at }));
        }
    }
}
