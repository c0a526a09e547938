//! How much of a list is read.

/// Longest list in bytes, unpacked. The largest public lists have about 40 MiB.
pub const MAX_BYTES: usize = 128 << 20;

/// Most ranges of one list; the largest public lists have less than a million. 8 bytes each for IPv4, 32 for IPv6.
pub const MAX_RANGES: usize = 4_000_000;

/// Longest line that is looked at. Names of organisations are short; what is longer is not a list.
pub(crate) const MAX_LINE: usize = 4096;

/// Most names of a P2B version 3 table; each is passed over, none is kept.
pub(crate) const MAX_NAMES: u32 = 4_000_000;
