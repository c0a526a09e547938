//! The key exchange, and what is derived from the secret that it gives.

use crate::number::{BYTES, Number};
use crate::rc4::Rc4;
use sha1::{Digest, Sha1};

/// Bytes of a public key, and of the secret.
pub(crate) const KEY: usize = BYTES;

/// Bytes of a private key; more would not make a guess any harder.
const PRIVATE_KEY: usize = 20;

/// What one end brings to the exchange.
pub(crate) struct KeyPair {
    private: [u8; PRIVATE_KEY],
}

impl KeyPair {
    pub(crate) fn new(rng: &mut fastrand::Rng) -> Self {
        Self { private: std::array::from_fn(|_| rng.u8(..)) }
    }

    pub(crate) fn public(&self) -> [u8; KEY] {
        Number::TWO.power(&self.private).to_bytes()
    }

    /// What both ends know and nobody else. `None` if the other end's key would give it away.
    pub(crate) fn secret(&self, theirs: &[u8; KEY]) -> Option<Secret> {
        Number::public_key(theirs).map(|theirs| Secret(theirs.power(&self.private).to_bytes()))
    }
}

/// What both ends of a connection know and nobody else.
pub(crate) struct Secret([u8; KEY]);

impl Secret {
    /// What ends the random bytes behind the opener's key.
    pub(crate) fn mark(&self) -> [u8; 20] {
        hash(&[b"req1", &self.0])
    }

    /// Covers the name of a torrent, or uncovers it.
    pub(crate) fn veil(&self, name: [u8; 20]) -> [u8; 20] {
        let veil = hash(&[b"req3", &self.0]);
        std::array::from_fn(|at| name[at] ^ veil[at])
    }

    /// The cipher of what the opener sends.
    pub(crate) fn of_opener(&self, info_hash: &[u8; 20]) -> Rc4 {
        Rc4::new(&hash(&[b"keyA", &self.0, info_hash]))
    }

    /// The cipher of what the acceptor sends.
    pub(crate) fn of_acceptor(&self, info_hash: &[u8; 20]) -> Rc4 {
        Rc4::new(&hash(&[b"keyB", &self.0, info_hash]))
    }
}

/// The name by which an opener asks for a torrent, under a veil, without telling its info-hash to who does not know it.
/// Whoever takes connections in prepares it for each torrent.
pub fn hidden_name(info_hash: &[u8; 20]) -> [u8; 20] {
    hash(&[b"req2", info_hash])
}

fn hash(parts: &[&[u8]]) -> [u8; 20] {
    let mut state = Sha1::new();
    for part in parts {
        state.update(part);
    }
    state.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes<const N: usize>(hex: &str) -> [u8; N] {
        std::array::from_fn(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).expect("hex"))
    }

    fn keystream(mut cipher: Rc4) -> [u8; 32] {
        let mut stream = [0; 32];
        cipher.apply(&mut stream);
        stream
    }

    /// The vectors of `corpus/vectors.json`, `mse_pe.worked_example`.
    #[test]
    fn a_worked_example() {
        let a = KeyPair { private: bytes("df1d49d3075cae41df9a8a29a6ff4dd0104a2398") };
        let b = KeyPair { private: bytes("f2eec52c1df866f2175b8f8abf50f46a3f923c02") };
        let public_a = bytes(
            "b038199ff053d751edd1173c5248215412ab8024e4fc09f014fb2f32c42906f4ca9dbcfd0d071289300ce45422d5a0de\
             d1e9bfacf953d5acfdc0f44abe003695297b3ca3117739c2956183c51101f2fe241c1202aedae257272f2e14b544b6f8",
        );
        let public_b = bytes(
            "577debf8b201e2239d3b52d6d85b2f5c53cfa9454286a1c47e6d26abca6295658f2f17fc0f412ae057c6c583219447db\
             f290d7edbe20b65e280cea79f36b2afa96ae37468525831cab363bbfed328e0417e0ba67555356f2d8c82ec054edb9a3",
        );
        let secret: [u8; KEY] = bytes(
            "054e4b609f464567bcd71d8ef4b7f3d6c85a315c4a096df9af40b748630f1922a0fd43d3a10720c9e6dd581f73bd6eff\
             f963f087bd035324a3d84f660fdf477901b90433fa496924fb6c5ada49a4d0c2490a91f04905604ff8294e9a4f32b636",
        );
        assert_eq!((a.public(), b.public()), (public_a, public_b));
        for shared in [a.secret(&public_b), b.secret(&public_a)] {
            assert_eq!(shared.expect("good keys").0, secret);
        }
        let secret = Secret(secret);
        let info_hash = bytes("000102030405060708090a0b0c0d0e0f10111213");
        assert_eq!(secret.mark(), bytes("18534eee000708e10d5155e3561cb9ac43d766a5"));
        let name = secret.veil(hidden_name(&info_hash));
        assert_eq!(name, bytes("b29df765c921f47ce9a54434494832a9a62ef17e"));
        assert_eq!(secret.veil(name), hidden_name(&info_hash));
        let of_opener = bytes("3dc2f425248ce115ea657d14d38da273139b699182408c5f5a5e609d509c6c36");
        assert_eq!(keystream(secret.of_opener(&info_hash)), of_opener);
        let of_acceptor = bytes("4b6b34c7a810bdf2e9fefbb079bcdf5aac8b85107967a8c499e7853819281faa");
        assert_eq!(keystream(secret.of_acceptor(&info_hash)), of_acceptor);
    }
}
