//! Disks that are full, fail, or lie.

use sim::{DiskState, Line, World, seed};
use std::time::Duration;

#[test]
fn disk_full_then_space() {
    let mut world = World::new(seed(1), 256 * 1024, 8 << 20);
    let source = world.add_seed(Line::default());
    let leech = world.add_leech(Line::default());
    world.introduce(leech, &[source]);
    world.run(Duration::from_secs(5), |world| world.nodes[leech.0].swarm.have().count() >= 8);
    world.set_disk(leech, DiskState::Full);
    world.run_for(Duration::from_mins(1));
    let received = world.nodes[leech.0].swarm.stats().bytes_from_peers;
    world.run_for(Duration::from_mins(1));
    assert_eq!(world.nodes[leech.0].swarm.stats().bytes_from_peers, received, "a full disk asks for nothing");
    assert!(received < 7 << 20, "{received} bytes were fetched for a full disk");
    world.set_disk(leech, DiskState::Sound);
    assert!(
        world.run(Duration::from_mins(2), |world| world.nodes[leech.0].is_complete()),
        "it goes on with space"
    );
    assert_eq!(world.nodes[leech.0].swarm.stats().peers_banned, 0);
}

#[test]
fn a_failing_disk_blames_nobody() {
    let mut world = World::new(seed(2), 256 * 1024, 8 << 20);
    let source = world.add_seed(Line::default());
    let leech = world.add_leech(Line::default());
    world.set_disk(leech, DiskState::Failing);
    world.introduce(leech, &[source]);
    assert!(world.run(Duration::from_mins(2), |world| world.nodes[leech.0].is_complete()));
    let stats = world.nodes[leech.0].swarm.stats();
    assert_eq!((stats.peers_banned, stats.pieces_failed), (0, 0));
}

/// What a lying disk reads back is wrong: the peers notice, and complete from somebody else.
#[test]
fn a_lying_disk_spoils_nobody_elses_download() {
    let mut world = World::new(seed(3), 256 * 1024, 8 << 20);
    let liar = world.add_seed(Line::default());
    world.set_disk(liar, DiskState::Lying);
    let sound = world.add_seed(Line { up_bytes_per_second: 1 << 20, ..Line::default() });
    let leech = world.add_leech(Line::default());
    world.introduce(leech, &[liar, sound]);
    assert!(world.run(Duration::from_mins(2), |world| world.nodes[leech.0].is_complete()));
    assert_eq!(world.nodes[leech.0].swarm.stats().peers_banned, 1);
}
