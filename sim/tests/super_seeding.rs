//! The first seed of a torrent, with an uplink that everybody waits for.

use metainfo::{Bitfield, PieceIndex};
use sim::{Line, NodeId, World, seed};
use std::time::Duration;

const SIZE: u64 = 16 << 20;

/// What a seed has sent when every piece of it is with somebody else, as a part of the torrent.
fn sent_until_spread(super_seed: bool) -> f64 {
    let mut world = World::new(seed(1), 64 * 1024, SIZE);
    let slow = Line { up_bytes_per_second: 2 << 20, ..Line::default() };
    let config = swarm::Config { super_seed, ..world.config(0) };
    let pieces = world.geometry().piece_count();
    let first = world.add_node(slow, config, Bitfield::full(pieces));
    let leeches: Vec<NodeId> = (0..8).map(|_| world.add_leech(Line::default())).collect();
    for leech in &leeches {
        let mut others = leeches.clone();
        others.push(first);
        world.introduce(*leech, &others);
    }
    let has = |world: &World, piece: u32| {
        leeches.iter().any(|leech| world.nodes[leech.0].swarm.have().contains(PieceIndex(piece)))
    };
    assert!(world.run(Duration::from_mins(2), |world| (0..pieces).all(|piece| has(world, piece))));
    let address = world.nodes[first.0].address;
    let sent: u64 = leeches.iter().map(|leech| world.nodes[leech.0].received_from(address)).sum();
    let is_done = |world: &World| leeches.iter().all(|leech| world.nodes[leech.0].is_complete());
    assert!(world.run(Duration::from_mins(2), is_done), "everybody has everything in the end");
    sent as f64 / SIZE as f64
}

#[test]
fn super_seeding_sends_little_twice() {
    let sent = sent_until_spread(true);
    assert!(sent < 1.1, "{sent:.2} of the torrent left the seed until all of it was out");
    assert!(sent < sent_until_spread(false), "an ordinary seed sends more");
}

#[test]
fn a_leech_alone_with_a_super_seed_gets_everything() {
    let mut world = World::new(seed(2), 64 * 1024, SIZE);
    let config = swarm::Config { super_seed: true, ..world.config(0) };
    let have = Bitfield::full(world.geometry().piece_count());
    let first = world.add_node(Line::default(), config, have);
    let leech = world.add_leech(Line::default());
    world.introduce(leech, &[first]);
    assert!(world.run(Duration::from_mins(2), |world| world.nodes[leech.0].is_complete()));
}
