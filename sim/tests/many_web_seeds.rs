//! Web seeds by the hundred, as images of distributions list them.

use sim::{Line, NodeId, Server, ServerState, World, seed};
use std::time::Duration;
use swarm::{WebSeedKey, WebSeedPolicy};

const MIB: u64 = 1 << 20;
const SECOND: Duration = Duration::from_secs(1);

/// So many servers that are alike.
type Group = (usize, Server);

const fn group(count: usize, state: ServerState, rate: u64, latency_ms: u64) -> Group {
    (count, Server { state, rate, latency: Duration::from_millis(latency_ms) })
}

/// What the list of Arch Linux looks like from a good line: few fast, some fair, many slow, and all kinds of broken.
const MIRRORS: [Group; 12] = [
    group(6, ServerState::Sound, 5_000_000, 12),
    group(40, ServerState::Sound, 500_000, 35),
    group(160, ServerState::Sound, 50_000, 90),
    group(60, ServerState::Missing, 50_000, 55),
    group(12, ServerState::Refusing, 50_000, 1),
    group(24, ServerState::Silent, 50_000, 55),
    group(12, ServerState::Stalling(12), 500_000, 55),
    group(18, ServerState::Cutting, 50_000, 55),
    group(6, ServerState::Busy(Duration::from_secs(30)), 50_000, 55),
    group(4, ServerState::Corrupt, 50_000, 55),
    group(2, ServerState::Corrupt, 500_000, 55),
    group(6, ServerState::NoRanges, 50_000, 55),
];

fn world(number: u64, total: u64) -> (World, NodeId) {
    let mut world = World::new(seed(number), MIB as u32, total);
    let leech = world.add_leech(Line { down_bytes_per_second: 1 << 30, ..Line::default() });
    (world, leech)
}

/// Adds the groups in an order drawn from the seed.
fn add(world: &mut World, node: NodeId, groups: &[Group]) -> Vec<(ServerState, WebSeedKey)> {
    let mut all: Vec<Server> =
        groups.iter().flat_map(|(count, server)| std::iter::repeat_n(*server, *count)).collect();
    fastrand::Rng::with_seed(seed(0)).shuffle(&mut all);
    let keys = world.add_web_seeds(node, &all);
    all.iter().map(|server| server.state).zip(keys).collect()
}

#[test]
fn four_hundred_mirrors() {
    let total = 600 * MIB;
    let (mut world, leech) = world(1, total);
    let mirrors = add(&mut world, leech, &MIRRORS);
    assert!(world.run(120 * SECOND, |world| world.nodes[leech.0].is_complete()));
    // All that send what is right, at once from the start: nobody can know them then.
    let ideal = total as f64 / (6.0 * 5e6 + 40.0 * 5e5 + 160.0 * 5e4);
    let took = world.elapsed().as_secs_f64();
    let stats = world.nodes[leech.0].swarm.stats().clone();
    let requests: usize = mirrors.iter().map(|(_, key)| world.requests(leech, *key).len()).sum();
    println!("took {took:.1} s, ideal {ideal:.1} s, {requests} requests, {stats:?}");
    assert!(took * 0.65 <= ideal, "took {took:.1} s; {ideal:.1} s is ideal");
    assert!(stats.bytes_wasted * 100 <= 3 * total, "{} MiB wasted", stats.bytes_wasted / MIB);
    assert!(requests as u64 <= 2 * 600, "{requests} requests");
    assert!(stats.pieces_failed <= 8, "{} pieces of six that lie", stats.pieces_failed);
    for (state, key) in mirrors {
        let requests = world.requests(leech, key).len();
        let most = match state {
            ServerState::Sound => continue,
            ServerState::Missing | ServerState::Refusing | ServerState::Busy(_) => 1,
            _ => 3,
        };
        assert!(requests <= most, "{requests} requests to one that is {state:?}");
    }
}

#[test]
fn mirrors_die_midway() {
    let (mut world, leech) = world(2, 200 * MIB);
    let mirrors = add(&mut world, leech, &[group(40, ServerState::Sound, 1_000_000, 30)]);
    world.run_for(2 * SECOND);
    for (_, key) in &mirrors[..35] {
        world.set_server(leech, *key, ServerState::Silent);
    }
    assert!(world.run(120 * SECOND, |world| world.nodes[leech.0].is_complete()));
    // Two seconds of 40 MB/s, then five mirrors of 1 MB/s.
    let ideal = 2.0 + (200.0 * MIB as f64 - 80e6) / 5e6;
    let took = world.elapsed().as_secs_f64();
    assert!(took < 1.2 * ideal, "took {took:.1} s; {ideal:.1} s is ideal");
    for (_, key) in &mirrors[..35] {
        assert!(world.requests(leech, *key).len() <= 6, "the dead are left alone");
    }
}

