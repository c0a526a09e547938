//! Clients of one network beside those outside it.

use sim::{Line, NodeId, ServerState, World, seed};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

const MIB: u64 = 1 << 20;

/// Puts a client into the network of its own that everybody has at home.
fn bring_home(world: &mut World, node: NodeId) {
    let home = Ipv4Addr::new(192, 168, 1, 10 + node.0 as u8);
    world.nodes[node.0].address = SocketAddr::from((home, 6881));
}

fn line(up_bytes_per_second: u64) -> Line {
    Line { up_bytes_per_second, down_bytes_per_second: 40 * MIB, ..Line::default() }
}

/// A leech, a seed of its network, three outside and a web seed; what came from the seed next door, and from all others.
fn fetch(local_rate: u64) -> (u64, u64, Duration) {
    let mut world = World::new(seed(1), 256 * 1024, 256 * MIB);
    let near = world.add_seed(line(local_rate));
    bring_home(&mut world, near);
    let far: Vec<NodeId> = (0..3).map(|_| world.add_seed(line(2 * MIB))).collect();
    let leech = world.add_leech(line(10 * MIB));
    world.add_web_seed(leech, ServerState::Sound, 2 * MIB, Duration::from_millis(20));
    world.introduce(leech, &[&[near], &far[..]].concat());
    assert!(world.run(Duration::from_mins(5), |world| world.nodes[leech.0].is_complete()));
    let from_near = world.nodes[leech.0].received_from(world.nodes[near.0].address);
    (from_near, 256 * MIB - from_near, world.elapsed())
}

#[test]
fn a_fast_peer_next_door_brings_nearly_everything() {
    let (near, far, time) = fetch(30 * MIB);
    println!("{} MiB from next door, {} MiB from outside, in {time:?}", near / MIB, far / MIB);
    // Rates take a moment to be known; without a preference a fifth comes from outside.
    assert!(far * 100 <= 256 * MIB * 12, "{} MiB came from outside", far / MIB);
    assert!(time < Duration::from_secs(12), "it costs little time: {time:?}");
}

#[test]
fn a_slow_peer_next_door_holds_nobody_up() {
    let (_, _, time) = fetch(MIB);
    // All together bring 9 MiB a second.
    println!("{time:?}");
    assert!(time.as_secs_f64() < 256.0 / 9.0 * 1.2, "took {time:?}");
}
