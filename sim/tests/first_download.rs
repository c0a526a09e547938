//! One seed, one leech, one torrent: the shortest story a client can tell.

use sim::{Line, World, seed};
use std::time::Duration;

/// 8 MiB and a bit, so that the last piece and its last block are short.
const TOTAL: u64 = (8 << 20) + 12_345;

fn download(number: u64) -> World {
    let mut world = World::new(number, 256 * 1024, TOTAL);
    let seed = world.add_seed(Line::default());
    let leech = world.add_leech(Line::default());
    world.introduce(leech, &[seed]);
    assert!(
        world.run(Duration::from_mins(1), |world| world.nodes[leech.0].is_complete()),
        "not complete in a minute"
    );
    world
}

#[test]
fn a_leech_fetches_everything_about_as_fast_as_the_line_allows() {
    let world = download(seed(1));
    let ideal = Duration::from_secs_f64(TOTAL as f64 / f64::from(10 << 20));
    assert!(world.elapsed() < 2 * ideal, "took {:?}, the line needs {ideal:?}", world.elapsed());
    let stats = world.nodes[1].swarm.stats();
    assert_eq!((stats.bytes_from_peers, stats.bytes_wasted), (TOTAL, 0));
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    let number = seed(2);
    assert_eq!(download(number).trace(), download(number).trace());
    assert_ne!(download(number).trace(), download(number + 1).trace());
}

#[test]
fn both_fall_silent_when_neither_wants_anything() {
    let mut world = download(seed(3));
    world.run_for(Duration::from_secs(30));
    assert!(
        world.nodes.iter().all(|node| node.connections() == 0),
        "two seeds have nothing to say to each other"
    );
}
