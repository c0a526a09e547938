//! Limits on whole transfers between two sessions on loopback.

mod world;

use engine::{AfterCompletion, Event, Session};
use std::time::{Duration, Instant};
use world::{Scratch, settings, torrent_of, wait_for};

/// Bytes per second.
const LIMIT: u64 = 4 << 20;

/// Four seconds' worth.
const BYTES: usize = 16 << 20;

/// What a limit that lay idle lets through at once.
const BURST: Duration = Duration::from_millis(100);

/// How long a transfer takes under these limits of the seed and of the leech.
async fn transfer(up: Option<u64>, down: Option<u64>) -> Duration {
    let scratch = Scratch::new();
    let files = [("image.iso", BYTES)];
    let (metainfo, contents) = torrent_of("image.iso", &files, 262_144, 3);
    scratch.write("seed", &files, &contents);
    let mut given = settings();
    given.up_limit_bytes_per_second = up;
    let seed_session = Session::start(given).unwrap();
    let forever = AfterCompletion { seed: true, ..AfterCompletion::default() };
    let mut seed = seed_session.add(scratch.add("seed", &metainfo, forever)).await.unwrap();
    wait_for(&mut seed, |event| *event == Event::Complete).await;

    let mut taken = settings();
    taken.down_limit_bytes_per_second = down;
    let leech_session = Session::start(taken).unwrap();
    let mut add = scratch.add("leech", &metainfo, AfterCompletion::default());
    add.peers = vec![([127, 0, 0, 1], seed_session.port()).into()];
    let start = Instant::now();
    let mut leech = leech_session.add(add).await.unwrap();
    wait_for(&mut leech, |event| *event == Event::Complete).await;
    let took = start.elapsed();
    assert_eq!(scratch.read("leech/image.iso"), contents[0]);
    took
}

/// Never more than the limit and 2 %. A busy machine may make it less.
fn assert_holds(took: Duration) {
    let part = BYTES as f64 / LIMIT as f64 / (took + BURST).as_secs_f64();
    assert!((0.7..1.02).contains(&part), "{part} of the limit");
}

#[tokio::test]
async fn a_limited_seed_gives_as_much_as_it_may() {
    assert_holds(transfer(Some(LIMIT), None).await);
}

#[tokio::test]
async fn a_limited_leech_takes_as_much_as_it_may() {
    assert_holds(transfer(None, Some(LIMIT)).await);
}
