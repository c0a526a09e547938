//! One web seed: where it stands, what it is doing, what it must not be asked for.

use super::flow::Flow;
use super::health::{Consequence, Health};
use crate::contract::{FetchEnd, WebSeedInfo, WebSeedKey};
use crate::fault::Fault;
use crate::limits;
use crate::picker::Run;
use metainfo::{Bitfield, BlockRequest, Geometry, PieceIndex};
use std::collections::BTreeSet;
use std::time::Instant;

/// What it is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Activity {
    Idle,
    Fetching,
    /// Told to stop, not yet heard from.
    Cancelling,
}

/// What a mirror needs to know to judge how a range ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Verdict<'a> {
    pub(crate) geometry: &'a Geometry,
    /// Mirrors may be without the file because it is so new.
    pub(crate) may_lag: bool,
    /// In 0..1, to spread pauses.
    pub(crate) chance: f64,
}

/// Nothing was found to ask of it.
#[derive(Clone, Copy, Debug)]
struct Dry {
    /// The picker's epoch then.
    epoch: u64,
    until: Instant,
}

/// One web seed.
#[derive(Clone, Debug)]
pub(crate) struct Mirror {
    pub(crate) info: WebSeedInfo,
    /// The web seed whose URL it fetches from: itself, but for those opened behind a redirector.
    pub(crate) family: WebSeedKey,
    pub(crate) flow: Flow,
    pub(crate) health: Health,
    activity: Activity,
    /// It was asked for something.
    tried: bool,
    /// The host behind a redirect that answered last.
    pub(crate) reached: Option<String>,
    /// Pieces it does not have, or spoilt.
    excluded: Bitfield,
    /// It answers range requests.
    ranges: bool,
    dry: Option<Dry>,
    /// Its place among its equals.
    pub(crate) order: u32,
    bytes: u64,
    /// It gave way to others that are faster.
    outpaced: bool,
    /// It took part in a piece that failed, and was not cleared yet.
    pub(crate) suspected: bool,
    /// A piece with bytes of it was good.
    vouched: bool,
    /// Pieces with bytes of it that nobody judged yet; of no interest once it is vouched for.
    unjudged: BTreeSet<PieceIndex>,
}

impl Mirror {
    pub(crate) fn new(now: Instant, info: WebSeedInfo, family: WebSeedKey, pieces: u32, order: u32) -> Self {
        Self {
            flow: Flow::new(now, info.score),
            info,
            family,
            health: Health::default(),
            activity: Activity::Idle,
            tried: false,
            reached: None,
            excluded: Bitfield::new(pieces),
            ranges: true,
            dry: None,
            order,
            bytes: 0,
            outpaced: false,
            suspected: false,
            vouched: false,
            unjudged: BTreeSet::new(),
        }
    }

    /// The host that its bytes come from.
    pub(crate) fn host(&self) -> &str {
        self.reached.as_deref().unwrap_or(&self.info.host)
    }

    pub(crate) const fn excluded(&self) -> &Bitfield {
        &self.excluded
    }

    pub(crate) const fn has_ranges(&self) -> bool {
        self.ranges
    }

    /// The server sends files from their first byte only.
    pub(crate) const fn set_no_ranges(&mut self) {
        self.ranges = false;
    }

    pub(crate) const fn is_tried(&self) -> bool {
        self.tried
    }

    pub(crate) const fn is_outpaced(&self) -> bool {
        self.outpaced
    }

    pub(crate) const fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn is_fetching(&self) -> bool {
        self.activity == Activity::Fetching
    }

    /// Whether it holds a connection.
    pub(crate) fn is_busy(&self) -> bool {
        self.activity != Activity::Idle
    }

    /// Whether it may be asked now.
    pub(crate) fn is_ready(&self, now: Instant, alone: bool) -> bool {
        self.activity == Activity::Idle && self.health.may_be_asked(now, alone) && !self.excluded.is_full()
    }

    /// Nothing was found for it at this epoch of the picker. Later something may be, also if that stays as it is: others
    /// turn slow.
    pub(crate) fn set_dry(&mut self, now: Instant, epoch: u64) {
        self.dry = Some(Dry { epoch, until: now + limits::DRY_FOR });
    }

    /// Something may be found for it.
    pub(crate) const fn wake(&mut self) {
        self.dry = None;
    }

