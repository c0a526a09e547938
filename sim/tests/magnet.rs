//! Magnet links: metadata from peers, some of whom lie.

use sim::{Gives, MagnetWorld, seed};
use std::time::Duration;

const LATENCY: Duration = Duration::from_millis(50);

#[test]
fn magnet_with_liars() {
    let first = seed(1);
    for seed in first..first + 6 {
        let mut world = MagnetWorld::new(seed, 200_000, LATENCY);
        world.introduce(8, &Gives::Lies);
        world.introduce(3, &Gives::LiesOf(180_000));
        world.introduce(2, &Gives::LiesOf(4 << 20));
        world.introduce(3, &Gives::Silence);
        world.introduce(3, &Gives::Nothing);
        world.introduce(3, &Gives::NoConnection);
        let honest = world.introduce(8, &Gives::Truth);
        let took = world.run(Duration::from_mins(1));
        assert!(took.is_some_and(|took| took < Duration::from_secs(10)), "seed {seed}: {took:?}");
        assert!(
            honest.iter().all(|host| !world.banned().contains(host)),
            "seed {seed}: an innocent is banned"
        );
    }
}

#[test]
fn magnet_of_one_honest_peer_among_many_liars() {
    let first = seed(101);
    for seed in first..first + 4 {
        let mut world = MagnetWorld::new(seed, 100_000, LATENCY);
        world.introduce(30, &Gives::Lies);
        world.introduce(10, &Gives::LiesOf(100_001));
        world.introduce(1, &Gives::Truth);
        let took = world.run(Duration::from_mins(2));
        assert!(took.is_some_and(|took| took < Duration::from_secs(20)), "seed {seed}: {took:?}");
    }
}

#[test]
fn magnet_with_large_metadata_is_shared_among_peers() {
    let mut world = MagnetWorld::new(seed(201), 4 << 20, LATENCY);
    let honest = world.introduce(8, &Gives::Truth);
    let took = world.run(Duration::from_mins(2)).expect("it is found");
    let sent = world.sent();
    for host in honest {
        let sent = sent.get(&host).copied().unwrap_or(0);
        assert!((300_000..800_000).contains(&sent), "{host} sent {sent} bytes");
    }
    // 256 pieces, one at a time from each of eight: 32 rounds of 100 ms.
    assert!(took < Duration::from_secs(4), "{took:?}");
}

#[test]
fn magnet_is_found_the_same_way_twice() {
    let run = |seed| {
        let mut world = MagnetWorld::new(seed, 50_000, LATENCY);
        world.introduce(5, &Gives::Lies);
        world.introduce(5, &Gives::Truth);
        (world.run(Duration::from_mins(1)), world.banned().clone())
    };
    let seed = seed(301);
    assert_eq!(run(seed), run(seed));
}

#[test]
fn magnet_over_pex() {
    let mut world = MagnetWorld::new(seed(401), 60_000, LATENCY);
    let honest = world.add(3, &Gives::Truth);
    // Nobody whom the tracker names has the metadata; one of them knows who does.
    world.introduce(2, &Gives::Nothing);
    world.introduce(1, &Gives::Addresses(honest));
    let took = world.run(Duration::from_mins(1));
    assert!(took.is_some_and(|took| took < Duration::from_secs(3)), "{took:?}");
}
