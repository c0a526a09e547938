//! From messages to bytes.

use super::compact::{NODE_V4_BYTES, NODE_V6_BYTES, VALUE_OVERHEAD, address_to, nodes_to};
use super::{Query, Want};
use crate::bloom::Filter;
use crate::contract::{Contact, Family};
use crate::id::Id;
use crate::item::Item;
use crate::limits::{K, MAX_ANSWER_BYTES, MAX_SENT_BYTES, PADDED_QUERY_BYTES, SAMPLE_INTERVAL};
use bencode::{DictWriter, ListWriter};
use std::net::SocketAddr;

/// Bytes that a key of nodes costs beside them: `5:nodes208:` or `6:nodes6304:`.
const NODES_OVERHEAD: usize = 12;

/// Bytes that the list of peers costs beside them: `6:valuesle`.
const VALUES_OVERHEAD: usize = 10;

/// A question. One whose answer may be long is padded, so that a node that does not know us may give it.
pub(crate) fn query(transaction: &[u8], from: Id, read_only: bool, query: &Query<'_>) -> Vec<u8> {
    let mut arguments = DictWriter::new();
    arguments.bytes("id", from.0);
    let name = write_arguments(query, &mut arguments);
    let mut message = DictWriter::new();
    message.bytes("t", transaction).bytes("y", "q").bytes("q", name).dict("a", &arguments);
    if read_only {
        message.integer("ro", 1);
    }
    let long_answer = matches!(
        query,
        Query::Get { .. } | Query::SampleInfohashes { .. } | Query::GetPeers { scrape: true, .. }
    );
    let packet = message.encode();
    if !long_answer || packet.len() >= PADDED_QUERY_BYTES {
        return packet;
    }
    message.bytes("pad", vec![b'.'; PADDED_QUERY_BYTES - packet.len()]);
    message.encode()
}

