//! The picker against a naive one that looks at everything each time.

use super::*;
use crate::contract::{PeerKey, WebSeedKey};
use proptest::prelude::*;

const PIECES: u32 = 24;

fn geometry() -> Arc<Geometry> {
    Arc::new(Geometry::new(50_000, [50_000 * u64::from(PIECES) - 20_000]).unwrap())
}

fn full() -> Bitfield {
    Bitfield::full(PIECES)
}

fn picker(seed: u64) -> Picker {
    Picker::new(geometry(), &full(), &Bitfield::new(PIECES), None, seed)
}

fn peer(n: u32) -> SourceKey {
    SourceKey::Peer(PeerKey(n))
}

fn pick(
    picker: &mut Picker,
    source: SourceKey,
    have: &Bitfield,
    pace: Pace,
    count: usize,
) -> Vec<BlockRequest> {
    let ask = Ask { source, have, pace, only: None, suggested: &[], barred: &|_| false };
    let mut out = Vec::new();
    picker.pick(&ask, count, &mut out);
    out
}

/// Stores `count` pieces, so that rarity counts.
fn warm_up(picker: &mut Picker, count: u32) {
    for piece in 0..count {
        picker.piece_stored(PieceIndex(piece));
    }
}

#[test]
fn blocks_from_an_earlier_run_are_not_asked_for_and_their_piece_comes_first() {
    let mut picker = picker(3);
    let (piece, blocks) = (PieceIndex(5), Model::blocks(PieceIndex(5)));
    picker.take_up(blocks[1]);
    picker.take_up(BlockRequest { length: 7, ..blocks[0] });
    picker.take_up(BlockRequest { piece: PieceIndex(PIECES), ..blocks[0] });
    assert_eq!((picker.partial_count(), picker.partial_bytes()), (1, u64::from(BLOCK_LENGTH)));
    let rest: Vec<_> = blocks.iter().copied().filter(|block| *block != blocks[1]).collect();
    assert_eq!(pick(&mut picker, peer(1), &full(), Pace::Fast, rest.len()), rest);
    for block in rest {
        assert!(matches!(picker.receive(peer(1), block), Arrival::New { .. }));
    }
    assert_eq!(picker.receive(peer(1), blocks[1]), Arrival::Useless);
    assert!(picker.piece_stored(piece));
    picker.take_up(blocks[1]);
    assert_eq!(picker.partial_count(), 0, "it is stored");
}

/// What a naive picker knows: per block who was asked, and what arrived.
struct Model {
    wanted: Bitfield,
    stored: Bitfield,
    holders: BTreeMap<BlockRequest, BTreeSet<SourceKey>>,
    received: BTreeSet<BlockRequest>,
    peers: BTreeMap<u32, Bitfield>,
    /// Per piece; empty: all are normal.
    priorities: Vec<Priority>,
}

impl Model {
    fn blocks(piece: PieceIndex) -> Vec<BlockRequest> {
        let geometry = geometry();
        (0..geometry.block_count(piece)).filter_map(|at| geometry.block(piece, BlockIndex(at))).collect()
    }

    fn is_free(&self, request: &BlockRequest) -> bool {
        !self.received.contains(request) && self.holders.get(request).is_none_or(BTreeSet::is_empty)
    }

    fn is_missing(&self, piece: PieceIndex) -> bool {
        self.wanted.contains(piece) && !self.stored.contains(piece)
    }

    fn is_untouched(&self, piece: PieceIndex) -> bool {
        Self::blocks(piece).iter().all(|block| self.is_free(block))
    }

    fn free_for(&self, have: &Bitfield) -> usize {
        let open = have.iter().filter(|piece| self.is_missing(*piece));
        open.flat_map(Self::blocks).filter(|block| self.is_free(block)).count()
    }

    fn count(&self, piece: PieceIndex) -> usize {
        self.peers.values().filter(|have| have.contains(piece)).count()
    }

    fn priority(&self, piece: PieceIndex) -> Priority {
        self.priorities.get(piece.as_usize()).copied().unwrap_or_default()
    }

