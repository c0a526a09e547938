//! How much a torrent may hold before it is refused, and how much of the optional parts is kept.

/// Longest piece, in bytes. No torrent in the wild goes past 256 MiB; a piece is held and hashed as one.
pub const MAX_PIECE_LENGTH: i64 = 512 << 20;
/// Total size, in bytes, must stay below this: 256 TiB, and sums of two sizes stay far from overflow.
pub const MAX_TOTAL_LENGTH: u64 = 1 << 48;
/// Most pieces: a have-bitfield of 256 KiB for each peer.
pub const MAX_PIECES: u64 = 1 << 21;
/// Most files, pad files counted: each costs about 300 bytes of memory and perhaps an inode.
pub const MAX_FILES: usize = 200_000;
/// Deepest path inside the torrent.
pub const MAX_PATH_DEPTH: usize = 100;
/// Most path components of all files together: each costs about 130 bytes of memory.
pub const MAX_PATH_COMPONENTS: usize = 600_000;
/// Longest path component on disk, in bytes: file systems take 255, which leaves room for `.part` and a number.
pub const MAX_COMPONENT_BYTES: usize = 240;
/// Longest extension that is kept when a component is cut, in bytes and without the dot.
pub const MAX_EXTENSION_BYTES: usize = 15;

/// Longest tracker or web seed URL that is kept, in bytes; servers refuse longer ones.
pub const MAX_URL_BYTES: usize = 8 << 10;
/// Most trackers that are kept.
pub const MAX_TRACKERS: usize = 1_000;
/// Most web seeds that are kept; Arch Linux names some four hundred.
pub const MAX_WEB_SEEDS: usize = 5_000;
/// Most DHT nodes that are kept: enough to join, few enough to ask.
pub const MAX_NODES: usize = 200;
/// Longest host name, in bytes (RFC 1035).
pub const MAX_HOST_BYTES: usize = 255;
/// Longest comment, in bytes: it is only shown.
pub const MAX_COMMENT_BYTES: usize = 64 << 10;
/// Longest other text, in bytes: it is shown on one line.
pub const MAX_TEXT_BYTES: usize = 1 << 10;

/// Longest magnet link, in bytes.
pub const MAX_MAGNET_BYTES: usize = 64 << 10;
/// Most trackers taken from a magnet link.
pub const MAX_MAGNET_TRACKERS: usize = 200;
/// Most web seeds, exact sources and acceptable sources (each) taken from a magnet link.
pub const MAX_MAGNET_SOURCES: usize = 100;
/// Longest salt of a publisher: nodes of the DHT take no longer one (BEP 44).
pub const MAX_SALT_BYTES: usize = 64;
/// Most peers and DHT nodes (each) taken from a magnet link.
pub const MAX_MAGNET_PEERS: usize = 100;
