//! Every bound of the crate, each with its reason.

use std::time::Duration;

/// Bytes of a packet's header.
pub const HEADER_BYTES: usize = 20;

/// The longest mask of a selective ack that we send: the length of an extension is one byte, a mask a multiple of four.
pub const MAX_MASK_BYTES: usize = 252;

/// Packets that a mask reaches, and the gap before them: what lies further ahead could not be acknowledged, and is
/// dropped.
pub const MAX_AHEAD: u16 = MAX_MASK_BYTES as u16 * 8 + 1;

/// Packets under way on one stream: as many as the other end can acknowledge.
pub const MAX_PACKETS_IN_FLIGHT: usize = MAX_AHEAD as usize - 1;

/// How far the acknowledgement in a packet may lie back: packets overtake each other, but not by more than was ever
/// under way. Whoever forges a packet has to guess this as well as the connection id.
pub const MAX_ACK_AGE: u16 = MAX_AHEAD;

/// How far the acknowledgement in a RESET may lie back. Narrower, because a guess would end the stream.
pub const MAX_RESET_AGE: u16 = 64;

/// The smallest packet that every path carries: 576 bytes of IPv4 without its headers.
pub const MIN_PACKET_V4: u16 = 576 - 28;

/// The smallest packet that every path of IPv6 carries.
pub const MIN_PACKET_V6: u16 = 1280 - 48;

/// The packet to begin with: what nearly every path of today carries (QUIC relies on it, RFC 9000).
pub const FIRST_PACKET: u16 = 1200;

/// The largest packet: an Ethernet frame without the headers of IPv4.
pub const MAX_PACKET_V4: u16 = 1500 - 28;

/// The largest packet over IPv6.
pub const MAX_PACKET_V6: u16 = 1500 - 48;

/// Bytes that something else may put around each packet, a proxy's header for example: more leaves packets of no use.
pub const MAX_BYTES_AROUND: u16 = 200;

/// The search for the largest packet ends when it is known this closely.
pub const PACKET_SIZE_STEP: u16 = 16;

/// Probes of one size that must be lost before the size counts as too large: one may be lost like any packet.
pub const PROBES_OF_A_SIZE: u8 = 3;

/// How long a found packet size is kept before larger ones are tried again: paths change.
pub const SIZE_LIFE: Duration = Duration::from_mins(10);

/// Timeouts in a row after which packets are taken to be swallowed for their size (RFC 8899, black hole).
pub const BLACK_HOLE_TIMEOUTS: u32 = 3;

/// Bytes that one call to the socket may send, all segments together: the longest UDP payload over IPv6 is 65,487.
pub const MAX_BATCH_BYTES: usize = 65_400;

/// Segments in one such batch (Linux: `UDP_MAX_SEGMENTS`, 64).
pub const MAX_SEGMENTS: usize = 64;

/// A buffer for bulk data holds one batch.
pub const LARGE_BUFFER: usize = MAX_BATCH_BYTES;

/// A buffer for small messages, so that a stream that says little holds little. Holds any one packet.
pub const SMALL_BUFFER: usize = 4096;

/// Memory of all streams for bytes to be sent: eight streams on long fat paths, or two thousand that say little.
pub const SEND_MEMORY: usize = 64 << 20;

/// Memory of all streams for bytes received and not yet read.
pub const RECEIVE_MEMORY: usize = 64 << 20;

/// Memory of all streams for packets beyond a gap.
pub const REORDER_MEMORY: usize = 16 << 20;

/// What a packet beyond a gap costs besides its buffer.
pub const HELD_PACKET_COST: usize = 64;

/// Buffers kept for later use, in bytes: a burst's worth. The rest goes back to the system.
pub const MAX_IDLE_MEMORY: usize = 4 << 20;

/// The largest window that a stream offers: 100 Mbit/s over 300 ms.
pub const RECEIVE_WINDOW: usize = 4 << 20;

/// The least that may be written to a stream ahead of the network.
pub const MIN_SEND_BUFFER: usize = 128 << 10;

/// The most that may be written to a stream ahead of the network; between, it is twice the congestion window.
pub const MAX_SEND_BUFFER: usize = 4 << 20;

/// Packets that may be under way at first (RFC 6928 allows ten to traffic that does not make way).
pub const FIRST_WINDOW_PACKETS: usize = 4;

/// Packets that may be under way at least. With one alone every ack would be a delayed one.
pub const MIN_WINDOW_PACKETS: usize = 2;

/// The largest congestion window.
pub const MAX_WINDOW: usize = MAX_PACKETS_IN_FLIGHT * MAX_PACKET_V4 as usize;

/// The delay in queues that we may cause (BEP 29).
pub const TARGET_DELAY_US: u32 = 100_000;

