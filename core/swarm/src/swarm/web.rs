//! Ranges from web seeds.

use super::Swarm;
use super::requests::Field as Rivals;
use crate::contract::{
    Event, FetchEnd, Output, SourceKey, WebSeedFact, WebSeedInfo, WebSeedKey, WebSeedOrder, WebSeedPolicy,
};
use crate::fault::Fault;
use crate::limits;
use crate::picker::{Run, RunAsk, TakeOver};
use crate::web_seed::{Carried, Field, Greeting, Need, Prospect, Thief, Verdict};
use metainfo::{BlockRequest, PieceIndex};
use std::cell::Cell;
use std::time::Instant;

impl Swarm {
    /// Takes in web seeds; they may be asked at once. Those known together are best added together: what is asked of
    /// one depends on how many there are.
    pub fn add_web_seeds(
        &mut self,
        now: Instant,
        infos: impl IntoIterator<Item = WebSeedInfo>,
    ) -> Vec<WebSeedKey> {
        let mut infos: Vec<_> = infos.into_iter().collect();
        if infos.len() > limits::MANY_WEB_SEEDS
            && let Some(last) = infos.last_mut()
        {
            // Lists end with the one that has everything for ever.
            last.is_last_resort = true;
        }
        let keys = infos.into_iter().map(|info| self.take_in_web_seed(now, info, None)).collect();
        self.schedule_web_seeds(now);
        keys
    }

    fn take_in_web_seed(
        &mut self,
        now: Instant,
        info: WebSeedInfo,
        family: Option<WebSeedKey>,
    ) -> WebSeedKey {
        let (pieces, order) = (self.config.geometry.piece_count(), self.rng.u32(..));
        self.web_seeds.add(now, info, family, pieces, order)
    }

    /// Forgets a web seed; a range under way is cancelled.
    pub fn remove_web_seed(&mut self, now: Instant, web_seed: WebSeedKey) {
        for key in self.web_seeds.family(web_seed) {
            self.cancel_range(key);
            self.web_seeds.remove(key);
        }
        self.schedule_web_seeds(now);
        self.refill_all(now);
    }

    /// A fact from a web seed's fetcher. Facts of web seeds already removed are ignored.
    pub fn handle_web_seed(&mut self, now: Instant, web_seed: WebSeedKey, fact: WebSeedFact) {
        if self.web_seeds.get(web_seed).is_none() {
            return;
        }
        match fact {
            WebSeedFact::Answered { redirected } => self.on_range_answered(now, web_seed, redirected),
            WebSeedFact::BlockReceived(request) => self.on_web_seed_block(now, web_seed, request),
            WebSeedFact::Ended(end) => self.on_range_ended(now, web_seed, end),
            WebSeedFact::NoRanges => self.on_no_ranges(now, web_seed),
        }
    }

    /// Gives connections to those web seeds that make the most of them.
    pub(super) fn schedule_web_seeds(&mut self, now: Instant) {
        self.web_seed_at = None;
        if self.faulty || self.missing == 0 || self.is_silent() {
            return;
        }
        for key in self.web_seeds.silent(now) {
            self.cut_range(now, key);
        }
        let field = self.web_seeds.field(now);
        let alone = !field.any_flows && !self.peers_bring(now);
        let carried = Carried { peers: self.peer_rate(now), web_seeds: field.total_speed };
        let mut places = self.places.allowed(now, carried, field.busy);
        if self.config.web_seed_policy == WebSeedPolicy::Balanced && self.is_left_to_local_peers() {
            places = 0;
        }
        for key in self.web_seeds.least(now, (field.busy - field.leaving).saturating_sub(places)) {
            self.cancel_range(key);
        }
        let mut waiting = self.web_seeds.prospects(now, &field, alone, self.picker.epoch());
        let least = self.web_seeds.capacity(now, places) / limits::WORTH_A_REQUEST;
        let counts = |it: &Prospect| it.is_stranger || it.speed >= least;
        waiting.retain(|it| alone || counts(it) && !self.awaits_verdict(it.key));
        if field.busy >= places && !self.need(&field).is_late() {
            self.make_room(now, &field, &waiting);
        }
        self.fill_places(now, &field, &waiting, places);
        let review = (!waiting.is_empty() && self.web_seeds.any_busy()).then(|| now + limits::REVIEW_EVERY);
        let pauses = [self.web_seeds.next_at(now, alone), self.places.next_at(now), review];
        self.web_seed_at = pauses.into_iter().flatten().min();
    }

