//! The web seeds of one torrent: which is free, how much to ask of it, when to ask again.
//!
//! Each has at most one range under way. A range should take [`limits::RANGE_TIME`] at the rate measured on the
//! last one: long enough that the wait between two ranges is small, short enough that little is at stake.
//! Which blocks a range covers is the picker's choice.

use crate::contract::{FetchEnd, WebSeedKey};
use crate::limits;
use crate::picker::Run;
use crate::rate::Rate;
use crate::stats::{WebSeedSnapshot, WebSeedState};
use metainfo::{Bitfield, Geometry, PieceIndex};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// The longest pause a server may ask for.
const LONGEST_RETRY_AFTER: Duration = Duration::from_hours(1);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// May be asked from then on.
    Ready(Instant),
    Fetching,
    /// Told to stop, not yet heard from.
    Cancelling,
    Dropped,
}

/// One web seed.
#[derive(Clone, Debug)]
pub(crate) struct WebSeed {
    state: State,
    run: Run,
    /// Torrent offset up to which the range under way was delivered.
    position: u64,
    /// Blocks of the range under way that are still missing and that it is to bring.
    awaited: u32,
    began: Instant,
    progress_at: Instant,
    bytes_of_run: u64,
    /// Bytes per second of the last range; 0 if none.
    measured: u64,
    rate: Rate,
    bytes: u64,
    failures: u32,
    bad_pieces: u32,
    /// Pieces it does not have, or spoilt.
    excluded: Bitfield,
    /// It answers range requests.
    ranges: bool,
    /// The picker's epoch when nothing was found for it.
    dry_at: Option<u64>,
}

impl WebSeed {
    fn new(now: Instant, pieces: u32) -> Self {
        Self {
            state: State::Ready(now),
            run: Run { offset: 0, length: 0, blocks: 0 },
            position: 0,
            awaited: 0,
            began: now,
            progress_at: now,
            bytes_of_run: 0,
            measured: 0,
            rate: Rate::new(now),
            bytes: 0,
            failures: 0,
            bad_pieces: 0,
            excluded: Bitfield::new(pieces),
            ranges: true,
            dry_at: None,
        }
    }

    pub(crate) const fn excluded(&self) -> &Bitfield {
        &self.excluded
    }

    pub(crate) const fn has_ranges(&self) -> bool {
        self.ranges
    }

    pub(crate) const fn run(&self) -> Run {
        self.run
    }

    pub(crate) fn is_fetching(&self) -> bool {
        self.state == State::Fetching
    }

    /// Whether it may be asked now.
    pub(crate) fn is_ready(&self, now: Instant) -> bool {
        matches!(self.state, State::Ready(at) if at <= now)
    }

    /// Nothing was found for it at this epoch of the picker.
    pub(crate) const fn set_dry(&mut self, epoch: Option<u64>) {
        self.dry_at = epoch;
    }

    pub(crate) fn is_dry(&self, epoch: u64) -> bool {
        self.dry_at == Some(epoch)
    }

    /// How many bytes the next range should have.
    pub(crate) fn range_bytes(&self) -> u64 {
        if self.measured == 0 {
            return limits::FIRST_RANGE;
        }
        let bytes = self.measured.saturating_mul(limits::RANGE_TIME.as_secs());
        bytes.clamp(limits::SHORTEST_RANGE, limits::LONGEST_RANGE)
    }

    /// A range was asked for.
    pub(crate) fn begin(&mut self, now: Instant, run: Run) {
        (self.state, self.run, self.awaited) = (State::Fetching, run, run.blocks);
        (self.position, self.bytes_of_run) = (run.offset, 0);
        (self.began, self.progress_at) = (now, now);
    }

    /// A block of it arrived, `end` the torrent offset behind it. True if what is left of the range is of no use.
    pub(crate) fn on_block(&mut self, now: Instant, end: u64, bytes: u32, awaited: bool) -> bool {
        self.rate.add(now, u64::from(bytes));
        self.bytes += u64::from(bytes);
        self.bytes_of_run += u64::from(bytes);
        self.position = self.position.max(end);
        self.progress_at = now;
        self.note_settled(awaited)
    }

    /// A block it was to bring came from elsewhere. True if what is left of the range is of no use.
    pub(crate) fn on_block_elsewhere(&mut self) -> bool {
        self.note_settled(true)
    }

    fn note_settled(&mut self, awaited: bool) -> bool {
        if self.state != State::Fetching {
            return false;
        }
        self.awaited -= u32::from(awaited).min(self.awaited);
        self.awaited == 0 && self.position < self.run.offset + self.run.length
    }

