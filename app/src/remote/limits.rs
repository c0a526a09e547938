//! Limits of what the remote takes in.

use std::time::Duration;

/// The longest answer, unpacked: all details of 100,000 torrents are about 300 MB.
pub(super) const MAX_ANSWER_BYTES: u64 = 1 << 30;

/// The largest .torrent file that is sent; the largest known ones have some ten MB.
pub(super) const MAX_TORRENT_BYTES: u64 = 100 << 20;

/// The largest .netrc that is read: one line a host.
pub(super) const MAX_NETRC_BYTES: u64 = 1 << 20;

/// The longest message about something that went wrong: an error page of a proxy is longer than anybody wants to read.
pub(super) const MAX_MESSAGE_LETTERS: usize = 1000;

/// The most numbers that ranges such as `1-500` may stand for: no session has more torrents, no torrent more files.
pub(super) const MAX_NUMBERS: usize = 1_000_000;

/// How often an answer may be "your session id is old" to one request. Once is usual, twice if the daemon takes a new
/// one in between.
pub(super) const MAX_HANDSHAKES: usize = 3;

/// How long one request may take, from connecting to the end of the answer, as with Transmission's remote.
pub(super) const CALL_TIMEOUT: Duration = Duration::from_mins(1);

/// How long fetching a blocklist may take: the daemon answers when it has read it.
pub(super) const BLOCKLIST_TIMEOUT: Duration = Duration::from_mins(5);

/// The shortest pause of `--watch`: a daemon has better things to do than to answer more often.
pub(super) const MIN_WATCH_PAUSE: Duration = Duration::from_millis(100);
