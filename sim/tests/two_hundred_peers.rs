//! A crowd around one seed.

use sim::{Line, NodeId, World, seed};
use std::time::Duration;

#[test]
fn two_hundred_peers_complete_in_a_few_times_the_ideal() {
    let mut world = World::new(seed(1), 128 * 1024, 8 << 20);
    let line = Line { up_bytes_per_second: 2 << 20, down_bytes_per_second: 4 << 20, ..Line::default() };
    let source = world.add_seed(line);
    let leeches: Vec<NodeId> = (0..200).map(|_| world.add_leech(line)).collect();
    let mut rng = fastrand::Rng::with_seed(7);
    for leech in &leeches {
        let mut known: Vec<NodeId> = (0..25).map(|_| leeches[rng.usize(..leeches.len())]).collect();
        known.push(source);
        world.introduce(*leech, &known);
    }
    let all = |world: &World| leeches.iter().all(|leech| world.nodes[leech.0].is_complete());
    assert!(world.run(Duration::from_mins(2), all), "{} of 200 complete", {
        leeches.iter().filter(|leech| world.nodes[leech.0].is_complete()).count()
    });
    // The seed alone would need 800 s; the crowd shares the work.
    let given: u64 =
        leeches.iter().map(|leech| world.nodes[leech.0].received_from(world.nodes[source.0].address)).sum();
    assert!(given < 60 * (8 << 20), "the seed gave {} copies", given / (8 << 20));
}

#[test]
fn a_stopped_torrent_is_silent() {
    let mut world = World::new(seed(2), 128 * 1024, 16 << 20);
    let source = world.add_seed(Line::default());
    let leech = world.add_leech(Line::default());
    world.introduce(leech, &[source]);
    world.run(Duration::from_secs(5), |world| world.nodes[leech.0].swarm.have().count() > 20);
    world.stop(leech);
    world.run_for(Duration::from_secs(2));
    let received = world.nodes[leech.0].swarm.stats().bytes_from_peers;
    world.run_for(Duration::from_mins(5));
    assert_eq!(world.nodes[leech.0].swarm.stats().bytes_from_peers, received);
    assert_eq!(world.nodes[leech.0].connections() + world.nodes[source.0].connections(), 0);
}
