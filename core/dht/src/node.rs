//! The node: routes what comes in to those who decide, and what they decide to the outside.

mod answers;
mod maintenance;
mod queries;
mod search;
mod searches;

use crate::address::Reach;
use crate::bep42::id_for;
use crate::contract::{Config, Contact, Family, Goal, LookupKey, Output, Stats, Stored};
use crate::id::Id;
use crate::item_store::ItemStore;
use crate::krpc::{self, Body, Fault, Query};
use crate::limits::{K, MAX_CONTACT_PINGS, MAX_ROUTERS, MAX_SILENT, SILENT_FOR};
use crate::peer_store::PeerStore;
use crate::recent::Recent;
use crate::requests::{Request, Requests};
use crate::saved::Saved;
use crate::sources::Sources;
use crate::table::Table;
use crate::tokens::Tokens;
use crate::votes::Votes;
use maintenance::Maintenance;
use searches::Searches;
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

/// One node of the DHT of one address family.
#[derive(Debug)]
pub struct Node {
    config: Config,
    id: Id,
    rng: fastrand::Rng,
    reach: Reach,
    table: Table,
    requests: Requests<Purpose>,
    searches: Searches,
    maintenance: Maintenance,
    tokens: Tokens,
    sources: Sources,
    peers: PeerStore,
    items: ItemStore,
    votes: Votes,
    /// Addresses that did not answer a lookup.
    silent: Recent<SocketAddr>,
    /// Where the network is entered: asked while the table is poor. Not named to others.
    routers: Vec<SocketAddr>,
    /// Nodes of an earlier run, asked as the routers are.
    saved: Vec<Contact>,
    /// Nodes of the other family that we may name to those who want them.
    other_family: Vec<Contact>,
    outputs: VecDeque<Output>,
    stats: Stats,
}

/// Why a question was asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Purpose {
    /// On the way to a place.
    Lookup(LookupKey),
    /// Is a node still there, or a newcomer worth a place?
    Table,
    /// The caller wants to know.
    Ping { asked: Instant },
    /// A peer was announced; the answer changes nothing but the table.
    Announce,
    /// An item was put, and the caller wants to know what becomes of it.
    Put(LookupKey),
}