    /// Cuts off ranges of those that are much slower than the ones that wait.
    fn make_room(&mut self, now: Instant, field: &Field, waiting: &[Prospect]) {
        for key in self.web_seeds.give_way(now, field, waiting) {
            self.cut_range(now, key);
        }
    }

    /// Cuts off a range that brings too little.
    fn cut_range(&mut self, now: Instant, key: WebSeedKey) {
        let chance = self.rng.f64();
        if let Some(mirror) = self.web_seeds.get_mut(key) {
            mirror.give_way(now, chance);
        }
        self.cancel_range(key);
    }

    /// Gives ranges to those that wait, as long as there are places, and work for them.
    fn fill_places(&mut self, now: Instant, field: &Field, waiting: &[Prospect], places: usize) {
        let mut busy = field.busy;
        let mut misses = 0;
        for prospect in waiting {
            if busy >= places || misses >= limits::MISSES {
                break;
            }
            if self.web_seeds.is_host_busy(prospect.key) {
                continue;
            }
            let need = self.need(field);
            // What a stranger shows in the last moments is of no use to anybody.
            if prospect.is_stranger && need.is_late() && field.any_flows {
                continue;
            }
            let run = self.pick_run(now, prospect, &need, field);
            let epoch = self.picker.epoch();
            let Some(mirror) = self.web_seeds.get_mut(prospect.key) else { continue };
            if let Some(run) = run {
                mirror.begin(now, run);
                busy += 1;
                let order = WebSeedOrder::Fetch { offset: run.offset, length: run.length };
                self.order_web_seed(prospect.key, order);
            } else {
                mirror.set_dry(now, epoch);
                misses += 1;
            }
        }
    }

    fn need(&self, field: &Field) -> Need {
        Need {
            free: self.picker.free_bytes(),
            awaited: field.awaited,
            total_speed: field.total_speed,
            untried: field.untried,
            piece_length: u64::from(self.config.geometry.piece_length()),
        }
    }

    /// Whether a web seed is to wait until its first piece is judged: nothing is left of that, or others are to
    /// finish it.
    fn awaits_verdict(&self, key: WebSeedKey) -> bool {
        let Some(mirror) = self.web_seeds.get(key) else { return false };
        let free = mirror.on_trial().and_then(|piece| self.picker.free_blocks(piece));
        free.is_some_and(|free| free == 0 || mirror.is_outpaced())
    }

    /// Web seeds hear what became of a piece.
    pub(super) fn judge_web_seeds(&mut self, piece: PieceIndex, is_good: bool) {
        for mirror in self.web_seeds.iter_mut() {
            mirror.judged(piece, is_good);
        }
    }

    /// Whether some peer sends, or is about to.
    fn peers_bring(&self, now: Instant) -> bool {
        self.peers.values().any(|peer| peer.is_askable(now) && !peer.pipeline.is_snubbed())
    }

    fn peer_rate(&self, now: Instant) -> u64 {
        self.peers.values().map(|peer| peer.snapshot(now).down_rate).sum()
    }

