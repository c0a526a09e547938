//! Every bound of a handshake, each with its reason.

/// Random bytes behind a public key, and within an offer or an answer, at most: the protocol's own bound, and with it the
/// bound of the search for where they end.
pub const PAD: usize = 512;

/// Bytes that ride on an offer at most. Everybody sends the 68 bytes of a handshake; the rest is for those who send
/// their first messages along.
pub const INITIAL_PAYLOAD: usize = 8 * 1024;

/// Bytes held that no step has taken yet: the longest step, and what a host reads at once behind it.
pub const RECEIVED: usize = 32 * 1024;
