//! The two hashes: their first state, their single-lane code, and their code for each vector width.

use crate::message::BLOCK;

/// States of `L` messages, word by word: `states[word][lane]`.
pub(crate) type States<const WORDS: usize, const L: usize> = [[u32; L]; WORDS];

/// One hash function of the Merkle-Damgard kind with 64-byte blocks and 32-bit words (FIPS 180-4).
pub(crate) trait Algorithm<const WORDS: usize> {
    /// The state before the first block.
    const START: [u32; WORDS];

    /// Takes whole blocks into the state of one message.
    fn compress(state: &mut [u32; WORDS], blocks: &[[u8; BLOCK]]);

    /// Takes `blocks` whole blocks of each of 16 messages in. The caller has found AVX-512 F and BW.
    #[cfg(target_arch = "x86_64")]
    fn compress_16(states: &mut States<WORDS, 16>, data: &[&[u8]; 16], blocks: usize);

    /// Takes `blocks` whole blocks of each of 8 messages in. The caller has found AVX2.
    #[cfg(target_arch = "x86_64")]
    fn compress_8(states: &mut States<WORDS, 8>, data: &[&[u8]; 8], blocks: usize);
}

/// SHA-1.
pub(crate) struct Sha1;

impl Algorithm<5> for Sha1 {
    const START: [u32; 5] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];

    fn compress(state: &mut [u32; 5], blocks: &[[u8; BLOCK]]) {
        sha1::block_api::compress(state, blocks);
    }

    #[cfg(target_arch = "x86_64")]
    fn compress_16(states: &mut States<5, 16>, data: &[&[u8]; 16], blocks: usize) {
        crate::x86::sha1_16(states, data, blocks);
    }

    #[cfg(target_arch = "x86_64")]
    fn compress_8(states: &mut States<5, 8>, data: &[&[u8]; 8], blocks: usize) {
        crate::x86::sha1_8(states, data, blocks);
    }
}

/// SHA-256.
pub(crate) struct Sha256;

impl Algorithm<8> for Sha256 {
    const START: [u32; 8] = [
        0x6a09_e667,
        0xbb67_ae85,
        0x3c6e_f372,
        0xa54f_f53a,
        0x510e_527f,
        0x9b05_688c,
        0x1f83_d9ab,
        0x5be0_cd19,
    ];

    fn compress(state: &mut [u32; 8], blocks: &[[u8; BLOCK]]) {
        sha2::block_api::compress256(state, blocks);
    }

    #[cfg(target_arch = "x86_64")]
    fn compress_16(states: &mut States<8, 16>, data: &[&[u8]; 16], blocks: usize) {
        crate::x86::sha256_16(states, data, blocks);
    }

    #[cfg(target_arch = "x86_64")]
    fn compress_8(states: &mut States<8, 8>, data: &[&[u8]; 8], blocks: usize) {
        crate::x86::sha256_8(states, data, blocks);
    }
}

/// A state as the digest's bytes.
pub(crate) fn bytes<const WORDS: usize, const BYTES: usize>(state: [u32; WORDS]) -> [u8; BYTES] {
    let mut digest = [0; BYTES];
    for (four, word) in digest.chunks_exact_mut(4).zip(state) {
        four.copy_from_slice(&word.to_be_bytes());
    }
    digest
}
