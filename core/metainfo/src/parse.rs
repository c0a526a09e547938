//! From the bytes of a torrent file to [`Metainfo`].
//!
//! The keys beside `info` are optional and forgiving: what is not as it should be counts as absent. Inside `info`
//! everything that decides about data is checked, and a torrent with a fault there is refused.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

mod assemble;
mod fields;
mod info;
mod layers;
mod tree;
mod v1;

use crate::error::ParseError;
use crate::limits::{MAX_COMMENT_BYTES, MAX_TEXT_BYTES};
use crate::metainfo::Metainfo;
use bencode::{Limits, Value};
pub(crate) use fields::{clean_url, has_scheme};
use std::sync::Arc;

impl Metainfo {
    /// Reads a torrent file. Bytes after its end are ignored, as some makers add a line break.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        if bytes.is_empty() {
            return Err(ParseError::Empty);
        }
        let (document, _) = bencode::decode_prefix(bytes, Limits::TORRENT)?;
        let root = document.root();
        if root.dict().is_none() {
            return Err(ParseError::kind("the file", root, "a dict"));
        }
        let info = root.get(b"info").ok_or_else(|| ParseError::missing("info"))?;
        let mut metainfo = info::parse(info, root.get(b"piece layers"))?;
        metainfo.trackers = fields::trackers(root);
        metainfo.web_seeds = fields::web_seeds(root, &metainfo);
        metainfo.nodes = fields::nodes(root);
        metainfo.comment = fields::text(root, b"comment.utf-8", b"comment", MAX_COMMENT_BYTES);
        metainfo.created_by = fields::text(root, b"created by.utf-8", b"created by", MAX_TEXT_BYTES);
        metainfo.creation_date = root.get(b"creation date").and_then(Value::integer);
        Ok(metainfo)
    }

    /// Reads a bare info dict, as peers send it (BEP 9). There are no trackers, web seeds or piece layers then.
    pub fn from_info(bytes: &[u8]) -> Result<Self, ParseError> {
        if bytes.is_empty() {
            return Err(ParseError::Empty);
        }
        let document = bencode::decode(bytes, Limits::TORRENT)?;
        info::parse(document.root(), None)
    }
}

/// One file as the torrent tells of it, before names are cleaned.
struct RawFile<'a> {
    /// Components inside the torrent's folder; just the name in a single-file torrent. Empty for a pad without a name.
    path: Vec<&'a [u8]>,
    length: u64,
    pad: bool,
    executable: bool,
    /// Components of the target inside the torrent's folder.
    symlink: Option<Vec<&'a [u8]>>,
    pieces_root: Option<[u8; 32]>,
    piece_layer: Arc<[[u8; 32]]>,
}

/// The letters of an `attr` key (BEP 47); others are ignored.
#[derive(Clone, Copy, Default)]
struct Attributes {
    pad: bool,
    executable: bool,
    symlink: bool,
}

impl Attributes {
    fn of(file: Value<'_, '_>) -> Self {
        let letters = file.get(b"attr").and_then(Value::bytes).unwrap_or_default();
        let has = |letter| letters.contains(&letter);
        Self { pad: has(b'p'), executable: has(b'x'), symlink: has(b'l') }
    }
}

/// A list of strings that is not empty.
fn components<'a>(value: Value<'_, 'a>) -> Option<Vec<&'a [u8]>> {
    let parts: Option<Vec<_>> = value.list()?.map(Value::bytes).collect();
    parts.filter(|parts| !parts.is_empty())
}

/// The target of a symlink, if the file is one.
fn symlink<'a>(file: Value<'_, 'a>, attributes: Attributes) -> Option<Vec<&'a [u8]>> {
    file.get(b"symlink path").filter(|_| attributes.symlink).and_then(components)
}

#[cfg(test)]
mod tests;
