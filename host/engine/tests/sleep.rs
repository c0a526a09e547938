//! Torrents without a task: their trackers hear of them, and whoever wants one stirs it.

mod world;

use engine::{AfterCompletion, Event, Session, SleepingTorrent, TrackerServer};
use std::time::Duration;
use world::{Scratch, settings, torrent_of, wait_for};

#[tokio::test]
async fn a_leecher_that_only_the_tracker_knows_stirs_a_sleeper() {
    let scratch = Scratch::new();
    let files = [("image.iso", 300_000)];
    let (metainfo, contents) = torrent_of("image.iso", &files, 65_536, 7);
    scratch.write("seed", &files, &contents);
    let tracker = TrackerServer::start(([127, 0, 0, 1], 0).into(), Duration::from_mins(30)).await.unwrap();
    let trackers = vec![vec![tracker.http_url()]];
    let leeching = Session::start(settings()).unwrap();
    let mut add = scratch.add("leech", &metainfo, AfterCompletion::default());
    add.tuning.trackers = Some(trackers.clone());
    let mut leech = leeching.add(add).await.unwrap();
    // The tracker has answered it: from now on it names it to others.
    wait_for(&mut leech, |event| matches!(event, Event::Source { .. })).await;

    let seeding = Session::start(settings()).unwrap();
    let info_hash = metainfo.wire_info_hash();
    seeding.put_to_sleep(SleepingTorrent { info_hash, trackers, total_bytes: 300_000, is_private: false });
    assert!(seeding.is_asleep(&info_hash));
    let stirred = seeding.stirred().await;
    assert_eq!((stirred.info_hash, stirred.is_wanted, stirred.tracker_word), (info_hash, true, None));
    let told = seeding.trackers_asleep(&info_hash).unwrap();
    assert_eq!((told[0].seeders, told[0].leechers), (Some(1), Some(1)));

    // It gets up, and knows whom to ask: the leech has no other way to it.
    let forever = AfterCompletion { seed: true, ..AfterCompletion::default() };
    let _seed = seeding.add(scratch.add("seed", &metainfo, forever)).await.unwrap();
    assert!(!seeding.is_asleep(&info_hash));
    wait_for(&mut leech, |event| *event == Event::Complete).await;
    assert_eq!(scratch.read("leech/image.iso"), contents[0]);
}
