//! Processor time and memory of this process, as the kernel counts them.

use std::fs;
use std::time::Instant;

/// The kernel's unit of processor time in `/proc/self/stat`.
const TICKS_PER_SECOND: f64 = 100.0;

/// What was used up to one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Meter {
    at: Instant,
    /// Seconds on a processor, of all threads that live or lived.
    busy: f64,
    user: f64,
    rss_kib: f64,
}

impl Meter {
    pub(crate) fn now() -> Self {
        let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
        // The name, in brackets, may hold spaces.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let seconds = |at: usize| {
            let ticks = fields.get(at).and_then(|ticks| ticks.parse::<f64>().ok());
            ticks.unwrap_or(0.0) / TICKS_PER_SECOND
        };
        let (user, system) = (seconds(11), seconds(12));
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let rss = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let rss = rss.and_then(|text| text.trim().trim_end_matches(" kB").parse().ok());
        Self { at: Instant::now(), busy: user + system, user, rss_kib: rss.unwrap_or(0.0) }
    }

    /// Wall seconds, seconds on a processor, of these outside the kernel, and KiB more of memory, since `earlier`.
    pub(crate) fn since(&self, earlier: &Self) -> Used {
        Used {
            wall: (self.at - earlier.at).as_secs_f64(),
            busy: self.busy - earlier.busy,
            user: self.user - earlier.user,
            rss_kib: self.rss_kib - earlier.rss_kib,
        }
    }
}

/// What was used between two moments.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Used {
    pub(crate) wall: f64,
    pub(crate) busy: f64,
    pub(crate) user: f64,
    pub(crate) rss_kib: f64,
}
