//! Which pieces another client has, and which of them nobody touched since.

use metainfo::{Bitfield, FileIndex, Geometry, PieceIndex};
use storage::FileStamp;

/// The size of a block in resume files.
const BLOCK: u64 = 16 << 10;

/// What a list of bits says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Bits<'a> {
    All,
    None,
    /// One bit each, the first in the highest bit of the first byte.
    Some(&'a [u8]),
}

impl<'a> Bits<'a> {
    /// Transmission's way of writing bits: the words `all` and `none`, or raw.
    pub(super) const fn of(bytes: &'a [u8]) -> Self {
        match bytes {
            b"all" => Self::All,
            b"none" => Self::None,
            bytes => Self::Some(bytes),
        }
    }

    fn contains(self, index: u64) -> bool {
        match self {
            Self::All => true,
            Self::None => false,
            Self::Some(bytes) => {
                let byte = usize::try_from(index / 8).ok().and_then(|at| bytes.get(at));
                byte.is_some_and(|byte| byte & (0x80 >> (index % 8)) != 0)
            }
        }
    }
}

/// The pieces all of whose blocks are there. Blocks are counted through the whole torrent.
pub(super) fn of_blocks(geometry: &Geometry, blocks: Bits<'_>) -> Bitfield {
    let length = u64::from(geometry.piece_length());
    // Pieces of an odd length have blocks of a length that divides them, in old files.
    let is_there = |piece: PieceIndex| {
        let first = u64::from(piece.0) * length;
        let last = first + u64::from(geometry.piece_size(piece)).max(1) - 1;
        (first / BLOCK..=last / BLOCK).all(|block| blocks.contains(block))
    };
    collected(geometry, is_there)
}

/// The pieces whose bits are set.
pub(super) fn of_pieces(geometry: &Geometry, pieces: Bits<'_>) -> Bitfield {
    collected(geometry, |piece| pieces.contains(u64::from(piece.0)))
}

/// Those of `pieces` that lie in files that are as they should be. `trusts` judges a file that is there, for a piece.
pub(super) fn untouched(
    geometry: &Geometry,
    pieces: &Bitfield,
    files: &[Option<FileStamp>],
    trusts: impl Fn(FileIndex, PieceIndex, FileStamp) -> bool,
) -> Bitfield {
    let mut kept = pieces.clone();
    for (index, stamp) in (0u32..).zip(files) {
        let file = FileIndex(index);
        for piece in geometry.file_pieces(file).map(PieceIndex) {
            let is_good = stamp.is_some_and(|stamp| trusts(file, piece, stamp));
            if !is_good {
                kept.remove(piece);
            }
        }
    }
    kept
}

fn collected(geometry: &Geometry, is_there: impl Fn(PieceIndex) -> bool) -> Bitfield {
    let mut pieces = Bitfield::new(geometry.piece_count());
    for piece in (0..geometry.piece_count()).map(PieceIndex) {
        if is_there(piece) {
            pieces.insert(piece);
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(pieces: &Bitfield) -> Vec<u32> {
        pieces.iter().map(|piece| piece.0).collect()
    }

    #[test]
    fn a_piece_is_there_when_all_its_blocks_are() {
        // Three pieces of two blocks, the last of one.
        let geometry = Geometry::new(32 << 10, [5 * 16384]).unwrap();
        assert_eq!(numbers(&of_blocks(&geometry, Bits::of(b"all"))), [0, 1, 2]);
        assert_eq!(numbers(&of_blocks(&geometry, Bits::of(b"none"))), [0u32; 0]);
        assert_eq!(numbers(&of_blocks(&geometry, Bits::of(&[0b1110_1000]))), [0, 2]);
        assert_eq!(
            numbers(&of_blocks(&geometry, Bits::of(&[]))),
            [0u32; 0],
            "a torn list vouches for nothing"
        );
        assert_eq!(numbers(&of_pieces(&geometry, Bits::of(&[0b0110_0000]))), [1, 2]);
    }

    #[test]
    fn a_piece_is_trusted_when_all_its_files_are() {
        // The second piece lies in both files.
        let geometry = Geometry::new(16 << 10, [24 << 10, 24 << 10]).unwrap();
        let all = Bitfield::full(3);
        let stamp = Some(FileStamp { length: 24 << 10, mtime_ns: 5 });
        let trusted = |files: &[Option<FileStamp>]| {
            numbers(&untouched(&geometry, &all, files, |_, _, stamp| stamp.mtime_ns == 5))
        };
        assert_eq!(trusted(&[stamp, stamp]), [0, 1, 2]);
        assert_eq!(trusted(&[stamp, None]), [0]);
        assert_eq!(trusted(&[Some(FileStamp { length: 1, mtime_ns: 6 }), stamp]), [2]);
    }
}
