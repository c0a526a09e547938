//! A piece under way: which blocks are there, in memory or flushed to disk, and how far it is hashed.

use crate::BlockBuffer;
use crate::block::Block;
use crate::events::BlockReport;
use crate::hashing::{BlockDigester, PieceHasher};
use metainfo::{BLOCK_LENGTH, BlockIndex};

/// A block's bytes, wherever they are.
enum Held {
    Absent,
    Memory {
        data: BlockBuffer,
        source: u64,
    },
    /// Written to its place on disk, not yet verified.
    Flushed {
        source: u64,
        digest: u64,
    },
    /// On disk from an earlier run; who sent it is not known any more.
    Found,
}

/// A piece that is not complete, or not yet verified.
pub(crate) struct Partial {
    blocks: Box<[Held]>,
    size: u32,
    /// Blocks not absent.
    present: usize,
    /// Blocks in memory.
    in_memory: usize,
    /// The first `hashed` blocks went through `hasher`.
    hashed: usize,
    hasher: PieceHasher,
    /// When it was begun, in pieces: older ones are flushed first.
    pub(crate) born: u64,
}

/// Blocks of a piece that lie side by side in memory.
pub(crate) struct Run<'a> {
    /// First byte inside the piece.
    pub(crate) begin: u32,
    /// The bytes.
    pub(crate) slices: Vec<&'a [u8]>,
}

impl Partial {
    /// An empty piece of `size` bytes.
    pub(crate) fn new(size: u32, born: u64) -> Self {
        let count = size.div_ceil(BLOCK_LENGTH);
        Self {
            blocks: (0..count).map(|_| Held::Absent).collect(),
            size,
            present: 0,
            in_memory: 0,
            hashed: 0,
            hasher: PieceHasher::default(),
            born,
        }
    }

    fn length(&self, block: usize) -> u32 {
        (self.size - block as u32 * BLOCK_LENGTH).min(BLOCK_LENGTH)
    }

    /// Takes in a block. A block that is there already, or does not lie on the piece's grid of blocks, is dropped.
    pub(crate) fn insert(&mut self, block: Block) {
        let index = (block.request.begin / BLOCK_LENGTH) as usize;
        let fits = block.request.begin.is_multiple_of(BLOCK_LENGTH)
            && index < self.blocks.len()
            && block.request.length == self.length(index)
            && block.data.len() >= block.request.length as usize;
        if !fits || !matches!(self.blocks[index], Held::Absent) {
            return;
        }
        self.blocks[index] = Held::Memory { data: block.data, source: block.source };
        self.present += 1;
        self.in_memory += 1;
    }

    /// Takes in a block that an earlier run left on disk.
    pub(crate) fn find(&mut self, block: BlockIndex) {
        if let Some(held @ Held::Absent) = self.blocks.get_mut(block.as_usize()) {
            *held = Held::Found;
            self.present += 1;
        }
    }

    /// The bytes of a piece that was never flushed, to be hashed in one go with others.
    pub(crate) fn whole(&self) -> Option<Vec<&[u8]>> {
        (self.in_memory == self.blocks.len())
            .then(|| self.runs().into_iter().flat_map(|run| run.slices).collect())
    }

    /// Hashes the blocks in memory that follow what is hashed, so that they need not be read back once they are
    /// flushed. True if nothing is left to hash.
    fn hash_ahead(&mut self) -> bool {
        while let Some(Held::Memory { data, .. }) = self.blocks.get(self.hashed) {
            self.hasher.update(&data[..self.length(self.hashed) as usize]);
            self.hashed += 1;
        }
        self.hashed == self.blocks.len()
    }

    /// Whether every block is there.
    pub(crate) fn is_complete(&self) -> bool {
        self.present == self.blocks.len()
    }

    /// Blocks held in memory.
    pub(crate) fn in_memory(&self) -> usize {
        self.in_memory
    }

    /// Whether blocks of it are on disk.
    pub(crate) fn is_flushed(&self) -> bool {
        self.present > self.in_memory
    }

