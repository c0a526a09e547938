//! The keys that mutable items are signed with (BEP 44).

use dht::{MutableItem, signed_bytes};
use ring::rand::{SystemRandom, generate};
use ring::signature::{Ed25519KeyPair, KeyPair};
use std::fmt;

/// An ed25519 key: whoever has it can replace the items that are stored under it.
pub struct DhtKey {
    seed: [u8; 32],
    pair: Ed25519KeyPair,
}

impl fmt::Debug for DhtKey {
    /// Shows nothing that is secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DhtKey").field("public", &self.public()).finish_non_exhaustive()
    }
}

impl DhtKey {
    /// A new key; `None` if the system has no randomness to give.
    pub fn generate() -> Option<Self> {
        Self::from_seed(generate::<[u8; 32]>(&SystemRandom::new()).ok()?.expose())
    }

    /// The key of a seed; `None` if the seed makes none.
    pub fn from_seed(seed: [u8; 32]) -> Option<Self> {
        Some(Self { seed, pair: Ed25519KeyPair::from_seed_unchecked(&seed).ok()? })
    }

    /// What the key is made of, to be kept secret.
    pub const fn seed(&self) -> &[u8; 32] {
        &self.seed
    }

    /// Its public half, that its items are found by.
    pub fn public(&self) -> [u8; 32] {
        self.pair.public_key().as_ref().try_into().unwrap_or_default()
    }

    /// A signed item. `value` is bencoded.
    pub fn sign(&self, salt: &[u8], sequence: i64, value: &[u8]) -> MutableItem {
        let signature = self.pair.sign(&signed_bytes(salt, sequence, value));
        MutableItem {
            key: self.public(),
            salt: salt.to_vec(),
            sequence,
            // A signature that is none is refused by whoever checks it, the first being ourselves.
            signature: signature.as_ref().try_into().unwrap_or([0; 64]),
            value: value.to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_comes_back_from_its_seed_and_shows_it_to_nobody() {
        let key = DhtKey::generate().unwrap();
        let again = DhtKey::from_seed(*key.seed()).unwrap();
        assert_eq!(key.public(), again.public());
        assert_eq!(key.sign(b"s", 4, b"1:x"), again.sign(b"s", 4, b"1:x"));
        assert!(!format!("{key:?}").contains(&format!("{:?}", key.seed())));
        assert_ne!(DhtKey::generate().unwrap().public(), key.public());
    }
}
