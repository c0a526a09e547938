//! OpenPGP signatures (RFC 9580, RFC 4880): reading and judging them, nothing else.
//!
//! The arithmetic is other people's ([`num_bigint`], [`ed25519_compact`], the hash crates); what is here is the format
//! and the rules. Why not a whole OpenPGP implementation: see docs/images.md. The rules are strict where signatures
//! of images need nothing looser: version 4, RSA from 2048 bits or Ed25519, SHA-2; a key that is revoked or expired
//! now signs nothing, whenever the signature says it was made.

#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::indexing_slicing))]

mod armor;
mod certificate;
mod cleartext;
mod key;
mod packet;
mod signature;
#[cfg(test)]
pub(crate) mod tests;
mod verify;

pub(crate) use armor::{dearmored, is_armored};
pub(crate) use certificate::{Certificate, certificates};
pub(crate) use cleartext::{Cleartext, is_cleartext};
pub(crate) use signature::{DetachedSignature, SignatureType, detached};
pub(crate) use verify::{Message, Verdict, verify};

use crate::sum::{from_hex, to_hex};
use std::fmt;

/// The fingerprint of a version 4 key: what names it beyond doubt.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 20]);

impl Fingerprint {
    /// 40 hex digits, in either case, with spaces between them or not, and perhaps with 0x before them.
    pub fn parse(text: &str) -> Option<Self> {
        let plain: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        let digits = plain.strip_prefix("0x").or_else(|| plain.strip_prefix("0X")).unwrap_or(&plain);
        Some(Self(from_hex(digits)?.try_into().ok()?))
    }

    /// The short name that signatures carry; anybody can make a key with a given one.
    pub(crate) fn key_id(&self) -> KeyId {
        KeyId(self.0.last_chunk().copied().unwrap_or_default())
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&to_hex(&self.0).to_uppercase())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The last eight bytes of a fingerprint: a hint, never a proof.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct KeyId([u8; 8]);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&to_hex(&self.0).to_uppercase())
    }
}

/// Bytes that are not what they should be, or that end early.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Malformed;