    /// The blocks that are there.
    pub(crate) fn present(&self) -> impl Iterator<Item = BlockIndex> + '_ {
        let there =
            |(index, held): (u32, &Held)| (!matches!(held, Held::Absent)).then_some(BlockIndex(index));
        (0..).zip(&self.blocks).filter_map(there)
    }

    /// The hash of a complete piece of which blocks were flushed. Those not hashed before they left are read back
    /// by `read`, which is given the first byte inside the piece.
    pub(crate) fn finish_hash<E>(
        &mut self,
        mut read: impl FnMut(u32, &mut [u8]) -> Result<(), E>,
    ) -> Result<[u8; 20], E> {
        let mut scratch = Vec::new();
        while !self.hash_ahead() {
            let length = self.length(self.hashed);
            scratch.resize(length as usize, 0);
            read(self.hashed as u32 * BLOCK_LENGTH, &mut scratch)?;
            self.hasher.update(&scratch);
            self.hashed += 1;
        }
        Ok(std::mem::take(&mut self.hasher).finish())
    }

    /// The bytes in memory, side by side where they are.
    pub(crate) fn runs(&self) -> Vec<Run<'_>> {
        let mut runs: Vec<Run<'_>> = Vec::new();
        let mut open = false;
        for (index, held) in self.blocks.iter().enumerate() {
            let Held::Memory { data, .. } = held else {
                open = false;
                continue;
            };
            if !open {
                runs.push(Run { begin: index as u32 * BLOCK_LENGTH, slices: Vec::new() });
                open = true;
            }
            if let Some(run) = runs.last_mut() {
                run.slices.push(&data[..self.length(index) as usize]);
            }
        }
        runs
    }

    /// Frees the buffers of blocks that were just written to disk.
    pub(crate) fn mark_flushed(&mut self, digester: &BlockDigester) {
        self.hash_ahead();
        for index in 0..self.blocks.len() {
            let length = self.length(index) as usize;
            if let Held::Memory { data, source } = &self.blocks[index] {
                let (source, digest) = (*source, digester.digest(&data[..length]));
                self.blocks[index] = Held::Flushed { source, digest };
            }
        }
        self.in_memory = 0;
    }

    /// Who sent each block, and its digest. Empty if that is not known of all of them: of the others none is to blame
    /// for what these did.
    pub(crate) fn reports(&self, digester: &BlockDigester) -> Vec<BlockReport> {
        if self.blocks.iter().any(|held| matches!(held, Held::Found)) {
            return Vec::new();
        }
        let report = |(index, held): (usize, &Held)| {
            let (source, digest) = match held {
                Held::Absent | Held::Found => return None,
                Held::Memory { data, source } => {
                    (*source, digester.digest(&data[..self.length(index) as usize]))
                }
                Held::Flushed { source, digest } => (*source, *digest),
            };
            Some(BlockReport { block: BlockIndex(index as u32), source, digest })
        };
        self.blocks.iter().enumerate().filter_map(report).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BlockPool, hashing};
    use metainfo::{BlockRequest, PieceIndex};

    const SIZE: u32 = 3 * BLOCK_LENGTH + 100;

    fn block(pool: &BlockPool, index: u32, length: u32, fill: u8) -> Block {
        let mut buffer = pool.try_acquire().unwrap();
        buffer.fill(fill);
        let request = BlockRequest { piece: PieceIndex(0), begin: index * BLOCK_LENGTH, length };
        Block { request, data: buffer, source: u64::from(fill) }
    }

    fn content() -> Vec<u8> {
        (0..SIZE).map(|i| (i / BLOCK_LENGTH) as u8).collect()
    }

    #[test]
    fn any_order_with_flushing_gives_the_hash() {
        let pool = BlockPool::new(8);
        let mut partial = Partial::new(SIZE, 0);
        let digester = BlockDigester::default();
        partial.insert(block(&pool, 2, BLOCK_LENGTH, 2));
        partial.insert(block(&pool, 0, BLOCK_LENGTH, 0));
        assert_eq!(partial.runs().iter().map(|run| run.begin).collect::<Vec<_>>(), [0, 2 * BLOCK_LENGTH]);
        partial.mark_flushed(&digester);
        assert_eq!((pool.available(), partial.in_memory(), partial.is_flushed()), (8, 0, true));
        partial.insert(block(&pool, 0, BLOCK_LENGTH, 9));
        assert_eq!(pool.available(), 8, "a duplicate of a flushed block is dropped");
        partial.insert(block(&pool, 3, 100, 3));
        partial.insert(block(&pool, 1, BLOCK_LENGTH, 1));
        assert!(partial.is_complete());
        let mut read_back = Vec::new();
        let hash = partial.finish_hash(|begin, into| {
            read_back.push(begin);
            into.copy_from_slice(&content()[begin as usize..][..into.len()]);
            Ok::<_, ()>(())
        });
        assert_eq!(hash, Ok(hashing::sha1(&content())));
        assert_eq!(read_back, [2 * BLOCK_LENGTH], "block 0 was hashed before it left");
        let sources: Vec<_> = partial.reports(&digester).iter().map(|report| report.source).collect();
        assert_eq!(sources, [0, 1, 2, 3]);
    }

    #[test]
    fn blocks_off_the_grid_are_dropped() {
        let pool = BlockPool::new(8);
        let mut partial = Partial::new(SIZE, 0);
        for (index, length) in [(0, 100), (3, 101), (4, BLOCK_LENGTH)] {
            partial.insert(block(&pool, index, length, 0));
        }
        let mut askew = block(&pool, 0, BLOCK_LENGTH, 0);
        askew.request.begin = 1;
        partial.insert(askew);
        assert_eq!((partial.in_memory(), pool.available()), (0, 8));
    }
}
