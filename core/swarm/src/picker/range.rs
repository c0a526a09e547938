//! Runs of blocks for web seeds: the largest gap of untouched pieces, or what is left, of the highest priority first.

use super::end_game::Rivals;
use super::partial::Owner;
use super::{Picker, Priority, SourceKey};
use metainfo::{BLOCK_LENGTH, Bitfield, BlockIndex, BlockRequest, PieceIndex};
use std::ops::Range;

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

/// A web seed asking for a run.
pub(crate) struct RunAsk<'a> {
    pub(crate) source: SourceKey,
    /// About so many bytes.
    pub(crate) bytes: u64,
    /// Not these pieces.
    pub(crate) excluded: &'a Bitfield,
    /// It is quick enough to fetch pieces whole that failed before.
    pub(crate) proves: bool,
    /// Only what is left of this piece.
    pub(crate) within: Option<PieceIndex>,
}

/// The tail of a run for another source.
pub(crate) struct TakeOver<'a> {
    pub(crate) victim: SourceKey,
    pub(crate) thief: SourceKey,
    /// The victim's run.
    pub(crate) run: Run,
    /// About so many bytes at its end.
    pub(crate) bytes: u64,
    /// Not these pieces.
    pub(crate) excluded: &'a Bitfield,
    /// The victim brings nothing: its blocks are taken even where others are asked for them too.
    pub(crate) is_stalled: bool,
}

impl RunAsk<'_> {
    fn blocks(&self) -> u32 {
        u32::try_from(self.bytes.div_ceil(u64::from(BLOCK_LENGTH))).unwrap_or(u32::MAX).max(1)
    }
}

impl Picker {
    /// Reserves a run of about the bytes asked for. A long one comes from the largest gap of untouched pieces; a short
    /// one fits into what is left of a piece under way, if any.
    pub(crate) fn pick_run(&mut self, ask: &RunAsk<'_>) -> Option<Run> {
        if let Some(piece) = ask.within {
            return self.reserve_rest_of(ask, piece);
        }
        if ask.proves
            && let Some(run) = self.reserve_suspect(ask)
        {
            return Some(run);
        }
        let priorities = self.rarity.priorities();
        priorities.iter().find_map(|priority| self.pick_run_among(ask, *priority))
    }

    fn pick_run_among(&mut self, ask: &RunAsk<'_>, priority: Priority) -> Option<Run> {
        let is_short = ask.bytes < 2 * u64::from(self.geometry.piece_length());
        // A row too short for it would be one more request soon.
        if is_short && let Some(run) = self.reserve_rest(ask, priority, ask.blocks() / 2) {
            return Some(run);
        }
        match self.gap(ask.excluded, priority) {
            Some((first, end)) => Some(self.reserve_gap(ask, first, end)),
            None => self.reserve_rest(ask, priority, 1),
        }
    }

    /// Reserves every free block from `offset` on, for a source that sends files from their first byte only.
    pub(crate) fn pick_everything(
        &mut self,
        source: SourceKey,
        offset: u64,
        excluded: &Bitfield,
    ) -> Option<Run> {
        let mut blocks = 0;
        let first = (offset / u64::from(self.geometry.piece_length())) as u32;
        for piece in (first..self.geometry.piece_count()).map(PieceIndex) {
            if self.is_missing(piece) && !excluded.contains(piece) && !self.resting.contains(&piece) {
                blocks += self.reserve(source, piece, 0, u32::MAX);
            }
        }
        (blocks > 0).then(|| Run { offset, length: self.geometry.total_length() - offset, blocks })
    }

    /// A piece that failed before: its next sender proves the earlier ones right or wrong.
    fn reserve_suspect(&mut self, ask: &RunAsk<'_>) -> Option<Run> {
        let free =
            |piece: &PieceIndex| self.rarity.position(*piece).is_some() && !ask.excluded.contains(*piece);
        let piece = self.suspects.iter().copied().find(free)?;
        Some(self.reserve_pieces(ask.source, piece.0, piece.0 + 1))
    }

    /// The longest run of untouched pieces without those that failed before; in sequential mode the first.
    fn gap(&self, excluded: &Bitfield, priority: Priority) -> Option<(u32, u32)> {
        let pieces = self.geometry.piece_count();
        let gaps = |range| self.gaps(range, excluded, priority);
        if let Some(PieceIndex(first)) = self.sequential {
            return gaps(first..pieces).next().or_else(|| gaps(0..first).next());
        }
        let longer = |a: (u32, u32), b: (u32, u32)| if b.1 - b.0 > a.1 - a.0 { b } else { a };
        gaps(0..pieces).reduce(longer)
    }

    /// The runs of untouched pieces in a range, without those that failed before: first piece, one past the last.
    fn gaps(
        &self,
        range: Range<u32>,
        excluded: &Bitfield,
        priority: Priority,
    ) -> impl Iterator<Item = (u32, u32)> {
        let untouched = self.rarity.untouched(priority);
        let is_open = move |piece: &u32| {
            let piece = PieceIndex(*piece);
            untouched.contains(piece) && !excluded.contains(piece) && !self.suspects.contains(&piece)
        };
        let mut from = range.start;
        std::iter::from_fn(move || {
            let first = (from..range.end).find(is_open)?;
            from = (first..range.end).find(|piece| !is_open(piece)).unwrap_or(range.end);
            Some((first, from))
        })
    }

