//! Items of arbitrary data and who may have made them (BEP 44).

use crate::contract::Stored;
use crate::id::Id;
use crate::limits::{MAX_ITEM_BYTES, MAX_SALT_BYTES};
use sha1::{Digest, Sha1};
use thiserror::Error;

/// Checks an ed25519 signature: `(public key, message, signature)`. Injected, because the host has a fast one anyway.
pub type Verify = fn(&[u8; 32], &[u8], &[u8; 64]) -> bool;

/// What can be stored under a target.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Item {
    /// Stored under the SHA-1 of itself.
    Immutable {
        /// The value, bencoded.
        value: Vec<u8>,
    },
    /// Stored under the SHA-1 of its maker's key and its salt.
    Mutable(MutableItem),
}

/// An item that its maker can replace.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MutableItem {
    /// The maker's ed25519 public key.
    pub key: [u8; 32],
    /// Tells several items of one key apart; at most [`MAX_SALT_BYTES`], empty for none.
    pub salt: Vec<u8>,
    /// The higher, the newer; not below 0.
    pub sequence: i64,
    /// The maker's signature of [`signed_bytes`].
    pub signature: [u8; 64],
    /// The value, bencoded.
    pub value: Vec<u8>,
}

/// Why an item is refused. The numbers are those of BEP 44.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum ItemFault {
    /// The value is not canonical bencode.
    #[error("v is not canonical bencode")]
    NotCanonical,
    /// The value has more than [`MAX_ITEM_BYTES`].
    #[error("v is too big")]
    TooBig,
    /// The salt has more than [`MAX_SALT_BYTES`].
    #[error("salt is too big")]
    SaltTooBig,
    /// The signature is not the key's.
    #[error("invalid signature")]
    BadSignature,
    /// The sequence number is negative.
    #[error("seq is negative")]
    BadSequence,
    /// Another sequence number is held than `cas` says.
    #[error("cas mismatch")]
    CasMismatch,
    /// A newer one is held.
    #[error("seq is less than current")]
    Older,
    /// The store is full or the address has its share.
    #[error("no room")]
    NoRoom,
}

impl ItemFault {
    /// The error code on the wire.
    pub(crate) const fn code(self) -> i64 {
        match self {
            Self::NotCanonical | Self::BadSequence => 203,
            Self::TooBig => 205,
            Self::BadSignature => 206,
            Self::SaltTooBig => 207,
            Self::CasMismatch => Stored::CAS_MISMATCH,
            Self::Older => Stored::OLDER,
            Self::NoRoom => 202,
        }
    }
}

impl Item {
    /// The place it is stored under.
    pub fn target(&self) -> Id {
        match self {
            Self::Immutable { value } => Id(Sha1::digest(value).into()),
            Self::Mutable(item) => target_of_key(&item.key, &item.salt),
        }
    }

    /// The value, bencoded.
    pub fn value(&self) -> &[u8] {
        match self {
            Self::Immutable { value } => value,
            Self::Mutable(item) => &item.value,
        }
    }

    /// Is it what it says: sizes, bencode, signature?
    pub fn check(&self, verify: Verify) -> Result<(), ItemFault> {
        if self.value().len() > MAX_ITEM_BYTES {
            return Err(ItemFault::TooBig);
        }
        if let Self::Mutable(item) = self {
            item.check(verify)?;
        }
        if is_canonical(self.value()) { Ok(()) } else { Err(ItemFault::NotCanonical) }
    }
}

impl MutableItem {
    fn check(&self, verify: Verify) -> Result<(), ItemFault> {
        if self.salt.len() > MAX_SALT_BYTES {
            return Err(ItemFault::SaltTooBig);
        }
        if self.sequence < 0 {
            return Err(ItemFault::BadSequence);
        }
        let message = signed_bytes(&self.salt, self.sequence, &self.value);
        if is_weak_key(&self.key) || !verify(&self.key, &message, &self.signature) {
            return Err(ItemFault::BadSignature);
        }
        Ok(())
    }
}

/// Where a key's item is stored.
pub fn target_of_key(key: &[u8; 32], salt: &[u8]) -> Id {
    Id(Sha1::new().chain_update(key).chain_update(salt).finalize().into())
}

/// What the maker of a mutable item signs.
pub fn signed_bytes(salt: &[u8], sequence: i64, value: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(value.len() + salt.len() + 40);
    if !salt.is_empty() {
        bytes.extend(format!("4:salt{}:", salt.len()).as_bytes());
        bytes.extend(salt);
    }
    bytes.extend(format!("3:seqi{sequence}e1:v").as_bytes());
    bytes.extend(value);
    bytes
}

/// Is this one value in canonical bencode: keys sorted and once, numbers without leading zeros?
fn is_canonical(bytes: &[u8]) -> bool {
    let limits = bencode::Limits {
        max_bytes: MAX_ITEM_BYTES,
        max_depth: crate::limits::MAX_DEPTH,
        max_tokens: crate::limits::MAX_TOKENS,
    };
    let mut out = Vec::with_capacity(bytes.len());
    bencode::decode(bytes, limits).is_ok_and(|document| write_canonical(document.root(), &mut out).is_some())
        && out == bytes
}

/// Writes a value as it should be. `None` for numbers that no one can read. Recursion ends at
/// [`MAX_DEPTH`](crate::limits::MAX_DEPTH).
fn write_canonical(value: bencode::Value<'_, '_>, out: &mut Vec<u8>) -> Option<()> {
    if let Some(dict) = value.dict() {
        let entries: std::collections::BTreeMap<&[u8], bencode::Value<'_, '_>> = dict.collect();
        out.push(b'd');
        for (key, value) in entries {
            write_bytes(key, out);
            write_canonical(value, out)?;
        }
        out.push(b'e');
    } else if let Some(list) = value.list() {
        out.push(b'l');
        for item in list {
            write_canonical(item, out)?;
        }
        out.push(b'e');
    } else if let Some(bytes) = value.bytes() {
        write_bytes(bytes, out);
    } else {
        out.extend(format!("i{}e", value.integer()?).as_bytes());
    }
    Some(())
}

fn write_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend(format!("{}:", bytes.len()).as_bytes());
    out.extend(bytes);
}

/// Keys of small order: anybody can make signatures for them, so they prove nobody.
fn is_weak_key(key: &[u8; 32]) -> bool {
    /// The y coordinates of the points of order 1, 2, 4 and 8, in little-endian order, and their unreduced twins.
    const ORDER_8: [[u8; 32]; 2] = [
        [
            0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
            0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
        ],
        [
            0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
            0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
        ],
    ];
    let mut y = *key;
    y[31] &= 0x7f;
    let small = y[1..].iter().all(|byte| *byte == 0) && y[0] <= 1;
    // p - 1, p and p + 1, for p = 2^255 - 19.
    let around_p =
        y[31] == 0x7f && y[1..31].iter().all(|byte| *byte == 0xff) && (0xec..=0xee).contains(&y[0]);
    small || around_p || ORDER_8.contains(&y)
}

#[cfg(test)]
mod tests;
