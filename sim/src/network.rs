//! Lines with a rate, a latency and losses.

use std::time::{Duration, Instant};

/// A node's line to the network.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    /// Bytes per second towards the network.
    pub up_bytes_per_second: u64,
    /// Bytes per second from the network.
    pub down_bytes_per_second: u64,
    /// One way to the middle of the network.
    pub latency: Duration,
    /// One parcel in so many is lost and sent again a round trip later; 0 for none.
    pub loss_one_in: u32,
}

impl Default for Line {
    fn default() -> Self {
        Self {
            up_bytes_per_second: 10 << 20,
            down_bytes_per_second: 10 << 20,
            latency: Duration::from_millis(10),
            loss_one_in: 0,
        }
    }
}

/// One direction of a line: parcels leave one after the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pipe {
    bytes_per_second: u64,
    free_at: Instant,
}

impl Pipe {
    pub(crate) fn new(bytes_per_second: u64, now: Instant) -> Self {
        Self { bytes_per_second: bytes_per_second.max(1), free_at: now }
    }

    /// When the last byte of a parcel handed over at `now` is through.
    pub(crate) fn send(&mut self, now: Instant, bytes: usize) -> Instant {
        let took = Duration::from_nanos((bytes as u64).saturating_mul(1_000_000_000) / self.bytes_per_second);
        self.free_at = self.free_at.max(now) + took;
        self.free_at
    }

    /// Changes the rate for parcels to come.
    pub(crate) fn set_rate(&mut self, bytes_per_second: u64) {
        self.bytes_per_second = bytes_per_second.max(1);
    }
}
