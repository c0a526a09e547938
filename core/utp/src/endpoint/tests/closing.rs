//! The ends of streams, from either side, in every state.

use super::*;
use crate::contract::Received;

/// Nothing is left anywhere.
fn is_empty(world: &World) -> bool {
    world.ends.iter().all(|end| {
        let endpoint = &end.endpoint;
        endpoint.stats().streams == 0 && endpoint.names.is_empty() && endpoint.sources.is_empty()
    })
}

#[test]
fn what_was_written_arrives_before_the_end() {
    for seed in 0..20 {
        let (mut world, here, there) = World::pair(Path { loss: 100, ..Path::CLEAN }, seed);
        let bytes = noise(50_000, seed);
        world.send(0, here, &bytes);
        world.act(0, |endpoint, now| endpoint.close(now, here));
        world.run_until(|world| world.ends[1].ended.contains(&there));
        assert!(world.got(1, there) == bytes);
        assert!(world.ends[1].closed.is_empty(), "an end in order is no failure");
        world.act(1, |endpoint, now| endpoint.close(now, there));
        world.run_until(is_empty);
    }
}

#[test]
fn one_side_ends_and_the_other_goes_on() {
    let (mut world, here, there) = World::pair(Path::CLEAN, 1);
    world.act(0, |endpoint, now| endpoint.shut_down(now, here));
    world.run_until(|world| world.ends[1].ended.contains(&there));
    assert_eq!(world.act(0, |endpoint, now| endpoint.write(now, here, b"more")), 0);
    let bytes = noise(300_000, 1);
    world.send(1, there, &bytes);
    world.run_until(|world| world.got(0, here).len() == bytes.len());
    assert!(world.got(0, here) == bytes);
    world.act(1, |endpoint, now| endpoint.close(now, there));
    world.run_until(|world| world.ends[0].ended.contains(&here));
    world.act(0, |endpoint, now| endpoint.close(now, here));
    world.run_until(is_empty);
}

#[test]
fn both_close_at_once() {
    for loss in [0, 300] {
        let (mut world, here, there) = World::pair(Path { loss, ..Path::CLEAN }, 2);
        world.act(0, |endpoint, now| endpoint.close(now, here));
        world.act(1, |endpoint, now| endpoint.close(now, there));
        world.run_until(is_empty);
    }
}

#[test]
fn a_closed_stream_takes_no_more() {
    let (mut world, here, there) = World::pair(Path::CLEAN, 2);
    world.act(0, |endpoint, now| endpoint.close(now, here));
    assert_eq!(world.act(0, |endpoint, now| endpoint.read(now, here, &mut [0; 9])), Received::End);
    assert_eq!(world.act(0, |endpoint, now| endpoint.write(now, here, b"x")), 0);
    // The other end goes on writing to nobody, and is told.
    for n in 0..100 {
        world.send(1, there, &noise(10_000, n));
        world.run_for(Duration::from_millis(100));
    }
    assert_eq!(world.ends[1].closed, [(there, Reason::Reset)]);
    world.act(1, |endpoint, now| endpoint.close(now, there));
    world.run_until(is_empty);
}

#[test]
fn a_reset_ends_both_sides_at_once_and_what_arrived_can_be_read() {
    let (mut world, here, there) = World::pair(Path::CLEAN, 3);
    world.ends[1].is_deaf = true;
    world.send(0, here, b"last words");
    world.run_for(Duration::from_millis(100));
    world.act(0, |endpoint, now| endpoint.reset(now, here));
    world.run_for(Duration::from_millis(30));
    assert_eq!(world.ends[1].closed, [(there, Reason::Reset)]);
    assert_eq!(world.ends[0].endpoint.stats().streams, 0);
    world.ends[1].is_deaf = false;
    let now = world.now;
    world.ends[1].read(now, there);
    assert_eq!((world.got(1, there), &world.ends[1].ended[..]), (&b"last words"[..], &[there][..]));
    world.act(1, |endpoint, now| endpoint.close(now, there));
    assert!(is_empty(&world));
}

