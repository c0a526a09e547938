//! Who is believed, and who is served.

use sim::{Behaviour, Line, NodeId, World, seed};
use std::time::Duration;
use swarm::{CandidateSource, Config};

#[test]
fn liar_is_banned_and_innocents_are_not() {
    let mut world = World::new(seed(1), 256 * 1024, 16 << 20);
    let line = Line { up_bytes_per_second: 2 << 20, ..Line::default() };
    let seeds: Vec<NodeId> = (0..5).map(|_| world.add_seed(line)).collect();
    world.nodes[2].behaviour = Behaviour::LiesOneIn(5);
    let leech = world.add_leech(Line::default());
    world.introduce(leech, &seeds);
    assert!(world.run(Duration::from_mins(2), |world| world.nodes[leech.0].is_complete()));
    let stats = world.nodes[leech.0].swarm.stats();
    assert_eq!(stats.peers_banned, 1, "exactly the liar is banned");
    assert!(stats.pieces_failed > 0);
    for honest in [0, 1, 3, 4] {
        let got = world.nodes[leech.0].received_from(world.nodes[honest].address);
        assert!(got > 1 << 20, "innocent {honest} was not used: {got} bytes");
    }
}

#[test]
fn a_liar_among_liars_cannot_complete_a_download_with_wrong_bytes() {
    let mut world = World::new(seed(2), 256 * 1024, 4 << 20);
    let liars: Vec<NodeId> = (0..3).map(|_| world.add_seed(Line::default())).collect();
    for liar in &liars {
        world.nodes[liar.0].behaviour = Behaviour::Liar;
    }
    let leech = world.add_leech(Line::default());
    world.introduce(leech, &liars);
    world.run_for(Duration::from_mins(1));
    assert_eq!(world.nodes[leech.0].swarm.have().count(), 0);
    assert_eq!(world.nodes[leech.0].swarm.stats().peers_banned, 3);
    // A seed that is honest but new finishes the job.
    let honest = world.add_seed(Line::default());
    world.introduce(leech, &[honest]);
    assert!(world.run(Duration::from_mins(1), |world| world.nodes[leech.0].is_complete()));
}

/// Leeches that never send, beside a seed with few slots: each gets its turn.
#[test]
fn optimistic_unchoke_is_fair() {
    let mut world = World::new(seed(3), 256 * 1024, 64 << 20);
    let slow = Line { up_bytes_per_second: 1 << 20, ..Line::default() };
    let source = world.add_seed(slow);
    let leeches: Vec<NodeId> = (0..12).map(|_| world.add_leech(Line::default())).collect();
    for leech in &leeches {
        world.nodes[leech.0].behaviour = Behaviour::FreeRider;
        world.introduce(*leech, &[source]);
    }
    world.run_for(Duration::from_mins(10));
    let got: Vec<u64> = leeches
        .iter()
        .map(|leech| world.nodes[leech.0].received_from(world.nodes[source.0].address))
        .collect();
    let (least, most) = (got.iter().min().copied().unwrap_or(0), got.iter().max().copied().unwrap_or(0));
    assert!(least * 4 >= most, "the seed's slots are not shared: {got:?}");
}

/// Leeches that each hold some of the pieces trade them; the one that only takes lives from optimistic slots.
#[test]
fn free_rider_gets_little() {
    const HONEST: usize = 14;
    const RIDERS: usize = 2;
    let seed = seed(4);
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut world = World::new(seed, 256 * 1024, 48 << 20);
    let thin = Line { up_bytes_per_second: 64 << 10, down_bytes_per_second: 4 << 20, ..Line::default() };
    let source = world.add_seed(thin);
    let few = |world: &World| Config { upload_slots: 4, ..world.config(world.nodes.len()) };
    let mut leeches = Vec::new();
    for number in 0..HONEST + RIDERS {
        let config = few(&world);
        let mut have = metainfo::Bitfield::new(world.geometry().piece_count());
        for piece in (0..have.length()).filter(|_| number < HONEST && rng.u8(..) < 64) {
            have.insert(metainfo::PieceIndex(piece));
        }
        leeches.push(world.add_node(thin, config, have));
    }
    let (honest, riders) = leeches.split_at(HONEST);
    for rider in riders {
        world.nodes[rider.0].behaviour = Behaviour::FreeRider;
    }
    for leech in &leeches {
        let mut others = leeches.clone();
        others.push(source);
        world.introduce(*leech, &others);
    }
    world.run(Duration::from_hours(2), |world| honest.iter().any(|leech| world.nodes[leech.0].is_complete()));
    // What the leeches gave each other is their choice; the seed's share is turns for all.
    let taken = |id: &NodeId| -> u64 {
        honest.iter().map(|other| world.nodes[id.0].received_from(world.nodes[other.0].address)).sum()
    };
    let fair = honest.iter().map(taken).sum::<u64>() / HONEST as u64;
    let ridden = riders.iter().map(taken).sum::<u64>() / RIDERS as u64;
    println!("of the leeches a free rider took {ridden} bytes, an honest leech {fair}, on average");
    assert!(ridden * 3 < fair * 2);
}

/// A node is told its own address: it talks to itself once at most and does not try again.
#[test]
fn a_connection_to_oneself_is_closed_and_not_retried() {
    let mut world = World::new(seed(5), 256 * 1024, 1 << 20);
    let node = world.add_leech(Line::default());
    let address = world.nodes[node.0].address;
    for _ in 0..5 {
        let now = world.now();
        world.nodes[node.0].swarm.handle_candidates(now, CandidateSource::Tracker, &[address]);
        world.introduce(node, &[]);
        world.run_for(Duration::from_mins(2));
    }
    assert_eq!(world.nodes[node.0].connections(), 0);
    assert!(world.nodes[node.0].swarm.stats().peers_connected <= 2);
}
