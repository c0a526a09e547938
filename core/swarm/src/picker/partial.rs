//! A piece under way: who was asked for each of its blocks.

use crate::contract::SourceKey;
use crate::limits;
use metainfo::{BlockIndex, PieceIndex};

/// One block of a piece under way.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Block {
    /// It arrived.
    pub(crate) received: bool,
    /// Who was asked for it.
    pub(crate) holders: [Option<SourceKey>; limits::HOLDERS],
}

impl Block {
    /// Nobody was asked for it, and it did not arrive.
    pub(crate) fn is_free(&self) -> bool {
        !self.received && self.holders.iter().all(Option::is_none)
    }

    pub(crate) fn holders(&self) -> impl Iterator<Item = SourceKey> + '_ {
        self.holders.iter().flatten().copied()
    }

    pub(crate) fn is_held_by(&self, source: SourceKey) -> bool {
        self.holders.contains(&Some(source))
    }
}

/// Who may ask for the free blocks of a piece under way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Owner {
    /// Anybody.
    Shared,
    /// One source; others only when nothing else is left.
    One(SourceKey),
    /// One source and nobody else: the piece shall name a culprit if it fails.
    Only(SourceKey),
}

impl Owner {
    pub(crate) fn is(self, source: SourceKey) -> bool {
        matches!(self, Self::One(owner) | Self::Only(owner) if owner == source)
    }
}

/// A piece under way.
#[derive(Clone, Debug)]
pub(crate) struct Partial {
    pub(crate) piece: PieceIndex,
    pub(crate) blocks: Vec<Block>,
    pub(crate) owner: Owner,
    /// Blocks nobody was asked for.
    pub(crate) free: u32,
    /// Blocks that arrived.
    pub(crate) received: u32,
    /// No block before this one is free.
    first_free: u32,
}

impl Partial {
    /// A piece of `blocks` free blocks, in a table that held another piece before.
    pub(crate) fn new(piece: PieceIndex, mut table: Vec<Block>, blocks: u32, owner: Owner) -> Self {
        table.clear();
        table.resize(blocks as usize, Block::default());
        Self { piece, blocks: table, owner, free: blocks, received: 0, first_free: 0 }
    }

    /// Some source was asked for a block that did not arrive yet.
    pub(crate) fn is_awaited(&self) -> bool {
        (self.free + self.received) < self.blocks.len() as u32
    }

    /// Hands the first free block to `source`.
    pub(crate) fn take_first(&mut self, source: SourceKey) -> Option<BlockIndex> {
        let from = self.first_free as usize;
        let at = from + self.blocks.get(from..)?.iter().position(Block::is_free)?;
        self.first_free = at as u32 + 1;
        self.blocks[at].holders[0] = Some(source);
        self.free -= 1;
        Some(BlockIndex(at as u32))
    }

    /// Adds a holder to a block that has one already; false if there is no room.
    pub(crate) fn add_holder(&mut self, block: BlockIndex, source: SourceKey) -> bool {
        let Some(room) = self.blocks[block.as_usize()].holders.iter_mut().find(|holder| holder.is_none())
        else {
            return false;
        };
        *room = Some(source);
        true
    }

    /// Takes a block back from `source`; true if it is free by that.
    pub(crate) fn release(&mut self, block: BlockIndex, source: SourceKey) -> bool {
        let Some(state) = self.blocks.get_mut(block.as_usize()) else { return false };
        let Some(holder) = state.holders.iter_mut().find(|holder| **holder == Some(source)) else {
            return false;
        };
        *holder = None;
        // Keep holders packed to the front: the first place tells free from asked.
        state.holders.sort_unstable_by_key(Option::is_none);
        let free = state.is_free();
        if free {
            self.free += 1;
            self.first_free = self.first_free.min(block.0);
        }
        free
    }

    /// Notes that a block arrived and forgets who was asked; false if it had arrived before.
    pub(crate) fn receive(&mut self, block: BlockIndex) -> bool {
        let Some(state) = self.blocks.get_mut(block.as_usize()).filter(|state| !state.received) else {
            return false;
        };
        if state.is_free() {
            self.free -= 1;
        }
        *state = Block { received: true, ..Block::default() };
        self.received += 1;
        true
    }

    /// The first run of free blocks, as a half-open range of indices.
    pub(crate) fn free_run(&self) -> Option<(u32, u32)> {
        let first = self.blocks.iter().position(Block::is_free)?;
        let length = self.blocks[first..].iter().take_while(|block| block.is_free()).count();
        Some((first as u32, (first + length) as u32))
    }
}
