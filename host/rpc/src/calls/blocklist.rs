//! `blocklist-update`.

use crate::calls::{Calls, Outcome};
use crate::error::{Kind, RpcError};
use crate::json::Json;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use thiserror::Error;

/// Why the blocklist was not updated.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum BlocklistFault {
    /// The server did not give it.
    #[error("{0}")]
    Http(String),
    /// It has no rule that can be read.
    #[error("couldn't parse any valid blocklist rules")]
    NoRules,
    /// It could not be kept.
    #[error("{0}")]
    System(String),
}

/// Fetches the blocklist of the settings, keeps it, and tells how many rules it has.
pub type BlocklistUpdate =
    Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Result<usize, BlocklistFault>> + Send>> + Send + Sync>;

impl Calls {
    pub(super) async fn blocklist_update(&self, out: &mut Json) -> Outcome {
        let Some(update) = &self.update_blocklist else {
            return Err(RpcError::new(Kind::Internal, "blocklists are not updated by this daemon"));
        };
        match update().await {
            Ok(rules) => {
                out.key("blocklist_size").unsigned(rules as u64);
                Ok(())
            }
            Err(BlocklistFault::Http(text)) => Err(RpcError::new(Kind::Backend, text)),
            Err(BlocklistFault::NoRules) => Err(Kind::Blocklist.into()),
            Err(BlocklistFault::System(text)) => Err(RpcError::new(Kind::System, text)),
        }
    }
}
