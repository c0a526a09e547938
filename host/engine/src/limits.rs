//! Every bound of the engine, each with its reason.

use std::time::Duration;

/// How much unspent time a rate limit saves up: enough to ride over a scheduling hiccup, too little for a burst
/// that a person's video call would feel.
pub(crate) const RATE_BURST: Duration = Duration::from_millis(100);

/// Bytes moved in one go under a rate limit at most; above, a limited connection would be served in lumps.
pub(crate) const RATE_QUANTUM_MAX: u64 = 256 * 1024;