/// The least target, on paths whose queues overflow before the usual one: below, jitter would be taken for a queue.
pub const MIN_TARGET_DELAY_US: u32 = 25_000;

/// A queue shorter than this at the time of a loss says that the loss was not congestion.
pub const CONGESTED_QUEUE_US: u32 = 5_000;

/// A queue shorter than this is not told from jitter: timers of hosts are no finer.
pub const LEAST_FULL_QUEUE_US: u32 = 1_000;

/// A queue that is this part of the longest of lately, at losses, is the one that overflows. Where packets are lost by
/// chance the mean is a half.
pub const FULL_QUEUE_SHARE: f64 = 0.7;

/// How long the longest delay is remembered, at least: many round trips, and less than a path usually stays the same.
pub const LONGEST_DELAY_INTERVAL: Duration = Duration::from_secs(5);

/// A stream that found no empty queue for this long pauses to see one: a pause costs a quarter of a second.
pub const PAUSE_AFTER: Duration = Duration::from_secs(10);

/// Delay samples of which the least counts (RFC 6817, `CURRENT_FILTER`): a single late packet is no queue.
pub const DELAY_FILTER: usize = 4;

/// The time of one entry in the history of base delays (RFC 6817).
pub const BASE_INTERVAL: Duration = Duration::from_mins(1);

/// Entries in the history of base delays (RFC 6817, `BASE_HISTORY`).
pub const BASE_HISTORY: usize = 10;

/// A step of the other end's base delay up to this is drift of the clocks, a longer one another path.
pub const MAX_CLOCK_STEP_US: u32 = 10_000;

/// Packets sent later that must be acknowledged before one counts as lost (BEP 29).
pub const LOSS_THRESHOLD: u64 = 3;

/// Duplicate acks after which the first packet counts as lost, from peers that send no selective ones.
pub const DUPLICATE_ACKS: u8 = 3;

/// The timeout before a round trip was measured (BEP 29).
pub const FIRST_TIMEOUT: Duration = Duration::from_secs(1);

/// The least timeout (BEP 29).
pub const MIN_TIMEOUT: Duration = Duration::from_millis(500);

/// The longest timeout.
pub const MAX_TIMEOUT: Duration = Duration::from_secs(8);

/// Timeouts in a row after which a stream is given up: about 40 seconds.
pub const MAX_TIMEOUTS: u32 = 8;

/// SYNs sent before a connection attempt is given up, after 15 seconds. Callers may be less patient.
pub const MAX_SYNS: u32 = 4;

/// How long an acknowledgement waits for a second packet, or for data to ride on. Where packets are rarer than this each
/// is acknowledged at once, or nearly: the other end grows its window by what it hears.
pub const ACK_DELAY: Duration = Duration::from_millis(4);

/// Packets that are acknowledged at once.
pub const PACKETS_PER_ACK: u8 = 2;

/// A stream that sent nothing for this long sends an ack, so that translators keep its mapping (BEP 29's authors: 29 s).
pub const KEEP_ALIVE: Duration = Duration::from_secs(29);

/// A stream on which nothing came for this long is given up. Peers send a keep-alive every two minutes.
pub const IDLE_TIMEOUT: Duration = Duration::from_mins(5);

/// How long a stream that we closed may take to deliver its last bytes.
pub const LINGER: Duration = Duration::from_secs(30);

/// The longest pause between two tries whether a closed window opened.
pub const MAX_WINDOW_PROBE: Duration = Duration::from_secs(30);

/// Streams at once.
pub const MAX_STREAMS: usize = 8192;

/// Streams that one address (IPv4) or network (/64 of IPv6) may have opened.
pub const MAX_INCOMING_PER_SOURCE: usize = 2048;

/// Packets of a stream that may overtake the first one behind the SYN: until one of them arrives there is no state,
/// and the SYN's number is found by trying.
pub const MAX_FIRST_PACKETS: u16 = 16;

/// Packets outside any stream that wait to be sent: answers to SYNs and RESETs. What is more is lost, as anything may.
pub const MAX_REPLIES: usize = 1024;

/// Answers a second to packets of no stream. The most that a client needs that just closed a thousand streams.
pub const STRAY_REPLIES_PER_SECOND: u32 = 1000;

/// Answered SYNs that are remembered, so that early packets of their streams are not refused and nobody guesses his way
/// into a stream without a SYN. In a flood of more the number in the answer alone tells who received it.
pub const MAX_GREETED: usize = 4096;

/// How long an answered SYN is remembered, at least.
pub const GREETED_LIFE: Duration = Duration::from_secs(30);

/// Streams that ended lately, whose late packets are told from first ones.
pub const MAX_ENDED: usize = 4096;

/// How long such a stream is remembered, at least.
pub const ENDED_LIFE: Duration = Duration::from_mins(1);