#[test]
fn all_mirrors_slow_then_one_fast() {
    let (mut world, leech) = world(3, 200 * MIB);
    add(&mut world, leech, &[group(150, ServerState::Sound, 30_000, 50)]);
    world.run_for(10 * SECOND);
    let fast = world.add_web_seed(leech, ServerState::Sound, 20_000_000, Duration::from_millis(20));
    assert!(world.run(120 * SECOND, |world| world.nodes[leech.0].is_complete()));
    let ideal = (200.0 * MIB as f64 - 10.0 * 96.0 * 30e3) / 22e6;
    let took = world.elapsed().as_secs_f64() - 10.0;
    let found = world.requests(leech, fast)[0];
    assert!(found < Duration::from_secs(20), "strangers get their chance: found after {found:?}");
    assert!(took < found.as_secs_f64() - 10.0 + 1.7 * ideal, "took {took:.1} s; {ideal:.1} s is ideal");
}

#[test]
fn retry_after_is_honoured() {
    let (mut world, leech) = world(4, 64 * MIB);
    let wait = Duration::from_secs(40);
    let busy = world.add_web_seed(leech, ServerState::Busy(wait), 1_000_000, Duration::from_millis(20));
    world.run_for(60 * SECOND);
    world.set_server(leech, busy, ServerState::Sound);
    assert!(world.run(300 * SECOND, |world| world.nodes[leech.0].is_complete()));
    let requests = world.requests(leech, busy);
    assert!(requests.len() >= 3, "it was asked again: {requests:?}");
    assert!(requests[..3].windows(2).all(|pair| pair[1] >= pair[0] + wait), "{requests:?}");
    assert!(requests[1] < Duration::from_secs(42), "and no later than it wished: {requests:?}");
}

#[test]
fn tail_is_stolen() {
    let (mut world, leech) = world(5, 100 * MIB);
    let slow = world.add_web_seed(leech, ServerState::Sound, 10_000_000, Duration::from_millis(20));
    world.add_web_seed(leech, ServerState::Sound, 10_000_000, Duration::from_millis(20));
    world.run_for(2 * SECOND);
    // Its range was sized by what it was.
    world.set_server_rate(leech, slow, 50_000);
    assert!(world.run(120 * SECOND, |world| world.nodes[leech.0].is_complete()));
    let ideal = 2.0 + (100.0 * MIB as f64 - 40e6) / 10e6;
    let took = world.elapsed().as_secs_f64();
    assert!(took < 1.15 * ideal, "took {took:.1} s; {ideal:.1} s is ideal");
    let stats = world.nodes[leech.0].swarm.stats();
    assert!(stats.bytes_wasted < MIB, "{} bytes came twice", stats.bytes_wasted);
}

/// Mirrors of 20 MB/s beside peers, on a line of 10 MB/s: how much of 400 MiB mirrors brought, and the time it took.
fn beside_peers(policy: WebSeedPolicy, peer_rate: u64) -> (f64, Duration) {
    let total = 400 * MIB;
    let mut world = World::new(seed(6), MIB as u32, total);
    let config = swarm::Config { web_seed_policy: policy, ..world.config(0) };
    let have = metainfo::Bitfield::new(world.geometry().piece_count());
    let line = Line { down_bytes_per_second: 10_000_000, ..Line::default() };
    let leech = world.add_node(line, config, have);
    let line = Line { up_bytes_per_second: peer_rate / 4, ..Line::default() };
    let peers: Vec<_> = (0..4).map(|_| world.add_seed(line)).collect();
    world.introduce(leech, &peers);
    add(&mut world, leech, &[group(10, ServerState::Sound, 2_000_000, 30)]);
    assert!(world.run(600 * SECOND, |world| world.nodes[leech.0].is_complete()));
    let from_mirrors = world.nodes[leech.0].swarm.stats().bytes_from_web_seeds;
    (from_mirrors as f64 / total as f64, world.elapsed())
}

#[test]
fn policy_spares_mirrors() {
    let (share, took) = beside_peers(WebSeedPolicy::Balanced, 12_000_000);
    assert!(share < 0.3, "peers could bring all of it; mirrors brought {share:.2}");
    assert!(took < Duration::from_secs(55), "{took:?}, where 42 s are ideal");
    let (share, took) = beside_peers(WebSeedPolicy::Balanced, 2_000_000);
    assert!((0.7..0.9).contains(&share), "peers could bring a fifth; mirrors brought {share:.2}");
    assert!(took < Duration::from_secs(55), "{took:?}, where 42 s are ideal");
    let (share, _) = beside_peers(WebSeedPolicy::Fallback, 2_000_000);
    assert!(share < 0.01, "peers bring all of it in time; mirrors brought {share:.2}");
}
