//! A fetch against scripted peers.

use super::*;
use crate::world::origin;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

const OURS: PeerId = PeerId([0xff; 20]);

/// How a scripted peer answers.
#[derive(Clone)]
enum Answers {
    /// With pieces of this.
    With(Vec<u8>),
    /// With zeros, but never with the last piece of so many bytes.
    Most(usize),
    /// With refusals.
    Rejects,
    /// Not at all.
    Silent,
}

/// A fetch, its peers, and a hasher that knows the right bytes.
struct Scene {
    fetch: MetadataFetch,
    now: Instant,
    info: Vec<u8>,
    peers: BTreeMap<PeerKey, Answers>,
    /// Pieces asked of each.
    asked: BTreeMap<PeerKey, Vec<u32>>,
    closed: BTreeMap<PeerKey, Close>,
    banned: Vec<IpAddr>,
    done: bool,
}

fn info(length: usize, seed: u64) -> Vec<u8> {
    let mut rng = fastrand::Rng::with_seed(seed);
    (0..length).map(|_| rng.u8(..)).collect()
}

impl Scene {
    fn new(length: usize) -> Self {
        let now = origin();
        let config =
            MetadataConfig { peer_id: OURS, max_peers: 50, max_half_open: 20, max_peers_per_address: 3 };
        Self {
            fetch: MetadataFetch::new(config, 7, now),
            now,
            info: info(length, 1),
            peers: BTreeMap::new(),
            asked: BTreeMap::new(),
            closed: BTreeMap::new(),
            banned: Vec::new(),
            done: false,
        }
    }

    /// A peer comes in and claims `size`.
    fn meet(&mut self, host: u8, size: usize, answers: Answers) -> PeerKey {
        let address = SocketAddr::from(([10, 0, 0, host], 6881));
        let key = self.fetch.handle_connected(self.now, address, Direction::Incoming).expect("room");
        self.peers.insert(key, answers);
        let peer_id = PeerId([host; 20]);
        self.fetch.handle_fact(self.now, key, Fact::Handshaken { peer_id, fast: true, extended: true });
        let told = ExtendedHandshake { metadata_size: Some(size as u32), ..ExtendedHandshake::default() };
        self.fetch.handle_fact(self.now, key, Fact::Extended(told));
        key
    }

    fn honest(&mut self, host: u8) -> PeerKey {
        let info = self.info.clone();
        self.meet(host, info.len(), Answers::With(info))
    }

    fn liar(&mut self, host: u8) -> PeerKey {
        let false_info = info(self.info.len(), 2);
        self.meet(host, false_info.len(), Answers::With(false_info))
    }

    /// Carries everything out until nothing is left to do at this moment.
    fn settle(&mut self) {
        while let Some(output) = self.fetch.poll_output() {
            match output {
                MetadataOutput::Peer(key, Order::AskMetadata(piece)) => self.answer(key, piece),
                MetadataOutput::Peer(key, Order::Close(why)) => {
                    self.closed.insert(key, why);
                }
                MetadataOutput::Verify(attempt, bytes) => {
                    let is_right = bytes == self.info;
                    self.done |= is_right;
                    self.fetch.handle_verified(self.now, attempt, is_right.then_some(&bytes[..]));
                }
                MetadataOutput::Banned(host) => self.banned.push(host),
                MetadataOutput::Peer(..) | MetadataOutput::Connect(_) => {}
            }
        }
    }

    fn answer(&mut self, key: PeerKey, piece: u32) {
        self.asked.entry(key).or_default().push(piece);
        let fact = match self.peers.get(&key) {
            Some(Answers::With(info)) => {
                let bytes =
                    info.chunks(BLOCK_LENGTH as usize).nth(piece as usize).unwrap_or_default().to_vec();
                Fact::Metadata { piece, total_size: Some(info.len() as u32), bytes }
            }
            Some(Answers::Most(size)) if (piece as usize + 1) * 16384 < *size => {
                Fact::Metadata { piece, total_size: None, bytes: vec![0; 16384] }
            }
            Some(Answers::Rejects) => Fact::MetadataRejected(piece),
            Some(Answers::Silent | Answers::Most(_)) | None => return,
        };
        self.fetch.handle_fact(self.now, key, fact);
        let held: usize = self.fetch.attempts.values().map(|it| it.bytes.len()).sum();
        assert!(held <= limits::METADATA_BYTES, "{held} bytes");
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        self.settle();
        while let Some(due) = self.fetch.poll_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.fetch.handle_timeout(self.now);
            self.settle();
        }
        self.now = end;
    }

    fn asked(&self, key: PeerKey) -> usize {
        self.asked.get(&key).map_or(0, Vec::len)
    }
}

#[test]
fn honest_peers_share_the_work() {
    let mut scene = Scene::new(10 * 16384 + 5);
    let peers: Vec<PeerKey> = (1..=3).map(|host| scene.honest(host)).collect();
    scene.settle();
    assert!(scene.done);
    let asked: Vec<usize> = peers.iter().map(|key| scene.asked(*key)).collect();
    assert_eq!(asked.iter().sum::<usize>(), 11, "each piece once: {asked:?}");
    assert!(asked.iter().all(|count| *count >= 3), "{asked:?}");
    assert!(scene.banned.is_empty() && scene.closed.is_empty());
}

#[test]
fn a_liar_among_honest_peers_is_found_and_the_innocent_stay() {
    let mut scene = Scene::new(10 * 16384);
    let (first, liar, second) = (scene.honest(1), scene.liar(2), scene.honest(3));
    scene.settle();
    assert!(scene.done);
    assert_eq!(scene.banned, [IpAddr::from([10, 0, 0, 2])]);
    assert!(!scene.closed.contains_key(&first) && !scene.closed.contains_key(&second));
    assert_eq!(scene.closed.get(&liar), Some(&Close::Banned));
}

