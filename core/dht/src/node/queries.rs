//! What others ask of us, and the answers.

use super::{Node, Purpose};
use crate::contract::{Contact, Family};
use crate::id::Id;
use crate::item::{Item, ItemFault};
use crate::krpc::{self, Query, Reply, Want};
use crate::limits::{K, MAX_VALUES};
use std::net::SocketAddr;
use std::time::Instant;

/// Nodes that an answer names even where a torrent has more peers than fit: the way goes on.
const NODES_BESIDE_VALUES: usize = 3;

/// Whoever asks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asker {
    pub(super) contact: Contact,
    /// Does not answer (BEP 43).
    pub(super) read_only: bool,
}

impl Node {
    pub(super) fn handle_query(
        &mut self,
        now: Instant,
        asker: Asker,
        transaction: &[u8],
        query: &Query<'_>,
        query_bytes: usize,
    ) {
        let address = asker.contact.address;
        if !self.may_answer(now, address) {
            return;
        }
        if !asker.read_only {
            self.table.asked_us(now, asker.contact);
        }
        let room = self.sources.answer_bytes(now, address.ip(), query_bytes);
        // An item needs all the room there is.
        let ping_back = !matches!(query, Query::Get { .. }) && self.should_ping_back(now, asker);
        let ping = krpc::query(&[0; 4], self.id, false, &Query::Ping).len();
        let room = if ping_back { room.saturating_sub(ping) } else { room };
        let packet = self.answer(now, asker.contact, transaction, query, room);
        if packet.len() <= room && self.sources.spend(now, packet.len()) {
            self.transmit(address, packet);
        } else {
            self.stats.queries_refused += 1;
        }
        if ping_back {
            self.maintenance.note_newcomer(now, address.ip());
            self.ask(now, address, Some(asker.contact.id), Purpose::Table, &Query::Ping);
        }
    }

    fn may_answer(&mut self, now: Instant, address: SocketAddr) -> bool {
        let may = !self.config.read_only && self.sources.may_ask(now, address.ip());
        self.stats.queries_refused += u64::from(!may);
        may
    }

    /// A newcomer that would get a place in the table is asked whether it is there: once, for its address may be
    /// forged.
    fn should_ping_back(&self, now: Instant, asker: Asker) -> bool {
        !asker.read_only
            && self.reach.takes_node(self.family(), asker.contact.address)
            && self.table.wants(now, asker.contact)
            && self.maintenance.may_ping_newcomer(now, asker.contact.address.ip())
    }

    /// Answers a question that cannot be carried out with an error.
    pub(super) fn refuse(&mut self, now: Instant, to: SocketAddr, error: Vec<u8>, query_bytes: usize) {
        self.stats.malformed += 1;
        let room = self.sources.answer_bytes(now, to.ip(), query_bytes);
        if self.may_answer(now, to) && error.len() <= room && self.sources.spend(now, error.len()) {
            self.transmit(to, error);
        }
    }

    fn answer(
        &mut self,
        now: Instant,
        asker: Contact,
        transaction: &[u8],
        query: &Query<'_>,
        room: usize,
    ) -> Vec<u8> {
        let mut reply = Reply::new(transaction, self.id, asker.address, room);
        let token = self.tokens.make(asker.address.ip());
        match query {
            Query::Ping => {}
            Query::FindNode { target, want } => self.name_nodes(&mut reply, asker, *target, *want),
            Query::GetPeers { info_hash, want, noseed, scrape } => {
                // No token says that no announce is taken (BEP 33).
                if self.peers.has_room(*info_hash) {
                    reply.token(&token);
                }
                if let Some(filters) = self.peers.filters(*info_hash).filter(|_| *scrape) {
                    reply.filters(&filters);
                }
                let values = self.peers.peers(*info_hash, MAX_VALUES, *noseed);
                reply.values(&values, self.family(), NODES_BESIDE_VALUES);
                self.name_nodes(&mut reply, asker, *info_hash, *want);
            }
            Query::AnnouncePeer { info_hash, port, token, seed } => {
                let peer = SocketAddr::new(asker.address.ip(), port.unwrap_or(asker.address.port()));
                if let Err((code, reason)) = self.take_announce(now, *info_hash, peer, token, *seed) {
                    return krpc::error(transaction, code, reason);
                }
            }
            Query::Get { target, want, sequence } => {
                reply.token(&token);
                self.give_item(&mut reply, *target, *sequence, room);
                self.name_nodes(&mut reply, asker, *target, *want);
            }
            Query::Put { token, item, cas } => {
                if let Err((code, reason)) = self.take_item(now, asker, token, item, *cas) {
                    return krpc::error(transaction, code, &reason);
                }
            }
            Query::SampleInfohashes { target, want } => {
                let (number, samples) = self.peers.sample(now);
                reply.samples(number, samples);
                self.name_nodes(&mut reply, asker, *target, *want);
            }
        }
        reply.encode()
    }

    /// Names the nodes nearest to a place, never the asker to itself.
    fn name_nodes(&self, reply: &mut Reply, asker: Contact, target: Id, want: Want) {
        let own = self.family();
        for (family, wanted) in [(Family::V4, want.v4), (Family::V6, want.v6)] {
            if wanted && family == own {
                let mut nodes = self.table.closest(target, K + 1);
                nodes.retain(|node| node.address != asker.address && node.id != asker.id);
                reply.nodes(family, &nodes);
            } else if wanted && !self.other_family.is_empty() {
                reply.nodes(family, &self.other_family);
            }
        }
    }

    fn take_announce(
        &mut self,
        now: Instant,
        info_hash: Id,
        peer: SocketAddr,
        token: &[u8],
        seed: bool,
    ) -> Result<(), (i64, &'static str)> {
        if !self.tokens.check(peer.ip(), token) {
            return Err((203, "bad token"));
        }
        self.sources.prove(now, peer.ip());
        if self.peers.announce(now, info_hash, peer, seed) { Ok(()) } else { Err((202, "no room")) }
    }

    fn give_item(&self, reply: &mut Reply, target: Id, newer_than: Option<i64>, room: usize) {
        let Some(item) = self.items.get(target) else { return };
        match item {
            Item::Mutable(held) if newer_than.is_some_and(|known| held.sequence <= known) => {
                reply.sequence(held.sequence);
            }
            _ => reply.item(item, room),
        }
    }

    fn take_item(
        &mut self,
        now: Instant,
        asker: Contact,
        token: &[u8],
        item: &Item,
        cas: Option<i64>,
    ) -> Result<(), (i64, String)> {
        let ip = asker.address.ip();
        if !self.tokens.check(ip, token) {
            return Err((203, "bad token".to_owned()));
        }
        self.sources.prove(now, ip);
        let put = item.check(self.config.verify).and_then(|()| self.items.put(now, item.clone(), cas, ip));
        put.map_err(|fault: ItemFault| (fault.code(), fault.to_string()))
    }
}
