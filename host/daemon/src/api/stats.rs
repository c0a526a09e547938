//! Counters of the session, and free space.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Counted over some time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Totals {
    /// Payload bytes given.
    pub uploaded: u64,
    /// Payload bytes received.
    pub downloaded: u64,
    /// Torrents taken in.
    pub torrents_added: u64,
    /// Time of running.
    pub active: Duration,
    /// Starts of the daemon.
    pub sessions: u64,
}

/// The session at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SessionStats {
    /// Torrents.
    pub torrents: u32,
    /// Of them neither stopped nor queued.
    pub active: u32,
    /// Of them stopped.
    pub paused: u32,
    /// Bytes per second received.
    pub down_rate: u64,
    /// Bytes per second given.
    pub up_rate: u64,
    /// Over all runs.
    pub cumulative: Totals,
    /// In this run.
    pub current: Totals,
}

/// Space on the file system of a folder, bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Space {
    /// Free for us.
    pub free: u64,
    /// In all.
    pub total: u64,
}
