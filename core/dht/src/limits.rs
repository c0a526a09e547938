//! Every bound of the crate, each with its reason.

use std::time::Duration;

/// Nodes a bucket holds, an answer names, and a store goes to (the K of BEP 5).
pub const K: usize = 8;

/// The longest datagram that is read: nobody sends more without fragments.
pub const MAX_RECEIVED_BYTES: usize = 1500;

/// The longest datagram that is sent. BEP 32 wants 1,024; only an item of 1,000 bytes with its signature (BEP 44)
/// needs more, and it still fits an unfragmented packet.
pub const MAX_SENT_BYTES: usize = 1400;

/// The longest answer that carries no item (BEP 32).
pub const MAX_ANSWER_BYTES: usize = 1024;

/// Values in one packet: a full answer of values and nodes has about 150.
pub const MAX_TOKENS: usize = 512;

/// Nesting of a packet: a message needs 3, the value of an item may need some more.
pub const MAX_DEPTH: usize = 32;

/// Bytes of a transaction id that are echoed. Clients use 2 to 8.
pub const MAX_TRANSACTION_BYTES: usize = 32;

/// Bytes of another node's token that are kept and sent back. Clients use 4 to 20.
pub const MAX_TOKEN_BYTES: usize = 64;

/// Bytes of another client's name and version that are told. All clients use 4.
pub const MAX_VERSION_BYTES: usize = 16;

/// Peers taken from one answer: what fits one packet.
pub const MAX_VALUES: usize = 150;

/// Info-hashes taken from one answer (BEP 51): what fits one packet.
pub const MAX_SAMPLES: usize = 60;

/// Bytes that an answer to an unproved source may have for each byte of its question, in tenths: an address that may
/// be forged must not buy more traffic than this. 3.3 lets the plainest `find_node` have its 8 nodes.
pub const AMPLIFICATION_TENTHS: usize = 33;

/// A query whose answer may be long is padded to this size, so that a node with the same rule can give it.
pub const PADDED_QUERY_BYTES: usize = 430;

/// Addresses known to be their own: they showed a token or answered a question.
pub const MAX_PROVED: usize = 2048;

/// How long an address counts as proved, at least; twice that at most.
pub const PROOF_LIFE: Duration = Duration::from_mins(10);

/// Queries answered to one source in one [`SOURCE_WINDOW`]: ten times what a lookup may need of one node.
pub const MAX_SOURCE_QUERIES: u32 = 50;

/// The time that [`MAX_SOURCE_QUERIES`] counts for: 5 a second over ten seconds.
pub const SOURCE_WINDOW: Duration = Duration::from_secs(10);

/// How long a source that asked more is not answered.
pub const SOURCE_BLOCK: Duration = Duration::from_mins(5);

/// Sources whose queries are counted; the one longest silent is forgotten first.
pub const MAX_SOURCES: usize = 4096;

/// Bytes a second that go into answers, whoever asks: a busy node needs a tenth.
pub const ANSWER_BYTES_PER_SECOND: u64 = 48 * 1024;

/// Bytes of answers that may go out at once.
pub const ANSWER_BURST_BYTES: u64 = 128 * 1024;

/// How often the secret behind tokens changes; a token is good for one to two of these (BEP 5).
pub const TOKEN_ROTATION: Duration = Duration::from_mins(5);

/// Torrents whose peers are kept for others.
pub const MAX_STORED_HASHES: usize = 2000;

/// Peers kept of one torrent.
pub const MAX_STORED_PEERS: usize = 500;

/// Torrents that one address may be a peer of here: many clients announce to us only what is near our id.
pub const MAX_HASHES_PER_ADDRESS: usize = 100;

/// How long an announce is kept; peers announce every 15 to 30 minutes.
pub const PEER_LIFE: Duration = Duration::from_mins(30);

/// Items kept for others (BEP 44).
pub const MAX_STORED_ITEMS: usize = 700;

/// Items that one address may have stored here.
pub const MAX_ITEMS_PER_ADDRESS: usize = 50;

/// How long an item is kept without being put again (BEP 44).
pub const ITEM_LIFE: Duration = Duration::from_hours(2);

/// Bencoded bytes of an item's value (BEP 44).
pub const MAX_ITEM_BYTES: usize = 1000;

/// Bytes of a mutable item's salt (BEP 44).
pub const MAX_SALT_BYTES: usize = 64;

