//! Every bound of this crate, with its reason.

use std::time::Duration;

// ---- peers and addresses

/// Addresses remembered for one torrent: enough to refill the table many times over, small enough that a
/// flood of them costs 100 KiB.
pub const CANDIDATES: usize = 1000;
/// Addresses one message may add; trackers and peer exchange send at most a few hundred of use.
pub const CANDIDATES_AT_ONCE: usize = 200;
/// Addresses taken from one peer by peer exchange in all, so that none fills the list alone.
pub const CANDIDATES_FROM_ONE_PEER: usize = 300;
/// Addresses told to one peer at once, of those that came and of those that went (BEP 11).
pub const PEX_AT_ONCE: usize = 50;
/// How often it is looked whether there is anything new to tell a peer.
pub const PEX_LOOK: Duration = Duration::from_secs(5);
/// The pause between two such messages to one peer (BEP 11).
pub const PEX_EVERY: Duration = Duration::from_mins(1);
/// Outgoing connections begun per second, so that a long list of addresses is not a storm.
pub const CONNECTS_PER_SECOND: u32 = 30;
/// Outgoing connections that may begin at once after a start: the first peers should come without waiting.
pub const CONNECT_BURST: u32 = 30;
/// Failures in a row after which an address that nobody vouches for again is forgotten.
pub const CONNECT_FAILURES: u8 = 6;
/// The pause after a first failure; it trebles with each further one.
pub const RETRY_FIRST: Duration = Duration::from_secs(5);
/// The longest pause between two attempts.
pub const RETRY_LONGEST: Duration = Duration::from_mins(30);
/// The longest pause for addresses the user named or the local network told of.
pub const RETRY_LONGEST_TRUSTED: Duration = Duration::from_mins(1);
/// The pause after a connection that ended because there was nothing to trade.
pub const RETRY_NOTHING_TO_TRADE: Duration = Duration::from_mins(10);
/// Addresses banned at most; the oldest is forgotten first.
pub const BANS: usize = 10_000;
/// Addresses known to be our own.
pub const OWN_ADDRESSES: usize = 64;
/// Connections gone whose blocks may still have to answer for a failed piece.
pub const DEPARTED: usize = 2000;
/// Connections from one address of the local network, or of this machine: a host with a dozen clients is somebody's
/// server, and nobody we must be afraid of.
pub const PEERS_PER_LOCAL_HOST: usize = 32;
/// A connection this young is not evicted as idle: its handshake and first messages are under way.
pub const NEWCOMER_GRACE: Duration = Duration::from_secs(1);
/// A connection that traded nothing for this long counts as idle when room is needed.
pub const IDLE_AFTER: Duration = Duration::from_mins(1);
/// A connection whose handshake is not over by then is closed.
pub const HANDSHAKE_WITHIN: Duration = Duration::from_secs(15);
/// A connection of no interest to either side is closed after this.
pub const USELESS_AFTER: Duration = Duration::from_mins(3);
/// A connection on which nothing useful happened, whatever it promises, is closed after this.
pub const SILENT_AFTER: Duration = Duration::from_mins(10);
/// How often the worst peers make room for untried ones when the table is full.
pub const TURNOVER_EVERY: Duration = Duration::from_mins(5);
/// The share of peers replaced at a turnover, in percent.
pub const TURNOVER_PERCENT: usize = 4;

// ---- requests

