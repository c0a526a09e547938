//! What others answer to our questions.

use super::{Node, Purpose};
use crate::contract::{Contact, Output, Pong, Stored};
use crate::krpc::Answer;
use std::net::SocketAddr;
use std::time::Instant;

impl Node {
    pub(super) fn handle_answer(
        &mut self,
        now: Instant,
        from: SocketAddr,
        transaction: &[u8],
        answer: &Answer<'_>,
    ) {
        // Answers that nobody asked for end here.
        let Some(request) = self.requests.take(transaction, from) else { return };
        self.sources.prove(now, from.ip());
        let contact = Contact { id: answer.id, address: from };
        self.count_vote(now, from, answer.seen_at);
        if request.id.is_none_or(|id| id == contact.id) {
            self.learn(now, contact);
        } else {
            // The table decides what an address that changed its id is worth.
            self.table.answered(now, contact);
        }
        match request.purpose {
            Purpose::Lookup(key) => self.lookup_answered(now, key, contact, answer),
            Purpose::Ping { asked } => self.outputs.push_back(Output::Pong(Pong {
                contact,
                round_trip: now.saturating_duration_since(asked),
                version: answer.version.to_vec(),
                seen_at: answer.seen_at,
            })),
            Purpose::Put(key) => self.outputs.push_back(Output::Stored(key, Stored::Taken)),
            Purpose::Table | Purpose::Announce => {}
        }
    }

    /// An error is an answer of sorts, but of little use.
    pub(super) fn handle_error(&mut self, now: Instant, from: SocketAddr, transaction: &[u8], code: i64) {
        let Some(request) = self.requests.take(transaction, from) else { return };
        self.sources.prove(now, from.ip());
        match request.purpose {
            Purpose::Lookup(key) => {
                self.searches.failed(key, from);
                self.advance(now);
            }
            Purpose::Put(key) => self.outputs.push_back(Output::Stored(key, Stored::Refused(code))),
            Purpose::Table | Purpose::Ping { .. } | Purpose::Announce => {}
        }
    }

    /// A node that answered may have a place in the table. The routers of the public network may not: they are known
    /// to everybody and busy enough. In a network of one's own the contacts given are ordinary nodes.
    fn learn(&mut self, now: Instant, contact: Contact) {
        let local = crate::address::is_exempt(contact.address.ip());
        let router = self.routers.contains(&contact.address) && !local;
        if !router && self.reach.takes_node(self.family(), contact.address) {
            self.table.answered(now, contact);
        }
    }

    /// Counts what a node says our address is; once enough agree we take an id that it allows (BEP 42).
    pub(super) fn count_vote(&mut self, now: Instant, voter: SocketAddr, seen_at: Option<SocketAddr>) {
        let Some(seen_at) = seen_at.filter(|address| self.family().holds(*address)) else { return };
        let Some(address) = self.votes.vote(voter.ip(), seen_at.ip()) else { return };
        self.outputs.push_back(Output::ExternalAddress(address));
        if !crate::bep42::id_fits(self.id, address) {
            self.change_id(now, address);
        }
    }
}
