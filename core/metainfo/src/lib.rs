//! Torrent metainfo v1, v2 and hybrid, magnet links, geometry, safe paths.

mod bitfield;
pub mod create;
mod error;
mod geometry;
mod hex;
mod index;
pub mod limits;
mod magnet;
pub mod merkle;
mod metainfo;
mod names;
mod parse;

pub use crate::metainfo::{File, Metainfo};
pub use bitfield::Bitfield;
pub use error::ParseError;
pub use geometry::{Geometry, Segment};
pub use hex::{hex, unhex, unhex_bytes};
pub use index::{BLOCK_LENGTH, BlockIndex, BlockRequest, FileIndex, InfoHash, PeerId, PieceIndex};
pub use magnet::{Magnet, MagnetError, Publisher};
pub use names::clean_component;