    /// The range under way is to stop; true if there was one to be told.
    pub(crate) fn cancel(&mut self) -> bool {
        let fetching = self.state == State::Fetching;
        if fetching {
            self.state = State::Cancelling;
        }
        fetching
    }

    /// How long until the byte at `offset` of the range under way is here.
    pub(crate) fn delay(&self, now: Instant, offset: u64) -> Duration {
        let rate = self.rate.per_second(now).max(if self.bytes_of_run == 0 { self.measured } else { 0 });
        match rate {
            0 => limits::STALLED_AFTER,
            rate => Duration::from_millis(offset.saturating_sub(self.position).saturating_mul(1000) / rate),
        }
    }

    /// How long nothing came of the range under way.
    pub(crate) fn silence(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.progress_at)
    }

    /// The server sends files from their first byte only.
    pub(crate) const fn set_no_ranges(&mut self) {
        self.ranges = false;
    }

    /// The range is over. True if the web seed is given up by that.
    pub(crate) fn ended(&mut self, now: Instant, end: &FetchEnd, geometry: &Geometry, chance: f64) -> bool {
        if self.state == State::Dropped {
            return false;
        }
        let took = now.saturating_duration_since(self.began).as_millis().max(1) as u64;
        if self.bytes_of_run > 0 {
            self.measured = (self.bytes_of_run.saturating_mul(1000) / took).max(1);
            self.failures = 0;
        }
        self.awaited = 0;
        self.dry_at = None;
        self.state = State::Ready(match end {
            FetchEnd::Complete | FetchEnd::Cancelled => now,
            FetchEnd::Busy { retry_after } => {
                let own = self.pause(chance);
                now + retry_after
                    .map_or(own, |asked| asked.clamp(Duration::from_secs(1), LONGEST_RETRY_AFTER))
            }
            FetchEnd::Failed => now + self.pause(chance),
            FetchEnd::Missing => {
                self.exclude_file_at_position(geometry);
                now
            }
            FetchEnd::Unusable => {
                self.state = State::Dropped;
                return true;
            }
        });
        false
    }

    fn pause(&mut self, chance: f64) -> Duration {
        let pause = limits::WEB_SEED_RETRY_FIRST * 2u32.pow(self.failures.min(10));
        self.failures += 1;
        pause.min(limits::WEB_SEED_RETRY_LONGEST).mul_f64(0.8 + 0.4 * chance)
    }

    /// Which file was missing is not told, but the fetch got as far as its first byte, or just before it in the
    /// same block.
    fn exclude_file_at_position(&mut self, geometry: &Geometry) {
        let block = u64::from(metainfo::BLOCK_LENGTH);
        let files: Vec<_> = geometry.segments(self.position, block).collect();
        let begun_before = files.len() > 1 && files.first().is_some_and(|file| file.offset > 0);
        for segment in files.iter().skip(usize::from(begun_before)) {
            for piece in geometry.file_pieces(segment.file) {
                self.excluded.insert(PieceIndex(piece));
            }
        }
    }

    /// It alone sent a bad piece. True if that is once too often.
    pub(crate) fn spoilt(&mut self) -> bool {
        self.bad_pieces += 1;
        self.bad_pieces >= limits::WEB_SEED_BAD_PIECES && self.state != State::Dropped
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

    /// It is never asked again.
    pub(crate) const fn give_up(&mut self) {
        self.state = State::Dropped;
    }

    pub(crate) fn snapshot(&self, now: Instant, key: WebSeedKey) -> WebSeedSnapshot {
        let state = match self.state {
            State::Ready(at) if at <= now => WebSeedState::Idle,
            State::Ready(_) => WebSeedState::Waiting,
            State::Fetching | State::Cancelling => WebSeedState::Fetching,
            State::Dropped => WebSeedState::Dropped,
        };
        let down_rate = self.rate.per_second(now);
        WebSeedSnapshot { key, state, bytes_down: self.bytes, down_rate, bad_pieces: self.bad_pieces }
    }
}

/// The web seeds of one torrent.
#[derive(Clone, Debug, Default)]
pub(crate) struct WebSeeds {
    seeds: BTreeMap<WebSeedKey, WebSeed>,
}

impl WebSeeds {
    pub(crate) fn add(&mut self, now: Instant, key: WebSeedKey, pieces: u32) {
        if self.seeds.len() < limits::WEB_SEEDS {
            self.seeds.insert(key, WebSeed::new(now, pieces));
        }
    }

    pub(crate) fn remove(&mut self, key: WebSeedKey) -> Option<WebSeed> {
        self.seeds.remove(&key)
    }

    pub(crate) fn get(&self, key: WebSeedKey) -> Option<&WebSeed> {
        self.seeds.get(&key)
    }