/// Writes what a question asks, and gives the method's name.
fn write_arguments(query: &Query<'_>, a: &mut DictWriter) -> &'static str {
    match query {
        Query::Ping => "ping",
        Query::FindNode { target, want } => {
            write_want(*want, a.bytes("target", target.0));
            "find_node"
        }
        Query::GetPeers { info_hash, want, noseed, scrape } => {
            write_want(*want, a.bytes("info_hash", info_hash.0));
            for (key, _) in [("noseed", *noseed), ("scrape", *scrape)].iter().filter(|(_, set)| *set) {
                a.integer(key, 1);
            }
            "get_peers"
        }
        Query::AnnouncePeer { info_hash, port, token, seed } => {
            a.bytes("info_hash", info_hash.0).bytes("token", token);
            // The port is given in either case: some nodes know no implied one.
            a.integer("port", i64::from(port.unwrap_or(1)));
            a.integer("implied_port", i64::from(port.is_none())).integer("seed", i64::from(*seed));
            "announce_peer"
        }
        Query::Get { target, want, sequence } => {
            write_want(*want, a.bytes("target", target.0));
            if let Some(sequence) = sequence {
                a.integer("seq", *sequence);
            }
            "get"
        }
        Query::Put { token, item, cas } => {
            write_item(item, a.bytes("token", token));
            if let Item::Mutable(item) = item
                && !item.salt.is_empty()
            {
                a.bytes("salt", &item.salt);
            }
            if let Some(cas) = cas {
                a.integer("cas", *cas);
            }
            "put"
        }
        Query::SampleInfohashes { target, want } => {
            write_want(*want, a.bytes("target", target.0));
            "sample_infohashes"
        }
    }
}

fn write_want(want: Want, a: &mut DictWriter) {
    // One family alone is what is meant anyway where our packets go.
    if want.v4 && want.v6 {
        let mut list = ListWriter::new();
        list.bytes("n4").bytes("n6");
        a.list("want", &list);
    }
}

fn write_item(item: &Item, out: &mut DictWriter) {
    out.raw("v", item.value());
    if let Item::Mutable(item) = item {
        out.bytes("k", item.key).bytes("sig", item.signature).integer("seq", item.sequence);
    }
}

/// An error. It tells nothing but its number and a few words, to be smaller than most questions.
pub(crate) fn error(transaction: &[u8], code: i64, reason: &str) -> Vec<u8> {
    let mut list = ListWriter::new();
    list.integer(code).bytes(reason);
    let mut message = DictWriter::new();
    message.bytes("t", transaction).bytes("y", "e").list("e", &list).encode()
}

/// An answer that grows as long as there is room: what is added first matters most.
#[derive(Debug)]
pub(crate) struct Reply {
    message: DictWriter,
    r: DictWriter,
    /// Bytes of the whole so far.
    bytes: usize,
    most: usize,
}

impl Reply {
    /// An answer with at most `most` bytes, to the asker at `to`.
    pub(crate) fn new(transaction: &[u8], id: Id, to: SocketAddr, most: usize) -> Self {
        let (mut message, mut r) = (DictWriter::new(), DictWriter::new());
        let mut seen_at = Vec::new();
        address_to(to, &mut seen_at);
        message.bytes("t", transaction).bytes("y", "r").bytes("ip", seen_at);
        r.bytes("id", id.0);
        let mut reply = Self { message, r, bytes: 0, most: most.min(MAX_ANSWER_BYTES) };
        reply.bytes = reply.encode_so_far().len();
        reply
    }

    fn encode_so_far(&self) -> Vec<u8> {
        self.message.clone().dict("r", &self.r).encode()
    }

    /// Takes room for `bytes` more, if there is.
    fn take(&mut self, bytes: usize) -> bool {
        let fits = self.bytes + bytes <= self.most;
        self.bytes += if fits { bytes } else { 0 };
        fits
    }

    pub(crate) fn token(&mut self, token: &[u8]) {
        if self.take(token.len() + 10) {
            self.r.bytes("token", token);
        }
    }

    /// Adds an item; its answer may be longer than others if the asker is proved or asked at length.
    pub(crate) fn item(&mut self, item: &Item, most: usize) {
        let size = item.value().len() + if matches!(item, Item::Mutable(_)) { 140 } else { 3 };
        self.most = most.min(MAX_SENT_BYTES);
        if self.take(size) {
            write_item(item, &mut self.r);
        }
        self.most = most.min(MAX_ANSWER_BYTES);
    }

    pub(crate) fn sequence(&mut self, sequence: i64) {
        if self.take(27) {
            self.r.integer("seq", sequence);
        }
    }

    /// Adds as many peers as fit, and leaves room for `nodes` nodes of the family.
    pub(crate) fn values(&mut self, values: &[SocketAddr], family: Family, nodes: usize) {
        let (value, node) = match family {
            Family::V4 => (6 + VALUE_OVERHEAD, NODE_V4_BYTES),
            Family::V6 => (18 + VALUE_OVERHEAD, NODE_V6_BYTES),
        };
        let room = self.most.saturating_sub(self.bytes + VALUES_OVERHEAD + NODES_OVERHEAD + nodes * node);
        let count = values.len().min(room / value);
        if count == 0 || !self.take(VALUES_OVERHEAD + count * value) {
            return;
        }
        let mut list = ListWriter::new();
        for address in values.iter().take(count) {
            let mut bytes = Vec::new();
            address_to(*address, &mut bytes);
            list.bytes(bytes);
        }
        self.r.list("values", &list);
    }

    /// Adds both filters, or none.
    pub(crate) fn filters(&mut self, (seeds, peers): &(Filter, Filter)) {
        if self.take(2 * (256 + 10)) {
            self.r.bytes("BFsd", seeds.as_bytes()).bytes("BFpe", peers.as_bytes());
        }
    }

    /// Adds as many samples as fit into half of the room, so that nodes have the rest.
    pub(crate) fn samples(&mut self, number: usize, samples: &[Id]) {
        let interval = SAMPLE_INTERVAL.as_secs().cast_signed();
        if !self.take(60) {
            return;
        }
        let count = samples.len().min(self.most.saturating_sub(self.bytes) / 2 / 20);
        self.bytes += count * 20;
        let bytes: Vec<u8> = samples.iter().take(count).flat_map(|id| id.0).collect();
        self.r
            .bytes("samples", bytes)
            .integer("num", (number as u64).cast_signed())
            .integer("interval", interval);
    }

    /// Adds as many of the nodes as fit, in their order.
    pub(crate) fn nodes(&mut self, family: Family, nodes: &[Contact]) {
        let (key, size) = match family {
            Family::V4 => ("nodes", NODE_V4_BYTES),
            Family::V6 => ("nodes6", NODE_V6_BYTES),
        };
        let room = self.most.saturating_sub(self.bytes + NODES_OVERHEAD);
        let count = nodes.len().min(K).min(room / size);
        if self.take(NODES_OVERHEAD + count * size) {
            self.r.bytes(key, nodes_to(nodes.iter().take(count)));
        }
    }

    pub(crate) fn encode(self) -> Vec<u8> {
        let bytes = self.encode_so_far();
        debug_assert!(bytes.len() <= self.bytes, "{} bytes where {} were counted", bytes.len(), self.bytes);
        bytes
    }
}
