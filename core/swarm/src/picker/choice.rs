//! Which piece a source works on next.

use super::partial::Owner;
use super::{Partial, Picker};
use crate::contract::SourceKey;
use crate::limits;
use metainfo::{Bitfield, BlockRequest, PieceIndex};

/// How a source is to be treated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Pace {
    /// It fetches a whole piece in short time: it gets pieces of its own.
    Fast,
    /// It helps with pieces others began.
    Slow,
    /// It owes us blocks: it gets what is least missed.
    Snubbed,
    /// It took part in a piece that failed: whole pieces alone, so that the next failure names it or clears it.
    OnParole,
}

/// One source asking for work.
pub(crate) struct Ask<'a> {
    pub(crate) source: SourceKey,
    /// What it has.
    pub(crate) have: &'a Bitfield,
    pub(crate) pace: Pace,
    /// Only these pieces (while choked).
    pub(crate) only: Option<&'a [PieceIndex]>,
    /// These before others.
    pub(crate) suggested: &'a [PieceIndex],
    /// Not these, for now.
    pub(crate) barred: &'a dyn Fn(PieceIndex) -> bool,
}

impl Ask<'_> {
    pub(super) fn may(&self, piece: PieceIndex) -> bool {
        self.have.contains(piece)
            && self.only.is_none_or(|only| only.contains(&piece))
            && !(self.barred)(piece)
    }
}

/// What a source does next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    Join(PieceIndex),
    Begin(PieceIndex),
}

impl Picker {
    /// Hands up to `count` free blocks to the source, appended to `out`. Fewer means that nothing is free for it.
    pub(crate) fn pick(&mut self, ask: &Ask<'_>, count: usize, out: &mut Vec<BlockRequest>) {
        let goal = out.len() + count;
        let end = self.geometry.piece_count();
        while self.first_untouched < end && !self.is_untouched(PieceIndex(self.first_untouched)) {
            self.first_untouched += 1;
        }
        while out.len() < goal {
            let Some(step) = self.next_step(ask) else { return };
            self.take(ask, step, goal, out);
        }
    }

    fn take(&mut self, ask: &Ask<'_>, step: Step, goal: usize, out: &mut Vec<BlockRequest>) {
        let piece = match step {
            Step::Join(piece) => piece,
            Step::Begin(piece) => {
                let owner = if ask.pace == Pace::OnParole || self.suspects.contains(&piece) {
                    Owner::Only(ask.source)
                } else if ask.pace == Pace::Fast {
                    Owner::One(ask.source)
                } else {
                    Owner::Shared
                };
                self.begin(piece, owner);
                piece
            }
        };
        let Some(partial) = self.partials.get_mut(piece) else { return };
        // A piece nobody works on any more becomes the work of whoever takes it up.
        if !partial.is_awaited() && partial.owner == Owner::Shared {
            match ask.pace {
                Pace::Fast => partial.owner = Owner::One(ask.source),
                Pace::OnParole => partial.owner = Owner::Only(ask.source),
                Pace::Slow | Pace::Snubbed => {}
            }
        }
        while out.len() < goal
            && let Some(block) = partial.take_first(ask.source)
        {
            out.extend(self.geometry.block(piece, block));
        }
        self.current.insert(ask.source, piece);
        self.note_joinable(piece);
    }

    fn next_step(&self, ask: &Ask<'_>) -> Option<Step> {
        if self.sequential {
            return self.first_in_line(ask);
        }
        if let Some(piece) = self.current.get(&ask.source)
            && let Some(partial) = self.partials.get(*piece)
            && partial.free > 0
            && self.wanted.contains(*piece)
            && ask.may(*piece)
            && open_to(partial, ask.source, true)
        {
            return Some(Step::Join(*piece));
        }
        let suggested = ask.suggested.iter().find(|piece| self.is_untouched(**piece) && ask.may(**piece));
        if let Some(piece) = suggested.filter(|_| ask.pace != Pace::Snubbed) {
            return Some(Step::Begin(*piece));
        }
        let early = self.stored.count() < limits::RANDOM_FIRST_PIECES;
        match ask.pace {
            Pace::Snubbed => self.most_common(ask),
            Pace::OnParole => self.left_behind(ask).or_else(|| self.rarest(ask)),
            Pace::Fast if !early => {
                let own = self.left_behind(ask).or_else(|| self.has_room().then(|| self.rarest(ask))?);
                own.or_else(|| self.join(ask, false)).or_else(|| self.rarest(ask))
            }
            Pace::Fast | Pace::Slow => {
                let shared = self.join(ask, true).or_else(|| {
                    if early { self.any(ask) } else { self.has_room().then(|| self.rarest(ask))? }
                });
                shared.or_else(|| self.join(ask, false)).or_else(|| self.rarest(ask))
            }
        }
    }

