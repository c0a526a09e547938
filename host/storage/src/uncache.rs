//! Making room in the page cache: what is on the device need not stay in memory, where reading it back costs little.
//!
//! A download larger than memory otherwise pushes out what other programs use, and on a virtual machine that gives
//! idle memory back to its host a fresh page costs several times the copy into it. A disk with moving parts is left
//! alone: peers ask for what has just come, and it would have to seek for them.

use crate::TorrentStore;
use crate::backend::Access;
use crate::limits::{FAST_DEVICE, TELLING_SYNC};
use crate::torrent::{Dirty, Torrent};
use crate::transfer::{Transfer, piece_extents};
use std::num::NonZeroU64;
use std::os::fd::AsFd;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// What is known about keeping a torrent's bytes in memory.
#[derive(Default)]
pub(crate) struct Cache {
    /// A sync was as quick as only devices without moving parts are.
    device_is_fast: AtomicBool,
    /// Somebody reads all of it soon.
    keep: AtomicBool,
}

impl TorrentStore {
    /// The files are read from end to end once they are complete: what is fetched stays in memory as long as the
    /// system has room.
    pub fn keep_cached(&self) {
        self.torrent.cache.keep.store(true, Ordering::Release);
    }
}

impl Transfer {
    /// Lets go of the pieces of a sync that took so long.
    pub(crate) fn uncache(&self, torrent: &Torrent, synced: &Dirty, took: Duration) {
        let rate = synced.bytes as f64 / took.as_secs_f64();
        if synced.bytes >= TELLING_SYNC && rate >= FAST_DEVICE as f64 {
            torrent.cache.device_is_fast.store(true, Ordering::Release);
        }
        if !torrent.cache.device_is_fast.load(Ordering::Acquire) || torrent.cache.keep.load(Ordering::Acquire)
        {
            return;
        }
        let _names = torrent.naming.read().unwrap_or_else(PoisonError::into_inner);
        for extent in synced.pieces.iter().flat_map(|piece| piece_extents(torrent, *piece)) {
            // A file that cannot be opened any more has nothing in memory that matters.
            let file = self.open(torrent, extent.slot, Access::Read);
            if let (Ok(file), Some(length)) = (file, NonZeroU64::new(extent.length)) {
                self.backend.uncache(file.as_fd(), extent.offset, length);
            }
        }
    }
}
