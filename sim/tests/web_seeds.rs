//! Web seeds alone, beside peers, and at their worst.

use sim::{Line, ServerState, World, seed};
use std::time::Duration;

#[test]
fn web_seed_and_peers_share() {
    let mut world = World::new(seed(1), 256 * 1024, 64 << 20);
    let peer = world.add_seed(Line { up_bytes_per_second: 4 << 20, ..Line::default() });
    let leech = world.add_leech(Line { down_bytes_per_second: 50 << 20, ..Line::default() });
    world.add_web_seed(leech, ServerState::Sound, 4 << 20, Duration::from_millis(20));
    world.introduce(leech, &[peer]);
    assert!(world.run(Duration::from_mins(1), |world| world.nodes[leech.0].is_complete()));
    let stats = world.nodes[leech.0].swarm.stats();
    let ideal = 8.0;
    assert!(
        world.elapsed().as_secs_f64() < ideal * 1.35,
        "took {:?}, together they need {ideal} s",
        world.elapsed()
    );
    assert!(stats.bytes_from_web_seeds > 20 << 20 && stats.bytes_from_peers > 20 << 20, "{stats:?}");
    assert!(stats.bytes_wasted * 100 <= 3 * (64 << 20), "{} wasted", stats.bytes_wasted);
}

#[test]
fn a_web_seed_alone_fetches_in_few_large_ranges() {
    let mut world = World::new(seed(2), 256 * 1024, 64 << 20);
    let leech = world.add_leech(Line { down_bytes_per_second: 50 << 20, ..Line::default() });
    let server = world.add_web_seed(leech, ServerState::Sound, 16 << 20, Duration::from_millis(20));
    assert!(world.run(Duration::from_mins(1), |world| world.nodes[leech.0].is_complete()));
    let requests = world.requests(leech, server);
    assert!(requests.len() <= 20, "{} requests for 64 MiB", requests.len());
    assert!(requests[0] < Duration::from_millis(100), "the first request came after {:?}", requests[0]);
}

#[test]
fn a_busy_one_is_asked_again_and_one_without_the_file_is_not() {
    let mut world = World::new(seed(3), 256 * 1024, 4 << 20);
    let leech = world.add_leech(Line::default());
    let busy = ServerState::Busy(Duration::from_mins(2));
    let busy = world.add_web_seed(leech, busy, 1 << 20, Duration::from_millis(20));
    let missing = world.add_web_seed(leech, ServerState::Missing, 1 << 20, Duration::from_millis(20));
    world.run_for(Duration::from_mins(5));
    assert_eq!(world.requests(leech, missing).len(), 1);
    let requests = world.requests(leech, busy);
    assert!(requests.len() >= 2, "asked again once the server allows it");
    assert!(
        requests.windows(2).all(|pair| pair[1].checked_sub(pair[0]).unwrap() >= Duration::from_mins(2)),
        "{requests:?}"
    );
}

#[test]
fn a_corrupt_web_seed_is_dropped_and_the_peer_is_not_blamed() {
    let mut world = World::new(seed(4), 256 * 1024, 16 << 20);
    let peer = world.add_seed(Line { up_bytes_per_second: 1 << 20, ..Line::default() });
    let leech = world.add_leech(Line::default());
    world.add_web_seed(leech, ServerState::Corrupt, 4 << 20, Duration::from_millis(20));
    world.introduce(leech, &[peer]);
    assert!(world.run(Duration::from_mins(2), |world| world.nodes[leech.0].is_complete()));
    assert_eq!(world.nodes[leech.0].swarm.stats().peers_banned, 0);
    assert!(world.nodes[leech.0].swarm.stats().bytes_from_web_seeds < 16 << 20, "it was used on and on");
}

#[test]
fn a_silent_web_seed_does_not_hold_up_the_end() {
    let mut world = World::new(seed(5), 256 * 1024, 8 << 20);
    let peer = world.add_seed(Line::default());
    let leech = world.add_leech(Line::default());
    world.add_web_seed(leech, ServerState::Silent, 1 << 20, Duration::from_millis(20));
    world.introduce(leech, &[peer]);
    assert!(world.run(Duration::from_secs(20), |world| world.nodes[leech.0].is_complete()));
}
