//! Torrent metainfo v1, v2 and hybrid, magnet links, geometry, safe paths.

mod bitfield;
mod geometry;
mod index;
mod metainfo;

pub use crate::metainfo::{File, Metainfo};
pub use bitfield::Bitfield;
pub use geometry::{Geometry, Segment};
pub use index::{BLOCK_LENGTH, BlockIndex, BlockRequest, FileIndex, InfoHash, PeerId, PieceIndex};
