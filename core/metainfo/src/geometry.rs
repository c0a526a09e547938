//! How a torrent's bytes divide into pieces, blocks and files.

use crate::{BLOCK_LENGTH, BlockIndex, BlockRequest, FileIndex, PieceIndex};

/// The part of a piece range that lies in one file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Segment {
    /// The file; it may be a pad file, whose bytes are zeros and are never on disk (BEP 47).
    pub file: FileIndex,
    /// First byte inside the file.
    pub offset: u64,
    /// Number of bytes, at least 1.
    pub length: u64,
}

/// Sizes of one torrent: total, piece and file lengths. Cheap to query, checked at construction.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Geometry {
    piece_length: u32,
    total_length: u64,
    piece_count: u32,
    /// `file_starts[i]` is the torrent offset of file `i`; one more entry holds the total.
    file_starts: Box<[u64]>,
}

impl Geometry {
    /// Lays out files of `file_lengths` bytes one after the other in pieces of `piece_length`.
    /// `None` if the piece length is 0 or the numbers overflow (total below 2^48, pieces below 2^32).
    pub fn new(piece_length: u32, file_lengths: impl IntoIterator<Item = u64>) -> Option<Self> {
        let mut file_starts = vec![0];
        let mut total_length = 0u64;
        for length in file_lengths {
            total_length = total_length.checked_add(length).filter(|total| *total < 1 << 48)?;
            file_starts.push(total_length);
        }
        if piece_length == 0 {
            return None;
        }
        let piece_count = u32::try_from(total_length.div_ceil(u64::from(piece_length))).ok()?;
        Some(Self { piece_length, total_length, piece_count, file_starts: file_starts.into() })
    }

    /// One file of so many whole pieces, fewer than 2^21 of at most 64 MiB each.
    pub fn single(piece_length: u32, piece_count: u32) -> Self {
        let total_length = u64::from(piece_length) * u64::from(piece_count);
        Self { piece_length, total_length, piece_count, file_starts: [0, total_length].into() }
    }

    /// Bytes in every piece but perhaps the last.
    pub const fn piece_length(&self) -> u32 {
        self.piece_length
    }

    /// Bytes in all files, pad files counted.
    pub const fn total_length(&self) -> u64 {
        self.total_length
    }

    /// Number of pieces.
    pub const fn piece_count(&self) -> u32 {
        self.piece_count
    }

    /// Number of files, pad files counted.
    pub const fn file_count(&self) -> u32 {
        self.file_starts.len() as u32 - 1
    }

    /// Torrent offset of the first byte of `piece`.
    pub fn piece_offset(&self, piece: PieceIndex) -> u64 {
        u64::from(piece.0) * u64::from(self.piece_length)
    }

    /// Bytes in `piece`; 0 if there is no such piece.
    pub fn piece_size(&self, piece: PieceIndex) -> u32 {
        let left = self.total_length.saturating_sub(self.piece_offset(piece));
        left.min(u64::from(self.piece_length)) as u32
    }

    /// Number of 16 KiB blocks in `piece`; the last may be short.
    pub fn block_count(&self, piece: PieceIndex) -> u32 {
        self.piece_size(piece).div_ceil(BLOCK_LENGTH)
    }

    /// The request for one block, its length cut at the end of the piece. `None` if there is no such block.
    pub fn block(&self, piece: PieceIndex, block: BlockIndex) -> Option<BlockRequest> {
        let begin = block.0.checked_mul(BLOCK_LENGTH)?;
        let left = self.piece_size(piece).checked_sub(begin).filter(|left| *left > 0)?;
        Some(BlockRequest { piece, begin, length: left.min(BLOCK_LENGTH) })
    }

    /// Whether a request lies inside its piece and is not empty.
    pub fn holds(&self, request: BlockRequest) -> bool {
        let end = u64::from(request.begin) + u64::from(request.length);
        request.length > 0 && end <= u64::from(self.piece_size(request.piece))
    }

    /// Torrent offset of the first byte of `file`, and its length.
    pub fn file_range(&self, file: FileIndex) -> (u64, u64) {
        let start = self.file_starts[file.as_usize()];
        (start, self.file_starts[file.as_usize() + 1] - start)
    }

    /// The pieces that hold at least one byte of `file`, as a half-open range of indices.
    pub fn file_pieces(&self, file: FileIndex) -> std::ops::Range<u32> {
        let (start, length) = self.file_range(file);
        let piece = u64::from(self.piece_length);
        if length == 0 {
            return 0..0;
        }
        (start / piece) as u32..((start + length).div_ceil(piece)) as u32
    }

    /// The files that the torrent range `offset..offset + length` touches, in order, empty files left out.
    pub fn segments(&self, offset: u64, length: u64) -> impl Iterator<Item = Segment> + '_ {
        let end = (offset + length).min(self.total_length);
        let first = self.file_starts.partition_point(|start| *start <= offset).saturating_sub(1);
        let files = self.file_starts[first..].windows(2).enumerate();
        files.take_while(move |(_, window)| window[0] < end).filter_map(move |(i, window)| {
            let (from, to) = (window[0].max(offset), window[1].min(end));
            (from < to).then(|| Segment {
                file: FileIndex((first + i) as u32),
                offset: from - window[0],
                length: to - from,
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_sizes_are_cut_at_piece_ends() {
        let g = Geometry::new(40_000, [70_000, 0, 30_001]).unwrap();
        assert_eq!(
            (g.piece_count(), g.piece_size(PieceIndex(2)), g.block_count(PieceIndex(0))),
            (3, 20_001, 3)
        );
        assert_eq!(g.block(PieceIndex(0), BlockIndex(2)).map(|b| b.length), Some(40_000 - 32_768));
        assert_eq!(g.block(PieceIndex(0), BlockIndex(3)), None);
        let parts: Vec<_> = g.segments(40_000, 40_000).map(|s| (s.file.0, s.offset, s.length)).collect();
        assert_eq!(parts, [(0, 40_000, 30_000), (2, 0, 10_000)]);
        assert_eq!(g.file_pieces(FileIndex(2)), 1..3);
        assert_eq!(g.file_pieces(FileIndex(1)), 0..0);
    }

    #[test]
    fn impossible_sizes_are_refused() {
        assert!(Geometry::new(0, [1]).is_none());
        assert!(Geometry::new(16_384, [u64::MAX, 1]).is_none());
        assert!(Geometry::new(1, [1 << 40]).is_none());
    }
}