#[test]
fn resets_in_every_state() {
    // Before the SYN is answered, before the first data, while closing, and when the other end is closing.
    let mut world = World::new(Path::CLEAN, 4);
    let stream = world.connect();
    world.act(0, |endpoint, now| endpoint.reset(now, stream));
    world.run_for(Duration::from_secs(1));
    assert!(is_empty(&world));

    let stream = world.connect();
    world.run_until(|world| world.ends[0].connected.contains(&stream));
    world.act(0, |endpoint, now| endpoint.reset(now, stream));
    world.run_for(Duration::from_secs(1));
    assert!(is_empty(&world));

    for closing in 0..2 {
        let (mut world, here, there) = World::pair(Path::CLEAN, 5);
        let streams = [here, there];
        world.send(closing, streams[closing], &noise(500_000, 1));
        world.act(closing, |endpoint, now| endpoint.close(now, streams[closing]));
        world.run_for(Duration::from_millis(100));
        let other = 1 - closing;
        world.act(other, |endpoint, now| endpoint.reset(now, streams[other]));
        world.run_for(Duration::from_millis(100));
        assert!(is_empty(&world));
    }
}

#[test]
fn a_port_without_streams_refuses_data_and_a_full_endpoint_connections() {
    let (mut world, here, _) = World::pair(Path::CLEAN, 6);
    // The other end starts anew and knows nothing.
    world.ends[1].endpoint = Endpoint::new(77, world.now);
    world.send(0, here, b"hello?");
    world.run_for(Duration::from_secs(1));
    assert_eq!(world.ends[0].closed, [(here, Reason::Reset)]);
}

#[test]
fn a_connection_that_nobody_answers_is_given_up() {
    let mut world = World::new(Path { loss: 1000, ..Path::CLEAN }, 6);
    let stream = world.connect();
    world.run_until(|world| world.ends[0].closed == [(stream, Reason::TimedOut)]);
    assert_eq!(world.packets_sent[0], u64::from(crate::limits::MAX_SYNS));
    assert!(world.now - start() < Duration::from_secs(16));
    world.act(0, |endpoint, now| endpoint.close(now, stream));
    assert!(is_empty(&world));
}

#[test]
fn a_lost_syn_and_a_lost_answer_are_repeated() {
    for seed in 0..30 {
        let mut world = World::new(Path { loss: 300, ..Path::CLEAN }, seed);
        let stream = world.connect();
        world.run_until(|world| !(world.ends[0].connected.is_empty() && world.ends[0].closed.is_empty()));
        if world.ends[0].connected.is_empty() {
            continue;
        }
        world.send(0, stream, b"hello");
        world.run_until(|world| world.ends[1].got.values().any(|got| got == b"hello"));
        assert_eq!(world.ends[1].endpoint.stats().streams, 1);
    }
}

#[test]
fn late_packets_of_an_ended_stream_open_no_ghost() {
    let mut world = World::new(Path::CLEAN, 8);
    let stream = world.connect();
    world.run_until(|world| world.ends[0].connected.contains(&stream));
    world.ends[0].endpoint.write(world.now, stream, b"first");
    let first = sent(&mut world.ends[0].endpoint, world.now).remove(0).1;
    let from = world.ends[0].address;
    world.inject(1, from, &first);
    let there = world.ends[1].streams[0];
    world.act(1, |endpoint, now| endpoint.reset(now, there));
    world.inject(1, from, &first);
    assert_eq!(world.ends[1].endpoint.stats().streams, 0, "it acknowledges our answer, but it is an old one");
}

#[test]
fn the_name_of_a_stream_is_never_another_ones() {
    let (mut world, here, there) = World::pair(Path::CLEAN, 2);
    world.act(0, |endpoint, now| endpoint.reset(now, here));
    world.run_for(Duration::from_secs(1));
    world.act(1, |endpoint, now| endpoint.close(now, there));
    let next = world.connect();
    assert_ne!(next, here);
    assert_eq!(world.act(0, |endpoint, now| endpoint.write(now, here, b"x")), 0);
    world.act(0, |endpoint, now| endpoint.reset(now, here));
    world.send(0, next, b"hello");
    world.run_until(|world| world.ends[1].got.values().any(|got| got == b"hello"));
    let event = world.ends[0].endpoint.poll_event();
    assert!(!matches!(event, Some(Event::Closed(..))));
}