    fn pieces(&self) -> impl Iterator<Item = PieceIndex> + '_ {
        self.wanted.iter().filter(|piece| !self.stored.contains(*piece))
    }

    /// Checks what the picker handed out, in order, and notes it.
    fn check(&mut self, source: u32, count: usize, picked: &[BlockRequest], end_game: bool) {
        let have = self.peers[&source].clone();
        let free = self.free_for(&have);
        assert_eq!(picked.len(), count.min(free), "as many as are free, up to what was asked");
        for request in picked {
            assert!(have.contains(request.piece) && self.is_missing(request.piece));
            assert!(self.is_free(request), "a block is handed out once");
            let open = self.pieces().filter(|piece| have.contains(*piece));
            let free = open.filter(|piece| Self::blocks(*piece).iter().any(|block| self.is_free(block)));
            let first = free.map(|piece| self.priority(piece)).min();
            assert_eq!(Some(self.priority(request.piece)), first, "higher priorities first");
            if self.is_untouched(request.piece) && self.stored.count() >= limits::RANDOM_FIRST_PIECES {
                let others = self.pieces().filter(|piece| {
                    let alike = self.priority(*piece) == self.priority(request.piece);
                    alike && self.is_untouched(*piece) && have.contains(*piece)
                });
                let rarest = others.map(|piece| self.count(piece)).min();
                assert_eq!(Some(self.count(request.piece)), rarest, "the rarest is begun first");
            }
            self.holders.entry(*request).or_default().insert(peer(source));
        }
        let left = self.pieces().flat_map(Self::blocks).filter(|block| self.is_free(block)).count();
        assert_eq!(end_game, left == 0, "the end game begins when nothing is free");
    }
}

#[derive(Clone, Debug)]
enum Step {
    Join(Vec<bool>),
    Leave(usize),
    Have(usize, u32),
    Pick(usize, usize, bool),
    Receive(usize),
    Release(usize),
    Finish,
    Want(Vec<bool>),
    Prefer(Vec<Priority>),
}

fn step() -> impl Strategy<Value = Step> {
    let pieces = || prop::collection::vec(any::<bool>(), PIECES as usize);
    prop_oneof![
        1 => pieces().prop_map(Step::Join),
        1 => any::<usize>().prop_map(Step::Leave),
        2 => (any::<usize>(), 0..PIECES).prop_map(|(peer, piece)| Step::Have(peer, piece)),
        8 => (any::<usize>(), 1usize..12, any::<bool>()).prop_map(|(peer, n, fast)| Step::Pick(peer, n, fast)),
        8 => any::<usize>().prop_map(Step::Receive),
        2 => any::<usize>().prop_map(Step::Release),
        2 => Just(Step::Finish),
        1 => pieces().prop_map(Step::Want),
        1 => prop::collection::vec(prop::sample::select(&Priority::ALL[..]), PIECES as usize)
            .prop_map(Step::Prefer),
    ]
}

fn bitfield(pieces: &[bool]) -> Bitfield {
    let mut set = Bitfield::new(PIECES);
    let chosen = (0..).map(PieceIndex).zip(pieces).filter(|(_, chosen)| **chosen);
    for (piece, _) in chosen {
        assert!(set.insert(piece));
    }
    set
}

fn nth<T: Copy>(items: impl Iterator<Item = T>, n: usize) -> Option<T> {
    let items: Vec<T> = items.collect();
    (!items.is_empty()).then(|| items[n % items.len()])
}

struct Pair {
    picker: Picker,
    model: Model,
    next: u32,
}

impl Pair {
    fn new(seed: u64) -> Self {
        let (stored, peers) = (Bitfield::new(PIECES), BTreeMap::new());
        let (holders, received) = (BTreeMap::new(), BTreeSet::new());
        let model = Model { wanted: full(), stored, holders, received, peers, priorities: Vec::new() };
        Self { picker: picker(seed), model, next: 0 }
    }

    fn join(&mut self, have: Bitfield) {
        for piece in have.iter() {
            self.picker.piece_appears(piece);
        }
        self.model.peers.insert(self.next, have);
        self.next += 1;
    }

