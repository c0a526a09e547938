//! From bytes to messages.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

use super::compact::{address_from, nodes_from};
use super::{Answer, Body, Fault, Message, Query, Want};
use crate::bloom::Filter;
use crate::contract::Family;
use crate::id::Id;
use crate::item::{Item, ItemFault, MutableItem};
use crate::limits::{
    MAX_DEPTH, MAX_ITEM_BYTES, MAX_RECEIVED_BYTES, MAX_SALT_BYTES, MAX_SAMPLES, MAX_TOKEN_BYTES, MAX_TOKENS,
    MAX_TRANSACTION_BYTES, MAX_VALUES, MAX_VERSION_BYTES,
};
use bencode::Value;
use std::net::SocketAddr;

const LIMITS: bencode::Limits =
    bencode::Limits { max_bytes: MAX_RECEIVED_BYTES, max_depth: MAX_DEPTH, max_tokens: MAX_TOKENS };

/// Reads a datagram that came over `family`.
pub(crate) fn decode(packet: &[u8], family: Family) -> Result<Message<'_>, Fault<'_>> {
    let document = bencode::decode(packet, LIMITS).map_err(|_| Fault::Noise)?;
    let root = document.root();
    let bytes = |key: &[u8]| root.get(key).and_then(Value::bytes);
    let transaction =
        bytes(b"t").filter(|t| (1..=MAX_TRANSACTION_BYTES).contains(&t.len())).ok_or(Fault::Noise)?;
    let body = match bytes(b"y") {
        Some(b"q") => query(root, family).map_err(|Refusal { code, reason }| Fault::Refused {
            transaction,
            code,
            reason,
        })?,
        Some(b"r") => Body::Answer(Box::new(answer(root).ok_or(Fault::Noise)?)),
        Some(b"e") => Body::Error { code: error_code(root).unwrap_or_default() },
        _ => return Err(Fault::Noise),
    };
    Ok(Message { transaction, body })
}

struct Refusal {
    code: i64,
    reason: &'static str,
}

const fn bad(reason: &'static str) -> Refusal {
    Refusal { code: 203, reason }
}

fn query<'a>(root: Value<'_, 'a>, family: Family) -> Result<Body<'a>, Refusal> {
    let arguments = root.get(b"a").filter(|a| a.dict().is_some()).ok_or(bad("no a"))?;
    let id = |key: &[u8], reason| {
        arguments.get(key).and_then(Value::bytes).and_then(Id::from_slice).ok_or(bad(reason))
    };
    let flag = |key: &[u8]| arguments.get(key).and_then(Value::integer) == Some(1);
    let from = id(b"id", "bad id")?;
    let want = want(arguments, family);
    let query = match root.get(b"q").and_then(Value::bytes).ok_or(bad("no q"))? {
        b"ping" => Query::Ping,
        b"find_node" => Query::FindNode { target: id(b"target", "bad target")?, want },
        b"get_peers" => Query::GetPeers {
            info_hash: id(b"info_hash", "bad info_hash")?,
            want,
            noseed: flag(b"noseed"),
            scrape: flag(b"scrape"),
        },
        b"announce_peer" => Query::AnnouncePeer {
            info_hash: id(b"info_hash", "bad info_hash")?,
            port: if flag(b"implied_port") { None } else { Some(port(arguments).ok_or(bad("bad port"))?) },
            token: token(arguments)?,
            seed: flag(b"seed"),
        },
        b"get" => Query::Get {
            target: id(b"target", "bad target")?,
            want,
            sequence: arguments.get(b"seq").and_then(Value::integer),
        },
        b"put" => put(arguments)?,
        b"sample_infohashes" => Query::SampleInfohashes { target: id(b"target", "bad target")?, want },
        // A method of the future that has a target can be answered as the plainest one that has.
        _ => match (arguments.get(b"target"), arguments.get(b"info_hash")) {
            (Some(_), _) => Query::FindNode { target: id(b"target", "bad target")?, want },
            (None, Some(_)) => Query::FindNode { target: id(b"info_hash", "bad info_hash")?, want },
            (None, None) => return Err(Refusal { code: 204, reason: "unknown" }),
        },
    };
    let read_only = root.get(b"ro").and_then(Value::integer) == Some(1);
    Ok(Body::Query { from, read_only, query })
}

