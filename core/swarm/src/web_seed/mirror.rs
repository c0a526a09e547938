//! One web seed: where it stands, what it is doing, what it must not be asked for.

use super::flow::Flow;
use super::health::{Consequence, Health};
use crate::contract::{FetchEnd, WebSeedInfo, WebSeedKey};
use crate::fault::Fault;
use crate::limits;
use crate::picker::Run;
use metainfo::{Bitfield, Geometry, PieceIndex};
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
    /// The picker's epoch when nothing was found for it.
    dry_at: Option<u64>,
    /// Its place among its equals.
    pub(crate) order: u32,
    bytes: u64,
    /// It gave way to others that are faster.
    outpaced: bool,
    /// It took part in a piece that failed, and was not cleared yet.
    pub(crate) suspected: bool,
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
            dry_at: None,
            order,
            bytes: 0,
            outpaced: false,
            suspected: false,
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

    /// Nothing was found for it at this epoch of the picker.
    pub(crate) const fn set_dry(&mut self, epoch: Option<u64>) {
        self.dry_at = epoch;
    }

    pub(crate) fn is_dry(&self, epoch: u64) -> bool {
        self.dry_at == Some(epoch)
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

    /// A block came. True if what is left of the range is of no use.
    pub(crate) fn on_block(&mut self, now: Instant, end: u64, bytes: u32, awaited: bool) -> bool {
        self.bytes += u64::from(bytes);
        self.flow.on_block(now, end, bytes);
        self.settle(u32::from(awaited))
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
        self.dry_at = None;
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
        mirror.on_block(now, 6 * 16_384, 16_384, true);
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