    fn held(&self) -> Vec<(SourceKey, BlockRequest)> {
        let holders = self.model.holders.iter();
        holders.flat_map(|(request, sources)| sources.iter().map(|source| (*source, *request))).collect()
    }

    fn pick(&mut self, source: u32, count: usize, pace: Pace) {
        let have = self.model.peers[&source].clone();
        let picked = pick(&mut self.picker, peer(source), &have, pace, count);
        let end_game = self.picker.is_end_game();
        self.model.check(source, count, &picked, end_game);
    }

    fn receive(&mut self, source: SourceKey, request: BlockRequest) {
        let arrival = self.picker.receive(source, request);
        assert!(matches!(arrival, Arrival::New { asked: true, .. }), "{arrival:?}");
        assert_eq!(self.picker.receive(source, request), Arrival::Useless);
        self.model.holders.remove(&request);
        self.model.received.insert(request);
    }

    fn finish(&mut self) {
        for piece in (0..PIECES).map(PieceIndex) {
            let whole = Model::blocks(piece).iter().all(|block| self.model.received.contains(block));
            if whole && !self.model.stored.contains(piece) {
                assert!(self.picker.piece_stored(piece));
                self.model.stored.insert(piece);
            }
        }
    }

    fn play(&mut self, step: Step) {
        match step {
            Step::Join(have) => self.join(bitfield(&have)),
            Step::Leave(n) => {
                let Some(gone) = nth(self.model.peers.keys().copied(), n) else { return };
                for (source, request) in self.held() {
                    if source == peer(gone) {
                        self.picker.release(source, request);
                        self.model.holders.remove(&request);
                    }
                }
                self.picker.forget_source(peer(gone));
                let have = self.model.peers.remove(&gone).unwrap();
                for piece in have.iter() {
                    self.picker.piece_disappears(piece);
                }
            }
            Step::Have(n, piece) => {
                let Some(key) = nth(self.model.peers.keys().copied(), n) else { return };
                if self.model.peers.get_mut(&key).unwrap().insert(PieceIndex(piece)) {
                    self.picker.piece_appears(PieceIndex(piece));
                }
            }
            Step::Pick(n, count, fast) => {
                let Some(key) = nth(self.model.peers.keys().copied(), n) else { return };
                self.pick(key, count, if fast { Pace::Fast } else { Pace::Slow });
            }
            Step::Receive(n) => {
                if let Some((source, request)) = nth(self.held().into_iter(), n) {
                    self.receive(source, request);
                }
            }
            Step::Release(n) => {
                if let Some((source, request)) = nth(self.held().into_iter(), n) {
                    self.picker.release(source, request);
                    self.model.holders.remove(&request);
                }
            }
            Step::Finish => self.finish(),
            Step::Want(wanted) => {
                self.model.wanted = bitfield(&wanted);
                self.picker.set_wanted(&self.model.wanted);
            }
            Step::Prefer(priorities) => {
                self.model.priorities.clone_from(&priorities);
                self.picker.set_priorities(priorities);
            }
        }
    }
}

proptest! {
    #[test]
    fn agrees_with_a_naive_picker(steps in prop::collection::vec(step(), 1..200), seed: u64) {
        let mut pair = Pair::new(seed);
        pair.join(full());
        for step in steps {
            pair.play(step);
        }
        // Whatever happened, one peer with everything can end it.
        pair.play(Step::Want(vec![true; PIECES as usize]));
        pair.join(full());
        let last = pair.next - 1;
        for (source, request) in pair.held() {
            pair.receive(source, request);
        }
        while !pair.model.stored.is_full() {
            pair.pick(last, 7, Pace::Slow);
            for (source, request) in pair.held() {
                pair.receive(source, request);
            }
            pair.finish();
        }
        prop_assert_eq!(pair.picker.partial_count(), 0);
    }
}