/// Requests to a peer before anything was measured.
pub const FIRST_REQUESTS: u32 = 8;
/// Requests kept with a peer at least, so that it always has the next one at hand.
pub const FEWEST_REQUESTS: u32 = 2;
/// Requests kept with one peer at most, whatever it allows: 8 MiB under way.
pub const MOST_REQUESTS: u32 = 500;
/// What a peer is taken to queue if it does not say (`reqq`).
pub const ASSUMED_REQUEST_QUEUE: u32 = 250;
/// How much time of a peer's measured rate is kept requested: more than its answers usually take, or the rate
/// could never grow.
pub const QUEUE_TIME: Duration = Duration::from_secs(2);
/// Requests beyond that, so that a queue that became small finds out whether more is possible.
pub const QUEUE_MORE: u32 = 3;
/// A peer that owes blocks and sent none for this long is snubbed.
pub const SNUB_AFTER: Duration = Duration::from_secs(30);
/// A source that owes blocks and sent none for this long may be doubled in the end game.
pub const STALLED_AFTER: Duration = Duration::from_secs(2);
/// How much sooner a second source must bring a block to be worth asking: below this nothing is gained.
pub const END_GAME_MARGIN: Duration = Duration::from_millis(200);
/// Sources asked for one block at the same time; the last only if the others are snubbed.
pub const HOLDERS: usize = 3;
/// Rejected pieces remembered for one peer; more, and the peer rests as a whole.
pub const REJECTED_PIECES: usize = 32;
/// How long a piece that a peer rejected is not asked of it again; doubles with each further reject.
pub const REJECT_PAUSE: Duration = Duration::from_secs(2);
/// The longest such pause.
pub const REJECT_PAUSE_LONGEST: Duration = Duration::from_mins(5);
/// Pieces a peer may suggest (BEP 6); the oldest is forgotten first.
pub const SUGGESTED: usize = 16;
/// Pieces a peer may offer for the time it chokes us (BEP 6).
pub const ALLOWED_FAST: usize = 64;
/// Pieces we offer for the time we choke a peer (BEP 6 suggests 10).
pub const ALLOWED_FAST_GIVEN: usize = 10;
/// A peer that fetches a whole piece within this time gets pieces of its own.
pub const WHOLE_PIECE_WITHIN: Duration = Duration::from_secs(20);
/// Pieces stored before rarity counts: until then the picks are random, and shared, so that there soon is
/// something to trade.
pub const RANDOM_FIRST_PIECES: u32 = 4;
/// Pieces looked at in order of rarity, before it is taken for granted that a source has few of the rare ones.
pub const RAREST_LOOKED_AT: usize = 64;
/// Pieces of such a source of which the rarest is taken: the others are about as common.
pub const RAREST_COMPARED: usize = 64;
/// Pieces begun by peers at most, in bytes: what a full block pool may be split over.
pub const PARTIAL_BYTES: u64 = 256 << 20;
/// Pieces begun by peers at least, so that large pieces still allow several sources.
pub const PARTIAL_PIECES_LEAST: usize = 8;
/// Pieces begun by peers at most, however small.
pub const PARTIAL_PIECES_MOST: usize = 2048;
/// Empty block tables of pieces kept for the next piece.
pub const SPARE_TABLES: usize = 64;
/// How long a piece that starts over is left alone: what was on its way inside this machine, and is thrown away
/// by storage, is not taken for an answer to new requests.
pub const REST_AFTER_RESET: Duration = Duration::from_secs(1);
/// Blocks of stored pieces whose arrival was not told yet, because storage was quicker.
pub const UNCONFIRMED: usize = 4096;
/// Failed pieces whose senders are remembered.
pub const FAILED_PIECES: usize = 256;
/// Attempts at one failing piece that are remembered for blame.
pub const FAILED_ATTEMPTS: usize = 8;

// ---- serving

/// How long a stored piece waits for others before peers are told of it: one message and one wakeup a peer for all
/// of them, and nobody has to wait long for something to ask for.
pub const NEWS_GATHER: Duration = Duration::from_millis(50);
/// How often it is decided anew whom to serve.
pub const RECHOKE_EVERY: Duration = Duration::from_secs(10);
/// How long an optimistic unchoke lasts.
pub const OPTIMISTIC_EVERY: Duration = Duration::from_secs(30);
/// How long a peer is served by a seed before another may take its turn.
pub const SEED_TURN: Duration = Duration::from_secs(30);
/// The waiting time that a peer with nothing or everything has ahead of one with half of the torrent.
pub const SEED_EDGE: Duration = Duration::from_mins(1);

// ---- web seeds

