//! What a daemon starts from.

use crate::{Settings, Totals};
use engine::AddressFilter;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use thiserror::Error;

/// Makes changed settings durable (write, sync, rename) before a change is answered.
pub type SaveSettings = Arc<dyn Fn(&Settings) -> std::io::Result<()> + Send + Sync>;

/// What a [`Daemon`](crate::Daemon) starts from.
#[derive(Clone)]
pub struct Config {
    /// Holds the database, `torrents/` and the lock file; made if missing.
    pub config_directory: PathBuf,
    /// Settings of the session.
    pub settings: Settings,
    /// Called on a thread of its own with every change of the settings; `None` keeps them for this run only.
    pub save_settings: Option<SaveSettings>,
    /// All torrents stay stopped at start (`--paused`).
    pub paused: bool,
    /// What another client counted that used the directory before; of no account where we have counters of our own.
    pub past: Totals,
    /// Addresses that no connection is made with; whoever reads blocklists replaces what is in it.
    pub address_filter: AddressFilter,
    /// The one address to bind to, in place of those in the settings; for tests on loopback.
    pub bind: Option<IpAddr>,
    /// Where the DHT is entered, host and port, instead of at the usual routers; empty for those.
    pub dht_bootstrap: Vec<(String, u16)>,
}

impl Config {
    /// A daemon with these settings that keeps no `settings.json`.
    pub fn new(config_directory: PathBuf, settings: Settings) -> Self {
        Self {
            config_directory,
            settings,
            save_settings: None,
            paused: false,
            past: Totals::default(),
            address_filter: AddressFilter::default(),
            bind: None,
            dht_bootstrap: Vec::new(),
        }
    }
}

/// Why a daemon did not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// Another daemon uses the directory.
    #[error("another daemon is using {}; stop it first, or choose another directory with --config-dir", .0.display())]
    InUse(PathBuf),
    /// The directory cannot be used.
    #[error("cannot use the config directory {}: {reason}", .path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The engine did not start.
    #[error(transparent)]
    Engine(#[from] engine::StartError),
}
