//! Two connections in one memory, real payload between them.

use super::*;
use fastrand::Rng;

/// One end: a connection and the host's part around it.
struct End {
    connection: Connection,
    /// The torrent's bytes as far as this end has them.
    data: Vec<u8>,
    /// The block whose payload the stream stands in, as far as it came.
    current: Vec<u8>,
    /// On the way to this end.
    incoming: VecDeque<u8>,
    facts: Vec<Fact>,
}

/// A world of two ends, a line that cuts the stream anywhere, and a clock.
struct Pair {
    ends: [End; 2],
    now: Instant,
    rng: Rng,
}

const OPENER: usize = 0;
const TAKER: usize = 1;

impl Pair {
    fn new(seed: u64, data: [Vec<u8>; 2]) -> Self {
        let now = origin();
        let mut opener = Connection::outgoing(config(), seed, now);
        let mut hello = Vec::new();
        opener.poll_transmit(&mut hello);
        opener.handle_written(now, hello.len());
        let hello = Handshake::decode(&hello.try_into().unwrap()).unwrap();
        let theirs = Config { peer_id: PeerId(*b"-SL0100-bbbbbbbbbbbb"), ..config() };
        let taker = Connection::incoming(theirs, hello, seed + 1, now);
        let mut connections = [opener, taker].into_iter();
        let ends = data.map(|data| End {
            connection: connections.next().unwrap(),
            data,
            current: Vec::new(),
            incoming: VecDeque::new(),
            facts: Vec::new(),
        });
        Self { ends, now, rng: Rng::with_seed(seed) }
    }

    fn order(&mut self, end: usize, order: Order) {
        self.ends[end].connection.handle_order(self.now, order);
    }

    /// Moves bytes both ways until nothing moves any more.
    fn settle(&mut self) {
        loop {
            let sent = self.send(OPENER) | self.send(TAKER);
            let received = self.receive(OPENER) | self.receive(TAKER);
            if !sent && !received {
                return;
            }
            self.now += Duration::from_millis(1);
        }
    }

    /// Writes control bytes and up to two blocks to the line.
    fn send(&mut self, end: usize) -> bool {
        let now = self.now;
        let End { connection, data, .. } = &mut self.ends[end];
        let mut bytes = Vec::new();
        connection.poll_transmit(&mut bytes);
        let mut blocks = Vec::new();
        while blocks.len() < 2
            && let Some(request) = connection.next_upload()
        {
            bytes.extend(crate::piece_header(&request));
            bytes.extend(&data[range(request)]);
            blocks.push(request);
        }
        connection.handle_written(now, bytes.len());
        for request in blocks {
            connection.handle_uploaded(now, request);
        }
        self.ends[1 - end].incoming.extend(&bytes);
        !bytes.is_empty()
    }

    /// Takes some bytes off the line, as many as the generator likes.
    fn receive(&mut self, end: usize) -> bool {
        let most = self.rng.usize(1..40_000);
        let End { connection, data, current, incoming, facts } = &mut self.ends[end];
        let bytes: Vec<u8> = incoming.drain(..most.min(incoming.len())).collect();
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let Some(payload) = connection.payload() else {
                rest = &rest[connection.handle_bytes(self.now, rest)..];
                continue;
            };
            let (part, more) =
                rest.split_at(rest.len().min((payload.request.length - payload.received) as usize));
            current.extend(part);
            connection.handle_payload(self.now, part.len() as u32);
            if connection.payload().is_none() {
                let whole = std::mem::take(current);
                if payload.wanted {
                    data[range(payload.request)].copy_from_slice(&whole);
                }
            }
            rest = more;
        }
        facts.extend(std::iter::from_fn(|| connection.poll_fact()));
        !bytes.is_empty()
    }
}

/// Where a block lies in the torrent.
fn range(request: BlockRequest) -> std::ops::Range<usize> {
    let start = geometry().piece_offset(request.piece) as usize + request.begin as usize;
    start..start + request.length as usize
}

fn all_blocks() -> impl Iterator<Item = BlockRequest> {
    let geometry = geometry();
    (0..PIECE_COUNT).flat_map(move |piece| {
        (0..geometry.block_count(PieceIndex(piece))).map(|number| block(piece, number)).collect::<Vec<_>>()
    })
}

fn some_data(seed: u64) -> Vec<u8> {
    let mut rng = Rng::with_seed(seed);
    (0..geometry().total_length()).map(|_| rng.u8(..)).collect()
}

