use super::*;
use crate::world::start;

const PACKET: usize = 1000;

fn acked(bytes: usize, in_flight: usize) -> Acked {
    let (round_trip, least) = (Duration::from_millis(50), Duration::from_millis(40));
    Acked { bytes, in_flight, round_trip, least, packet: PACKET }
}

/// A round trip in which the whole window arrives, packet by packet, with so much delay in queues.
fn round(ledbat: &mut Ledbat, queue_us: u32) {
    (0..DELAY_FILTER).for_each(|_| ledbat.handle_delay(start(), queue_us));
    let window = ledbat.window();
    for _ in 0..window / PACKET {
        ledbat.handle_acked(start(), acked(PACKET, window));
    }
}

/// A window of so many packets, past slow start.
fn settled(packets: usize) -> Ledbat {
    let mut ledbat = Ledbat::new(start(), PACKET);
    (ledbat.window, ledbat.slow_start) = ((packets * PACKET) as f64, false);
    ledbat
}

#[test]
fn slow_start_doubles_until_a_queue_stands() {
    let mut ledbat = Ledbat::new(start(), PACKET);
    for packets in [8, 16, 32] {
        round(&mut ledbat, 0);
        assert_eq!(ledbat.window(), packets * PACKET);
    }
    round(&mut ledbat, 60_000);
    assert!(!ledbat.slow_start && ledbat.window() < 40 * PACKET);
}

#[test]
fn it_grows_below_the_target_and_shrinks_above() {
    let mut below = settled(100);
    round(&mut below, 50_000);
    assert!((120_000..130_000).contains(&below.window()), "a quarter: {}", below.window());
    let mut at = settled(100);
    round(&mut at, TARGET_DELAY_US);
    assert_eq!(at.window(), 100_000);
    let mut above = settled(100);
    (0..20).for_each(|_| round(&mut above, 250_000));
    assert_eq!(above.window(), MIN_WINDOW_PACKETS * PACKET, "it has made way");
}

#[test]
fn a_single_late_packet_is_no_queue() {
    let mut ledbat = settled(100);
    ledbat.handle_delay(start(), 400_000);
    ledbat.handle_acked(start(), acked(PACKET, 100_000));
    assert!(ledbat.window() > 100_000);
}

#[test]
fn a_window_that_is_not_used_does_not_grow() {
    let mut ledbat = Ledbat::new(start(), PACKET);
    (0..100).for_each(|_| ledbat.handle_acked(start(), acked(100, 100)));
    assert_eq!(ledbat.window(), FIRST_WINDOW_PACKETS * PACKET);
}

#[test]
fn a_loss_without_a_queue_cuts_an_eighth_and_with_one_a_half() {
    let least = Duration::from_millis(50);
    let mut by_chance = settled(100);
    round(&mut by_chance, 0);
    let before = by_chance.window();
    by_chance.handle_lost(PACKET);
    by_chance.cut(least, PACKET);
    assert_eq!(by_chance.window(), before * 7 / 8);

    let mut congested = settled(100);
    round(&mut congested, 90_000);
    let before = congested.window();
    congested.handle_lost(PACKET);
    congested.cut(least, PACKET);
    assert_eq!(congested.window(), before / 2);
    assert_eq!(congested.target_us, 45_000, "the queue of this path overflows early");
    congested.handle_minute();
    assert_eq!(congested.target_us, 90_000);
}

#[test]
fn where_short_queues_overflow_it_is_as_tcp() {
    let least = Duration::from_millis(50);
    let mut ledbat = settled(100);
    // A few losses each at the fullest that the queue gets, 4 ms.
    for _ in 0..8 {
        round(&mut ledbat, 0);
        (0..DELAY_FILTER).for_each(|_| ledbat.handle_delay(start(), 4_000));
        ledbat.handle_lost(PACKET);
        ledbat.cut(least, PACKET);
    }
    ledbat.window = 100.0 * PACKET as f64;
    ledbat.handle_lost(PACKET);
    ledbat.cut(least, PACKET);
    assert_eq!(ledbat.window(), 50 * PACKET, "half");
    (0..10).for_each(|_| round(&mut ledbat, 0));
    assert!((58..=61).contains(&(ledbat.window() / PACKET)), "a packet a round trip: {}", ledbat.window());
    (0..80).for_each(|_| round(&mut ledbat, 0));
    assert!(ledbat.window() > 200 * PACKET, "the path is another one");
}

#[test]
fn a_path_that_drops_a_lot_is_obeyed_and_remembered() {
    let mut ledbat = settled(100);
    round(&mut ledbat, 0);
    let before = ledbat.window();
    ledbat.handle_lost(before / 4);
    ledbat.cut(Duration::from_millis(50), PACKET);
    assert_eq!(ledbat.window(), before / 2);
    (0..30).for_each(|_| round(&mut ledbat, 0));
    let ceiling = before * 3 / 4;
    assert!((ceiling..ceiling + 30 * PACKET).contains(&ledbat.window()), "slowly above {ceiling}");
}

#[test]
fn silence_begins_anew() {
    let mut ledbat = settled(100);
    ledbat.handle_timeout(PACKET);
    assert_eq!(ledbat.window(), MIN_WINDOW_PACKETS * PACKET);
    (0..5).for_each(|_| round(&mut ledbat, 0));
    assert!(ledbat.window() >= 50 * PACKET, "half of it comes back in a few round trips");
}

#[test]
fn no_numbers_are_too_wild() {
    let mut ledbat = Ledbat::new(start(), PACKET);
    for wild in [0, 1, u32::MAX, 0x8000_0000] {
        for _ in 0..DELAY_FILTER {
            ledbat.handle_delay(start(), wild);
        }
        let wild = Acked { round_trip: Duration::ZERO, ..acked(usize::MAX / 4, usize::MAX / 4) };
        ledbat.handle_acked(start(), wild);
        ledbat.cut(Duration::ZERO, PACKET);
        assert!((MIN_WINDOW_PACKETS * PACKET..=MAX_WINDOW).contains(&ledbat.window()));
    }
}

#[test]
fn a_queue_that_never_empties_is_looked_behind() {
    let mut ledbat = settled(100);
    (0..DELAY_FILTER).for_each(|_| ledbat.handle_delay(start(), TARGET_DELAY_US));
    let mut now = start() + PAUSE_AFTER;
    ledbat.handle_acked(now, acked(PACKET, 100_000));
    assert_eq!(ledbat.window(), MIN_WINDOW_PACKETS * PACKET, "a pause");
    (0..DELAY_FILTER).for_each(|_| ledbat.handle_delay(start(), 0));
    now += Duration::from_millis(80);
    ledbat.handle_acked(now, acked(PACKET, 2000));
    assert_eq!(ledbat.window(), MIN_WINDOW_PACKETS * PACKET, "which lasts");
    now += Duration::from_millis(20);
    while ledbat.window() < 99_000 {
        let window = ledbat.window();
        ledbat.handle_acked(now, acked(window, window));
        assert!(ledbat.window() >= 2 * window || ledbat.window() >= 99_000, "and the way back is short");
    }
}
