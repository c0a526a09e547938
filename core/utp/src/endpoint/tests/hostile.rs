//! Datagrams from people who mean no good.

use super::*;
use crate::limits::{MAX_AHEAD, MAX_REPLIES, MAX_STREAMS, REORDER_MEMORY, STRAY_REPLIES_PER_SECOND};
use proptest::prelude::*;

fn stranger(n: u32) -> SocketAddr {
    SocketAddr::from(((0x7f00_0000 + n).to_be_bytes(), 6881))
}

/// Opens a stream to an endpoint as an honest peer does. Gives the number that the endpoint's first packet will have.
fn open(endpoint: &mut Endpoint, from: SocketAddr, id: u16) -> Seq {
    endpoint.handle_datagram(start(), from, &raw(Kind::Syn, id, Seq(1), Seq(0)));
    let (_, answer) = sent(endpoint, start()).pop().expect("an answer");
    let first = packet::read(&answer).expect("a packet").header.seq;
    endpoint.handle_datagram(start(), from, &raw(Kind::State, id + 1, Seq(2), first.minus(1)));
    assert!(matches!(endpoint.poll_event(), Some(Event::Incoming(..))));
    first
}

#[test]
fn a_syn_costs_one_header_and_no_stream_and_an_honest_peer_gets_in() {
    let mut endpoint = Endpoint::new(1, start());
    let mut bytes = 0;
    for n in 0..5000 {
        endpoint.handle_datagram(start(), stranger(n), &raw(Kind::Syn, 5, Seq(1), Seq(0)));
        let answers = sent(&mut endpoint, start());
        assert_eq!(answers.len(), 1);
        bytes += answers[0].1.len();
    }
    assert_eq!(bytes, 5000 * HEADER_BYTES);
    assert!(endpoint.slots.is_empty() && endpoint.names.is_empty() && endpoint.poll_timeout().is_none());
    open(&mut endpoint, stranger(9999), 7);
    endpoint.handle_timeout(start() + Duration::from_mins(1));
    assert!(sent(&mut endpoint, start()).len() <= 1, "nothing is repeated to those who never came back");
}

#[test]
fn an_answer_that_nobody_fetches_is_not_repeated() {
    let mut endpoint = Endpoint::new(1, start());
    let syn = raw(Kind::Syn, 5, Seq(1), Seq(0));
    for _ in 0..200 {
        endpoint.handle_datagram(start(), stranger(1), &syn);
    }
    let answers = sent(&mut endpoint, start());
    assert_eq!(answers.len(), 200);
    assert!(answers.iter().all(|answer| answer == &answers[0]), "the same SYN has the same answer");
    assert_eq!(endpoint.poll_timeout(), None);
}

#[test]
fn a_forged_first_packet_opens_nothing() {
    let mut endpoint = Endpoint::new(1, start());
    for n in 0..2000u32 {
        endpoint.handle_datagram(start(), stranger(n), &raw(Kind::Data, 6, Seq(2), Seq(n as u16)));
    }
    assert!(endpoint.stats().streams <= 3, "a guess in four thousand is right");
}

#[test]
fn packets_out_of_the_window_before_the_first_are_ignored() {
    let mut endpoint = Endpoint::new(1, start());
    endpoint.handle_datagram(start(), stranger(1), &raw(Kind::Syn, 10, Seq(1), Seq(0)));
    let (_, answer) = sent(&mut endpoint, start()).pop().expect("an answer");
    let ack = packet::read(&answer).expect("a packet").header.seq.minus(1);
    for far in [0, 1000, 30_000, 0x8000, 65_000] {
        endpoint.handle_datagram(start(), stranger(1), &raw(Kind::Data, 11, Seq(1).plus(far), ack));
    }
    assert_eq!(sent(&mut endpoint, start()), [], "no RESET: the stream may still begin");
    endpoint.handle_datagram(start(), stranger(1), &raw(Kind::Data, 11, Seq(2), ack));
    assert!(matches!(endpoint.poll_event(), Some(Event::Incoming(..))));
}

