//! Which piece a source works on next.

use super::partial::Owner;
use super::{Partial, Picker};
use crate::contract::{Priority, SourceKey};
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
        while self.first_untouched < end && !self.is_untouched(self.piece_at(self.first_untouched)) {
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

    /// The best step among the pieces of the highest priority that leave one.
    fn next_step(&self, ask: &Ask<'_>) -> Option<Step> {
        let priorities = self.rarity.priorities();
        priorities.iter().find_map(|priority| Choice { picker: self, ask, priority: *priority }.step())
    }

    fn is_untouched(&self, piece: PieceIndex) -> bool {
        self.rarity.position(piece).is_some()
    }

    /// Whether another piece may be begun before others are finished.
    fn has_room(&self) -> bool {
        let by_bytes = (limits::PARTIAL_BYTES / u64::from(self.geometry.piece_length())) as usize;
        self.partials.len() < by_bytes.clamp(limits::PARTIAL_PIECES_LEAST, limits::PARTIAL_PIECES_MOST)
    }

    fn chance(&self, source: SourceKey) -> u64 {
        fastrand::Rng::with_seed(self.rng.get_seed() ^ source.to_tag()).u64(..)
    }
}

/// What one source may do next among the pieces of one priority.
#[derive(Clone, Copy)]
struct Choice<'a> {
    picker: &'a Picker,
    ask: &'a Ask<'a>,
    priority: Priority,
}

impl<'a> Choice<'a> {
    fn may(&self, piece: PieceIndex) -> bool {
        self.picker.rarity.priority(piece) == self.priority && self.ask.may(piece)
    }

    fn step(&self) -> Option<Step> {
        if self.picker.sequential.is_some() {
            return self.first_in_line();
        }
        if let Some(step) = self.go_on().or_else(|| self.suggested()) {
            return Some(step);
        }
        let early = self.picker.stored.count() < limits::RANDOM_FIRST_PIECES;
        let begin = || self.picker.has_room().then(|| self.rarest())?;
        match self.ask.pace {
            Pace::Snubbed => self.most_common(),
            Pace::OnParole => self.left_behind().or_else(|| self.rarest()),
            Pace::Fast if !early => {
                let own = self.left_behind().or_else(begin);
                own.or_else(|| self.join(false)).or_else(|| self.rarest())
            }
            Pace::Fast | Pace::Slow => {
                let shared = self.join(true).or_else(|| if early { self.any() } else { begin() });
                shared.or_else(|| self.join(false)).or_else(|| self.rarest())
            }
        }
    }

    /// The first piece in line with a free block.
    fn first_in_line(&self) -> Option<Step> {
        let picker = self.picker;
        let joinable = self.open(false).map(|partial| picker.place(partial.piece)).min();
        let end = joinable.unwrap_or(picker.geometry.piece_count());
        let (have, untouched) = (self.ask.have, picker.rarity.untouched(self.priority));
        let wrapped = have.common(untouched, PieceIndex(0)).take_while(|piece| *piece < picker.head());
        let mut in_line = have
            .common(untouched, picker.piece_at(picker.first_untouched))
            .chain(wrapped)
            .take_while(|piece| picker.place(*piece) < end);
        let first = in_line.find(|piece| self.may(*piece));
        first.map(Step::Begin).or(joinable.map(|place| Step::Join(picker.piece_at(place))))
    }

    /// The piece that the source works on.
    fn go_on(&self) -> Option<Step> {
        let piece = *self.picker.current.get(&self.ask.source)?;
        let partial = self.picker.partials.get(piece)?;
        let goes_on = partial.free > 0
            && self.picker.wanted.contains(piece)
            && self.may(piece)
            && open_to(partial, self.ask.source, true);
        goes_on.then_some(Step::Join(piece))
    }

    fn suggested(&self) -> Option<Step> {
        let mut suggested = self.ask.suggested.iter().copied().filter(|_| self.ask.pace != Pace::Snubbed);
        suggested.find(|piece| self.picker.is_untouched(*piece) && self.may(*piece)).map(Step::Begin)
    }

    /// The pieces under way that the source may join; `shared`: only where no one source is at work.
    fn open(&self, shared: bool) -> impl Iterator<Item = &'a Partial> {
        let choice = *self;
        let joinable = choice.picker.joinable();
        joinable.filter(move |it| open_to(it, choice.ask.source, shared) && choice.may(it.piece))
    }

    /// The piece under way with the fewest free blocks; `shared`: only where no one source is at work.
    fn join(&self, shared: bool) -> Option<Step> {
        let open = self.open(shared);
        open.map(|partial| (partial.free, partial.piece)).min().map(|(_, piece)| Step::Join(piece))
    }

    /// A piece under way that nobody works on any more.
    fn left_behind(&self) -> Option<Step> {
        let joinable = self.picker.joinable().filter(|partial| !partial.is_awaited());
        let alone = joinable.filter(|it| open_to(it, self.ask.source, true) && self.may(it.piece));
        alone.map(|partial| (partial.free, partial.piece)).min().map(|(_, piece)| Step::Join(piece))
    }

    /// The rarest untouched piece. Most sources have one of the first; of others some pieces are compared.
    fn rarest(&self) -> Option<Step> {
        let rarity = &self.picker.rarity;
        let first = rarity.order(self.priority).iter().take(limits::RAREST_LOOKED_AT).copied();
        let rare = first.filter(|_| self.ask.only.is_none()).find(|piece| self.ask.may(*piece));
        rare.or_else(|| self.some().min_by_key(|piece| rarity.position(*piece))).map(Step::Begin)
    }

    /// Any untouched piece, by chance.
    fn any(&self) -> Option<Step> {
        self.some().next().map(Step::Begin)
    }

    /// The untouched piece that most peers have, as far as one looks.
    fn most_common(&self) -> Option<Step> {
        let untouched = self.some().max_by_key(|piece| self.picker.rarity.position(*piece));
        untouched.map(Step::Begin).or_else(|| self.join(true))
    }

    /// A few untouched pieces that the source has, from a place on that is left to chance. The same source keeps to its
    /// place while nothing changes.
    fn some(&self) -> impl Iterator<Item = PieceIndex> + use<'_> {
        let (picker, ask) = (self.picker, self.ask);
        let untouched = picker.rarity.untouched(self.priority);
        let from = PieceIndex((picker.chance(ask.source) % u64::from(untouched.length().max(1))) as u32);
        let all = || {
            let before = ask.have.common(untouched, PieceIndex(0)).take_while(move |piece| *piece < from);
            ask.have.common(untouched, from).chain(before)
        };
        let all = ask.only.is_none().then(all).into_iter().flatten();
        let only = ask.only.into_iter().flatten().copied().filter(|piece| untouched.contains(*piece));
        only.chain(all).filter(|piece| ask.may(*piece)).take(limits::RAREST_COMPARED)
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
