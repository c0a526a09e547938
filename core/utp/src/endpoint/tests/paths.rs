//! What arrives over paths of all kinds: every byte, once, in order.

use super::*;
use crate::contract::Received;

/// Sends both ways at once and checks what arrives. Gives the world for further questions.
fn transfer(path: Path, seed: u64, bytes: usize) -> World {
    let (mut world, here, there) = World::pair(path, seed);
    let (up, down) = (noise(bytes, seed), noise(bytes / 3, seed + 1));
    world.send(0, here, &up);
    world.send(1, there, &down);
    world.run_until(|world| {
        assert!(world.ends.iter().all(|end| end.closed.is_empty()), "a stream broke");
        world.got(1, there).len() >= up.len() && world.got(0, here).len() >= down.len()
    });
    assert!(world.got(1, there) == up && world.got(0, here) == down, "seed {seed}: other bytes");
    world
}

#[test]
fn a_clean_path() {
    let world = transfer(Path::CLEAN, 1, 3 << 20);
    assert_eq!(world.ends[0].endpoint.stats().packets_resent, 0);
    let packets = world.packets_sent[0];
    assert!(packets < 3000, "{packets} packets for 3 MiB and the acks of 1 MiB");
}

#[test]
fn every_byte_arrives_once_and_in_order_whatever_the_path_does() {
    for seed in 0..40 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let path = Path {
            delay: Duration::from_millis(rng.u64(0..80)),
            loss: rng.u32(0..100),
            double: rng.u32(0..200),
            jitter: Duration::from_millis(rng.u64(0..30)),
            rate: rng.bool().then(|| rng.u64(50_000..5_000_000)),
            queue: rng.u64(10_000..500_000),
            mtu: rng.usize(1200..1500),
        };
        transfer(path, seed, rng.usize(1..600_000));
    }
}

#[test]
fn a_very_bad_path() {
    let path = Path { loss: 300, double: 300, jitter: Duration::from_millis(100), ..Path::CLEAN };
    transfer(path, 5, 20_000);
}

#[test]
fn a_shallow_queue() {
    let path = Path { rate: Some(1_000_000), queue: 8_000, ..Path::CLEAN };
    transfer(path, 6, 2 << 20);
}

#[test]
fn the_largest_packet_is_found() {
    for (mtu, least) in [(1472, 1472), (1400, 1385), (1250, 1235)] {
        let (mut world, here, there) = World::pair(Path { mtu, ..Path::CLEAN }, 3);
        for n in 1..60 {
            world.send(0, here, &noise(100_000, 1));
            world.run_until(|world| world.got(1, there).len() == n * 100_000);
        }
        let stats = world.ends[0].endpoint.stream_stats(here).expect("it is there");
        assert!((least..=mtu).contains(&stats.packet_bytes), "{} of {mtu}", stats.packet_bytes);
        assert!(stats.window_bytes > 50_000, "a lost probe is no congestion: {}", stats.window_bytes);
    }
}

#[test]
fn a_path_that_turns_narrow_is_survived() {
    let (mut world, here, there) = World::pair(Path::CLEAN, 3);
    world.send(0, here, &noise(200_000, 1));
    world.run_until(|world| world.got(1, there).len() == 200_000);
    world.path.mtu = 700;
    world.send(0, here, &noise(200_000, 2));
    world.run_until(|world| world.got(1, there).len() == 400_000);
    let stats = world.ends[0].endpoint.stream_stats(here).expect("it is there");
    assert!((500..=700).contains(&stats.packet_bytes), "{}", stats.packet_bytes);
}

#[test]
fn numbers_wrap() {
    // Small packets, so that more than 65,536 of them go by in little time.
    let (mut world, here, there) = World::pair(Path { loss: 2, mtu: 560, ..Path::CLEAN }, 9);
    for n in 0..36 {
        let bytes = noise(1 << 20, n);
        world.send(0, here, &bytes);
        world.run_until(|world| world.got(1, there).len() >= bytes.len());
        assert!(world.got(1, there) == bytes);
        world.ends[1].got.clear();
    }
    assert!(world.ends[0].endpoint.stats().packets_sent > 66_000);
}

#[test]
fn many_streams_share_a_socket() {
    let mut world = World::new(Path { loss: 20, ..Path::CLEAN }, 2);
    let streams: Vec<StreamId> = (0..50).map(|_| world.connect()).collect();
    for (n, stream) in streams.iter().enumerate() {
        world.send(0, *stream, &noise(20_000, n as u64));
    }
    world.run_until(|world| world.ends[1].got.values().map(Vec::len).sum::<usize>() == 50 * 20_000);
    let mut got: Vec<Vec<u8>> = world.ends[1].got.values().cloned().collect();
    let mut expected: Vec<Vec<u8>> = (0..50).map(|n| noise(20_000, n)).collect();
    got.sort();
    expected.sort();
    assert!(got == expected);
}