#[test]
fn a_liar_alone_is_closed_at_once_and_an_honest_client_behind_its_address_is_heard() {
    let mut scene = Scene::new(40_000);
    for _ in 0..limits::METADATA_LIES - 1 {
        let liar = scene.liar(9);
        scene.settle();
        assert_eq!(scene.closed.get(&liar), Some(&Close::Banned));
    }
    assert!(scene.banned.is_empty());
    scene.honest(9);
    scene.settle();
    assert!(scene.done);
}

#[test]
fn who_lies_again_and_again_is_not_let_in_any_more() {
    let mut scene = Scene::new(40_000);
    for _ in 0..limits::METADATA_LIES {
        scene.liar(9);
        scene.settle();
    }
    assert_eq!(scene.banned, [IpAddr::from([10, 0, 0, 9])]);
    let address = SocketAddr::from(([10, 0, 0, 9], 1));
    let refused = scene.fetch.handle_connected(scene.now, address, Direction::Incoming);
    assert_eq!(refused, Err(Refusal::Banned));
}

#[test]
fn sizes_are_worked_on_side_by_side() {
    let mut scene = Scene::new(40_000);
    for (host, size) in [(1, 64 << 20), (2, 1), (3, 39_999), (4, 40_001)] {
        scene.meet(host, size, Answers::Silent);
    }
    let false_info = info(30_000, 3);
    let liar = scene.meet(5, 30_000, Answers::With(false_info));
    scene.honest(6);
    scene.settle();
    assert!(scene.done);
    assert_eq!(scene.closed.get(&liar), Some(&Close::Banned));
}

#[test]
fn a_size_that_changes_or_that_pieces_contradict_is_a_lie() {
    let mut scene = Scene::new(40_000);
    let key = scene.meet(1, 40_000, Answers::Silent);
    let told = ExtendedHandshake { metadata_size: Some(50_000), ..ExtendedHandshake::default() };
    scene.fetch.handle_fact(scene.now, key, Fact::Extended(told));
    scene.settle();
    assert_eq!(scene.closed.get(&key), Some(&Close::Banned));
    let short = info(20_000, 4);
    let key = scene.meet(2, 40_000, Answers::With(short));
    scene.settle();
    assert_eq!(scene.closed.get(&key), Some(&Close::Banned));
}

#[test]
fn who_refuses_is_asked_less_and_less() {
    let mut scene = Scene::new(16_384);
    let key = scene.meet(1, 16_384, Answers::Rejects);
    scene.pass(600 * SECOND);
    assert!((4..=10).contains(&scene.asked(key)), "asked {} times in ten minutes", scene.asked(key));
    scene.honest(2);
    scene.settle();
    assert!(scene.done);
}

#[test]
fn what_one_peer_owes_for_long_is_asked_of_another() {
    let mut scene = Scene::new(40_000);
    scene.meet(1, 40_000, Answers::Silent);
    scene.settle();
    scene.honest(2);
    scene.pass(5 * SECOND);
    assert!(scene.done);
}

#[test]
fn what_a_silent_peer_owes_does_not_wait_for_ever() {
    let mut scene = Scene::new(40_000);
    let silent = scene.meet(1, 40_000, Answers::Silent);
    scene.pass(11 * SECOND);
    scene.peers.insert(silent, Answers::With(scene.info.clone()));
    scene.pass(20 * SECOND);
    assert!(scene.done);
}

#[test]
fn memory_is_bounded_whatever_is_claimed_and_sent() {
    let mut scene = Scene::new(100_000);
    for host in 1..=8 {
        let size = (40 << 20) + usize::from(host);
        scene.meet(host, size, Answers::Most(size));
        scene.settle();
    }
    scene.honest(200);
    scene.settle();
    assert!(scene.done);
}

#[test]
fn what_came_before_a_peer_left_is_kept() {
    let mut scene = Scene::new(10 * 16384);
    let leaving = scene.meet(1, 10 * 16384, Answers::Silent);
    scene.settle();
    for piece in 0..4 {
        let bytes = scene.info[piece * 16384..][..16384].to_vec();
        let fact = Fact::Metadata { piece: piece as u32, total_size: None, bytes };
        scene.fetch.handle_fact(scene.now, leaving, fact);
    }
    scene.fetch.handle_fact(scene.now, leaving, Fact::Closed(Close::Remote));
    assert_eq!(scene.fetch.progress(), MetadataProgress { bytes: 4 * 16384, size: 10 * 16384 });
    let next = scene.honest(2);
    scene.settle();
    assert!(scene.done);
    assert_eq!(scene.asked(next), 6);
}

#[test]
fn we_do_not_talk_to_ourselves_and_strangers_make_room() {
    let mut scene = Scene::new(100);
    let address = SocketAddr::from(([10, 0, 0, 1], 1));
    let own = scene.fetch.handle_connected(scene.now, address, Direction::Outgoing).unwrap();
    let handshaken = Fact::Handshaken { peer_id: OURS, fast: true, extended: true };
    scene.fetch.handle_fact(scene.now, own, handshaken);
    let silent = scene.fetch.handle_connected(scene.now, address, Direction::Incoming).unwrap();
    scene.pass(16 * SECOND);
    assert_eq!(scene.closed.get(&own), Some(&Close::Myself));
    assert_eq!(scene.closed.get(&silent), Some(&Close::NothingToTrade));
}
