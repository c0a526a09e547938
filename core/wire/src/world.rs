//! What the tests of this crate share.

use std::time::Instant;

/// A moment to count virtual time from.
#[allow(clippy::disallowed_methods, reason = "an origin for virtual time; nothing depends on its value")]
pub(crate) fn origin() -> Instant {
    Instant::now()
}
