//! Ranges from web seeds.

use super::Swarm;
use super::requests::Field;
use crate::contract::{Event, FetchEnd, Output, SourceKey, WebSeedKey, WebSeedOrder};
use crate::picker::Run;
use metainfo::{BlockRequest, PieceIndex};
use std::time::Instant;

impl Swarm {
    /// Gives every web seed that may be asked a range.
    pub(super) fn schedule_web_seeds(&mut self, now: Instant) {
        self.web_seed_at = None;
        if self.faulty || self.missing == 0 || self.is_silent() {
            return;
        }
        for key in self.web_seeds.ready(now, self.picker.epoch()) {
            let run = self.pick_run(now, key);
            let epoch = self.picker.epoch();
            let Some(seed) = self.web_seeds.get_mut(key) else { continue };
            let Some(run) = run else {
                seed.set_dry(Some(epoch));
                continue;
            };
            seed.begin(now, run);
            self.order_web_seed(key, WebSeedOrder::Fetch { offset: run.offset, length: run.length });
        }
        self.web_seed_at = self.web_seeds.next_at(now);
    }

    fn pick_run(&mut self, now: Instant, key: WebSeedKey) -> Option<Run> {
        let seed = self.web_seeds.get(key)?;
        let source = SourceKey::WebSeed(key);
        if !seed.has_ranges() {
            // It sends everything from the first byte on: only when nobody else brings anything.
            let others = self.web_seeds.any_fetching()
                || self.peers.values().any(|peer| peer.is_askable(now) && !peer.pipeline.is_snubbed());
            return if others { None } else { self.picker.pick_everything(source, seed.excluded()) };
        }
        if let Some(run) = self.picker.pick_run(source, seed.range_bytes(), seed.excluded()) {
            return Some(run);
        }
        let field = Field {
            now,
            peers: &self.peers,
            web_seeds: &self.web_seeds,
            geometry: &self.config.geometry,
            own_delay: crate::limits::WEB_SEED_ANSWER,
        };
        self.picker.pick_run_again(source, seed.excluded(), &field)
    }

    pub(super) fn on_web_seed_block(&mut self, now: Instant, key: WebSeedKey, request: BlockRequest) {
        self.stats.bytes_from_web_seeds += u64::from(request.length);
        let asked = self.settle_arrival(now, SourceKey::WebSeed(key), request);
        let end = self.config.geometry.piece_offset(request.piece)
            + u64::from(request.begin)
            + u64::from(request.length);
        let Some(seed) = self.web_seeds.get_mut(key) else { return };
        if seed.on_block(now, end, request.length, asked) && seed.cancel() {
            self.order_web_seed(key, WebSeedOrder::Cancel);
        }
    }

    pub(super) fn on_range_ended(&mut self, now: Instant, key: WebSeedKey, end: &FetchEnd) {
        let chance = self.rng.f64();
        let Some(seed) = self.web_seeds.get_mut(key) else { return };
        let run = seed.run();
        let dropped = seed.ended(now, end, &self.config.geometry, chance);
        self.picker.release_run(SourceKey::WebSeed(key), run);
        self.picker.forget_source(SourceKey::WebSeed(key));
        if dropped {
            self.outputs.push_back(Output::Event(Event::WebSeedDropped(key)));
        }
        self.schedule_web_seeds(now);
        self.refill_all(now);
    }

    pub(super) fn on_no_ranges(&mut self, now: Instant, key: WebSeedKey) {
        let Some(seed) = self.web_seeds.get_mut(key) else { return };
        seed.set_no_ranges();
        // A range from the first byte is just what comes; any other is over.
        if seed.run().offset > 0 {
            self.cancel_range(key);
            self.refill_all(now);
        }
    }

    /// Stops the range under way and frees its blocks.
    pub(super) fn cancel_range(&mut self, key: WebSeedKey) {
        let Some(seed) = self.web_seeds.get_mut(key) else { return };
        let run = seed.run();
        if seed.cancel() {
            self.order_web_seed(key, WebSeedOrder::Cancel);
        }
        self.picker.release_run(SourceKey::WebSeed(key), run);
        self.picker.forget_source(SourceKey::WebSeed(key));
    }

    /// Stops ranges that hold a piece which is not wanted any more.
    pub(super) fn cancel_unwanted_ranges(&mut self) {
        let piece_length = u64::from(self.config.geometry.piece_length());
        let unwanted = |run: Run| {
            let pieces = run.offset / piece_length..(run.offset + run.length).div_ceil(piece_length);
            pieces.map(|piece| PieceIndex(piece as u32)).any(|piece| !self.config.wanted.contains(piece))
        };
        let fetching = self.web_seeds.iter().filter(|(_, seed)| seed.is_fetching() && unwanted(seed.run()));
        let keys: Vec<_> = fetching.map(|(key, _)| key).collect();
        for key in keys {
            self.cancel_range(key);
        }
    }

    /// A web seed alone sent a bad piece.
    pub(super) fn blame_web_seed(&mut self, key: WebSeedKey, piece: PieceIndex) {
        let alternative = !self.peers.is_empty() || self.web_seeds.any_other(key);
        let Some(seed) = self.web_seeds.get_mut(key) else { return };
        // Others may have the right bytes of these files; if nobody does, another try costs little.
        if alternative {
            seed.exclude_files_of(&self.config.geometry, piece);
        }
        if seed.spoilt() {
            self.cancel_range(key);
            if let Some(seed) = self.web_seeds.get_mut(key) {
                seed.give_up();
            }
            self.outputs.push_back(Output::Event(Event::WebSeedDropped(key)));
        }
    }
}