    fn pick_run(&mut self, now: Instant, prospect: &Prospect, need: &Need, field: &Field) -> Option<Run> {
        let key = prospect.key;
        let source = SourceKey::WebSeed(key);
        let mirror = self.web_seeds.get(key)?;
        if !mirror.has_ranges() {
            // It sends everything from the first byte on: only when nobody else brings anything.
            let others = self.web_seeds.any_busy() || self.peers_bring(now);
            return if others { None } else { self.picker.pick_everything(source, 0, mirror.excluded()) };
        }
        let bytes = need.range_bytes(mirror.flow.known());
        let in_time = prospect.speed.saturating_mul(limits::PROOF_TIME.as_secs());
        let proves =
            in_time >= u64::from(self.config.geometry.piece_length()) || field.is_fast(prospect.speed);
        let within =
            mirror.on_trial().filter(|piece| self.picker.free_blocks(*piece).is_some_and(|free| free > 0));
        let ask = RunAsk { source, bytes, excluded: mirror.excluded(), proves, within };
        if let Some(run) = self.picker.pick_run(&ask) {
            return Some(run);
        }
        let latency = mirror.flow.latency().or(field.latency).unwrap_or(limits::WEB_SEED_ANSWER);
        let thief = Thief { speed: prospect.speed, latency, most: bytes };
        for (victim, share) in self.web_seeds.victims(now, key, &thief) {
            if let Some(run) = self.take_over(now, victim, key, share) {
                return Some(run);
            }
        }
        let mirror = self.web_seeds.get(key)?;
        if !prospect.is_sure && field.any_flows {
            return None;
        }
        let rivals = Rivals {
            now,
            peers: &self.peers,
            web_seeds: &self.web_seeds,
            geometry: &self.config.geometry,
            own_delay: latency,
            judged: Cell::new(None),
        };
        self.picker.pick_run_again(source, mirror.excluded(), &rivals)
    }

    /// Moves the tail of a range under way to another web seed.
    fn take_over(&mut self, now: Instant, victim: WebSeedKey, thief: WebSeedKey, bytes: u64) -> Option<Run> {
        let flow = &self.web_seeds.get(victim)?.flow;
        let taken = self.picker.take_over(&TakeOver {
            victim: SourceKey::WebSeed(victim),
            thief: SourceKey::WebSeed(thief),
            run: flow.run(),
            bytes,
            excluded: self.web_seeds.get(thief)?.excluded(),
            is_stalled: flow.is_stalled(now),
        })?;
        self.settle_range(now, victim, taken.blocks);
        Some(taken)
    }

    /// So many blocks of a range under way come from elsewhere.
    pub(super) fn settle_range(&mut self, now: Instant, key: WebSeedKey, blocks: u32) {
        let chance = self.rng.f64();
        let Some(mirror) = self.web_seeds.get_mut(key) else { return };
        if mirror.settle(blocks) {
            mirror.blame_silence(now, chance);
            self.cancel_range(key);
        }
    }

    fn on_range_answered(&mut self, now: Instant, key: WebSeedKey, redirected: Option<String>) {
        match self.web_seeds.greet(now, key, redirected) {
            Greeting::Welcome => {}
            Greeting::Discovery => self.discover(now, key),
            Greeting::Crowded => {
                let chance = self.rng.f64();
                if let Some(mirror) = self.web_seeds.get_mut(key) {
                    mirror.health.failed(now, Fault::Crowded, false, chance);
                }
                self.cancel_range(key);
            }
        }
    }

    /// A URL leads to more servers than its own: others look for further ones.
    fn discover(&mut self, now: Instant, key: WebSeedKey) {
        let Some(mirror) = self.web_seeds.get(key) else { return };
        let (family, info) = (mirror.family, mirror.info.clone());
        let mut any = false;
        while self.web_seeds.may_discover(now, family) {
            let info = WebSeedInfo { score: None, ..info.clone() };
            let key = self.take_in_web_seed(now, info, Some(family));
            self.outputs.push_back(Output::OpenTwin { of: family, key });
            any = true;
        }
        if any {
            self.schedule_web_seeds(now);
        }
    }

    fn on_web_seed_block(&mut self, now: Instant, key: WebSeedKey, request: BlockRequest) {
        self.stats.bytes_from_web_seeds += u64::from(request.length);
        let asked = self.settle_arrival(now, SourceKey::WebSeed(key), request);
        let end = self.config.geometry.piece_offset(request.piece)
            + u64::from(request.begin)
            + u64::from(request.length);
        let Some(mirror) = self.web_seeds.get_mut(key) else { return };
        if mirror.on_block(now, request, end, asked) && mirror.cancel() {
            self.order_web_seed(key, WebSeedOrder::Cancel);
        }
    }

