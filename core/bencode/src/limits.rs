//! How much a decoder takes before it gives up.

/// Limits of one decoding.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Longest input. Offsets are kept in 32 bits, so nothing above 4 GiB is ever read.
    pub max_bytes: usize,
    /// Deepest nesting of lists and dicts.
    pub max_depth: usize,
    /// Most values and keys; each costs 16 bytes of memory.
    pub max_tokens: usize,
}

impl Default for Limits {
    /// For messages of peers, nodes and trackers: 2 MiB (a tracker's answer with thousands of peers in dict form),
    /// 100 deep, 100,000 tokens (1.6 MB of memory).
    fn default() -> Self {
        Self { max_bytes: 2 << 20, max_depth: 100, max_tokens: 100_000 }
    }
}

impl Limits {
    /// For torrent files: 64 MiB (3.2 million v1 pieces; the largest in the wild have a few MiB), 110 deep (a v2 file
    /// tree of the 100 folders a path may have, and what is around it), and 3,000,000 tokens, enough for 200,000 files
    /// in a hybrid torrent and never more than 48 MB of memory.
    pub const TORRENT: Self = Self { max_bytes: 64 << 20, max_depth: 110, max_tokens: 3_000_000 };
}
