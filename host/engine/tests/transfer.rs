//! Whole transfers between two sessions on loopback, with real sockets and real files.

mod world;

use engine::{AfterCompletion, Event, Session};
use world::{Scratch, settings, torrent_of, wait_for};

#[tokio::test]
async fn a_leech_fetches_a_multi_file_torrent_from_a_seed() {
    let scratch = Scratch::new();
    let files = [("a/one.bin", 700_001), ("two.bin", 1_234_567), ("empty", 0), ("three.bin", 3)];
    let (metainfo, contents) = torrent_of("bundle", &files, 65_536, 1);
    scratch.write("seed/bundle", &files, &contents);
    let seed_session = Session::start(settings()).unwrap();
    let mut seed = seed_session
        .add(scratch.add("seed", &metainfo, AfterCompletion { seed: true, ..AfterCompletion::default() }))
        .await
        .unwrap();
    wait_for(&mut seed, |event| *event == Event::Complete).await;

    let leech_session = Session::start(settings()).unwrap();
    let mut add = scratch.add("leech", &metainfo, AfterCompletion::default());
    add.peers = vec![([127, 0, 0, 1], seed_session.port()).into()];
    let mut leech = leech_session.add(add).await.unwrap();
    wait_for(&mut leech, |event| *event == Event::Complete).await;
    assert_eq!(leech.next_event().await, None, "a complete download without --seed ends");
    for ((name, _), content) in files.iter().zip(&contents) {
        assert_eq!(&scratch.read(&format!("leech/bundle/{name}")), content, "{name}");
    }
    let snapshot = leech.snapshot();
    let total: u64 = files.iter().map(|(_, length)| *length as u64).sum();
    assert_eq!((snapshot.bytes_done, snapshot.bytes_from_peers, snapshot.bytes_wasted), (total, total, 0));
}

#[tokio::test]
async fn a_stopped_download_resumes_without_fetching_twice() {
    let scratch = Scratch::new();
    let files = [("image.iso", 20 << 20)];
    let (metainfo, contents) = torrent_of("image.iso", &files, 262_144, 2);
    scratch.write("seed", &files, &contents);
    let mut slow = settings();
    slow.up_limit_bytes_per_second = Some(16 << 20);
    let seed_session = Session::start(slow).unwrap();
    let forever = AfterCompletion { seed: true, ..AfterCompletion::default() };
    let mut seed = seed_session.add(scratch.add("seed", &metainfo, forever)).await.unwrap();
    wait_for(&mut seed, |event| *event == Event::Complete).await;

    let mut fetched = 0;
    for round in 0..2 {
        let mut state = settings();
        state.state_directory = Some(scratch.path("state"));
        let session = Session::start(state).unwrap();
        let mut add = scratch.add("leech", &metainfo, AfterCompletion::default());
        add.peers = vec![([127, 0, 0, 1], seed_session.port()).into()];
        let mut leech = session.add(add).await.unwrap();
        if round == 0 {
            while leech.snapshot().bytes_done < 5 << 20 {
                tokio::task::yield_now().await;
            }
            leech.stop().await;
            assert!(
                scratch.path("leech/image.iso.part").exists() && !scratch.path("leech/image.iso").exists()
            );
        } else {
            wait_for(&mut leech, |event| *event == Event::Complete).await;
            leech.stop().await;
        }
        fetched += leech.snapshot().bytes_done - fetched.min(leech.snapshot().bytes_done);
        let snapshot = leech.snapshot();
        assert!(snapshot.bytes_from_peers + 4 * 262_144 <= 20 << 20 || round == 0, "{snapshot:?}");
        session.shutdown().await;
    }
    assert_eq!(scratch.read("leech/image.iso"), contents[0]);
    assert_eq!(fetched, 20 << 20);
}