#[test]
fn streams_are_bounded_for_each_source_and_for_all() {
    let mut endpoint = Endpoint::new(1, start());
    let opened = |endpoint: &mut Endpoint, from: SocketAddr, id: u16| {
        let before = endpoint.stats().streams;
        endpoint.handle_datagram(start(), from, &raw(Kind::Syn, id, Seq(1), Seq(0)));
        let Some((_, answer)) = sent(endpoint, start()).pop() else { return false };
        let header = packet::read(&answer).expect("a packet").header;
        if header.kind == Kind::State {
            endpoint.handle_datagram(start(), from, &raw(Kind::State, id + 1, Seq(2), header.seq.minus(1)));
            sent(endpoint, start());
        }
        endpoint.stats().streams > before
    };
    let of_one = (0..3000).filter(|n| opened(&mut endpoint, stranger(1), 2 * n)).count();
    assert_eq!(of_one, crate::limits::MAX_INCOMING_PER_SOURCE);
    assert!(opened(&mut endpoint, stranger(2), 1), "others get in");
    (10..10_000).for_each(|n| {
        opened(&mut endpoint, stranger(n), 1);
    });
    assert_eq!(endpoint.stats().streams, MAX_STREAMS);
    assert_eq!(endpoint.connect(start(), stranger(3)), None);
}

#[test]
fn strays_get_a_bounded_number_of_resets_and_resets_get_none() {
    let mut endpoint = Endpoint::new(1, start());
    for n in 0..5000 {
        endpoint.handle_datagram(start(), stranger(n), &raw(Kind::Reset, 6, Seq(2), Seq(3)));
    }
    assert_eq!(sent(&mut endpoint, start()), []);
    let mut answers = 0;
    for n in 0..5000 {
        endpoint.handle_datagram(start(), stranger(n), &raw(Kind::Data, 6, Seq(2), Seq(3)));
        answers += sent(&mut endpoint, start()).len();
    }
    assert!((1..=STRAY_REPLIES_PER_SECOND as usize).contains(&answers));
    for n in 0..5000 {
        endpoint.handle_datagram(start(), stranger(n), &raw(Kind::Syn, 6, Seq(2), Seq(3)));
    }
    assert_eq!(sent(&mut endpoint, start()).len(), MAX_REPLIES, "what waits to be sent is bounded");
}

#[test]
fn packets_beyond_a_gap_take_bounded_memory() {
    let mut endpoint = Endpoint::new(1, start());
    for n in 0..100 {
        let first = open(&mut endpoint, stranger(n), 10);
        for ahead in 1..900 {
            let mut data = raw(Kind::Data, 11, Seq(2 + ahead), first.minus(1));
            data.extend([7; 1400]);
            endpoint.handle_datagram(start(), stranger(n), &data);
        }
        sent(&mut endpoint, start());
        assert!(endpoint.stats().reorder_bytes <= REORDER_MEMORY);
    }
}

/// What must not touch a stream: numbers and acknowledgements out of any window, other ids, other addresses.
#[test]
fn forged_packets_do_not_reach_a_stream() {
    let (mut world, here, there) = World::pair(Path::CLEAN, 3);
    let (from, id) = {
        let name = world.ends[1].endpoint.names.first_key_value().expect("a stream").0;
        (name.0, name.1)
    };
    let slot = world.ends[1].endpoint.names[&(from, id)];
    let first = stream_at(&mut world.ends[1].endpoint.slots, slot).expect("a stream");
    let (next, newest) = first.numbers();
    let mut forged = Vec::new();
    for far in [MAX_AHEAD + 1, 20_000, 0x8000, 50_000] {
        for (seq, ack) in [(next.plus(far), newest), (next, newest.plus(far)), (next, newest.plus(1))] {
            let mut data = raw(Kind::Data, id, seq, ack);
            data.extend([9; 100]);
            forged.extend([(from, data), (from, raw(Kind::Fin, id, seq, ack))]);
        }
        forged.push((from, raw(Kind::Reset, id, next, newest.plus(far))));
        forged.push((from, raw(Kind::Reset, id.wrapping_add(far), next, newest)));
    }
    forged.push((stranger(5), raw(Kind::Reset, id, next, newest)));
    forged.push((from, raw(Kind::Syn, id.wrapping_sub(1), Seq(500), Seq(0))));
    for (from, datagram) in forged {
        world.inject(1, from, &datagram);
    }
    world.send(0, here, b"still here");
    world.run_until(|world| world.got(1, there) == b"still here");
    assert!(world.ends[1].closed.is_empty() && world.ends[1].ended.is_empty());
    world.inject(1, from, &raw(Kind::Reset, id, next, newest));
    assert_eq!(world.ends[1].closed, [(there, Reason::Reset)], "the one with the right numbers counts");
}