#[test]
fn a_fast_peer_has_pieces_of_its_own_and_slow_ones_share() {
    let mut it = picker(1);
    warm_up(&mut it, 4);
    let fast = pick(&mut it, peer(1), &full(), Pace::Fast, 2);
    let slow = pick(&mut it, peer(2), &full(), Pace::Slow, 2);
    let other = pick(&mut it, peer(3), &full(), Pace::Slow, 2);
    assert_ne!(fast[0].piece, slow[0].piece);
    assert_eq!(slow[0].piece, other[0].piece, "the slow ones work on one piece");
    let more = pick(&mut it, peer(1), &full(), Pace::Fast, 2);
    assert!(more.iter().all(|request| request.piece == fast[0].piece), "a piece is finished first");
}

#[test]
fn a_snubbed_peer_gets_what_is_common() {
    let mut it = picker(2);
    warm_up(&mut it, 4);
    for piece in 4..20 {
        it.piece_appears(PieceIndex(piece));
    }
    it.piece_appears(PieceIndex(9));
    assert_eq!(pick(&mut it, peer(1), &full(), Pace::Snubbed, 1)[0].piece, PieceIndex(9));
    assert!(pick(&mut it, peer(2), &full(), Pace::Fast, 1)[0].piece.0 >= 20);
}

#[test]
fn the_first_pieces_are_random_and_shared() {
    let firsts: BTreeSet<_> =
        (0..40).map(|seed| pick(&mut picker(seed), peer(1), &full(), Pace::Slow, 1)[0].piece).collect();
    assert!(firsts.len() > 12, "{firsts:?}");
}

#[test]
fn sequential_goes_by_index() {
    let mut it = picker(3);
    it.set_sequential(Some(PieceIndex(0)));
    let mut have = full();
    have.remove(PieceIndex(1));
    let pieces: Vec<u32> =
        pick(&mut it, peer(1), &have, Pace::Fast, 12).iter().map(|it| it.piece.0).collect();
    assert_eq!(pieces, [0, 0, 0, 0, 2, 2, 2, 2, 3, 3, 3, 3]);
    assert_eq!(pick(&mut it, peer(2), &full(), Pace::Slow, 1)[0].piece, PieceIndex(1));
}

#[test]
fn sequential_begins_where_it_is_told_to_and_comes_back_for_the_rest() {
    let mut it = picker(3);
    it.set_sequential(Some(PieceIndex(22)));
    let run = pick(&mut it, peer(1), &full(), Pace::Fast, 13);
    let mut pieces: Vec<u32> = run.iter().map(|it| it.piece.0).collect();
    pieces.dedup();
    assert_eq!(pieces, [22, 23, 0, 1], "the last piece is shorter");
    let none = Bitfield::new(PIECES);
    it.set_sequential(Some(PieceIndex(20)));
    let seed = SourceKey::WebSeed(WebSeedKey(1));
    let gap = it.pick_run(&run_ask(seed, 500_000, &none)).unwrap();
    assert_eq!((gap.offset, gap.length), (20 * 50_000, 100_000), "up to what others fetch");
    let gap = it.pick_run(&run_ask(seed, 100_000, &none)).unwrap();
    assert_eq!((gap.offset, gap.length), (100_000, 100_000), "then from the beginning");
}

#[test]
fn priorities_count_in_sequential_mode_too() {
    let mut it = picker(3);
    it.set_sequential(Some(PieceIndex(22)));
    let mut priorities = vec![Priority::Normal; PIECES as usize];
    priorities[22] = Priority::Low;
    priorities[3..5].fill(Priority::High);
    it.set_priorities(priorities);
    let mut pieces: Vec<u32> =
        pick(&mut it, peer(1), &full(), Pace::Fast, 999).iter().map(|it| it.piece.0).collect();
    pieces.dedup();
    assert_eq!(pieces[..5], [3, 4, 23, 0, 1]);
    assert_eq!(pieces.last(), Some(&22));
}

