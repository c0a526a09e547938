//! `settings.json`: Transmission's names for everything that is set once and kept.
//!
//! One table ([`keys`]) ties each name to its place in the typed settings. The file, `session-get` and `session-set`
//! are three ways of going through that table.

mod file;
pub(crate) mod keys;
pub(crate) mod value;

pub use file::{Saver, SettingsError, SettingsFile};

use crate::http::rules::HttpSettings;
use std::path::PathBuf;

/// Everything that `settings.json` sets.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct AllSettings {
    /// Settings of the torrents.
    pub session: daemon::Settings,
    /// Settings of the RPC server.
    pub http: HttpSettings,
    /// Settings of the process.
    pub process: ProcessSettings,
}

/// Settings of the process around the daemon. The defaults are Transmission's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProcessSettings {
    /// How much is logged: 0 nothing, 1 critical, 2 errors, 3 warnings, 4 information, 5 debugging, 6 everything.
    pub message_level: u8,
    /// Where the process id is written; empty for nowhere.
    pub pid_file: PathBuf,
    /// Permissions that new files do not get.
    pub umask: u32,
    /// Torrent files that appear here are added.
    pub watch_directory: PathBuf,
    /// [`Self::watch_directory`] counts.
    pub watch_directory_enabled: bool,
    /// The watched folder is listed now and then, in place of being told of changes by the kernel.
    pub watch_directory_force_generic: bool,
    /// All torrents are stopped at start.
    pub start_paused: bool,
}

impl Default for ProcessSettings {
    fn default() -> Self {
        Self {
            message_level: 4,
            pid_file: PathBuf::new(),
            umask: 0o022,
            watch_directory: PathBuf::new(),
            watch_directory_enabled: false,
            watch_directory_force_generic: false,
            start_paused: false,
        }
    }
}