#[test]
fn a_torrent_goes_across() {
    for seed in 1..20 {
        let data = some_data(seed);
        let mut pair = Pair::new(seed, [vec![0; data.len()], data.clone()]);
        pair.settle();
        pair.order(OPENER, Order::Availability(Bitfield::new(PIECE_COUNT)));
        pair.order(TAKER, Order::Availability(Bitfield::full(PIECE_COUNT)));
        pair.order(OPENER, Order::Interested);
        pair.order(TAKER, Order::Unchoke);
        pair.settle();
        assert!(pair.ends[OPENER].facts.contains(&Fact::Availability(Bitfield::full(PIECE_COUNT))));
        assert!(pair.ends[OPENER].facts.contains(&Fact::Unchoked));
        assert!(pair.ends[TAKER].facts.contains(&Fact::Interested));
        let told = pair.ends[OPENER].facts.iter().find_map(|fact| match fact {
            Fact::Extended(told) => Some(told.clone()),
            _ => None,
        });
        assert_eq!(told.and_then(|told| told.upload_only), Some(true), "a seed says that it is one");

        let blocks: Vec<_> = all_blocks().collect();
        for block in &blocks {
            pair.order(OPENER, Order::Request(*block));
        }
        assert_eq!(pair.ends[OPENER].connection.outstanding(), blocks.len());
        pair.settle();
        assert!(pair.ends[OPENER].data == data, "seed {seed}");
        let received = pair.ends[OPENER].facts.iter().filter(|fact| matches!(fact, Fact::BlockReceived(_)));
        assert_eq!(received.count(), blocks.len());
        let uploaded = pair.ends[TAKER]
            .facts
            .iter()
            .map(|fact| if let Fact::Uploaded(n) = fact { *n as usize } else { 0 });
        assert_eq!(uploaded.sum::<usize>(), data.len());
        assert_eq!(pair.ends[OPENER].connection.outstanding(), 0);
    }
}

#[test]
fn both_ends_give_and_take_through_chokes_and_cancels() {
    for seed in 1..20 {
        let data = some_data(seed);
        let mut rng = Rng::with_seed(seed);
        let mut halves = [vec![0; data.len()], vec![0; data.len()]];
        for request in all_blocks() {
            halves[request.piece.as_usize() % 2][range(request)].copy_from_slice(&data[range(request)]);
        }
        let mut pair = Pair::new(seed, halves);
        pair.settle();
        let mut missing: [Vec<_>; 2] =
            [1, 0].map(|odd| all_blocks().filter(|block| block.piece.0 % 2 == odd).collect());
        for round in 0.. {
            assert!(round < 1000, "seed {seed}: no end");
            for end in [OPENER, TAKER] {
                // The last rounds are calm, so that there is an end.
                pair.order(end, if round < 20 && rng.bool() { Order::Choke } else { Order::Unchoke });
            }
            if rng.bool() {
                pair.settle();
            }
            for end in [OPENER, TAKER] {
                let ask: Vec<_> = missing[end].iter().copied().take(rng.usize(1..30)).collect();
                for block in &ask {
                    pair.order(end, Order::Request(*block));
                }
                if rng.bool() {
                    pair.send(end);
                }
                let cancelled = if round < 20 { rng.usize(..=ask.len().min(3)) } else { 0 };
                for block in &ask[..cancelled] {
                    pair.order(end, Order::Cancel(*block));
                }
            }
            pair.settle();
            for end in [OPENER, TAKER] {
                // What was taken back may have come all the same, and is asked for again if it was not wanted.
                pair.ends[end].facts.drain(..).for_each(|fact| match fact {
                    Fact::BlockReceived(block) => missing[end].retain(|other| *other != block),
                    Fact::Closed(why) => panic!("seed {seed}: {why:?}"),
                    _ => {}
                });
                assert_eq!(pair.ends[end].connection.outstanding(), 0, "every request was answered");
            }
            if missing.iter().all(Vec::is_empty) {
                break;
            }
        }
        assert!(pair.ends[OPENER].data == data && pair.ends[TAKER].data == data, "seed {seed}");
    }
}

#[test]
fn two_idle_ends_keep_each_other_alive() {
    let mut pair = Pair::new(7, [vec![], vec![]]);
    pair.settle();
    let end = pair.now + Duration::from_hours(1);
    let mut turns = 0;
    while pair.now < end {
        let due =
            pair.ends.iter().filter_map(|end| end.connection.poll_timeout()).min().expect("both are open");
        pair.now = pair.now.max(due);
        for end in &mut pair.ends {
            end.connection.handle_timeout(pair.now);
        }
        pair.settle();
        turns += 1;
    }
    assert!(pair.ends.iter().all(|end| !end.connection.is_closed()));
    assert!((60..200).contains(&turns), "{turns} wake-ups in an hour");
}
