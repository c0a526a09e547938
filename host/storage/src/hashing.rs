//! Hashing: the one place that knows how SHA-1 is computed.

use sha1::{Digest, Sha1};
use std::hash::{BuildHasher, Hasher, RandomState};

/// The hash of one piece, fed in order.
#[derive(Clone, Default)]
pub(crate) struct PieceHasher(Sha1);

impl PieceHasher {
    /// Takes in the next bytes.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The hash of everything taken in.
    pub(crate) fn finish(self) -> [u8; 20] {
        self.0.finalize().into()
    }
}

/// SHA-1 of some bytes.
pub(crate) fn sha1(bytes: &[u8]) -> [u8; 20] {
    Sha1::digest(bytes).into()
}

/// SHA-1 of `length` zeros: what a piece that is a hole in a sparse file hashes to.
pub(crate) fn sha1_of_zeros(length: u64) -> [u8; 20] {
    let zeros = [0; 16 * 1024];
    let mut hasher = PieceHasher::default();
    let mut left = length;
    while left > 0 {
        let part = left.min(zeros.len() as u64) as usize;
        hasher.update(&zeros[..part]);
        left -= part as u64;
    }
    hasher.finish()
}

/// Makes digests that tell blocks apart, keyed so that nobody outside can aim for equal ones.
#[derive(Clone, Default)]
pub(crate) struct BlockDigester(RandomState);

impl BlockDigester {
    /// The digest of a block.
    pub(crate) fn digest(&self, block: &[u8]) -> u64 {
        let mut hasher = self.0.build_hasher();
        hasher.write(block);
        hasher.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_and_digests() {
        assert_eq!(sha1_of_zeros(40_000), sha1(&vec![0; 40_000]));
        let digester = BlockDigester::default();
        assert_eq!(digester.digest(b"abc"), digester.clone().digest(b"abc"));
        assert_ne!(digester.digest(b"abc"), digester.digest(b"abd"));
    }
}