#[test]
fn web_seeds_fetch_what_has_priority_first() {
    let mut it = picker(8);
    let mut priorities = vec![Priority::Normal; PIECES as usize];
    priorities[10..13].fill(Priority::High);
    priorities[..2].fill(Priority::Low);
    it.set_priorities(priorities);
    let none = Bitfield::new(PIECES);
    let mut offsets = Vec::new();
    while let Some(run) = it.pick_run(&run_ask(SourceKey::WebSeed(WebSeedKey(1)), 1 << 20, &none)) {
        offsets.push((run.offset / 50_000, run.length.div_ceil(50_000)));
    }
    assert_eq!(offsets, [(10, 3), (13, 11), (2, 8), (0, 2)]);
}

#[test]
fn suggested_allowed_and_barred_pieces_are_honoured() {
    let mut it = picker(4);
    warm_up(&mut it, 4);
    let have = full();
    let mut out = Vec::new();
    let suggested = [PieceIndex(11)];
    let free = Ask {
        source: peer(1),
        have: &have,
        pace: Pace::Slow,
        only: None,
        suggested: &suggested,
        barred: &|_| false,
    };
    it.pick(&free, 1, &mut out);
    assert_eq!(out[0].piece, PieceIndex(11));
    let only = [PieceIndex(7), PieceIndex(8)];
    let barred = |piece| piece == PieceIndex(7);
    let choked = Ask {
        source: peer(2),
        have: &have,
        pace: Pace::Slow,
        only: Some(&only),
        suggested: &[],
        barred: &barred,
    };
    out.clear();
    it.pick(&choked, 9, &mut out);
    assert_eq!(out.iter().map(|it| it.piece.0).collect::<Vec<_>>(), [8; 4]);
}

#[test]
fn a_failed_piece_is_fetched_from_one_source_alone() {
    let mut it = picker(5);
    warm_up(&mut it, PIECES - 1);
    let blocks = pick(&mut it, peer(1), &full(), Pace::Slow, 9);
    for request in &blocks {
        let _ = it.receive(peer(1), *request);
    }
    assert!(it.piece_reset(PieceIndex(PIECES - 1)).is_empty());
    assert!(pick(&mut it, peer(2), &full(), Pace::Slow, 1).is_empty() && !it.is_end_game());
    it.piece_returns(PieceIndex(PIECES - 1));
    assert_eq!(it.receive(peer(1), blocks[0]), Arrival::Useless, "what was sent before does not count");
    assert_eq!(pick(&mut it, peer(2), &full(), Pace::Slow, 1).len(), 1);
    assert!(pick(&mut it, peer(3), &full(), Pace::Fast, 9).is_empty());
    assert_eq!(pick(&mut it, peer(2), &full(), Pace::Slow, 9).len(), blocks.len() - 1);
}

/// Everybody is late, nobody snubbed.
struct AllLate;

impl Rivals for AllLate {
    fn is_late(&self, _: SourceKey, _: BlockRequest) -> bool {
        true
    }
    fn is_snubbed(&self, _: SourceKey) -> bool {
        false
    }
}

#[test]
fn the_end_game_asks_at_most_two() {
    let mut it = picker(6);
    warm_up(&mut it, PIECES - 2);
    let have = full();
    let again = |it: &mut Picker, n| {
        let ask = Ask {
            source: peer(n),
            have: &have,
            pace: Pace::Slow,
            only: None,
            suggested: &[],
            barred: &|_| false,
        };
        let mut out = Vec::new();
        it.pick_again(&ask, 99, &AllLate, &mut out);
        out
    };
    let first = pick(&mut it, peer(1), &have, Pace::Slow, 4);
    assert!(again(&mut it, 2).is_empty(), "not before everything is asked for");
    let second = pick(&mut it, peer(2), &have, Pace::Slow, 99);
    let doubled = again(&mut it, 2);
    assert_eq!(doubled.iter().collect::<BTreeSet<_>>(), first.iter().collect());
    assert_eq!(again(&mut it, 3).iter().collect::<BTreeSet<_>>(), second.iter().collect(), "never a third");
    assert!(again(&mut it, 2).is_empty() && again(&mut it, 3).is_empty(), "never twice of one");
    let Arrival::New { others, asked } = it.receive(peer(2), first[0]) else { panic!("it is new") };
    assert_eq!((others.into_iter().flatten().collect::<Vec<_>>(), asked), (vec![peer(1)], true));
    it.release(peer(1), first[1]);
    assert!(it.is_end_game(), "a block another still holds is not free");
}