    fn is_untouched(&self, piece: PieceIndex) -> bool {
        self.rarity.position(piece).is_some()
    }

    /// Whether another piece may be begun before others are finished.
    fn has_room(&self) -> bool {
        let by_bytes = (limits::PARTIAL_BYTES / u64::from(self.geometry.piece_length())) as usize;
        self.partials.len() < by_bytes.clamp(limits::PARTIAL_PIECES_LEAST, limits::PARTIAL_PIECES_MOST)
    }

    /// The lowest piece with a free block.
    fn first_in_line(&self, ask: &Ask<'_>) -> Option<Step> {
        let open =
            self.joinable().filter(|partial| open_to(partial, ask.source, false) && ask.may(partial.piece));
        let joinable = open.map(|partial| partial.piece).min();
        let end = joinable.map_or(self.geometry.piece_count(), |piece| piece.0);
        let untouched = ask.have.common(self.rarity.untouched(), PieceIndex(self.first_untouched));
        let untouched = untouched.take_while(|piece| piece.0 < end).find(|piece| ask.may(*piece));
        untouched.map(Step::Begin).or(joinable.map(Step::Join))
    }

    /// The piece under way with the fewest free blocks; `shared`: only where no one source is at work.
    fn join(&self, ask: &Ask<'_>, shared: bool) -> Option<Step> {
        let open =
            self.joinable().filter(|partial| open_to(partial, ask.source, shared) && ask.may(partial.piece));
        open.map(|partial| (partial.free, partial.piece)).min().map(|(_, piece)| Step::Join(piece))
    }

    /// A piece under way that nobody works on any more.
    fn left_behind(&self, ask: &Ask<'_>) -> Option<Step> {
        let alone = self.joinable().filter(|partial| {
            !partial.is_awaited() && open_to(partial, ask.source, true) && ask.may(partial.piece)
        });
        alone.map(|partial| (partial.free, partial.piece)).min().map(|(_, piece)| Step::Join(piece))
    }

    /// The rarest untouched piece. Most sources have one of the first; of others some pieces are compared.
    fn rarest(&self, ask: &Ask<'_>) -> Option<Step> {
        let first = self.rarity.order().iter().take(limits::RAREST_LOOKED_AT).copied();
        let rare = first.filter(|_| ask.only.is_none()).find(|piece| ask.may(*piece));
        rare.or_else(|| self.some(ask).min_by_key(|piece| self.rarity.position(*piece))).map(Step::Begin)
    }

    /// Any untouched piece, by chance.
    fn any(&self, ask: &Ask<'_>) -> Option<Step> {
        self.some(ask).next().map(Step::Begin)
    }

    /// The untouched piece that most peers have, as far as one looks.
    fn most_common(&self, ask: &Ask<'_>) -> Option<Step> {
        let untouched = self.some(ask).max_by_key(|piece| self.rarity.position(*piece)).map(Step::Begin);
        untouched.or_else(|| self.join(ask, true))
    }

    /// A few untouched pieces that the source has, from a place on that is left to chance. The same source keeps to its
    /// place while nothing changes.
    fn some<'a>(&'a self, ask: &'a Ask<'_>) -> impl Iterator<Item = PieceIndex> + 'a {
        let untouched = self.rarity.untouched();
        let from = PieceIndex((self.chance(ask.source) % u64::from(untouched.length().max(1))) as u32);
        let all = || {
            let before = ask.have.common(untouched, PieceIndex(0)).take_while(move |piece| *piece < from);
            ask.have.common(untouched, from).chain(before)
        };
        let all = ask.only.is_none().then(all).into_iter().flatten();
        let only = ask.only.into_iter().flatten().copied().filter(|piece| self.is_untouched(*piece));
        only.chain(all).filter(|piece| ask.may(*piece)).take(limits::RAREST_COMPARED)
    }

    fn chance(&self, source: SourceKey) -> u64 {
        fastrand::Rng::with_seed(self.rng.get_seed() ^ source.to_tag()).u64(..)
    }
}

/// Whether `source` may ask for free blocks of a piece; `shared`: others' own pieces are left alone.
fn open_to(partial: &Partial, source: SourceKey, shared: bool) -> bool {
    match partial.owner {
        Owner::Shared => true,
        Owner::One(owner) => owner == source || !shared,
        Owner::Only(owner) => owner == source,
    }
}