#[test]
fn duplicate_acks_cost_one_repetition() {
    let mut endpoint = Endpoint::new(1, start());
    let first = open(&mut endpoint, stranger(1), 10);
    let stream = StreamId { slot: 0, generation: 0 };
    endpoint.write(start(), stream, &[1; 3000]);
    let before: usize = sent(&mut endpoint, start()).iter().map(|(_, datagram)| datagram.len()).sum();
    let mut after = 0;
    for _ in 0..10_000 {
        endpoint.handle_datagram(start(), stranger(1), &raw(Kind::State, 11, Seq(2), first.minus(1)));
        after += sent(&mut endpoint, start()).iter().map(|(_, datagram)| datagram.len()).sum::<usize>();
    }
    assert!(before > 3000 && after < 1500, "{after} bytes");
}

#[test]
fn a_window_of_a_byte_is_a_closed_one() {
    let mut endpoint = Endpoint::new(1, start());
    let first = open(&mut endpoint, stranger(1), 10);
    let mut state = raw(Kind::State, 11, Seq(2), first.minus(1));
    state[12..16].copy_from_slice(&1u32.to_be_bytes());
    endpoint.handle_datagram(start(), stranger(1), &state);
    endpoint.write(start(), StreamId { slot: 0, generation: 0 }, &vec![1; 100_000]);
    let (mut now, mut packets) = (start(), sent(&mut endpoint, start()).len());
    for _ in 0..50 {
        now = endpoint.poll_timeout().expect("it tries again").max(now);
        endpoint.handle_timeout(now);
        packets += sent(&mut endpoint, now).len();
        if now > start() + Duration::from_secs(6) {
            break;
        }
    }
    assert!((1..10).contains(&packets), "{packets} packets in six seconds");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Sequences of headers near those of a stream, with extensions and payload of any kind.
    #[test]
    fn any_datagrams_leave_the_endpoint_sound(
        datagrams in proptest::collection::vec(
            (0u8..6, 0u8..4, 9u16..13, any::<u32>(), prop_oneof![Just(0u32), Just(1), any::<u32>()], -4i32..40, -4i32..4,
             proptest::collection::vec(any::<u8>(), 0..80)),
            1..300,
        ),
    ) {
        let mut endpoint = Endpoint::new(1, start());
        let first = open(&mut endpoint, stranger(1), 10);
        let stream = StreamId { slot: 0, generation: 0 };
        let mut now = start();
        for (kind, extension, id, clock, window, seq, ack, rest) in datagrams {
            now += Duration::from_millis(u64::from(clock % 50));
            let mut bytes = vec![kind << 4 | 1, extension];
            bytes.extend(id.to_be_bytes());
            bytes.extend(clock.to_be_bytes());
            bytes.extend(clock.to_be_bytes());
            bytes.extend(window.to_be_bytes());
            bytes.extend((2i32.wrapping_add(seq) as u16).to_be_bytes());
            bytes.extend(first.0.wrapping_add(ack as u16).to_be_bytes());
            bytes.extend(rest);
            endpoint.handle_datagram(now, stranger(1), &bytes);
            endpoint.write(now, stream, &bytes);
            if clock % 3 == 0 {
                endpoint.read(now, stream, &mut [0; 64]);
            }
            sent(&mut endpoint, now);
            while endpoint.poll_event().is_some() {}
            if endpoint.poll_timeout().is_some_and(|when| when <= now) {
                endpoint.handle_timeout(now);
            }
        }
        endpoint.reset(now, stream);
        for slot in 0..endpoint.slots.len() as u32 {
            let id = endpoint.id(slot);
            endpoint.reset(now, id);
        }
        prop_assert_eq!(endpoint.stats().streams, 0);
        prop_assert_eq!(endpoint.memory.send.free_bytes(), crate::limits::SEND_MEMORY);
        prop_assert_eq!(endpoint.memory.receive.free_bytes(), crate::limits::RECEIVE_MEMORY);
        prop_assert!(endpoint.names.is_empty() && endpoint.timers.is_empty() && endpoint.sources.is_empty());
    }

    #[test]
    fn any_bytes_are_harmless(datagrams in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..60), 0..100)) {
        let mut endpoint = Endpoint::new(1, start());
        for datagram in datagrams {
            endpoint.handle_datagram(start(), stranger(1), &datagram);
        }
        prop_assert_eq!(endpoint.stats().streams, 0);
    }
}