fn run_ask(source: SourceKey, bytes: u64, excluded: &Bitfield) -> RunAsk<'_> {
    RunAsk { source, bytes, excluded, proves: true, within: None }
}

#[test]
fn web_seeds_get_long_runs_that_do_not_meet() {
    let mut it = picker(7);
    let seed = |n| SourceKey::WebSeed(WebSeedKey(n));
    let none = Bitfield::new(PIECES);
    let one = it.pick_run(&run_ask(seed(1), 200_000, &none)).unwrap();
    assert_eq!((one.offset, one.length, one.blocks), (0, 200_000, 16));
    let two = it.pick_run(&run_ask(seed(2), 200_000, &none)).unwrap();
    assert_eq!(two.offset, 200_000, "right behind the first: the gap stays whole");
    assert_eq!(it.pick_run(&run_ask(seed(3), 1, &Bitfield::full(PIECES))), None);
    let blocks = pick(&mut it, peer(1), &full(), Pace::Slow, 999).len() as u32;
    let all: u32 = (0..PIECES).map(|piece| geometry().block_count(PieceIndex(piece))).sum();
    assert_eq!(blocks, all - 32, "peers keep out of what web seeds will bring");
    it.release_run(seed(1), one);
    assert_eq!(pick(&mut it, peer(1), &full(), Pace::Slow, 999).len(), 16);
}

#[test]
fn short_runs_fill_what_is_left_of_a_piece() {
    let mut it = picker(8);
    let seed = |n| SourceKey::WebSeed(WebSeedKey(n));
    let none = Bitfield::new(PIECES);
    let one = it.pick_run(&run_ask(seed(1), 20_000, &none)).unwrap();
    assert_eq!((one.offset, one.length, one.blocks), (0, 32_768, 2));
    let two = it.pick_run(&run_ask(seed(2), 10_000, &none)).unwrap();
    assert_eq!((two.offset, two.length, two.blocks), (32_768, 16_384, 1));
    assert_eq!(it.partial_count(), 1);
}

#[test]
fn a_run_within_a_piece_goes_no_further() {
    let mut it = picker(8);
    let seed = |n| SourceKey::WebSeed(WebSeedKey(n));
    let none = Bitfield::new(PIECES);
    it.pick_run(&run_ask(seed(1), 20_000, &none)).unwrap();
    assert_eq!((it.free_blocks(PieceIndex(0)), it.free_blocks(PieceIndex(1))), (Some(2), None));
    let ask = RunAsk { within: Some(PieceIndex(0)), ..run_ask(seed(1), 1 << 30, &none) };
    let rest = it.pick_run(&ask).unwrap();
    assert_eq!((rest.offset, rest.blocks), (32_768, 2));
    assert_eq!(it.pick_run(&ask), None);
}

#[test]
fn a_tail_is_taken_over_and_belongs_to_the_new_source_alone() {
    let mut it = picker(9);
    let seed = |n| SourceKey::WebSeed(WebSeedKey(n));
    let none = Bitfield::new(PIECES);
    let run = it.pick_run(&run_ask(seed(1), 200_000, &none)).unwrap();
    let take = |thief, bytes| {
        let (victim, excluded) = (seed(1), &none);
        TakeOver { victim, thief: seed(thief), run, bytes, excluded, is_stalled: false }
    };
    let taken = it.take_over(&take(2, 40_000)).unwrap();
    assert_eq!((taken.offset, taken.length, taken.blocks), (150_000 + 16_384, 33_616, 3));
    let rest = it.take_over(&take(3, 1 << 30)).unwrap();
    assert_eq!((rest.offset, rest.length, rest.blocks), (0, 166_384, 13));
    assert_eq!(it.take_over(&take(3, 1)), None);
    it.release_run(seed(1), run);
    assert!(pick(&mut it, peer(1), &full(), Pace::Slow, 999).iter().all(|block| block.piece.0 > 3));
}
