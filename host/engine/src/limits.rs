//! Every bound of the engine, each with its reason.

use std::time::Duration;

/// How much unspent time a rate limit saves up: enough to ride over a scheduling hiccup, too little for a burst
/// that a person's video call would feel.
pub(crate) const RATE_BURST: Duration = Duration::from_millis(100);

/// Bytes moved in one go under a rate limit at most; above, a limited connection would be served in lumps.
pub(crate) const RATE_QUANTUM_MAX: u64 = 256 * 1024;

/// Block buffers laid out behind one read of a peer's socket. Sixteen blocks a system call is where the cost of
/// the call itself disappears behind the cost of the copy.
pub(crate) const SCATTER_BLOCKS: usize = 16;

/// Room behind the scattered blocks for whatever else arrives: control messages, or the first bytes of more.
pub(crate) const READ_SCRATCH: usize = 2048;

/// Bytes a peer's task has lined up for its socket before it reads more blocks from disk.
pub(crate) const SEND_AHEAD: usize = 512 * 1024;

/// Slices handed to one vectored write; the system takes 1024, few of them fill a socket buffer.
pub(crate) const GATHER_SLICES: usize = 64;

/// Batches of facts on their way from all peers to their torrent. A full queue stops the peers' reading.
pub(crate) const FACT_QUEUE: usize = 512;

/// Batches of orders on their way to one peer. A full queue makes the torrent hold orders back, see
/// [`ORDERS_HELD`].
pub(crate) const ORDER_QUEUE: usize = 32;

/// Orders held back for a peer whose queue is full; a peer that lets more pile up is closed.
pub(crate) const ORDERS_HELD: usize = 16 * 1024;

/// Facts one peer collects while its torrent is busy before it stops reading.
pub(crate) const FACT_BATCH: usize = 1024;

/// Reads of one peer before the others get their turn.
pub(crate) const READS_IN_A_ROW: usize = 4;

/// Threads for name look-ups, the only blocking call on the runtime: a slow resolver must not queue up more.
pub(crate) const BLOCKING_THREADS: usize = 16;

/// How long an outgoing connection may take; a farther peer is not worth a slot.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(8);

/// Connections the kernel keeps for us before they are accepted.
pub(crate) const LISTEN_BACKLOG: i32 = 512;

/// The whole incoming handshake, however its bytes drip.
pub(crate) const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(8);

/// Incoming handshakes under way; beyond, the oldest goes.
pub(crate) const HANDSHAKES_AT_ONCE: usize = 256;

/// Of one address; a crowded home behind one router stays below.
pub(crate) const HANDSHAKES_PER_ADDRESS: usize = 32;

/// Pause of the listener when the system has no file handles left.
pub(crate) const ACCEPT_PAUSE: Duration = Duration::from_millis(250);

/// Connections waiting for a busy torrent to take them in.
pub(crate) const INCOMING_QUEUE: usize = 64;
