//! Pages beside the RPC: events, metrics, and the description of both.

mod events;
pub(crate) mod metrics;
pub(crate) mod openapi;

use crate::access::credentials::random_text;
use crate::access::places::Places;
use crate::limits::EVENT_LISTENERS;

/// What the pages remember.
pub(crate) struct Pages {
    /// Names this run: events of another cannot be resumed.
    run: String,
    listeners: Places,
}

impl Pages {
    pub(crate) fn new() -> Self {
        Self { run: random_text(8), listeners: Places::new(EVENT_LISTENERS) }
    }
}
