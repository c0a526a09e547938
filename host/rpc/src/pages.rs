//! Pages beside the RPC: events, metrics, and the description of both.

mod events;
pub(crate) mod metrics;
pub(crate) mod openapi;

use crate::access::credentials::random_text;
use crate::limits::EVENT_LISTENERS;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// What the pages remember.
pub(crate) struct Pages {
    /// Names this run: events of another cannot be resumed.
    run: String,
    listeners: Arc<Semaphore>,
}

impl Pages {
    pub(crate) fn new() -> Self {
        Self { run: random_text(8), listeners: Arc::new(Semaphore::new(EVENT_LISTENERS)) }
    }
}
