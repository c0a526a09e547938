//! Every bound of one connection, each with its reason.

use metainfo::BLOCK_LENGTH;
use std::time::Duration;

/// The whole handshake, however its bytes drip: a slot must cost a stranger more than silence.
pub(crate) const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Silence after which a peer is gone. Everybody sends a keepalive every two minutes; the rest is for a slow line.
pub(crate) const SILENCE_TIMEOUT: Duration = Duration::from_secs(130);

/// Our own silence before a keepalive, the least of it; each connection adds up to [`KEEPALIVE_SPREAD`].
pub(crate) const KEEPALIVE_AFTER: Duration = Duration::from_secs(90);

/// What is added to [`KEEPALIVE_AFTER`] at random, so that a thousand idle connections do not speak at once.
pub(crate) const KEEPALIVE_SPREAD: Duration = Duration::from_secs(20);

/// How long bytes may wait for a peer that takes next to none of them.
pub(crate) const STALL_TIMEOUT: Duration = Duration::from_mins(1);

/// What a peer must take in each [`STALL_TIMEOUT`] while bytes wait: 68 bytes a second is no use to anybody.
pub(crate) const STALL_BYTES: u64 = 4096;

/// Bytes handed to the host and not yet written, at most, beside one bitfield. The host lines up half of this in
/// blocks; the rest is room for control messages.
pub(crate) const SEND_BUFFER: u64 = 1024 * 1024;

/// Payload of a `piece` message at most: we never ask for more than a block.
pub(crate) const PIECE_PAYLOAD: u32 = BLOCK_LENGTH;

/// The longest range a peer may ask for without breaking the protocol. Above [`BLOCK_LENGTH`] it is refused, above
/// this it closes: no client ever asked for so much.
pub(crate) const REQUEST_TOLERATED: u32 = 128 * 1024;

/// Content of an extension message that is kept until it is whole. Handshakes are a few hundred bytes.
pub(crate) const EXTENDED_LENGTH: u32 = 128 * 1024;

/// Content of a message we do not know, which is passed over as it comes.
pub(crate) const UNKNOWN_LENGTH: u32 = 128 * 1024;

/// Requests of ours a peer may owe us. Above the largest queue any client offers.
pub(crate) const OUTSTANDING: usize = 4096;

/// Requests taken back or lost to a choke that may still be answered, kept so that the answer is no offence.
pub(crate) const LAPSED: usize = OUTSTANDING;

/// Blocks never asked for that a peer may send in all before it is closed: more than any confusion excuses.
pub(crate) const UNREQUESTED_BLOCKS: u32 = 16;

/// Rejects of requests never made, in all.
pub(crate) const UNREQUESTED_REJECTS: u32 = 32;

/// `have` messages beyond one a piece: a few for clients that repeat themselves or lost a piece to a disk.
pub(crate) const HAVE_SLACK: u32 = 1024;

/// Pieces a peer may let us ask for while choked; BEP 6 makes it about ten.
pub(crate) const ALLOWED_FAST_TAKEN: usize = 64;

/// Pieces we let a peer ask for while choked.
pub(crate) const ALLOWED_FAST_GIVEN: usize = 32;

/// Bytes served to one peer while it is choked: a start for a newcomer, nothing to live on.
pub(crate) const ALLOWED_FAST_BYTES: u64 = 4 * 1024 * 1024;

/// Blocks handed out lately that a peer pays extra for when it asks for them again.
pub(crate) const RECENT_UPLOADS: usize = 64;

/// Characters of a client's name that are kept.
pub(crate) const NAME_CHARACTERS: usize = 64;

/// Largest size of an info dict that is believed (BEP 9), 64 MiB.
pub(crate) const METADATA_SIZE: i64 = 64 * 1024 * 1024;

/// Pieces of the info dict that we ask one peer for at once.
pub(crate) const METADATA_ASKED: usize = 64;

/// Requests of one peer for pieces of the info dict that wait until it has read what went before.
pub(crate) const METADATA_WAITING: usize = 256;

/// Bytes waiting for the socket behind which pieces of the info dict are held back: it must not crowd out blocks.
pub(crate) const METADATA_AHEAD: u64 = 64 * 1024;

/// How often over one peer may fetch the info dict; it may have been lied to, and start again.
pub(crate) const METADATA_TIMES: u32 = 4;

/// Pieces of the torrent with the most of them: what an index must stay below while the metadata is not known.
pub(crate) const EARLY_PIECES: u32 = 1 << 21;

/// Pieces a peer may tell of one by one before the metadata is known, kept: a fast leech gets few hundred a minute.
pub(crate) const EARLY_HAVES: usize = 16 * 1024;

/// Addresses of each family taken from one message of peer exchange (BEP 11 allows fifty).
pub(crate) const PEX_PEERS: usize = 50;

/// Addresses of each family taken from the first such message, which tells of everybody.
pub(crate) const PEX_FIRST_PEERS: usize = 200;

/// Messages of peer exchange that come sooner after the last are passed over; BEP 11 has one a minute.
pub(crate) const PEX_PAUSE: Duration = Duration::from_secs(30);

/// Values in an extension handshake; honest ones have a few dozen.
pub(crate) const HANDSHAKE_TOKENS: usize = 4096;

/// Nesting of an extension handshake; the protocol needs two.
pub(crate) const HANDSHAKE_DEPTH: usize = 16;

/// Cheap messages (choke, interest, keepalive, extension handshakes...) in a burst, in units of [`price`]. Near
/// the end of a download interest changes with each piece, so it is wide.
pub(crate) const CHEAP_BURST: u32 = 1000;

/// Units of [`CHEAP_BURST`] that come back in a second.
pub(crate) const CHEAP_PER_SECOND: u32 = 20;

/// Requests that lead to nothing (asked while choked, beyond the queue, taken back, repeated) come back at this
/// rate a second. A choke catches a whole queue on its way, and the next may come ten seconds later.
pub(crate) const CHURN_PER_SECOND: u32 = 100;

/// Requests that lead to nothing, in a burst: so many times the queue we offer.
pub(crate) const CHURN_QUEUES: u32 = 4;

/// Floor under the burst of [`CHURN_QUEUES`], for small queues.
pub(crate) const CHURN_LEAST: u32 = 1000;

/// What a message costs the peer that sends it, in units of the bucket it is paid from.
pub(crate) mod price {
    /// A keepalive, a choke, an advice.
    pub(crate) const PLAIN: u32 = 1;
    /// A change of interest: it may set off an unchoke.
    pub(crate) const INTEREST: u32 = 2;
    /// An unchoke: it may set off a queue of requests.
    pub(crate) const UNCHOKE: u32 = 5;
    /// A DHT port: one a connection is plenty.
    pub(crate) const PORT: u32 = 10;
    /// A message of peer exchange.
    pub(crate) const PEERS: u32 = 50;
    /// A message of holepunching: it may set off packets to others.
    pub(crate) const HOLEPUNCH: u32 = 20;
    /// An extension handshake: parsed, cleaned, told to the swarm.
    pub(crate) const EXTENDED_HANDSHAKE: u32 = 50;
    /// Each such many bytes of a message that is passed over, or of a bitfield told again, add one.
    pub(crate) const UNKNOWN_BYTES: u32 = 256;
    /// A request for metadata that leads to nothing: read as bencode, and answered.
    pub(crate) const METADATA: u32 = 5;
    /// A request or cancel that leads to nothing.
    pub(crate) const CHURN: u32 = 1;
    /// A block asked for again shortly after it was sent: a failed piece excuses it, but costs our line.
    pub(crate) const REPEAT: u32 = 20;
}