#[test]
fn a_reader_who_does_not_read_is_waited_for() {
    let (mut world, here, there) = World::pair(Path::CLEAN, 4);
    world.ends[1].is_deaf = true;
    let bytes = noise(6 << 20, 1);
    world.send(0, here, &bytes);
    world.run_for(Duration::from_secs(20));
    let before = world.bytes_sent[0];
    assert!(before < 5 << 20, "{before} bytes for a window of 4 MiB");
    world.run_for(Duration::from_mins(2));
    assert!(world.bytes_sent[0] - before < 30_000, "a closed window is tried now and then");
    assert!(world.ends[0].closed.is_empty(), "and is no reason to end");
    world.ends[1].is_deaf = false;
    let now = world.now;
    world.ends[1].read(now, there);
    world.drain(1);
    let opened = world.now;
    world.run_until(|world| world.got(1, there).len() == bytes.len());
    assert!(world.got(1, there) == bytes);
    assert!(world.now - opened < Duration::from_secs(5), "it is told: {:?}", world.now - opened);
}

#[test]
fn small_messages_are_gathered_and_not_held_up() {
    let (mut world, here, there) = World::pair(Path::CLEAN, 4);
    let (before, began) = (world.packets_sent[0], world.now);
    for n in 0..100u8 {
        world.act(0, |endpoint, now| assert_eq!(endpoint.write(now, here, &[n; 17]), 17));
    }
    world.run_until(|world| world.got(1, there).len() == 1700);
    assert!(
        world.now - began < Duration::from_millis(110),
        "two and a half one-way delays and a delayed ack"
    );
    assert!(world.packets_sent[0] - before <= 4);
}

#[test]
fn acks_are_few() {
    let (mut world, here, there) = World::pair(Path::CLEAN, 4);
    let before = world.packets_sent[1];
    world.send(0, here, &noise(1 << 20, 1));
    world.run_until(|world| world.got(1, there).len() == 1 << 20);
    let acks = world.packets_sent[1] - before;
    assert!(acks < 420, "{acks} acks for 740 packets");
}

#[test]
fn an_idle_stream_stays_and_is_kept_alive() {
    let (mut world, here, there) = World::pair(Path::CLEAN, 4);
    let before = world.packets_sent;
    world.run_for(Duration::from_mins(30));
    for (end, before) in before.into_iter().enumerate() {
        assert!(world.ends[end].closed.is_empty());
        let packets = world.packets_sent[end] - before;
        assert!((60..130).contains(&packets), "{packets} in half an hour");
    }
    world.send(0, here, b"still there?");
    world.run_until(|world| world.got(1, there) == b"still there?");
}

#[test]
fn a_stream_whose_other_end_is_gone_ends() {
    let (mut world, here, _) = World::pair(Path::CLEAN, 4);
    world.path.loss = 1000;
    world.send(0, here, &noise(100_000, 1));
    let (began, before) = (world.now, world.bytes_sent[0]);
    world.run_until(|world| world.ends[0].closed.contains(&(here, Reason::TimedOut)));
    assert!(world.now - began < Duration::from_mins(1));
    assert!(world.bytes_sent[0] - before < 50_000, "hardly anything goes into the void");
    world.run_until(|world| !world.ends[1].closed.is_empty());
    assert!(
        world.now - began <= crate::limits::IDLE_TIMEOUT + Duration::from_secs(1),
        "the idle side as well"
    );
    assert_eq!(world.act(0, |endpoint, now| endpoint.read(now, here, &mut [0; 10])), Received::End);
}

#[test]
fn clocks_that_wrap_during_a_transfer() {
    let (mut world, here, there) = World::pair(Path { rate: Some(1_000_000), ..Path::CLEAN }, 4);
    for end in 0..2 {
        // Both clocks pass zero within the next second or two.
        let passed = (world.now - start()).as_micros() as u32;
        world.ends[end].endpoint.clock_us = 0u32.wrapping_sub(passed + 1_000_000 * (end as u32 + 1));
    }
    world.send(0, here, &noise(5 << 20, 1));
    let began = world.now;
    world.run_until(|world| world.got(1, there).len() == 5 << 20);
    assert!(world.now - began < Duration::from_secs(7), "5 MiB at 1 MB/s took {:?}", world.now - began);
}
