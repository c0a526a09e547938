//! Index newtypes and identifiers: the words every other crate counts in.

use std::fmt;

/// The unit of transfer: every request is for at most this many bytes (BEP 3, as all clients practise it).
pub const BLOCK_LENGTH: u32 = 16 * 1024;

macro_rules! index {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
        pub struct $name(pub u32);

        impl $name {
            /// The index as a `usize`, for slices.
            pub const fn as_usize(self) -> usize {
                self.0 as usize
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

index! {
    /// The number of a piece in a torrent, from 0.
    PieceIndex
}
index! {
    /// The number of a 16 KiB block inside one piece, from 0.
    BlockIndex
}
index! {
    /// The number of a file in a torrent, pad files counted, from 0.
    FileIndex
}

/// One block-sized (or shorter) range inside a piece, as peers ask for it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct BlockRequest {
    /// The piece.
    pub piece: PieceIndex,
    /// First byte inside the piece.
    pub begin: u32,
    /// Number of bytes, 1 to [`BLOCK_LENGTH`] when we ask.
    pub length: u32,
}

/// What names a client in a swarm: 20 bytes, chosen anew for each session (BEP 20 prefix).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId(pub [u8; 20]);

impl fmt::Debug for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

/// What names a torrent: SHA-1 (v1, BEP 3) or SHA-256 (v2, BEP 52) of its info dict.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InfoHash {
    /// SHA-1 of the info dict.
    V1([u8; 20]),
    /// SHA-256 of the info dict.
    V2([u8; 32]),
}

impl InfoHash {
    /// The 20 bytes used in handshakes and announces (a v2 hash is cut short there, BEP 52).
    pub fn wire_bytes(&self) -> [u8; 20] {
        match self {
            Self::V1(hash) => *hash,
            Self::V2(hash) => std::array::from_fn(|i| hash[i]),
        }
    }
}

impl fmt::Display for InfoHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes: &[u8] = match self {
            Self::V1(hash) => hash,
            Self::V2(hash) => hash,
        };
        bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for InfoHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