fn want(arguments: Value<'_, '_>, family: Family) -> Want {
    let Some(list) = arguments.get(b"want").and_then(Value::list) else { return Want::only(family) };
    let mut want = Want { v4: false, v6: false };
    for name in list.filter_map(Value::bytes) {
        want.v4 |= name == b"n4";
        want.v6 |= name == b"n6";
    }
    want
}

fn port(arguments: Value<'_, '_>) -> Option<u16> {
    let port = arguments.get(b"port").and_then(Value::integer)?;
    u16::try_from(port).ok().filter(|port| *port != 0)
}

fn token<'a>(arguments: Value<'_, 'a>) -> Result<&'a [u8], Refusal> {
    arguments.get(b"token").and_then(Value::bytes).ok_or(bad("no token"))
}

fn put<'a>(arguments: Value<'_, 'a>) -> Result<Query<'a>, Refusal> {
    let fault = |fault: ItemFault, reason| Refusal { code: fault.code(), reason };
    let token = token(arguments)?;
    let value = arguments.get(b"v").ok_or(bad("no v"))?.raw();
    if value.len() > MAX_ITEM_BYTES {
        return Err(fault(ItemFault::TooBig, "v too big"));
    }
    let cas = arguments.get(b"cas").and_then(Value::integer);
    if arguments.get(b"k").is_none() {
        return Ok(Query::Put { token, item: Item::Immutable { value: value.to_vec() }, cas });
    }
    let salt = arguments.get(b"salt").map_or(Some(&b""[..]), Value::bytes).ok_or(bad("bad salt"))?;
    if salt.len() > MAX_SALT_BYTES {
        return Err(fault(ItemFault::SaltTooBig, "salt too big"));
    }
    let item = mutable(arguments, salt).ok_or(bad("bad k, sig or seq"))?;
    Ok(Query::Put { token, item: Item::Mutable(item), cas })
}

fn mutable(holder: Value<'_, '_>, salt: &[u8]) -> Option<MutableItem> {
    let bytes = |key: &[u8]| holder.get(key).and_then(Value::bytes);
    Some(MutableItem {
        key: bytes(b"k")?.try_into().ok()?,
        salt: salt.to_vec(),
        sequence: holder.get(b"seq").and_then(Value::integer)?,
        signature: bytes(b"sig")?.try_into().ok()?,
        value: holder.get(b"v")?.raw().to_vec(),
    })
}

fn answer<'a>(root: Value<'_, 'a>) -> Option<Answer<'a>> {
    let r = root.get(b"r")?;
    let bytes = |key: &[u8]| r.get(key).and_then(Value::bytes);
    let mut nodes = nodes_from(bytes(b"nodes").unwrap_or_default(), Family::V4);
    nodes.extend(nodes_from(bytes(b"nodes6").unwrap_or_default(), Family::V6));
    let filter = |key: &[u8]| bytes(key).and_then(Filter::from_slice);
    Some(Answer {
        id: Id::from_slice(bytes(b"id")?)?,
        nodes,
        values: values(r),
        token: bytes(b"token").filter(|token| (1..=MAX_TOKEN_BYTES).contains(&token.len())),
        version: root
            .get(b"v")
            .and_then(Value::bytes)
            .filter(|version| version.len() <= MAX_VERSION_BYTES)
            .unwrap_or_default(),
        seen_at: root.get(b"ip").and_then(Value::bytes).and_then(address_from),
        item: item(r),
        samples: samples(bytes(b"samples").unwrap_or_default()),
        filters: filter(b"BFsd").zip(filter(b"BFpe")),
    })
}

fn error_code(root: Value<'_, '_>) -> Option<i64> {
    root.get(b"e")?.list()?.next()?.integer()
}

fn values(r: Value<'_, '_>) -> Vec<SocketAddr> {
    let Some(list) = r.get(b"values").and_then(Value::list) else { return Vec::new() };
    // Without a port an address is no peer's.
    let whole = |bytes: &&[u8]| matches!(bytes.len(), 6 | 18);
    list.filter_map(Value::bytes).filter(whole).filter_map(address_from).take(MAX_VALUES).collect()
}

fn item(r: Value<'_, '_>) -> Option<Item> {
    if r.get(b"k").is_some() {
        return mutable(r, b"").map(Item::Mutable);
    }
    Some(Item::Immutable { value: r.get(b"v")?.raw().to_vec() })
}

fn samples(bytes: &[u8]) -> Vec<Id> {
    if !bytes.len().is_multiple_of(20) {
        return Vec::new();
    }
    bytes.chunks_exact(20).filter_map(Id::from_slice).take(MAX_SAMPLES).collect()
}