impl Node {
    /// A node that knows what an earlier run saved. `seed` decides everything that is left to chance.
    pub fn new(config: Config, seed: u64, now: Instant) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let saved =
            config.saved.as_deref().map(|bytes| Saved::decode(bytes, config.family)).unwrap_or_default();
        let id = config.id.or(saved.id).unwrap_or_else(|| Id::random(&mut rng));
        let mut node = Self {
            id,
            reach: Reach::default(),
            table: Table::new(id),
            requests: Requests::new(rng.fork()),
            searches: Searches::default(),
            maintenance: Maintenance::new(now),
            tokens: Tokens::new(now, rng.fork()),
            sources: Sources::new(now),
            peers: PeerStore::new(rng.fork()),
            items: ItemStore::default(),
            votes: Votes::default(),
            silent: Recent::new(now, SILENT_FOR, MAX_SILENT),
            routers: Vec::new(),
            saved: saved.nodes,
            other_family: Vec::new(),
            outputs: VecDeque::new(),
            stats: Stats::default(),
            rng,
            config,
        };
        for contact in std::mem::take(&mut node.config.known) {
            node.reach.include(contact.address.ip());
            node.table.answered(now, contact);
        }
        node
    }

    /// Our id at the moment. It changes when our address turns out not to allow it.
    pub const fn id(&self) -> Id {
        self.id
    }

    /// The address that others agree to see us at.
    pub const fn external_address(&self) -> Option<IpAddr> {
        self.votes.agreed()
    }

    /// Counters.
    pub const fn stats(&self) -> Stats {
        self.stats
    }

    /// Nodes in the table that may be named to others.
    pub fn nodes(&self) -> Vec<Contact> {
        self.table.nodes().collect()
    }

    /// Only ask, or answer as well (BEP 43).
    pub const fn set_read_only(&mut self, read_only: bool) {
        self.config.read_only = read_only;
    }

    /// Nodes of the other family, for those who want both (BEP 32): the nearest few of the node there.
    pub fn set_other_family(&mut self, nodes: &[Contact]) {
        let theirs = |node: &&Contact| !self.config.family.holds(node.address);
        self.other_family = nodes.iter().filter(theirs).take(K).copied().collect();
    }

    /// Our id and some nodes, for [`Config::saved`] of the next run.
    pub fn save(&self) -> Vec<u8> {
        let mut nodes = self.table.closest(self.id, usize::MAX);
        // What an earlier run knew is better than nothing, if this one learned nothing.
        if nodes.is_empty() {
            nodes.clone_from(&self.saved);
        }
        Saved { id: Some(self.id), nodes }.encode()
    }

    /// Names contacts that the user or the program trusts, such as the well-known routers: the network is entered
    /// through them. If one is local, the network is a local one, and such addresses are taken from then on.
    pub fn bootstrap(&mut self, now: Instant, contacts: &[SocketAddr]) {
        for contact in contacts.iter().filter(|contact| self.config.family.holds(**contact)) {
            self.reach.include(contact.ip());
            if self.routers.len() < MAX_ROUTERS && !self.routers.contains(contact) {
                self.routers.push(*contact);
            }
        }
        self.maintenance.enter_network_now();
        self.maintain(now);
    }

    /// Names contacts that somebody else claims are nodes: from PORT messages, magnet links, torrents. They are pinged.
    pub fn handle_contacts(&mut self, now: Instant, contacts: &[SocketAddr]) {
        for contact in contacts.iter().take(MAX_CONTACT_PINGS) {
            if self.reach.takes_node(self.config.family, *contact) && !self.requests.is_asked(*contact) {
                self.ask(now, *contact, None, Purpose::Table, &Query::Ping);
            }
        }
    }

    /// Pings a node; [`Output::Pong`] tells of its answer.
    pub fn ping(&mut self, now: Instant, address: SocketAddr) {
        self.ask(now, address, None, Purpose::Ping { asked: now }, &Query::Ping);
    }

    /// Starts a lookup. What it finds comes as outputs with its key, the last of them [`Output::Finished`].
    pub fn look_up(&mut self, now: Instant, target: Id, goal: Goal) -> LookupKey {
        self.start_search(now, target, Some(goal))
    }

    /// Ends a lookup; nothing more is heard of it.
    pub fn cancel(&mut self, now: Instant, key: LookupKey) {
        self.searches.remove(key);
        self.advance(now);
    }

    /// A datagram came.
    pub fn handle_packet(&mut self, now: Instant, from: SocketAddr, packet: &[u8]) {
        self.stats.packets_received += 1;
        let from = SocketAddr::new(from.ip().to_canonical(), from.port());
        if from.port() == 0 || !self.config.family.holds(from) {
            return;
        }
        match krpc::decode(packet, self.config.family) {
            Ok(message) => match message.body {
                Body::Query { from: id, read_only, query } => {
                    let asker = queries::Asker { contact: Contact { id, address: from }, read_only };
                    self.handle_query(now, asker, message.transaction, &query, packet.len());
                }
                Body::Answer(answer) => self.handle_answer(now, from, message.transaction, &answer),
                Body::Error { code } => self.handle_error(now, from, message.transaction, code),
            },
            Err(Fault::Refused { transaction, code, reason }) => {
                self.refuse(now, from, krpc::error(transaction, code, reason), packet.len());
            }
            Err(Fault::Noise) => self.stats.malformed += 1,
        }
    }

    /// Time passed: call when [`Self::poll_timeout`] says so.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(request) = self.requests.next_slow(now) {
            if let Purpose::Lookup(key) = request.purpose {
                self.searches.slow(key, request.to);
            }
        }
        while let Some(request) = self.requests.next_lost(now) {
            self.handle_lost(now, &request);
        }
        if now >= self.maintenance.next() {
            self.maintain(now);
        }
        self.advance(now);
    }

    fn handle_lost(&mut self, now: Instant, request: &Request<Purpose>) {
        self.table.failed(now, request.to);
        match request.purpose {
            Purpose::Lookup(key) => {
                self.searches.failed(key, request.to);
                self.silent.note(now, request.to);
            }
            Purpose::Put(key) => self.outputs.push_back(Output::Stored(key, Stored::Silent)),
            Purpose::Table | Purpose::Ping { .. } | Purpose::Announce => {}
        }
    }

    /// When to call [`Self::handle_timeout`].
    pub fn poll_timeout(&self) -> Instant {
        let next = self.maintenance.next();
        [self.requests.poll_timeout(), self.searches.poll_timeout()]
            .into_iter()
            .flatten()
            .fold(next, Instant::min)
    }

    /// What is to be done next; drain it to `None` after every other call.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Asks a question. False: too many are under way.
    fn ask(
        &mut self,
        now: Instant,
        to: SocketAddr,
        id: Option<Id>,
        purpose: Purpose,
        query: &Query<'_>,
    ) -> bool {
        let Some(transaction) = self.requests.begin(now, Request { to, id, purpose }) else { return false };
        let packet = krpc::query(&transaction, self.id, self.config.read_only, query);
        self.transmit(to, packet);
        true
    }

    fn transmit(&mut self, to: SocketAddr, packet: Vec<u8>) {
        self.stats.packets_sent += 1;
        self.stats.bytes_sent += packet.len() as u64;
        self.outputs.push_back(Output::Transmit { to, packet });
    }

    /// Takes an id that our address allows, and sorts the table around it.
    fn change_id(&mut self, now: Instant, address: IpAddr) {
        self.id = id_for(address, &mut self.rng);
        self.table.rebase(now, self.id);
        self.maintenance.enter_network_now();
    }

    /// The family that it is of.
    pub const fn family(&self) -> Family {
        self.config.family
    }
}

#[cfg(test)]
mod tests;
