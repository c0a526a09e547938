//! Which block is asked of whom.
//!
//! A piece is untouched (kept in order of rarity), partial (some block was asked for or received), or stored.
//! The picker knows pieces, blocks and the keys of sources; it knows no connection, no rate and no time.
//!
//! - `rarity`: the order of untouched pieces, kept by swaps.
//! - `partial`, `partials`: the blocks of a piece under way, and all such pieces.
//! - `choice`: which piece a source works on next.
//! - `end_game`: blocks asked of a second source once none is free.
//! - `range`: runs of blocks for web seeds.

mod choice;
mod end_game;
mod partial;
mod partials;
mod range;
mod rarity;
#[cfg(test)]
mod tests;

pub(crate) use choice::{Ask, Pace};
pub(crate) use end_game::Rivals;
pub(crate) use range::{Run, RunAsk, TakeOver};

use crate::contract::{Priority, SourceKey};
use crate::limits;
use metainfo::{BLOCK_LENGTH, Bitfield, BlockIndex, BlockRequest, Geometry, PieceIndex};
use partial::{Owner, Partial};
use partials::Partials;
use rarity::Rarity;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What became of a block that arrived.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Arrival {
    /// It is new.
    New {
        /// Other sources that were asked for it too.
        others: [Option<SourceKey>; limits::HOLDERS],
        /// The sender had been asked for it, and not taken that back.
        asked: bool,
    },
    /// Its piece was stored before its arrival was told.
    Confirmed,
    /// It was there already, or nobody waits for it: wasted.
    Useless,
}

/// Which pieces and blocks are free, asked for, received, stored.
pub(crate) struct Picker {
    geometry: Arc<Geometry>,
    wanted: Bitfield,
    stored: Bitfield,
    rarity: Rarity,
    partials: Partials,
    /// Pieces that start over, but not yet.
    resting: BTreeSet<PieceIndex>,
    /// Blocks of stored pieces that nobody said had arrived.
    unconfirmed: BTreeSet<BlockRequest>,
    /// Pieces that failed or were lost once: fetched from one source, and only answers to requests count.
    suspects: BTreeSet<PieceIndex>,
    /// Per source: the piece it works on.
    current: BTreeMap<SourceKey, PieceIndex>,
    /// Pieces are fetched in line, from this one on; those before it come last.
    sequential: Option<PieceIndex>,
    /// No place in line before this one has an untouched piece.
    first_untouched: u32,
    /// Grows whenever something becomes free.
    epoch: u64,
    rng: fastrand::Rng,
}

impl Picker {
    pub(crate) fn new(
        geometry: Arc<Geometry>,
        wanted: &Bitfield,
        have: &Bitfield,
        sequential: Option<PieceIndex>,
        seed: u64,
    ) -> Self {
        let pieces = geometry.piece_count();
        let mut picker = Self {
            geometry,
            wanted: Bitfield::new(pieces),
            stored: have.clone(),
            rarity: Rarity::new(pieces),
            partials: Partials::new(pieces),
            resting: BTreeSet::new(),
            unconfirmed: BTreeSet::new(),
            suspects: BTreeSet::new(),
            current: BTreeMap::new(),
            sequential: None,
            first_untouched: 0,
            epoch: 0,
            rng: fastrand::Rng::with_seed(seed),
        };
        picker.set_sequential(sequential);
        picker.set_wanted(wanted);
        picker
    }

    /// Grows whenever a block becomes free or a choice widens: a pick that found nothing finds nothing until then.
    pub(crate) const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Whether no wanted block is left that nobody was asked for.
    pub(crate) fn is_end_game(&self) -> bool {
        self.rarity.is_empty() && self.resting.is_empty() && self.joinable().next().is_none()
    }

    /// Bytes of wanted blocks that nobody was asked for, a short last block taken for a whole one.
    pub(crate) fn free_bytes(&self) -> u64 {
        let untouched = self.rarity.len() as u64 * u64::from(self.geometry.piece_length());
        let open = self.joinable().map(|partial| u64::from(partial.free) * u64::from(BLOCK_LENGTH));
        untouched + open.sum::<u64>()
    }

    /// Bytes that arrived of pieces under way.
    pub(crate) fn partial_bytes(&self) -> u64 {
        let of = |partial: &Partial| {
            let bytes = u64::from(partial.received) * u64::from(BLOCK_LENGTH);
            bytes.min(self.geometry.piece_size(partial.piece).into())
        };
        self.partials.iter().map(of).sum()
    }