    pub(crate) fn get_mut(&mut self, key: WebSeedKey) -> Option<&mut WebSeed> {
        self.seeds.get_mut(&key)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (WebSeedKey, &WebSeed)> {
        self.seeds.iter().map(|(key, seed)| (*key, seed))
    }

    /// Those that may be asked now; the ones that answer range requests first.
    pub(crate) fn ready(&self, now: Instant, epoch: u64) -> Vec<WebSeedKey> {
        let ready = self.seeds.iter().filter(|(_, seed)| seed.is_ready(now) && !seed.is_dry(epoch));
        let mut keys: Vec<_> = ready.map(|(key, seed)| (!seed.ranges, *key)).collect();
        keys.sort_unstable();
        keys.into_iter().map(|(_, key)| key).collect()
    }

    /// Whether a range is under way anywhere.
    pub(crate) fn any_fetching(&self) -> bool {
        self.seeds.values().any(|seed| matches!(seed.state, State::Fetching | State::Cancelling))
    }

    /// Whether another than `key` may still be asked for something.
    pub(crate) fn any_other(&self, key: WebSeedKey) -> bool {
        self.seeds.iter().any(|(other, seed)| *other != key && seed.state != State::Dropped)
    }

    /// When a pause ends next, after `now`.
    pub(crate) fn next_at(&self, now: Instant) -> Option<Instant> {
        let pauses = self.seeds.values().filter_map(|seed| match seed.state {
            State::Ready(at) if at > now => Some(at),
            _ => None,
        });
        pauses.min()
    }

    /// Forgets what was dry, so that each may be asked again.
    pub(crate) fn wake(&mut self) {
        for seed in self.seeds.values_mut() {
            seed.dry_at = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::origin;

    fn fetching(length: u64) -> (WebSeed, Instant) {
        let now = origin();
        let mut seed = WebSeed::new(now, 8);
        seed.begin(now, Run { offset: 0, length, blocks: (length / 16_384) as u32 });
        (seed, now)
    }

    fn geometry() -> Geometry {
        Geometry::new(65_536, [100_000, 200_000, 224_288]).unwrap()
    }

    #[test]
    fn ranges_grow_with_the_measured_rate() {
        let (mut seed, now) = fetching(4 << 20);
        assert_eq!(WebSeed::new(now, 8).range_bytes(), limits::FIRST_RANGE);
        for block in 1..=256 {
            seed.on_block(now, block * 16_384, 16_384, true);
        }
        assert!(!seed.ended(now + Duration::from_secs(1), &FetchEnd::Complete, &geometry(), 0.5));
        assert_eq!(seed.range_bytes(), 20 << 20);
        assert!(seed.is_ready(now + Duration::from_secs(1)));
    }

    #[test]
    fn failures_are_tried_again_later_and_later() {
        let (mut seed, mut now) = fetching(4 << 20);
        let mut pauses = Vec::new();
        for _ in 0..10 {
            seed.ended(now, &FetchEnd::Failed, &geometry(), 0.5);
            let State::Ready(at) = seed.state else { panic!("{:?}", seed.state) };
            pauses.push((at - now).as_secs());
            now = at;
            seed.begin(now, seed.run());
        }
        assert_eq!(pauses[..4], [10, 20, 40, 80]);
        assert_eq!(*pauses.last().unwrap(), 900);
        let asked = FetchEnd::Busy { retry_after: Some(Duration::from_secs(7)) };
        seed.ended(now, &asked, &geometry(), 0.5);
        assert!(!seed.is_ready(now + Duration::from_secs(6)) && seed.is_ready(now + Duration::from_secs(7)));
    }

    #[test]
    fn a_missing_file_is_not_asked_again_but_others_are() {
        let (mut seed, now) = fetching(512 << 10);
        // 100,000 bytes of file 0 end inside block 6: the blocks before it came.
        seed.on_block(now, 6 * 16_384, 16_384, true);
        seed.ended(now, &FetchEnd::Missing, &geometry(), 0.5);
        let excluded: Vec<u32> = seed.excluded().iter().map(|piece| piece.0).collect();
        assert_eq!(excluded, [1, 2, 3, 4]);
        assert!(seed.is_ready(now));
    }

    #[test]
    fn what_came_from_elsewhere_ends_the_range_early() {
        let (mut seed, now) = fetching(3 * 16_384);
        assert!(!seed.on_block_elsewhere());
        assert!(!seed.on_block(now, 16_384, 16_384, true));
        assert!(seed.on_block_elsewhere());
        assert!(seed.cancel() && !seed.cancel());
    }

    #[test]
    fn three_bad_pieces_are_too_many() {
        let (mut seed, _) = fetching(4 << 20);
        assert!(!seed.spoilt() && !seed.spoilt() && seed.spoilt());
    }
}
