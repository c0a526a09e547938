//! What one block costs the torrent task: `cargo run --release -p starling-swarm --example cost`.
//!
//! Downloads a torrent of 16 GiB from peers that answer at once, so that nothing but the swarm is measured.
#![allow(clippy::disallowed_methods, reason = "a measurement reads the clock")]

use metainfo::{Bitfield, Geometry, PeerId, PieceIndex};
use starling_swarm::{Config, Direction, Output, StorageFact, Swarm};
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use wire::{Fact, Order};

fn config(geometry: Arc<Geometry>) -> Config {
    Config {
        wanted: Bitfield::full(geometry.piece_count()),
        geometry,
        peer_id: PeerId([1; 20]),
        info_hash: [2; 20],
        sequential: false,
        seed: true,
        use_peers: true,
        exchange_peers: false,
        max_peers: 2000,
        max_half_open: 20,
        max_peers_per_address: 2,
        upload_slots: 8,
        request_queue: 500,
        web_seed_policy: starling_swarm::WebSeedPolicy::default(),
        web_seed_connections: 96,
        mirrors_may_lag: false,
    }
}

/// Blocks, and nanoseconds a block, for so many peers that each have so many percent of the pieces.
fn download(piece_length: u32, peers: u32, percent: u32) -> (u64, u64) {
    let geometry = Arc::new(Geometry::new(piece_length, [16 << 30]).expect("sizes fit"));
    let pieces = geometry.piece_count();
    let mut now = Instant::now();
    let mut swarm = Swarm::new(config(geometry.clone()), Bitfield::new(pieces), 1, now);
    let mut rng = fastrand::Rng::with_seed(7);
    for n in 0..peers {
        let address = SocketAddr::from(([10, (n >> 16) as u8, (n >> 8) as u8, n as u8], 6881));
        let key = swarm.handle_connected(now, address, Direction::Incoming).expect("there is room");
        let mut peer_id = PeerId([9; 20]);
        peer_id.0[..4].copy_from_slice(&n.to_be_bytes());
        swarm.handle_fact(now, key, Fact::Handshaken { peer_id, fast: true, extended: true });
        let mut have = Bitfield::new(pieces);
        for piece in (0..pieces).filter(|_| n == 0 || rng.u32(0..100) < percent) {
            have.insert(PieceIndex(piece));
        }
        swarm.handle_fact(now, key, Fact::Availability(have));
        swarm.handle_fact(now, key, Fact::Unchoked);
    }
    let (mut queue, mut received) = (VecDeque::new(), BTreeMap::new());
    let (mut blocks, began) = (0, Instant::now());
    while !swarm.is_complete() {
        while let Some(output) = swarm.poll_output() {
            if let Output::Peer(key, Order::Request(request)) = output {
                queue.push_back((key, request));
            }
        }
        let Some((key, request)) = queue.pop_front() else {
            now += Duration::from_millis(500);
            swarm.handle_timeout(now);
            continue;
        };
        blocks += 1;
        now += Duration::from_micros(2);
        swarm.handle_fact(now, key, Fact::BlockReceived(request));
        let count = received.entry(request.piece).or_insert(0);
        *count += 1;
        if *count == geometry.block_count(request.piece) {
            received.remove(&request.piece);
            swarm.handle_storage(now, StorageFact::PieceStored { piece: request.piece, blocks: Vec::new() });
        }
        if swarm.poll_timeout().is_some_and(|at| at <= now) {
            swarm.handle_timeout(now);
        }
    }
    (blocks, began.elapsed().as_nanos() as u64 / blocks)
}

fn main() {
    for (piece_length, peers, percent) in
        [(4 << 20, 1, 100), (1 << 20, 8, 100), (256 << 10, 50, 60), (256 << 10, 200, 30), (1 << 20, 1000, 50)]
    {
        let (blocks, nanoseconds) = download(piece_length, peers, percent);
        println!(
            "pieces of {:>5} KiB, {peers:>4} peers with {percent:>3} %: {nanoseconds:>6} ns a block ({blocks} blocks)",
            piece_length >> 10
        );
    }
}
