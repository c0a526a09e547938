//! Peers behind routers that let nobody in.

use sim::{Line, NodeId, World, seed};
use std::time::Duration;

/// Whether a leech and a seed behind routers of their own meet through somebody whom both can reach.
fn meet(exchange_peers: bool) -> bool {
    let mut world = World::new(seed(1), 64 * 1024, 64 << 20);
    let pieces = world.geometry().piece_count();
    let slow = Line { up_bytes_per_second: 64 << 10, ..Line::default() };
    let relay_config = swarm::Config { exchange_peers, ..world.config(0) };
    let relay = world.add_node(slow, relay_config, metainfo::Bitfield::new(pieces));
    let (one, other): (NodeId, NodeId) = (world.add_seed(slow), world.add_leech(slow));
    for node in [one, other] {
        world.nodes[node.0].is_behind_nat = true;
    }
    world.introduce(one, &[relay]);
    // Not at the same moment, or they would hear of each other and dial at the same moment too.
    world.run_for(Duration::from_secs(20));
    world.introduce(other, &[relay]);
    let address = world.nodes[one.0].address;
    world.run(Duration::from_mins(3), |world| world.nodes[other.0].received_from(address) > 0)
}

#[test]
fn holepunch_between_two_nats() {
    assert!(meet(true));
    assert!(!meet(false), "nobody lets the other in");
}