/// How long a sample of info-hashes stays the same, so that asking again tells nothing more (BEP 51).
pub const SAMPLE_INTERVAL: Duration = Duration::from_mins(10);

/// Info-hashes in one sample.
pub const SAMPLES_SENT: usize = 20;

/// Questions under way at once in a lookup.
pub const ALPHA: usize = 5;

/// Packets that one lookup may send, repetitions included, whatever nodes answer.
pub const MAX_LOOKUP_QUERIES: usize = 100;

/// Packets that one lookup may send to one address: a question and one repetition.
pub const MAX_QUERIES_PER_ADDRESS: u8 = 2;

/// How long one lookup may take.
pub const LOOKUP_TIME: Duration = Duration::from_mins(1);

/// Nodes that a lookup remembers; the farthest is forgotten first.
pub const MAX_CANDIDATES: usize = 256;

/// Nodes taken from one answer: no node has to name more.
pub const MAX_NODES_IN_ANSWER: usize = 8;

/// Nodes named by one node that may be asked at the same time: a liar must not fill the pipe.
pub const MAX_IN_FLIGHT_PER_INFORMANT: usize = 2;

/// Failures among the nodes that one node named, after which its word counts for nothing.
pub const MAX_FALSE_NAMES: u8 = 3;

/// Distinct peers told of one lookup.
pub const MAX_LOOKUP_PEERS: usize = 1000;

/// Lookups at once; further ones wait.
pub const MAX_LOOKUPS: usize = 8;

/// Lookups that wait; beyond, a lookup ends at once.
pub const MAX_WAITING_LOOKUPS: usize = 1024;

/// After this time without an answer another node is asked as well.
pub const SLOW_AFTER: Duration = Duration::from_secs(1);

/// After this time an answer counts no more.
pub const QUERY_TIMEOUT: Duration = Duration::from_secs(4);

/// Addresses that did not answer a lookup lately. Other lookups leave them alone: names of somebody who never asked to
/// be asked must not bring him a packet from each.
pub const MAX_SILENT: usize = 1024;

/// How long such an address is left alone, at least.
pub const SILENT_FOR: Duration = Duration::from_mins(5);

/// Questions under way at once, of all kinds.
pub const MAX_PENDING: usize = 256;

/// Nodes kept beside a bucket to take the place of one that fails.
pub const MAX_REPLACEMENTS: usize = 8;

/// How long a node is good after it was last heard of (BEP 5).
pub const GOOD_FOR: Duration = Duration::from_mins(15);

/// Questions in a row without an answer after which a node is not named any more.
pub const BAD_FAILURES: u8 = 2;

/// Questions in a row without an answer after which a node is forgotten.
pub const LOST_FAILURES: u8 = 3;

/// Addresses that changed their id lately.
pub const MAX_SHIFTY: usize = 256;

/// How long an address that changed its id is not taken back.
pub const SHIFTY_FOR: Duration = Duration::from_mins(15);

/// A bucket that did not change for this long is looked up (BEP 5).
pub const REFRESH_AFTER: Duration = Duration::from_mins(15);

/// How often the table is looked after: one ping and at most one refresh each time.
pub const MAINTENANCE_INTERVAL: Duration = Duration::from_secs(5);

/// First pause between two attempts to find the network; it doubles with each that fails.
pub const BOOTSTRAP_PAUSE: Duration = Duration::from_secs(5);

/// Longest pause between two attempts to find the network.
pub const MAX_BOOTSTRAP_PAUSE: Duration = Duration::from_mins(5);

/// Bootstrap contacts kept: routers, a torrent's nodes, what an earlier run saved.
pub const MAX_ROUTERS: usize = 64;

/// Nodes saved for the next run.
pub const MAX_SAVED_NODES: usize = 200;

/// Longest saved state that is read: [`MAX_SAVED_NODES`] of IPv6 take 8 KB.
pub const MAX_SAVED_BYTES: usize = 64 * 1024;

/// Contacts from outside (PORT messages, magnets) that are pinged in one [`MAINTENANCE_INTERVAL`].
pub const MAX_CONTACT_PINGS: usize = 8;

/// Newcomers that are pinged in one [`MAINTENANCE_INTERVAL`]: a flood of new names must not make us a flood of pings.
pub const MAX_NEWCOMER_PINGS: usize = 64;

/// Last votes about our own address that count.
pub const MAX_VOTES: usize = 32;

/// Voters from different networks that must agree on our address.
pub const MIN_AGREEING_VOTES: usize = 4;
