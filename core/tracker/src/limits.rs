//! Every bound of the crate, each with its reason.

use std::time::Duration;

/// The longest text of a tracker that is kept: a line or two for a person, whatever was sent.
pub const MAX_TEXT_BYTES: usize = 1024;

/// Peers taken from one answer; five times what anybody asks for, and a table that a swarm can hold.
pub const MAX_PEERS: usize = 1000;

/// Longest tracker id that is kept and sent back; it goes into a URL.
pub const MAX_TRACKER_ID_BYTES: usize = 512;

/// Largest number of seeders or leechers believed. No swarm has come near it, and sums of it stay small.
pub const MAX_COUNT: u32 = 10_000_000;

/// Trackers of one torrent; a list longer than this is padding.
pub const MAX_TRACKERS: usize = 200;

/// Longest announce URL that is used.
pub const MAX_URL_BYTES: usize = 4096;

/// The shortest time between two announces that a person asked for: nobody hammers a tracker by impatience.
pub const MIN_ASK_INTERVAL: Duration = Duration::from_secs(5);

/// The shortest time between two announces to one tracker, whatever it says. Events, each sent once, are exempt.
pub const MIN_ANNOUNCE_INTERVAL: Duration = Duration::from_mins(1);

/// The longest time between two announces: once a day keeps us in any swarm's memory.
pub const MAX_ANNOUNCE_INTERVAL: Duration = Duration::from_hours(24);

/// The interval of a tracker that names none.
pub const DEFAULT_ANNOUNCE_INTERVAL: Duration = Duration::from_mins(30);

/// The time that [`Announcer::handle_need_more_peers`](crate::Announcer::handle_need_more_peers) respects where
/// a tracker names no `min interval`.
pub const DEFAULT_MIN_INTERVAL: Duration = Duration::from_mins(5);

/// First pause after a failed announce; it doubles with each further failure.
pub const FIRST_BACK_OFF: Duration = Duration::from_mins(1);

/// Longest pause after failed announces: a tracker that comes back is found within the hour.
pub const MAX_BACK_OFF: Duration = Duration::from_hours(1);

/// How long the announces that say goodbye may take in all; a program's end waits for no tracker.
pub const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// Peers asked for in one announce; with three trackers, enough to fill every connection slot.
pub const DEFAULT_NUMWANT: u32 = 100;

/// Peers a server of ours names in one answer, whatever is asked for.
pub const MAX_SERVED_PEERS: usize = 200;

/// What is reported as left before the size is known. Zero would call us a seed.
pub const LEFT_UNKNOWN: u64 = 16 * 1024;

/// How long a connection id of a UDP tracker is used (BEP 15).
pub const CONNECTION_ID_LIFE: Duration = Duration::from_mins(1);

/// First wait for an answer of a UDP tracker; it doubles with each repetition (BEP 15).
pub const UDP_RETRY: Duration = Duration::from_secs(15);

/// Doublings of [`UDP_RETRY`] at most (BEP 15).
pub const UDP_MAX_DOUBLINGS: u32 = 8;

/// Requests to UDP trackers under way in one client; beyond, a request fails at once and is retried by its
/// announcer's back-off.
pub const MAX_UDP_REQUESTS: usize = 1024;

/// UDP trackers whose connection ids are kept; the oldest is forgotten first.
pub const MAX_UDP_CONNECTIONS: usize = 512;

/// Info-hashes in one scrape over UDP (BEP 15: about 74 fit a datagram that no router splits).
pub const MAX_SCRAPE_HASHES: usize = 74;

/// Bytes of a URL's path and query carried to a UDP tracker (BEP 41), so that a datagram is never split.
pub const MAX_URL_DATA_BYTES: usize = 1024;

/// How long one announce may take. A tracker that needs longer has lost our question.
pub const ANNOUNCE_TIMEOUT: Duration = Duration::from_mins(1);

/// Torrents a server of ours keeps; the one announced longest ago is forgotten first.
pub const MAX_SERVED_SWARMS: usize = 1024;

/// Peers a server of ours keeps of one torrent; the one silent longest is forgotten first.
pub const MAX_SWARM_PEERS: usize = 2048;

/// The longest answer of an HTTP tracker that is read: thousands of peers in dict form.
pub const MAX_RESPONSE_BYTES: usize = 2 << 20;

/// Values in an answer of an HTTP tracker: 50,000 peers in dict form, 6 MiB while it is read.
pub const MAX_RESPONSE_TOKENS: usize = 400_000;
