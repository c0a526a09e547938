//! Signatures for the tests of this crate; a host brings its own.

use crate::item::{MutableItem, signed_bytes};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};

pub(crate) fn verify(key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    UnparsedPublicKey::new(&ED25519, key).verify(message, signature).is_ok()
}

/// An item of the maker with this number.
pub(crate) fn signed(maker: u8, salt: &[u8], sequence: i64, value: &[u8]) -> MutableItem {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[maker; 32]).unwrap();
    let signature = pair.sign(&signed_bytes(salt, sequence, value));
    MutableItem {
        key: pair.public_key().as_ref().try_into().unwrap(),
        salt: salt.to_vec(),
        sequence,
        signature: signature.as_ref().try_into().unwrap(),
        value: value.to_vec(),
    }
}