    /// The front of a gap: whole pieces, or the first blocks of one.
    fn reserve_gap(&mut self, ask: &RunAsk<'_>, first: u32, end: u32) -> Run {
        let pieces = ask.bytes.div_ceil(u64::from(self.geometry.piece_length())).max(1);
        let (piece, blocks) = (PieceIndex(first), ask.blocks());
        // The last quarter of a piece would be left for a request of its own.
        if pieces == 1 && blocks <= self.geometry.block_count(piece) / 4 * 3 {
            let reserved = self.reserve(ask.source, piece, 0, blocks);
            return self.run(piece, 0, blocks, reserved);
        }
        let end = end.min(first.saturating_add(u32::try_from(pieces).unwrap_or(u32::MAX)));
        self.reserve_pieces(ask.source, first, end)
    }

    fn reserve_pieces(&mut self, source: SourceKey, first: u32, end: u32) -> Run {
        let blocks = (first..end).map(|piece| self.reserve(source, PieceIndex(piece), 0, u32::MAX)).sum();
        let offset = self.geometry.piece_offset(PieceIndex(first));
        let end = self.geometry.piece_offset(PieceIndex(end)).min(self.geometry.total_length());
        Run { offset, length: end - offset, blocks }
    }

    /// Reserves the free blocks `from..to` of one piece and says how many they were.
    fn reserve(&mut self, source: SourceKey, piece: PieceIndex, from: u32, to: u32) -> u32 {
        if !self.partials.contains(piece) {
            let suspect = self.suspects.contains(&piece);
            self.begin(piece, if suspect { Owner::Only(source) } else { Owner::One(source) });
        }
        let Some(partial) = self.partials.get_mut(piece) else { return 0 };
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

    /// Free blocks of a piece under way: the shortest row of them that is long enough, else the longest, if it has
    /// `least` blocks.
    fn reserve_rest(&mut self, ask: &RunAsk<'_>, priority: Priority, least: u32) -> Option<Run> {
        let wanted = ask.blocks();
        let open = self.joinable().filter(|partial| {
            self.rarity.priority(partial.piece) == priority && !ask.excluded.contains(partial.piece)
        });
        let rows = open.filter_map(|partial| {
            let mine = !matches!(partial.owner, Owner::Only(owner) if owner != ask.source);
            let (from, to) = partial.free_run().filter(|_| mine)?;
            Some((partial.piece, from, to))
        });
        let fit = |(piece, from, to): &(PieceIndex, u32, u32)| {
            let length = to - from;
            if length >= wanted { (0, length, *piece) } else { (1, u32::MAX - length, *piece) }
        };
        let (piece, from, to) = rows.min_by_key(fit).filter(|(_, from, to)| to - from >= least)?;
        let to = to.min(from.saturating_add(wanted));
        let blocks = self.reserve(ask.source, piece, from, to);
        Some(self.run(piece, from, to, blocks))
    }

    /// Blocks of a piece that nobody was asked for; `None` if it is not under way.
    pub(crate) fn free_blocks(&self, piece: PieceIndex) -> Option<u32> {
        self.partials.get(piece).map(|partial| partial.free)
    }

    /// The first row of free blocks of a piece under way.
    fn reserve_rest_of(&mut self, ask: &RunAsk<'_>, piece: PieceIndex) -> Option<Run> {
        let (from, to) = self.partials.get(piece)?.free_run()?;
        let to = to.min(from.saturating_add(ask.blocks()));
        let blocks = self.reserve(ask.source, piece, from, to);
        Some(self.run(piece, from, to, blocks))
    }

    /// Moves a row of blocks at the end of a run from one source to another.
    pub(crate) fn take_over(&mut self, take: &TakeOver<'_>) -> Option<Run> {
        let &TakeOver { victim, thief, run, bytes, excluded, is_stalled } = take;
        let mut wanted = bytes.div_ceil(u64::from(BLOCK_LENGTH));
        let mut taken: Option<(u64, u64, u32)> = None;
        let piece_length = u64::from(self.geometry.piece_length());
        let pieces =
            (run.offset / piece_length) as u32..(run.offset + run.length).div_ceil(piece_length) as u32;
        'pieces: for piece in pieces.rev().map(PieceIndex) {
            let Some(partial) = self.partials.get_mut(piece) else { continue };
            // A piece that is to name a culprit stays with one source.
            let closed = matches!(partial.owner, Owner::Only(_)) || excluded.contains(piece);
            for at in (0..partial.blocks.len()).rev() {
                let block = &mut partial.blocks[at];
                let held = block.is_held_by(victim) && !block.is_held_by(thief);
                let alone = is_stalled || block.holders().count() == 1;
                let held = held && alone && !closed && !block.received;
                let Some(request) = self.geometry.block(piece, BlockIndex(at as u32)).filter(|_| held) else {
                    // The row ends here, once it has begun.
                    if taken.is_some() {
                        break 'pieces;
                    }
                    continue;
                };
                if wanted == 0 {
                    break 'pieces;
                }
                wanted -= 1;
                for holder in block.holders.iter_mut().filter(|holder| **holder == Some(victim)) {
                    *holder = Some(thief);
                }
                let offset = self.geometry.piece_offset(piece) + u64::from(request.begin);
                let end = offset + u64::from(request.length);
                taken = Some(taken.map_or((offset, end, 1), |(_, end, count)| (offset, end, count + 1)));
            }
        }
        taken.map(|(offset, end, blocks)| Run { offset, length: end - offset, blocks })
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
        for partial in self.partials.iter() {
            let piece = partial.piece;
            if !partial.is_awaited() || !self.wanted.contains(piece) || excluded.contains(piece) {
                continue;
            }
            let late = |at: u32| {
                let request = self.geometry.block(piece, BlockIndex(at))?;
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
                best = Some((count, piece, first, last + 1));
            }
        }
        let (_, piece, from, to) = best?;
        let partial = self.partials.get_mut(piece)?;
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
