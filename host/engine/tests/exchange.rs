//! Peer exchange: who is connected to somebody tells others of them.

mod world;

use engine::{AfterCompletion, Event, Session, Settings};
use world::{Scratch, settings, torrent_of, wait_for};

#[tokio::test]
async fn a_peer_tells_of_the_seed_that_it_knows() {
    let scratch = Scratch::new();
    let files = [("image", 8 << 20)];
    let (metainfo, contents) = torrent_of("image", &files, 65_536, 21);
    scratch.write("seed", &files, &contents);
    let forever = AfterCompletion { seed: true, ..AfterCompletion::default() };
    let seed_session = Session::start(settings()).unwrap();
    let mut seed = seed_session.add(scratch.add("seed", &metainfo, forever)).await.unwrap();
    wait_for(&mut seed, |event| *event == Event::Complete).await;

    // So slow that nobody could live from it: four minutes for the whole, within the one that is waited.
    let slow = Settings { down_limit_bytes_per_second: Some(30_000), ..settings() };
    let middle_session = Session::start(slow).unwrap();
    let mut add = scratch.add("middle", &metainfo, forever);
    add.peers = vec![([127, 0, 0, 1], seed_session.port()).into()];
    let middle = middle_session.add(add).await.unwrap();
    while middle.snapshot().peers_connected == 0 {
        tokio::task::yield_now().await;
    }

    let last_session = Session::start(settings()).unwrap();
    let mut add = scratch.add("last", &metainfo, forever);
    add.peers = vec![([127, 0, 0, 1], middle_session.port()).into()];
    let mut last = last_session.add(add).await.unwrap();
    wait_for(&mut last, |event| *event == Event::Complete).await;
    assert_eq!(scratch.read("last/image"), contents[0]);
}
