//! The pieces under way, side by side in memory: there are few of them, and looking through all is quick.

use super::partial::{Block, Owner, Partial};
use crate::limits;
use metainfo::PieceIndex;

const ABSENT: u32 = u32::MAX;

/// All pieces under way. Once the busiest time is past, pieces come and go without an allocation.
#[derive(Clone, Debug)]
pub(crate) struct Partials {
    list: Vec<Partial>,
    /// The first so many of `list` may be joined.
    joinable: usize,
    /// Per piece: where it is in `list`.
    places: Vec<u32>,
    /// Block tables of pieces done with.
    spare: Vec<Vec<Block>>,
}

impl Partials {
    pub(crate) fn new(pieces: u32) -> Self {
        Self { list: Vec::new(), joinable: 0, places: vec![ABSENT; pieces as usize], spare: Vec::new() }
    }

    fn place(&self, piece: PieceIndex) -> Option<usize> {
        self.places.get(piece.as_usize()).filter(|place| **place != ABSENT).map(|place| *place as usize)
    }

    pub(crate) const fn len(&self) -> usize {
        self.list.len()
    }

    pub(crate) fn contains(&self, piece: PieceIndex) -> bool {
        self.place(piece).is_some()
    }

    pub(crate) fn get(&self, piece: PieceIndex) -> Option<&Partial> {
        self.list.get(self.place(piece)?)
    }

    pub(crate) fn get_mut(&mut self, piece: PieceIndex) -> Option<&mut Partial> {
        let place = self.place(piece)?;
        self.list.get_mut(place)
    }

    /// Those that may be joined, in no order that means anything.
    pub(crate) fn joinable(&self) -> impl Iterator<Item = &Partial> {
        self.list[..self.joinable].iter()
    }

    /// Says whether a piece under way may be joined; a new one may not.
    pub(crate) fn set_joinable(&mut self, piece: PieceIndex, joinable: bool) {
        let Some(place) = self.place(piece).filter(|place| (*place < self.joinable) != joinable) else {
            return;
        };
        // The border between the two kinds moves over one piece, which changes places with this one.
        let border = if joinable { self.joinable } else { self.joinable - 1 };
        self.list.swap(place, border);
        for place in [place, border] {
            self.places[self.list[place].piece.as_usize()] = place as u32;
        }
        self.joinable = if joinable { border + 1 } else { border };
    }

    /// All of them, in no order that means anything.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Partial> {
        self.list.iter()
    }

    /// As [`Self::iter`].
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Partial> {
        self.list.iter_mut()
    }

    /// Adds a piece of `blocks` free blocks; one that is there stays as it is. A piece that does not exist is ignored.
    pub(crate) fn begin(&mut self, piece: PieceIndex, blocks: u32, owner: Owner) {
        let Some(place) = self.places.get_mut(piece.as_usize()).filter(|place| **place == ABSENT) else {
            return;
        };
        *place = self.list.len() as u32;
        let table = self.spare.pop().unwrap_or_default();
        self.list.push(Partial::new(piece, table, blocks, owner));
    }

    /// Forgets a piece.
    pub(crate) fn remove(&mut self, piece: PieceIndex) {
        self.set_joinable(piece, false);
        let Some(place) = self.place(piece) else { return };
        let done = self.list.swap_remove(place);
        self.places[piece.as_usize()] = ABSENT;
        if let Some(moved) = self.list.get(place) {
            self.places[moved.piece.as_usize()] = place as u32;
        }
        if self.spare.len() < limits::SPARE_TABLES {
            self.spare.push(done.blocks);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_found_after_others_went() {
        let mut partials = Partials::new(4);
        for piece in 0..4 {
            partials.begin(PieceIndex(piece), piece + 1, Owner::Shared);
        }
        partials.begin(PieceIndex(9), 1, Owner::Shared);
        for piece in [3, 1, 2, 3] {
            partials.set_joinable(PieceIndex(piece), true);
        }
        partials.set_joinable(PieceIndex(2), false);
        partials.remove(PieceIndex(0));
        partials.remove(PieceIndex(3));
        partials.remove(PieceIndex(3));
        assert_eq!(partials.len(), 2);
        assert_eq!(partials.joinable().map(|partial| partial.piece.0).collect::<Vec<_>>(), [1]);
        for piece in 0..4 {
            let blocks = partials.get(PieceIndex(piece)).map(|partial| partial.blocks.len());
            assert_eq!(blocks, matches!(piece, 1 | 2).then_some(piece as usize + 1));
        }
        partials.begin(PieceIndex(0), 2, Owner::Shared);
        assert!(partials.get(PieceIndex(0)).is_some_and(|partial| partial.free == 2), "a table starts empty");
    }
}
