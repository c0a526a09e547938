//! SHA-1 and SHA-256 of many messages at once.
//!
//! One message keeps one hash unit busy and leaves the vector registers empty. Several messages of a torrent (its
//! pieces, or the 16 KiB leaves of a v2 file) are independent, so each takes one 32-bit lane of a register and all
//! advance together: sixteen with AVX-512, eight with AVX2. Few messages, or a processor without these, go to the
//! single-lane code of the `sha1` and `sha2` crates, which use the SHA extensions where there are any.
//!
//! A message is a list of slices, so that blocks need not be copied together first.

mod algorithm;
mod lanes;
mod message;
mod stream;

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code, reason = "vector loads and code for a processor feature; each block says why")]
#[allow(clippy::wildcard_imports, reason = "the intrinsics are one vocabulary, named by the vendor")]
#[allow(clippy::many_single_char_names, reason = "the standard names the words a to h")]
mod x86;

pub use lanes::{Backend, sha1_many_with, sha256_many_with};
pub use stream::{Sha1Stream, sha1_advance};

use algorithm::{Sha1, Sha256};

/// Digests of all `messages`, in their order. Each message is the concatenation of its slices.
pub fn sha1_many(messages: &[&[&[u8]]]) -> Vec<[u8; 20]> {
    lanes::hash_many::<5, Sha1>(messages, Backend::detect())
        .into_iter()
        .map(algorithm::bytes::<5, 20>)
        .collect()
}

/// Digests of all `messages`, in their order. Each message is the concatenation of its slices.
pub fn sha256_many(messages: &[&[&[u8]]]) -> Vec<[u8; 32]> {
    lanes::hash_many::<8, Sha256>(messages, Backend::detect())
        .into_iter()
        .map(algorithm::bytes::<8, 32>)
        .collect()
}
