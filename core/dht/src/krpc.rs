//! The messages of the DHT and their bytes (BEP 5, 32, 33, 42, 43, 44, 51).

mod compact;
mod decode;
mod encode;

use crate::bloom::Filter;
use crate::contract::{Contact, Family};
use crate::id::Id;
use crate::item::Item;
use std::net::SocketAddr;

pub(crate) use compact::{nodes_from, nodes_to};
pub(crate) use decode::decode;
pub(crate) use encode::{Reply, error, query};

/// A message that could be read.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Message<'a> {
    /// What ties an answer to its question.
    pub(crate) transaction: &'a [u8],
    pub(crate) body: Body<'a>,
}

#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Body<'a> {
    Query {
        /// The id the asker claims.
        from: Id,
        /// The asker does not answer (BEP 43).
        read_only: bool,
        query: Query<'a>,
    },
    Answer(Box<Answer<'a>>),
    /// Somebody could not do what we asked, and why; 0 where that is not said.
    Error {
        code: i64,
    },
}

/// What can be asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Query<'a> {
    Ping,
    FindNode {
        target: Id,
        want: Want,
    },
    GetPeers {
        info_hash: Id,
        want: Want,
        noseed: bool,
        scrape: bool,
    },
    /// `port`: `None` for the one the packet comes from.
    AnnouncePeer {
        info_hash: Id,
        port: Option<u16>,
        token: &'a [u8],
        seed: bool,
    },
    Get {
        target: Id,
        want: Want,
        sequence: Option<i64>,
    },
    Put {
        token: &'a [u8],
        item: Item,
        cas: Option<i64>,
    },
    SampleInfohashes {
        target: Id,
        want: Want,
    },
}

/// The families of nodes that an answer should name (BEP 32).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Want {
    pub(crate) v4: bool,
    pub(crate) v6: bool,
}

impl Want {
    pub(crate) const BOTH: Self = Self { v4: true, v6: true };

    /// What is meant where nothing is said.
    pub(crate) fn only(family: Family) -> Self {
        Self { v4: family == Family::V4, v6: family == Family::V6 }
    }
}

/// What an answer may hold; what was sent with a wrong type or size counts as not sent.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Answer<'a> {
    pub(crate) id: Id,
    pub(crate) nodes: Vec<Contact>,
    pub(crate) values: Vec<SocketAddr>,
    pub(crate) token: Option<&'a [u8]>,
    /// The answerer's client.
    pub(crate) version: &'a [u8],
    /// Where the answerer sees us (BEP 42).
    pub(crate) seen_at: Option<SocketAddr>,
    /// Not checked yet; a mutable item comes without its salt.
    pub(crate) item: Option<Item>,
    pub(crate) samples: Vec<Id>,
    /// Filters of seeds and of peers (BEP 33).
    pub(crate) filters: Option<(Filter, Filter)>,
}

/// Why bytes are no message for us.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fault<'a> {
    /// Not even a question that could be answered.
    Noise,
    /// A question that deserves an error.
    Refused { transaction: &'a [u8], code: i64, reason: &'static str },
}

#[cfg(test)]
mod tests;
