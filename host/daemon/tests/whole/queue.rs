//! The queue, goals and edits of whole daemons on loopback.

use crate::world::{Home, Sample, entry, wait_for};
use daemon::{
    EditError, EventKind, FileChoice, LimitMode, QueueLimit, QueueMove, Settings, StartMode, Status,
    TorrentEdit, TrackerChange,
};
use metainfo::FileIndex;

const FILES: &[(&str, usize)] = &[("a.bin", 100_000), ("b.bin", 100_000)];

#[tokio::test]
async fn as_many_run_as_the_queue_lets() {
    let home = Home::new();
    let one = QueueLimit { enabled: true, size: 1 };
    let daemon = home.start_with(Settings { download_queue: one, ..home.settings() }).await;
    let mut numbers = Vec::new();
    for seed in 10..13 {
        numbers.push(Sample::new(&format!("image{seed}"), FILES, seed).add(&daemon).await.number);
    }
    let is = |status| move |it: &daemon::Entry| it.status() == status;
    wait_for(&daemon, numbers[0], "the first runs", is(Status::Downloading)).await;
    for waiting in &numbers[1..] {
        wait_for(&daemon, *waiting, "the others wait", is(Status::QueuedToDownload)).await;
    }
    daemon.move_in_queue(vec![numbers[2]], QueueMove::Top).await.unwrap();
    daemon.stop_torrents(vec![numbers[0]]).await.unwrap();
    wait_for(&daemon, numbers[2], "the first in the queue is next", is(Status::Downloading)).await;
    assert_eq!(entry(&daemon, numbers[1], daemon::Entry::status), Status::QueuedToDownload);
    daemon.start_torrents(vec![numbers[1]], StartMode::Now).await.unwrap();
    wait_for(&daemon, numbers[1], "at once, past the queue", is(Status::Downloading)).await;
    daemon.shutdown().await;
}

#[tokio::test]
async fn a_seed_that_has_given_enough_stops_and_says_so() {
    let home = Home::new();
    let sample = Sample::new("image", FILES, 20);
    sample.write(&home.downloads());
    let daemon = home.start().await;
    let number = sample.add(&daemon).await.number;
    let mut events = daemon.events(None);
    wait_for(&daemon, number, "seeding", |it| it.status() == Status::Seeding).await;
    let edit =
        TorrentEdit { ratio_mode: Some(LimitMode::Own), ratio_limit: Some(0.0), ..TorrentEdit::default() };
    daemon.edit(vec![number], edit).await.unwrap();
    wait_for(&daemon, number, "finished", |it| it.status() == Status::Stopped && it.progress().is_finished)
        .await;
    let mut told = false;
    while let Some(Ok(event)) = events.try_next() {
        told |= event.kind == EventKind::SeedingDone;
    }
    assert!(told);
    daemon.shutdown().await;
}

#[tokio::test]
async fn files_and_trackers_change_while_it_runs() {
    let home = Home::new();
    let daemon = home.start().await;
    let number = Sample::new("image", FILES, 30).add(&daemon).await.number;
    wait_for(&daemon, number, "downloading", |it| it.status() == Status::Downloading).await;
    let files = vec![FileChoice::Unwanted(vec![FileIndex(1)])];
    daemon.edit(vec![number], TorrentEdit { files, ..TorrentEdit::default() }).await.unwrap();
    // Four pieces of 32 KiB reach into the first file.
    wait_for(&daemon, number, "less is wanted", |it| it.progress().bytes_wanted == 131_072).await;
    let files = vec![FileChoice::Wanted(vec![FileIndex(7)])];
    let wrong = daemon.edit(vec![number], TorrentEdit { files, ..TorrentEdit::default() }).await;
    assert!(matches!(wrong, Err(EditError::FileIndexOutOfRange)));
    let trackers = vec![TrackerChange::Add("http://127.0.0.1:9/announce".into())];
    daemon.edit(vec![number], TorrentEdit { trackers, ..TorrentEdit::default() }).await.unwrap();
    let urls = entry(&daemon, number, |it| it.trackers().to_vec());
    assert_eq!(urls.len(), 1);
    let wanted = daemon::Wanted { trackers: true, ..daemon::Wanted::default() };
    let details = daemon.details(vec![number], wanted).await.pop().unwrap().unwrap();
    assert_eq!(details.trackers[0].scrape, "http://127.0.0.1:9/scrape");
    daemon.shutdown().await;
}
