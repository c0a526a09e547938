//! Whoever says which torrent is the newest, through a mutable item of the DHT (BEP 46).
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

use super::codec;
use crate::limits::MAX_SALT_BYTES;
use bencode::DictWriter;
use sha1::{Digest, Sha1};
use std::fmt;

/// What a value of the DHT may be: at most 1000 bytes, in which a dictionary holds little.
const VALUE: bencode::Limits = bencode::Limits { max_bytes: 1000, max_depth: 8, max_tokens: 256 };

/// The way to a torrent that is replaced by newer ones: a public key and a salt, under which a mutable item of the DHT
/// names the info-hash of the newest (BEP 46).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Publisher {
    /// The public key (ed25519) that items are signed with.
    pub key: [u8; 32],
    /// Tells several torrents under one key apart, at most 64 bytes; empty for none.
    pub salt: Vec<u8>,
}

/// Whether a value of `xs` means to be a public key.
pub(super) fn is_key(value: &str) -> bool {
    codec::decode(value).is_some_and(|text| key_digits(&text).is_some())
}

fn key_digits(text: &str) -> Option<&str> {
    const PREFIX: &str = "urn:btpk:";
    let (prefix, digits) = text.split_at_checked(PREFIX.len())?;
    prefix.eq_ignore_ascii_case(PREFIX).then_some(digits)
}

impl Publisher {
    /// From the values of `xs` and `s`, as they are in a link.
    pub(super) fn parse(key: &str, salt: Option<&str>) -> Option<Self> {
        let key = crate::unhex(key_digits(&codec::decode(key)?)?)?;
        let salt = crate::unhex_bytes(&codec::decode(salt.unwrap_or_default())?)?;
        (salt.len() <= MAX_SALT_BYTES).then_some(Self { key, salt })
    }

    /// What the item is found by: the SHA-1 of key and salt (BEP 44).
    pub fn target(&self) -> [u8; 20] {
        Sha1::new().chain_update(self.key).chain_update(&self.salt).finalize().into()
    }

    /// The info-hash (version 1) that the value of an item names; `None` of anything else. `value` is bencoded.
    pub fn info_hash_of(value: &[u8]) -> Option<[u8; 20]> {
        let document = bencode::decode(value, VALUE).ok()?;
        document.root().get(b"ih")?.bytes()?.try_into().ok()
    }

    /// The value of an item that names a torrent, bencoded.
    pub fn value(info_hash: &[u8; 20]) -> Vec<u8> {
        let mut value = DictWriter::new();
        value.bytes("ih", info_hash);
        value.encode()
    }
}

impl fmt::Display for Publisher {
    /// As parameters of a magnet link.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "xs=urn:btpk:{}", crate::hex(&self.key))?;
        if !self.salt.is_empty() {
            write!(f, "&s={}", crate::hex(&self.salt))?;
        }
        Ok(())
    }
}
