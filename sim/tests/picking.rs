//! Which pieces spread, and what the end of a download costs.

use sim::{Behaviour, Line, NodeId, World, seed};
use std::time::Duration;

/// A leech that has half of the pieces of a slow seed soon has pieces nobody else has.
#[test]
fn rarest_first_spreads_pieces() {
    let mut world = World::new(seed(1), 64 * 1024, 16 << 20);
    let slow = Line { up_bytes_per_second: 2 << 20, ..Line::default() };
    let first = world.add_seed(slow);
    let leeches: Vec<NodeId> = (0..8).map(|_| world.add_leech(Line::default())).collect();
    for leech in &leeches {
        let mut others = leeches.clone();
        others.push(first);
        world.introduce(*leech, &others);
    }
    // When the seed has sent every piece about once, the leeches together should have nearly all of them.
    world.run(Duration::from_mins(1), |world| {
        let sent: u64 =
            leeches.iter().map(|leech| world.nodes[leech.0].received_from(world.nodes[0].address)).sum();
        sent >= (16 << 20)
    });
    let pieces = world.geometry().piece_count();
    let spread = (0..pieces)
        .filter(|piece| {
            leeches
                .iter()
                .any(|leech| world.nodes[leech.0].swarm.have().contains(metainfo::PieceIndex(*piece)))
        })
        .count();
    assert!(spread as u32 * 10 >= pieces * 8, "{spread} of {pieces} pieces left the seed in the time of all");
    assert!(world.run(Duration::from_mins(2), |world| {
        leeches.iter().all(|leech| world.nodes[leech.0].is_complete())
    }));
}

#[test]
fn end_game_wastes_little() {
    let mut world = World::new(seed(2), 256 * 1024, 32 << 20);
    let rates = [200 << 10, 1 << 20, 4 << 20, 8 << 20];
    let seeds: Vec<NodeId> = rates
        .iter()
        .map(|rate| world.add_seed(Line { up_bytes_per_second: *rate, ..Line::default() }))
        .collect();
    let leech = world.add_leech(Line { down_bytes_per_second: 50 << 20, ..Line::default() });
    world.introduce(leech, &seeds);
    assert!(world.run(Duration::from_mins(1), |world| world.nodes[leech.0].is_complete()));
    let wasted = world.nodes[leech.0].swarm.stats().bytes_wasted;
    assert!(wasted * 100 <= 3 * (32 << 20), "{wasted} bytes came twice");
    let ideal = (32u64 << 20) as f64 / f64::from((200 << 10) + (13 << 20));
    assert!(world.elapsed().as_secs_f64() < ideal * 1.6, "{:?}, ideal {ideal} s", world.elapsed());
}

/// The last peer to hold blocks stops sending: the others finish the job long before it is given up.
#[test]
fn stalled_last_peer() {
    let mut world = World::new(seed(3), 256 * 1024, 8 << 20);
    let good = world.add_seed(Line::default());
    let bad = world.add_seed(Line::default());
    world.nodes[bad.0].behaviour = Behaviour::StallsAfter(40);
    let leech = world.add_leech(Line::default());
    world.introduce(leech, &[good, bad]);
    assert!(world.run(Duration::from_mins(2), |world| world.nodes[leech.0].is_complete()));
    assert!(world.elapsed() < Duration::from_secs(15), "the stalled peer cost {:?}", world.elapsed());
}