    /// Wanted pieces under way with a free block.
    fn joinable(&self) -> impl Iterator<Item = &Partial> {
        self.partials.joinable()
    }

    /// Keeps [`Self::joinable`] true for one piece.
    fn note_joinable(&mut self, piece: PieceIndex) {
        let has_free = self.partials.get(piece).is_some_and(|partial| partial.free > 0);
        self.partials.set_joinable(piece, has_free && self.wanted.contains(piece));
    }

    /// Pieces under way.
    #[cfg(test)]
    pub(crate) fn partial_count(&self) -> usize {
        self.partials.len()
    }

    /// Whether a piece is wanted and not stored.
    pub(crate) fn is_missing(&self, piece: PieceIndex) -> bool {
        self.wanted.contains(piece) && !self.stored.contains(piece)
    }

    /// How many of the peers that are counted have `piece`.
    pub(crate) fn availability(&self, piece: PieceIndex) -> u32 {
        self.rarity.count(piece)
    }

    /// One more peer has `piece`.
    pub(crate) fn piece_appears(&mut self, piece: PieceIndex) {
        self.rarity.raise(piece, &mut self.rng);
    }

    /// One peer less has `piece`.
    pub(crate) fn piece_disappears(&mut self, piece: PieceIndex) {
        self.rarity.lower(piece, &mut self.rng);
    }

    /// A first piece that the torrent does not have counts as 0.
    pub(crate) fn set_sequential(&mut self, sequential: Option<PieceIndex>) {
        let pieces = self.geometry.piece_count();
        self.sequential = sequential.map(|first| if first.0 < pieces { first } else { PieceIndex(0) });
        self.first_untouched = 0;
        self.epoch += 1;
    }

    /// Changes which pieces come before others; one priority a piece, or none if all are normal.
    pub(crate) fn set_priorities(&mut self, priorities: Vec<Priority>) {
        self.rarity.set_priorities(priorities, &mut self.rng);
        self.epoch += 1;
    }

    /// The first piece in line.
    fn head(&self) -> PieceIndex {
        self.sequential.unwrap_or(PieceIndex(0))
    }

    /// The place of a piece in line.
    fn place(&self, piece: PieceIndex) -> u32 {
        let (pieces, head) = (self.geometry.piece_count(), self.head().0);
        if piece.0 >= head { piece.0 - head } else { piece.0 + (pieces - head) }
    }

    /// The piece at a place in line.
    fn piece_at(&self, place: u32) -> PieceIndex {
        let (pieces, head) = (self.geometry.piece_count(), self.head().0);
        PieceIndex(if place < pieces - head { place + head } else { place - (pieces - head) })
    }

    /// Changes which pieces are wanted. Blocks asked for stay so until released; what was received is kept.
    pub(crate) fn set_wanted(&mut self, wanted: &Bitfield) {
        self.wanted = wanted.clone();
        self.epoch += 1;
        for index in 0..self.geometry.piece_count() {
            let piece = PieceIndex(index);
            if self.is_missing(piece) && !self.partials.contains(piece) && !self.resting.contains(&piece) {
                self.make_untouched(piece);
            } else {
                self.rarity.remove(piece);
            }
            self.note_joinable(piece);
        }
    }

    /// The block that begins at `begin`, if a block does.
    fn block_of(request: BlockRequest) -> Option<BlockIndex> {
        request.begin.is_multiple_of(BLOCK_LENGTH).then_some(BlockIndex(request.begin / BLOCK_LENGTH))
    }

    /// Puts a piece among those nobody has begun.
    fn make_untouched(&mut self, piece: PieceIndex) {
        self.rarity.insert(piece, &mut self.rng);
        self.first_untouched = self.first_untouched.min(self.place(piece));
    }

    /// Makes an untouched piece a partial one.
    fn begin(&mut self, piece: PieceIndex, owner: Owner) {
        self.rarity.remove(piece);
        self.partials.begin(piece, self.geometry.block_count(piece), owner);
    }

    /// Storage has a block from an earlier run.
    pub(crate) fn take_up(&mut self, request: BlockRequest) {
        let piece = request.piece;
        let Some(block) = Self::block_of(request) else { return };
        if self.stored.contains(piece) || self.geometry.block(piece, block) != Some(request) {
            return;
        }
        if !self.partials.contains(piece) {
            self.begin(piece, Owner::Shared);
        }
        if let Some(partial) = self.partials.get_mut(piece) {
            partial.receive(block);
        }
        self.note_joinable(piece);
    }

