//! Runs of blocks for web seeds: the largest gap of untouched pieces, or what is left.

use super::end_game::Rivals;
use super::partial::Owner;
use super::{Picker, SourceKey};
use metainfo::{BLOCK_LENGTH, Bitfield, BlockIndex, BlockRequest, PieceIndex};

/// A run of bytes of the torrent, from the start of one block to the end of another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Run {
    /// First byte in the torrent.
    pub(crate) offset: u64,
    /// Number of bytes.
    pub(crate) length: u64,
    /// Blocks in it that the source is awaited to bring.
    pub(crate) blocks: u32,
}

impl Picker {
    /// Reserves a run of about `bytes` for `source`, outside `excluded`: whole untouched pieces from the largest
    /// gap, else the free blocks of a piece under way.
    pub(crate) fn pick_run(&mut self, source: SourceKey, bytes: u64, excluded: &Bitfield) -> Option<Run> {
        match self.largest_gap(source, excluded) {
            Some((first, end)) => {
                let pieces = bytes.div_ceil(u64::from(self.geometry.piece_length())).max(1);
                let end = end.min(first.saturating_add(u32::try_from(pieces).unwrap_or(u32::MAX)));
                Some(self.reserve_pieces(source, first, end))
            }
            None => self.reserve_rest(source, excluded),
        }
    }

    /// Reserves every free block of the torrent, for a source that sends from the first byte only.
    pub(crate) fn pick_everything(&mut self, source: SourceKey, excluded: &Bitfield) -> Option<Run> {
        let mut blocks = 0;
        for piece in (0..self.geometry.piece_count()).map(PieceIndex) {
            if self.is_missing(piece) && !excluded.contains(piece) {
                blocks += self.reserve(source, piece, 0, u32::MAX);
            }
        }
        (blocks > 0).then(|| Run { offset: 0, length: self.geometry.total_length(), blocks })
    }

    /// The longest run of untouched pieces; if another web seed is about to walk into it, its second half. In
    /// sequential mode the first run.
    fn largest_gap(&self, source: SourceKey, excluded: &Bitfield) -> Option<(u32, u32)> {
        let mut best: Option<(u32, u32)> = None;
        let mut first = None;
        let pieces = self.geometry.piece_count();
        for piece in 0..=pieces {
            let index = PieceIndex(piece);
            let open = piece < pieces && self.rarity.position(index).is_some() && !excluded.contains(index);
            match (open, first) {
                (true, None) => first = Some(piece),
                (false, Some(start)) => {
                    if best.is_none_or(|(from, to)| piece - start > to - from) {
                        best = Some((start, piece));
                    }
                    if self.sequential {
                        break;
                    }
                    first = None;
                }
                _ => {}
            }
        }
        let (start, end) = best?;
        let taken = start.checked_sub(1).and_then(|before| self.partials.get(&PieceIndex(before)));
        let walked_into = taken.is_some_and(|partial| {
            matches!(partial.owner, Owner::One(other @ SourceKey::WebSeed(_)) if other != source)
                && partial.is_awaited()
        });
        let start = if walked_into && !self.sequential { start + (end - start) / 2 } else { start };
        Some((start, end))
    }

    fn reserve_pieces(&mut self, source: SourceKey, first: u32, end: u32) -> Run {
        let blocks = (first..end).map(|piece| self.reserve(source, PieceIndex(piece), 0, u32::MAX)).sum();
        let offset = self.geometry.piece_offset(PieceIndex(first));
        let end = self.geometry.piece_offset(PieceIndex(end)).min(self.geometry.total_length());
        Run { offset, length: end - offset, blocks }
    }

    /// Reserves the free blocks `from..to` of one piece and says how many they were.
    fn reserve(&mut self, source: SourceKey, piece: PieceIndex, from: u32, to: u32) -> u32 {
        if !self.partials.contains_key(&piece) {
            let suspect = self.suspects.contains(&piece);
            self.begin(piece, if suspect { Owner::Only(source) } else { Owner::One(source) });
        }
        let Some(partial) = self.partials.get_mut(&piece) else { return 0 };
        let mut taken = 0;
        for block in partial.blocks.iter_mut().take(to as usize).skip(from as usize) {
            if block.is_free() {
                block.holders[0] = Some(source);
                taken += 1;
            }
        }
        partial.free -= taken;
        self.note_joinable(piece);
        taken
    }

    /// The first free run of blocks in the piece under way with most of them.
    fn reserve_rest(&mut self, source: SourceKey, excluded: &Bitfield) -> Option<Run> {
        let open = self.joinable.iter().filter(|piece| !excluded.contains(**piece)).filter_map(|piece| {
            let partial = self.partials.get(piece)?;
            let mine = !matches!(partial.owner, Owner::Only(owner) if owner != source);
            mine.then_some((partial.free, *piece))
        });
        let (_, piece) = open.max()?;
        let (from, to) = self.partials.get(&piece)?.free_run()?;
        let blocks = self.reserve(source, piece, from, to);
        Some(self.run(piece, from, to, blocks))
    }

    fn run(&self, piece: PieceIndex, from: u32, to: u32, blocks: u32) -> Run {
        let start = u64::from(from) * u64::from(BLOCK_LENGTH);
        let end = (u64::from(to) * u64::from(BLOCK_LENGTH)).min(u64::from(self.geometry.piece_size(piece)));
        Run { offset: self.geometry.piece_offset(piece) + start, length: end - start, blocks }
    }

    /// The end game of a web seed: the longest row of blocks in one piece whose holders are late.
    pub(crate) fn pick_run_again(
        &mut self,
        source: SourceKey,
        excluded: &Bitfield,
        rivals: &dyn Rivals,
    ) -> Option<Run> {
        if !self.is_end_game() {
            return None;
        }
        let mut best: Option<(u32, PieceIndex, u32, u32)> = None;
        for (piece, partial) in &self.partials {
            if !partial.is_awaited() || !self.wanted.contains(*piece) || excluded.contains(*piece) {
                continue;
            }
            let late = |at: u32| {
                let request = self.geometry.block(*piece, BlockIndex(at))?;
                super::end_game::is_due(&partial.blocks[at as usize], source, request, rivals).then_some(())
            };
            let (mut count, mut first, mut last) = (0, None, 0);
            for at in 0..partial.blocks.len() as u32 {
                if late(at).is_some() {
                    (count, first, last) = (count + 1, first.or(Some(at)), at);
                }
            }
            if let Some(first) = first
                && best.is_none_or(|(most, ..)| count > most)
            {
                best = Some((count, *piece, first, last + 1));
            }
        }
        let (_, piece, from, to) = best?;
        let partial = self.partials.get_mut(&piece)?;
        let mut blocks = 0;
        for at in from..to {
            let block = partial.blocks[at as usize];
            if !block.received && !block.is_held_by(source) && partial.add_holder(BlockIndex(at), source) {
                blocks += 1;
            }
        }
        Some(self.run(piece, from, to, blocks))
    }

    /// Takes back what `source` has not brought of a run.
    pub(crate) fn release_run(&mut self, source: SourceKey, run: Run) {
        let piece_length = u64::from(self.geometry.piece_length());
        let first = (run.offset / piece_length) as u32;
        let end = (run.offset + run.length).div_ceil(piece_length) as u32;
        let held: Vec<BlockRequest> = (first..end)
            .flat_map(|piece| self.holders_of(PieceIndex(piece)))
            .filter(|(holder, _)| *holder == source)
            .map(|(_, request)| request)
            .collect();
        for request in held {
            self.release(source, request);
        }
    }
}
