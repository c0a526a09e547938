//! Pieces of v2 torrents: the SHA-256 of their blocks side by side, and the root over these (BEP 52).

use super::{Check, Outcome};
use crate::DiskError;
use metainfo::{BLOCK_LENGTH, BlockRequest, PieceIndex, merkle};
use std::sync::atomic::Ordering;

impl Check<'_> {
    /// Hashes pieces one after the other: each has blocks enough for all lanes.
    pub(super) fn hash_leaves(&self, pieces: &[PieceIndex], buffer: &mut [u8], mine: &mut Outcome) {
        for piece in pieces {
            if self.cancelled.load(Ordering::Relaxed) {
                return;
            }
            match self.root_of(*piece, buffer) {
                Ok(root) => {
                    mine.bytes_hashed += self.size(*piece);
                    if self.torrent.layout.roots.get(piece.as_usize()) == Some(&root) {
                        mine.good.push(*piece);
                    }
                }
                Err(error) => mine.note(error),
            }
        }
    }

    /// The root over the blocks of one piece. Each file begins with a piece, and what fills its last one up is no part of
    /// its tree.
    fn root_of(&self, piece: PieceIndex, buffer: &mut [u8]) -> Result<merkle::Node, DiskError> {
        let geometry = &self.torrent.layout.geometry;
        let Some(segment) = geometry.segments(geometry.piece_offset(piece), self.size(piece)).next() else {
            return Ok(merkle::pad(0));
        };
        let length = segment.length as u32;
        let mut leaves = Vec::with_capacity(length.div_ceil(BLOCK_LENGTH) as usize);
        let step = buffer.len() as u32;
        for begin in (0..length).step_by(step as usize) {
            let request = BlockRequest { piece, begin, length: step.min(length - begin) };
            let part = &mut buffer[..request.length as usize];
            self.transfer.read(self.torrent, request, part)?;
            let blocks: Vec<[&[u8]; 1]> = part.chunks(BLOCK_LENGTH as usize).map(|block| [block]).collect();
            leaves.extend(hash::sha256_many(&blocks.iter().map(<[_; 1]>::as_slice).collect::<Vec<_>>()));
        }
        if geometry.file_pieces(segment.file).len() > 1 {
            // A file of one piece has a tree of its own size; in a larger one every piece has a whole tree.
            leaves.resize((geometry.piece_length() / BLOCK_LENGTH) as usize, [0; 32]);
        }
        Ok(merkle::root(&leaves, [0; 32]))
    }
}