    /// A block arrived from `source`.
    pub(crate) fn receive(&mut self, source: SourceKey, request: BlockRequest) -> Arrival {
        let Some(block) = Self::block_of(request) else { return Arrival::Useless };
        let piece = request.piece;
        if self.unconfirmed.remove(&request) {
            return Arrival::Confirmed;
        }
        if self.stored.contains(piece) || self.geometry.block(piece, block) != Some(request) {
            return Arrival::Useless;
        }
        let held = self
            .partials
            .get(piece)
            .and_then(|partial| partial.blocks.get(block.as_usize()))
            .is_some_and(|state| state.is_held_by(source));
        // Storage may have thrown away what came before it gave up a piece: only answers to newer requests count.
        if !held && self.suspects.contains(&piece) {
            return Arrival::Useless;
        }
        if !self.partials.contains(piece) {
            self.begin(piece, Owner::Shared);
        }
        let Some(partial) = self.partials.get_mut(piece) else { return Arrival::Useless };
        let mut others = partial.blocks[block.as_usize()].holders;
        if !partial.receive(block) {
            return Arrival::Useless;
        }
        self.note_joinable(piece);
        for other in others.iter_mut().filter(|other| **other == Some(source)) {
            *other = None;
        }
        Arrival::New { others, asked: held }
    }

    /// `source` will not send this block, or was told not to.
    pub(crate) fn release(&mut self, source: SourceKey, request: BlockRequest) {
        let Some(block) = Self::block_of(request) else { return };
        let Some(partial) = self.partials.get_mut(request.piece) else { return };
        if !partial.release(block, source) {
            return;
        }
        self.epoch += 1;
        if partial.received == 0 && partial.free as usize == partial.blocks.len() {
            self.partials.remove(request.piece);
            if self.is_missing(request.piece) {
                self.make_untouched(request.piece);
            }
        } else {
            self.note_joinable(request.piece);
        }
    }

    /// `source` is gone: the pieces it had for itself are open to all. Its blocks must have been released.
    pub(crate) fn forget_source(&mut self, source: SourceKey) {
        self.current.remove(&source);
        for partial in self.partials.iter_mut().filter(|partial| partial.owner.is(source)) {
            partial.owner = Owner::Shared;
            self.epoch += 1;
        }
    }

    /// The piece is verified and on disk. True if that is news.
    pub(crate) fn piece_stored(&mut self, piece: PieceIndex) -> bool {
        self.expect_confirmation(piece);
        self.partials.remove(piece);
        self.resting.remove(&piece);
        self.rarity.remove(piece);
        self.suspects.remove(&piece);
        self.stored.insert(piece)
    }

    /// Storage may tell of a whole piece before a peer told of its last blocks.
    fn expect_confirmation(&mut self, piece: PieceIndex) {
        let Some(partial) = self.partials.get(piece) else { return };
        for (at, block) in (0..).zip(&partial.blocks) {
            if !block.received && self.unconfirmed.len() < limits::UNCONFIRMED {
                self.unconfirmed.extend(self.geometry.block(piece, BlockIndex(at)));
            }
        }
    }

    /// The piece starts over: it failed its hash, or its blocks were lost. It rests until
    /// [`Self::piece_returns`]. Returns who was asked for blocks of it, so that they be told.
    pub(crate) fn piece_reset(&mut self, piece: PieceIndex) -> Vec<(SourceKey, BlockRequest)> {
        let awaited = self.holders_of(piece);
        self.partials.remove(piece);
        self.stored.remove(piece);
        self.suspects.insert(piece);
        self.resting.insert(piece);
        self.rarity.remove(piece);
        self.unconfirmed.retain(|request| request.piece != piece);
        awaited
    }

    /// A piece that starts over has rested.
    pub(crate) fn piece_returns(&mut self, piece: PieceIndex) {
        if self.resting.remove(&piece) && self.is_missing(piece) {
            self.make_untouched(piece);
            self.epoch += 1;
        }
    }

    /// Who was asked for which blocks of a piece.
    fn holders_of(&self, piece: PieceIndex) -> Vec<(SourceKey, BlockRequest)> {
        let Some(partial) = self.partials.get(piece) else { return Vec::new() };
        let blocks = partial.blocks.iter().enumerate();
        blocks
            .filter_map(|(at, block)| Some((block, self.geometry.block(piece, BlockIndex(at as u32))?)))
            .flat_map(|(block, request)| block.holders().map(move |source| (source, request)))
            .collect()
    }
}
