//! Private torrents: nobody is met but those that trackers name (BEP 27).

use sim::{Line, NodeId, World, seed};
use std::time::Duration;

/// Whether two leeches of a slow seed, which alone was told of either, ever meet.
fn two_leeches_meet(exchange_peers: bool) -> bool {
    let mut world = World::new(seed(1), 64 * 1024, 64 << 20);
    let pieces = world.geometry().piece_count();
    let mut add = |number: usize, has_all: bool| {
        let config = swarm::Config { exchange_peers, ..world.config(number) };
        let have = if has_all { metainfo::Bitfield::full(pieces) } else { metainfo::Bitfield::new(pieces) };
        let line = Line { up_bytes_per_second: 64 << 10, ..Line::default() };
        world.add_node(line, config, have)
    };
    let (first, leeches): (NodeId, [NodeId; 2]) = (add(0, true), [add(1, false), add(2, false)]);
    world.introduce(first, &leeches);
    let other = world.nodes[leeches[1].0].address.ip();
    world.run(Duration::from_mins(5), |world| {
        let mut known = world.nodes[leeches[0].0].swarm.peers(world.now());
        known.any(|peer| peer.address.ip() == other)
    })
}

#[test]
fn private_torrent_is_silent() {
    assert!(!two_leeches_meet(false));
    assert!(two_leeches_meet(true), "proof that they would have met");
}
