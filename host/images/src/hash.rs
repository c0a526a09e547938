//! Many hashes of one file in one pass.

use crate::limits::HASH_BUFFER;
use crate::sum::{Algorithm, Sum};
use blake2::Blake2b512;
use ed25519_compact::{PublicKey, Signature, VerifyingState};
use sha1::Sha1;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// A hash function, of sums or of signatures.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum HashKind {
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
    Blake2b,
}

impl From<Algorithm> for HashKind {
    fn from(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Sha256 => Self::Sha256,
            Algorithm::Sha512 => Self::Sha512,
            Algorithm::Blake2b => Self::Blake2b,
        }
    }
}

/// A hash under way. Cloning it forks it: signatures go on with bytes of their own.
#[derive(Clone)]
pub(crate) enum Hasher {
    Sha1(Sha1),
    Sha224(Sha224),
    Sha256(Sha256),
    Sha384(Sha384),
    Sha512(Sha512),
    Blake2b(Box<Blake2b512>),
}

impl Hasher {
    pub(crate) fn new(kind: HashKind) -> Self {
        match kind {
            HashKind::Sha1 => Self::Sha1(Sha1::new()),
            HashKind::Sha224 => Self::Sha224(Sha224::new()),
            HashKind::Sha256 => Self::Sha256(Sha256::new()),
            HashKind::Sha384 => Self::Sha384(Sha384::new()),
            HashKind::Sha512 => Self::Sha512(Sha512::new()),
            HashKind::Blake2b => Self::Blake2b(Box::new(Blake2b512::new())),
        }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha1(hash) => hash.update(bytes),
            Self::Sha224(hash) => hash.update(bytes),
            Self::Sha256(hash) => hash.update(bytes),
            Self::Sha384(hash) => hash.update(bytes),
            Self::Sha512(hash) => hash.update(bytes),
            Self::Blake2b(hash) => hash.update(bytes),
        }
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        match self {
            Self::Sha1(hash) => hash.finalize().to_vec(),
            Self::Sha224(hash) => hash.finalize().to_vec(),
            Self::Sha256(hash) => hash.finalize().to_vec(),
            Self::Sha384(hash) => hash.finalize().to_vec(),
            Self::Sha512(hash) => hash.finalize().to_vec(),
            Self::Blake2b(hash) => hash.finalize().to_vec(),
        }
    }
}

/// Everything that one pass over some bytes is to find out.
#[derive(Default)]
pub(crate) struct Pass {
    hashes: BTreeMap<HashKind, Hasher>,
    /// Ed25519 over the bytes themselves, as signify makes it: it cannot start from a hash.
    whole: Vec<Whole>,
}

struct Whole {
    key: PublicKey,
    signature: Signature,
    /// `None` if the key or signature is not even well-formed.
    state: Option<VerifyingState>,
}

impl Pass {
    /// Asks for a hash.
    pub(crate) fn want(&mut self, kind: HashKind) {
        self.hashes.entry(kind).or_insert_with(|| Hasher::new(kind));
    }

    /// Asks whether `signature` is `key`'s over the bytes themselves.
    pub(crate) fn want_whole(&mut self, key: PublicKey, signature: Signature) {
        self.whole.push(Whole { key, signature, state: key.verify_incremental(&signature).ok() });
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        for hasher in self.hashes.values_mut() {
            hasher.update(bytes);
        }
        for state in self.whole.iter_mut().filter_map(|whole| whole.state.as_mut()) {
            state.absorb(bytes);
        }
    }

    /// Reads a file from its beginning to its end. Blocks.
    pub(crate) fn read(&mut self, path: &Path) -> io::Result<()> {
        let mut file = File::open(path)?;
        let mut buffer = vec![0; HASH_BUFFER];
        loop {
            let length = match file.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            self.update(buffer.get(..length).unwrap_or_default());
        }
    }

    /// The hash so far; it must have been asked for.
    pub(crate) fn hasher(&self, kind: HashKind) -> Option<Hasher> {
        self.hashes.get(&kind).cloned()
    }

    /// The sum so far.
    pub(crate) fn sum(&self, algorithm: Algorithm) -> Option<Sum> {
        let value = self.hasher(algorithm.into())?.finish();
        Some(Sum { algorithm, value })
    }

    /// Whether `signature` is `key`'s over all bytes; it must have been asked for.
    pub(crate) fn holds_whole(&self, key: PublicKey, signature: Signature) -> bool {
        let asked = self.whole.iter().find(|whole| whole.key == key && whole.signature == signature);
        asked.and_then(|whole| whole.state.as_ref()).is_some_and(|state| state.verify().is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ed25519_compact::{KeyPair, Seed};

    #[test]
    fn one_pass_finds_them_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("abc");
        std::fs::write(&path, b"abc").unwrap();
        let pair = KeyPair::from_seed(Seed::new([7; 32]));
        let signature = pair.sk.sign(b"abc", None);
        let mut pass = Pass::default();
        for algorithm in [Algorithm::Sha256, Algorithm::Sha512, Algorithm::Blake2b] {
            pass.want(algorithm.into());
        }
        pass.want_whole(pair.pk, signature);
        pass.read(&path).unwrap();
        let hex = |algorithm| pass.sum(algorithm).unwrap().hex();
        assert!(hex(Algorithm::Sha256).starts_with("ba7816bf8f01cfea"));
        assert!(hex(Algorithm::Sha512).starts_with("ddaf35a193617aba"));
        assert!(hex(Algorithm::Blake2b).starts_with("ba80a53f981c4d0d"));
        assert!(pass.holds_whole(pair.pk, signature));
        assert!(!pass.holds_whole(pair.pk, pair.sk.sign(b"abd", None)), "never asked for");
        assert!(pass.hasher(HashKind::Sha1).is_none());
    }
}