/// Web seeds of one torrent.
pub const WEB_SEEDS: usize = 1000;
/// The time that a web seed may take for a piece that failed before: others wait for its verdict.
pub const PROOF_TIME: Duration = Duration::from_secs(3);
/// Web seeds behind which a look at each comes before long ranges.
pub const MANY_WEB_SEEDS: usize = 8;
/// The first range asked of one of many web seeds: it shows the rate of all but the fastest.
pub const PROBE_RANGE: u64 = 512 << 10;
/// That range at most, where pieces are so long: one piece shows whether what comes is right.
pub const LONGEST_PROBE: u64 = 1 << 20;
/// The first range asked of one of few web seeds.
pub const FIRST_RANGE: u64 = 16 << 20;
/// The longest range: it can be taken over while it is under way, so that length costs nothing.
pub const LONGEST_RANGE: u64 = 256 << 20;
/// The time a range should take at the measured rate.
pub const RANGE_TIME: Duration = Duration::from_secs(8);
/// The time a range should take at least, so that requests stay few.
pub const SHORTEST_RANGE_TIME: Duration = Duration::from_secs(2);
/// One in so many bytes per second: what brings less is not worth a request of its own.
pub const WORTH_A_REQUEST: u64 = 512;
/// How often it is looked whether a connection is better given to another web seed.
pub const REVIEW_EVERY: Duration = Duration::from_millis(100);
/// How long an answer is looked at before it is judged by its rate.
pub const TRIAL: Duration = Duration::from_millis(250);
/// How long an answer is waited for at least while others wait for the connection.
pub const PATIENCE_LEAST: Duration = Duration::from_secs(1);
/// How long an answer is waited for at most while others wait for the connection.
pub const PATIENCE_MOST: Duration = Duration::from_secs(5);
/// With less than that left to fetch, nobody new is tried.
pub const EXPLORE_LEAST: Duration = Duration::from_secs(2);
/// A range of which nothing came for this long is cut off, whoever waits for it or not.
pub const SILENT_FOR: Duration = Duration::from_secs(20);
/// How often strangers get a chance although those at work are as good as strangers are on average.
pub const EXPLORE_EVERY: Duration = Duration::from_secs(1);
/// One in so many connections goes to strangers then.
pub const EXPLORE_SHARE: usize = 16;
/// Web seeds that find nothing to do before the slower ones are not asked either.
pub const MISSES: usize = 8;
/// Fetchers for one URL that leads to many servers.
pub const TWINS: usize = 32;
/// How long a URL that led to nothing new is not asked for more.
pub const EXPLORE_AGAIN: Duration = Duration::from_mins(1);
/// The time a web seed is taken to need for its first byte.
pub const WEB_SEED_ANSWER: Duration = Duration::from_millis(500);
/// How long a web seed that nothing was found for is not looked at again: others may turn slow meanwhile.
pub const DRY_FOR: Duration = Duration::from_millis(500);
/// Bad pieces after which a web seed is given up.
pub const WEB_SEED_BAD_PIECES: u32 = 3;

// ---- metadata

/// Pieces of the info dict asked of one peer at once. rtorrent (libTorrent 0.13.8) never reads on when a second request
/// reaches it before it has sent the answer to the first; several peers make up for the wait.
pub const METADATA_PIPELINE: usize = 1;
/// Memory of all attempts at the info dict together: the largest there may be, once.
pub const METADATA_BYTES: usize = 64 << 20;
/// How long a peer may take for a piece of the info dict before it counts as lost.
pub const METADATA_WITHIN: Duration = Duration::from_secs(10);
/// How long a peer that refused a piece, or lost it, is not asked; doubles each time.
pub const METADATA_REST: Duration = Duration::from_secs(5);
/// The longest such pause.
pub const METADATA_REST_LONGEST: Duration = Duration::from_mins(5);
/// A connection that does not offer the info dict is given up after this; it may have it when tried again.
pub const METADATA_CLAIM_WITHIN: Duration = Duration::from_mins(1);
/// Provable lies about the info dict after which a host is banned: several clients may share its address.
pub const METADATA_LIES: u32 = 3;
/// Attempts at the info dict kept although nobody works on them.
pub const METADATA_ATTEMPTS: usize = 8;
/// Hosts remembered for lies or suspicion.
pub const METADATA_SUSPECTS: usize = 1000;
/// Failed attempts at the info dict remembered for blame, without their bytes.
pub const METADATA_FAILED: usize = 4;

// ---- time

/// How often a running swarm with sources looks at its clocks.
pub const TICK: Duration = Duration::from_millis(500);

/// Pieces that a super-seed shows a peer before it has passed others on: one to pass on while it takes the other.
pub(crate) const OFFERS_AT_ONCE: usize = 2;

/// How long a super-seed waits for a piece to be passed on. Nobody may want it of that peer, which is not to blame.
pub(crate) const PASS_ON_WITHIN: Duration = Duration::from_mins(1);

/// Messages of holepunching that count of one peer: each may set off packets to somebody else.
pub(crate) const PUNCHES_FOR_ONE_PEER: usize = 64;
