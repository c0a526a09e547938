//! Everything a caller could make grow, and why it stops there.

use crate::access::places::Share;
use std::time::Duration;

/// Connections at once of addresses on the whitelist: a family of remotes and browsers, not a crowd. One address,
/// say one with connections that never say a word, leaves places for the others.
pub(crate) const CONNECTIONS: Share = Share { all: 128, near: 100, far: 40 };
/// Further connections that wait for a place: they have sent nothing that we read.
pub(crate) const WAITING: usize = 200;
/// How long they wait.
pub(crate) const PLACE_TIME: Duration = Duration::from_secs(5);
/// Connections at once of addresses that are not on the whitelist: enough to tell each of them 403, and no way to
/// take places from those who are.
pub(crate) const STRANGERS: Share = Share { all: 16, near: 8, far: 8 };
/// Bytes of request line and headers; browsers send a few KiB.
pub(crate) const HEADER_BYTES: usize = 16 << 10;
/// Header lines of a request; browsers send about twenty.
pub(crate) const HEADER_LINES: usize = 64;
/// Time for all headers of a request, and for the next request on an idle connection.
pub(crate) const HEADER_TIME: Duration = Duration::from_secs(30);
/// Bytes read of the body of a caller who is going to be refused, so that the refusal is read at all.
pub(crate) const REFUSED_BODY_BYTES: usize = 1 << 20;
/// Time for that.
pub(crate) const REFUSED_BODY_TIME: Duration = Duration::from_secs(5);
/// Bytes of a call's body: a torrent file of 32 MiB as base64, and what is around it.
pub(crate) const BODY_BYTES: usize = 48 << 20;
/// Bytes of a body that is too long that are read away before saying so, without keeping them.
pub(crate) const DISCARDED_BYTES: usize = 256 << 20;
/// Time for the whole body of a call.
pub(crate) const BODY_TIME: Duration = Duration::from_mins(2);
/// Time between two parts of a body.
pub(crate) const BODY_PAUSE: Duration = Duration::from_secs(15);
/// Time in which a client takes nothing of an answer before its connection is cut.
pub(crate) const WRITE_STALL: Duration = Duration::from_secs(30);
/// Nested brackets of a call; the deepest that any client sends is 5.
pub(crate) const JSON_DEPTH: usize = 64;
/// Calls in one batch.
pub(crate) const BATCH_CALLS: usize = 10_000;
/// Bytes of answers to one batch after which its other calls are refused: ten thousand torrents with all that a remote
/// lists of them, several times.
pub(crate) const BATCH_BYTES: usize = 64 << 20;
/// Answers shorter than this are sent as they are: packing would cost more than it saves.
pub(crate) const PACKED_FROM_BYTES: usize = 1 << 10;
/// How long a session id is good.
pub(crate) const SESSION_ID_AGE: Duration = Duration::from_hours(1);
/// Failed logins of one address that cost no time: a user who mistypes, a remote that retries.
pub(crate) const FREE_FAILURES: u32 = 10;
/// Each login after those waits for its turn, so far from the one before.
pub(crate) const LOGIN_PAUSE: Duration = Duration::from_millis(150);
/// A login whose turn would come later than this is refused at once.
pub(crate) const LOGIN_WAIT: Duration = Duration::from_secs(5);
/// How long failed logins of an address are remembered.
pub(crate) const FAILURE_AGE: Duration = Duration::from_hours(1);
/// Addresses whose failed logins are remembered; beyond that the oldest is forgotten.
pub(crate) const FAILURE_ADDRESSES: usize = 4096;
/// Bytes of a file of a web client; real ones are below 2 MiB.
pub(crate) const WEB_FILE_BYTES: u64 = 32 << 20;
/// Listeners to `/events` at once; each is one connection of [`CONNECTIONS`], and a page needs one.
pub(crate) const EVENT_LISTENERS: Share = Share { all: 32, near: 24, far: 8 };
/// Events on their way to a listener; one that reads slower waits, and is told what it missed.
pub(crate) const EVENT_QUEUE: usize = 16;
/// After so long without an event a listener is sent an empty line.
pub(crate) const EVENT_PULSE: Duration = Duration::from_secs(15);
/// Time in which requests under way may end when the server does.
pub(crate) const CLOSING_TIME: Duration = Duration::from_secs(2);
/// The pause after a failed accept: without handles to spare there is nothing else to do.
pub(crate) const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Time for a TLS handshake.
pub(crate) const TLS_TIME: Duration = Duration::from_secs(10);
/// Attempts to open the RPC port before giving up.
pub(crate) const BIND_ATTEMPTS: u32 = 10;
/// The pause before the first further attempt to open the RPC port, and the step by which pauses grow.
pub(crate) const BIND_PAUSE: Duration = Duration::from_secs(5);
/// The longest such pause.
pub(crate) const BIND_PAUSE_MOST: Duration = Duration::from_mins(1);
/// Distributions that are followed; each is a task and some requests a day.
pub(crate) const FOLLOWED: usize = 64;
