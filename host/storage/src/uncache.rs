//! Making room in the page cache: what is on the device need not stay in memory, where reading it back costs little.
//!
//! A download larger than memory otherwise pushes out what other programs use, and on a virtual machine that gives
//! idle memory back to its host a fresh page costs several times the copy into it. A disk with moving parts is left
//! alone: peers ask for what has just come, and it would have to seek for them.

use crate::TorrentStore;
use crate::backend::Access;
use crate::limits::{FAST_DEVICE, QUICK_SYNC, TELLING_BYTES, TELLING_SYNCS};
use crate::torrent::{Torrent, locked};
use crate::transfer::{Transfer, piece_extents};
use metainfo::PieceIndex;
use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::os::fd::AsFd;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How long syncs took.
#[derive(Clone, Copy, Default)]
pub(crate) struct Pace {
    pub(crate) bytes: u64,
    pub(crate) syncs: u32,
    pub(crate) took: Duration,
}

/// Which devices have no moving parts, as far as their syncs tell.
#[derive(Default)]
pub(crate) struct Devices(Mutex<BTreeMap<u64, Device>>);

#[derive(Default)]
struct Device {
    /// Since it was judged last.
    pace: Pace,
    is_fast: bool,
}

impl Devices {
    /// Takes in how a sync went, and tells whether its device is a fast one.
    fn note(&self, device: u64, new: Pace) -> bool {
        let mut devices = locked(&self.0);
        let device = devices.entry(device).or_default();
        let pace = &mut device.pace;
        pace.bytes += new.bytes;
        pace.syncs += new.syncs;
        pace.took += new.took;
        if pace.bytes >= TELLING_BYTES || pace.syncs >= TELLING_SYNCS {
            let fast = Duration::from_secs_f64(pace.bytes as f64 / FAST_DEVICE as f64);
            device.is_fast = pace.took <= fast + QUICK_SYNC * pace.syncs;
            *pace = Pace::default();
        }
        device.is_fast
    }
}

impl TorrentStore {
    /// The files are read from end to end once they are complete: what is fetched stays in memory as long as the
    /// system has room.
    pub fn keep_cached(&self) {
        self.torrent.keep_cached.store(true, Ordering::Release);
    }
}

impl Transfer {
    /// Lets go of pieces that were just synced, where the device is a fast one.
    pub(crate) fn uncache(&self, torrent: &Torrent, pieces: &[PieceIndex], pace: Pace) {
        let Ok(root) = rustix::fs::stat(&torrent.root) else { return };
        if !self.devices.note(root.st_dev, pace) || torrent.keep_cached.load(Ordering::Acquire) {
            return;
        }
        let _names = torrent.naming.read().unwrap_or_else(PoisonError::into_inner);
        for extent in pieces.iter().flat_map(|piece| piece_extents(torrent, *piece)) {
            // A file that cannot be opened any more has nothing in memory that matters.
            let file = self.open(torrent, extent.slot, Access::Read);
            if let (Ok(file), Some(length)) = (file, NonZeroU64::new(extent.length)) {
                self.backend.uncache(file.as_fd(), extent.offset, length);
            }
        }
    }
}