    pub(crate) fn is_dry(&self, now: Instant, epoch: u64) -> bool {
        self.dry.is_some_and(|dry| dry.epoch == epoch && now < dry.until)
    }

    /// When it is looked again whether something is found for it, after `now`.
    pub(crate) fn dry_until(&self, now: Instant) -> Option<Instant> {
        self.dry.map(|dry| dry.until).filter(|until| *until > now)
    }

    /// A range was asked for.
    pub(crate) fn begin(&mut self, now: Instant, run: Run) {
        (self.activity, self.tried, self.outpaced) = (Activity::Fetching, true, false);
        self.flow.begin(now, run);
    }

    /// The answer began; behind a redirect, the host that answers.
    pub(crate) fn answered(&mut self, now: Instant, redirected: Option<String>) {
        self.flow.answered(now);
        self.reached = redirected;
    }

    /// A block came that ends at torrent offset `end`. True if what is left of the range is of no use.
    pub(crate) fn on_block(&mut self, now: Instant, block: BlockRequest, end: u64, awaited: bool) -> bool {
        self.bytes += u64::from(block.length);
        if !self.vouched {
            self.unjudged.insert(block.piece);
        }
        self.flow.on_block(now, end, block.length);
        self.settle(u32::from(awaited))
    }

    /// A piece was found good, or bad.
    pub(crate) fn judged(&mut self, piece: PieceIndex, is_good: bool) {
        if self.unjudged.remove(&piece) && is_good {
            self.vouched = true;
            self.unjudged.clear();
        }
    }

    /// The piece that is to be judged before it is trusted with another.
    pub(crate) fn on_trial(&self) -> Option<PieceIndex> {
        self.unjudged.first().copied()
    }

    /// So many blocks that it was to bring are not awaited of it any more. True if what is left is of no use.
    pub(crate) fn settle(&mut self, blocks: u32) -> bool {
        self.is_fetching() && self.flow.settle(blocks)
    }

    /// The range under way is to stop; true if there was one to be told.
    pub(crate) fn cancel(&mut self) -> bool {
        let fetching = self.is_fetching();
        if fetching {
            self.activity = Activity::Cancelling;
        }
        fetching
    }

    /// Its range is cut off for the sake of faster ones. One that brings nothing at all failed.
    pub(crate) fn give_way(&mut self, now: Instant, chance: f64) {
        self.outpaced = true;
        if self.flow.is_stalled(now) || self.flow.age(now).is_none() {
            self.blame_silence(now, chance);
        } else if self.flow.bytes() == 0 {
            self.flow.guess(now);
        }
    }

    /// Others bring what it was to bring. One that brings nothing at all failed.
    pub(crate) fn blame_silence(&mut self, now: Instant, chance: f64) {
        let fault = match self.flow.age(now) {
            None if self.flow.waited_for_answer(now) > limits::PATIENCE_LEAST => Fault::NoAnswer,
            Some(_) if self.flow.is_stalled(now) => Fault::Stalled,
            _ => return,
        };
        self.health.failed(now, fault, false, chance);
        self.flow.forget_speed();
    }

    /// The range is over. True if the web seed is given up by that.
    pub(crate) fn ended(&mut self, now: Instant, end: FetchEnd, verdict: &Verdict<'_>) -> bool {
        self.flow.ended(now);
        self.activity = Activity::Idle;
        self.dry = None;
        if self.health.is_gone() {
            return false;
        }
        match end {
            FetchEnd::Cancelled => {
                self.health.cut(now);
                false
            }
            FetchEnd::Complete => {
                self.health.served();
                false
            }
            FetchEnd::Failed(fault) => {
                let chance = verdict.chance;
                match self.health.failed(now, fault, verdict.may_lag, chance) {
                    Consequence::Pause => false,
                    Consequence::FileGone => {
                        self.exclude_file_at_position(verdict.geometry);
                        false
                    }
                    Consequence::GiveUp => true,
                }
            }
        }
    }

    /// Which file was missing is not told, but the fetch got as far as its first byte, or just before it in the
    /// same block.
    fn exclude_file_at_position(&mut self, geometry: &Geometry) {
        let block = u64::from(metainfo::BLOCK_LENGTH);
        let files: Vec<_> = geometry.segments(self.flow.position(), block).collect();
        let begun_before = files.len() > 1 && files.first().is_some_and(|file| file.offset > 0);
        for segment in files.iter().skip(usize::from(begun_before)) {
            for piece in geometry.file_pieces(segment.file) {
                self.excluded.insert(PieceIndex(piece));
            }
        }
    }