    fn on_range_ended(&mut self, now: Instant, key: WebSeedKey, end: FetchEnd) {
        let chance = self.rng.f64();
        let may_lag = self.config.mirrors_may_lag;
        let verdict = Verdict { geometry: &self.config.geometry, may_lag, chance };
        let Some(mirror) = self.web_seeds.get_mut(key) else { return };
        let run = mirror.flow.run();
        let dropped = mirror.ended(now, end, &verdict);
        self.picker.release_run(SourceKey::WebSeed(key), run);
        self.picker.forget_source(SourceKey::WebSeed(key));
        if dropped {
            self.outputs.push_back(Output::Event(Event::WebSeedDropped(key)));
        }
        self.schedule_web_seeds(now);
        self.refill_all(now);
    }

    fn on_no_ranges(&mut self, now: Instant, key: WebSeedKey) {
        let better = self.web_seeds.any_better(key) || self.peers_bring(now);
        let Some(mirror) = self.web_seeds.get_mut(key) else { return };
        mirror.set_no_ranges();
        let (offset, source) = (mirror.flow.run().offset, SourceKey::WebSeed(key));
        let begins_a_file =
            self.config.geometry.segments(offset, 1).next().is_some_and(|segment| segment.offset == 0);
        if !begins_a_file {
            // Its answer is over already.
            return;
        }
        // The stream goes on to the end. It brings everything where there is nobody better, and else what it was
        // asked for.
        let rest = Run { offset, length: self.config.geometry.total_length() - offset, blocks: 0 };
        let run = if better { None } else { self.picker.pick_everything(source, offset, mirror.excluded()) };
        mirror.flow.extend(run.unwrap_or(rest));
    }

    /// Stops the range under way and frees its blocks.
    pub(super) fn cancel_range(&mut self, key: WebSeedKey) {
        let Some(mirror) = self.web_seeds.get_mut(key) else { return };
        let run = mirror.flow.run();
        if mirror.cancel() {
            self.order_web_seed(key, WebSeedOrder::Cancel);
        }
        self.picker.release_run(SourceKey::WebSeed(key), run);
        self.picker.forget_source(SourceKey::WebSeed(key));
    }

    /// Stops every range under way.
    pub(super) fn cancel_all_ranges(&mut self) {
        let keys: Vec<_> = self.web_seeds.iter().map(|(key, _)| key).collect();
        for key in keys {
            self.cancel_range(key);
        }
    }

    /// Stops ranges that hold a piece which is not wanted any more.
    pub(super) fn cancel_unwanted_ranges(&mut self) {
        let piece_length = u64::from(self.config.geometry.piece_length());
        let unwanted = |run: Run| {
            let pieces = run.offset / piece_length..(run.offset + run.length).div_ceil(piece_length);
            pieces.map(|piece| PieceIndex(piece as u32)).any(|piece| !self.config.wanted.contains(piece))
        };
        let fetching =
            self.web_seeds.iter().filter(|(_, mirror)| mirror.is_fetching() && unwanted(mirror.flow.run()));
        let keys: Vec<_> = fetching.map(|(key, _)| key).collect();
        for key in keys {
            self.cancel_range(key);
        }
    }

    /// A web seed took part in a piece that failed, or was cleared of that.
    pub(super) fn suspect_web_seed(&mut self, key: WebSeedKey, suspected: bool) {
        if let Some(mirror) = self.web_seeds.get_mut(key) {
            mirror.suspected = suspected;
        }
    }

    /// A web seed alone sent a bad piece.
    pub(super) fn blame_web_seed(&mut self, key: WebSeedKey, piece: PieceIndex) {
        let alternative = !self.peers.is_empty() || self.web_seeds.any_other(key);
        let Some(mirror) = self.web_seeds.get_mut(key) else { return };
        let spoilt = mirror.spoilt();
        // Others may have the right bytes of these files; if nobody does, another try costs little.
        if alternative {
            mirror.exclude_files_of(&self.config.geometry, piece);
        }
        let is_over = spoilt || mirror.excluded().is_full();
        if is_over {
            mirror.health.give_up();
            self.outputs.push_back(Output::Event(Event::WebSeedDropped(key)));
        }
        if alternative || is_over {
            self.cancel_range(key);
        }
    }
}
