//! Seeds that nobody is connected to sleep, and are there for whoever wants them.

use crate::world::{Home, Sample, entry, eventually, wait_for};
use daemon::{Daemon, Entry, Number, StartMode, Status, TorrentEdit, TrackerChange, Wanted};
use engine::TrackerServer;
use std::net::SocketAddr;
use std::time::Duration;

const FILES: &[(&str, usize)] = &[("a/one.bin", 200_000), ("two.bin", 70_001)];
const TOTAL: u64 = 270_001;

/// A daemon whose seed sleeps from its second start on.
async fn asleep(home: &Home, sample: &Sample) -> (Daemon, Number) {
    sample.write(&home.downloads());
    let first = home.start().await;
    let number = sample.add(&first).await.number;
    wait_for(&first, number, "seeding", |entry| entry.status() == Status::Seeding).await;
    let hash = entry(&first, number, |it| *it.info_hash());
    first.shutdown().await;
    let again = home.start().await;
    let number = again.view(|catalogue| catalogue.find(&hash)).expect("it is remembered");
    assert!(entry(&again, number, Entry::is_asleep), "it is not opened before somebody wants it");
    assert_eq!(entry(&again, number, Entry::status), Status::Seeding);
    (again, number)
}

fn address(daemon: &Daemon) -> SocketAddr {
    ([127, 0, 0, 1], daemon.port()).into()
}

#[tokio::test]
async fn a_sleeper_gives_to_whoever_comes_and_falls_asleep_again() {
    let (giver, taker) = (Home::new(), Home::new());
    let sample = Sample::new("image", FILES, 21);
    let (giving, seed) = asleep(&giver, &sample).await;
    let taking = taker.start().await;
    let leech = sample.add(&taking).await.number;
    taking.add_peers(leech, vec![address(&giving)]).await.unwrap();
    wait_for(&taking, leech, "complete", |entry| entry.progress().bytes_left() == 0).await;
    assert!(sample.is_whole_in(&taker.downloads()));
    wait_for(&giving, seed, "uploaded", |entry| entry.progress().uploaded >= TOTAL).await;
    taking.shutdown().await;
    wait_for(&giving, seed, "asleep", Entry::is_asleep).await;
    let (status, uploaded, rate) =
        entry(&giving, seed, |it| (it.status(), it.progress().uploaded, it.progress().up_rate));
    assert_eq!((status, rate), (Status::Seeding, 0));
    assert!(uploaded >= TOTAL, "{uploaded}");
    giving.shutdown().await;
}

#[tokio::test]
async fn trackers_hear_of_sleepers_and_name_them_to_leechers() {
    let tracker = TrackerServer::start(([127, 0, 0, 1], 0).into(), Duration::from_mins(30)).await.unwrap();
    let (giver, taker) = (Home::new(), Home::new());
    let sample = Sample::new("image", FILES, 22);
    let (giving, seed) = asleep(&giver, &sample).await;
    let add = TrackerChange::Add(tracker.http_url());
    let edit = TorrentEdit { trackers: vec![add], ..TorrentEdit::default() };
    giving.edit(vec![seed], edit.clone()).await.unwrap();
    assert!(entry(&giving, seed, Entry::is_asleep), "new trackers are asked while it sleeps");
    let mut is_announced = false;
    while !is_announced {
        let wanted = Wanted { trackers: true, ..Wanted::default() };
        let details = giving.details(vec![seed], wanted).await.pop().flatten().expect("it is there");
        is_announced = details.trackers.iter().any(|tracker| tracker.last_succeeded && tracker.seeders == 1);
        tokio::task::yield_now().await;
    }
    // The leech hears of the seed from the tracker alone.
    let taking = taker.start().await;
    let leech = sample.add(&taking).await.number;
    taking.edit(vec![leech], edit).await.unwrap();
    wait_for(&taking, leech, "complete", |entry| entry.progress().bytes_left() == 0).await;
    giving.shutdown().await;
    taking.shutdown().await;
}

#[tokio::test]
async fn a_sleeper_whose_file_is_gone_is_found_out() {
    let home = Home::new();
    let sample = Sample::new("image", FILES, 23);
    let (daemon, number) = asleep(&home, &sample).await;
    daemon.shutdown().await;
    std::fs::remove_file(home.downloads().join("image/two.bin")).expect("it was there");
    let again = home.start().await;
    let number = Number(number.0);
    wait_for(&again, number, "doubt", |entry| entry.progress().bytes_left() > 0).await;
    again.shutdown().await;
}

#[tokio::test]
async fn a_sleeper_does_what_it_is_told() {
    let home = Home::new();
    let sample = Sample::new("image", FILES, 24);
    let (daemon, number) = asleep(&home, &sample).await;
    let numbers = || vec![number];
    let wanted = Wanted { files: true, pieces: true, ..Wanted::default() };
    let details = daemon.details(numbers(), wanted).await.pop().flatten().expect("it is there");
    assert!(details.files.iter().all(|file| file.bytes_completed == file.length));
    assert!(details.pieces.is_some_and(|pieces| pieces.is_full()));

    daemon.stop_torrents(numbers()).await.unwrap();
    let seen = entry(&daemon, number, |it| (it.status(), it.is_asleep()));
    assert_eq!(seen, (Status::Stopped, false));
    daemon.start_torrents(numbers(), StartMode::Queued).await.unwrap();
    assert!(entry(&daemon, number, Entry::is_asleep), "its files are still there");

    daemon.verify(numbers()).await.unwrap();
    wait_for(&daemon, number, "verified", |it| it.status() == Status::Seeding).await;

    let elsewhere = home.path("elsewhere");
    daemon.set_location(numbers(), elsewhere.clone(), true).await.unwrap();
    eventually("the move", || sample.is_whole_in(&elsewhere)).await;
    wait_for(&daemon, number, "asleep there", Entry::is_asleep).await;
    daemon.remove(numbers(), true).await.unwrap();
    eventually("the end of its data", || !elsewhere.join("image").exists()).await;
    daemon.shutdown().await;
}