    /// It alone sent a bad piece. True if that is once too often.
    pub(crate) fn spoilt(&mut self) -> bool {
        self.health.spoilt() >= limits::WEB_SEED_BAD_PIECES && !self.health.is_gone()
    }

    /// The files of this piece are not asked of it again.
    pub(crate) fn exclude_files_of(&mut self, geometry: &Geometry, piece: PieceIndex) {
        let (offset, length) = (geometry.piece_offset(piece), u64::from(geometry.piece_size(piece)));
        for segment in geometry.segments(offset, length) {
            for piece in geometry.file_pieces(segment.file) {
                self.excluded.insert(PieceIndex(piece));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::origin;

    fn fetching(length: u64) -> (Mirror, Instant) {
        let now = origin();
        let mut mirror = Mirror::new(now, WebSeedInfo::default(), WebSeedKey(0), 8, 0);
        mirror.begin(now, Run { offset: 0, length, blocks: (length / 16_384) as u32 });
        (mirror, now)
    }

    fn end(mirror: &mut Mirror, now: Instant, end: FetchEnd) -> bool {
        let geometry = Geometry::new(65_536, [100_000, 200_000, 224_288]).unwrap();
        mirror.ended(now, end, &Verdict { geometry: &geometry, may_lag: false, chance: 0.5 })
    }

    #[test]
    fn a_missing_file_is_not_asked_again_but_others_are() {
        let (mut mirror, now) = fetching(512 << 10);
        // 100,000 bytes of file 0 end inside block 6: the blocks before it came.
        let block = BlockRequest { piece: PieceIndex(1), begin: 16_384, length: 16_384 };
        mirror.on_block(now, block, 6 * 16_384, true);
        assert!(!end(&mut mirror, now, FetchEnd::Failed(Fault::NotThere(404))));
        let excluded: Vec<u32> = mirror.excluded().iter().map(|piece| piece.0).collect();
        assert_eq!(excluded, [1, 2, 3, 4]);
        assert!(mirror.is_ready(now, false));
    }

    #[test]
    fn one_without_any_file_is_not_asked_again() {
        let (mut mirror, now) = fetching(512 << 10);
        for file in 0..3 {
            mirror.begin(now, Run { offset: [0, 100_000, 300_000][file], length: 65_536, blocks: 4 });
            end(&mut mirror, now, FetchEnd::Failed(Fault::NotThere(404)));
        }
        assert!(!mirror.is_ready(now, true));
    }

    #[test]
    fn it_is_on_trial_until_one_of_its_pieces_was_good() {
        let (mut mirror, now) = fetching(512 << 10);
        let brings = |mirror: &mut Mirror, piece| {
            let block = BlockRequest { piece: PieceIndex(piece), begin: 0, length: 16_384 };
            mirror.on_block(now, block, u64::from(piece) * 65_536 + 16_384, true);
        };
        brings(&mut mirror, 0);
        brings(&mut mirror, 1);
        mirror.judged(PieceIndex(5), true);
        assert_eq!(mirror.on_trial(), Some(PieceIndex(0)), "that piece was not its own");
        mirror.judged(PieceIndex(0), false);
        assert_eq!(mirror.on_trial(), Some(PieceIndex(1)));
        mirror.judged(PieceIndex(1), true);
        brings(&mut mirror, 2);
        assert_eq!(mirror.on_trial(), None);
    }

    #[test]
    fn three_bad_pieces_are_too_many() {
        let (mut mirror, _) = fetching(4 << 20);
        assert!(!mirror.spoilt() && !mirror.spoilt() && mirror.spoilt());
    }

    #[test]
    fn a_cancel_is_told_once_and_is_no_fault() {
        let (mut mirror, now) = fetching(4 << 20);
        assert!(mirror.cancel() && !mirror.cancel() && mirror.is_busy());
        assert!(!end(&mut mirror, now, FetchEnd::Cancelled));
        let later = now + std::time::Duration::from_secs(2);
        assert!(mirror.is_ready(later, false) && !mirror.health.is_failing());
    }
}
