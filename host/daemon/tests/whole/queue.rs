//! The queue, goals and edits of whole daemons on loopback.

use crate::world::{Home, Sample, entry, eventually, wait_for};
use daemon::{
    AddRequest, EditError, EventKind, FileChoice, LimitMode, QueueLimit, QueueMove, Settings, Source,
    StartMode, Status, TorrentEdit, TrackerChange, WebSeedChange,
};
use metainfo::FileIndex;
use url::Url;

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

#[tokio::test]
async fn among_very_many_the_queue_is_decided_and_numbered_all_the_same() {
    // Of more than a thousand torrents not every change is a look at all of them.
    const MANY: u64 = 1_100;
    let home = Home::new();
    let two = QueueLimit { enabled: true, size: 2 };
    let daemon = home.start_with(Settings { download_queue: two, ..home.settings() }).await;
    let mut adds = tokio::task::JoinSet::new();
    for number in 0..MANY {
        let daemon = daemon.clone();
        let mut request = AddRequest::new(Source::Magnet(format!("{number:040x}")));
        request.paused = Some(true);
        adds.spawn(async move { daemon.add(request).await.expect("it is taken in").number });
    }
    adds.join_all().await;
    let numbers: Vec<_> = daemon.view(|catalogue| {
        let mut queue: Vec<_> = catalogue.iter().map(|it| (it.queue_position(), it.number())).collect();
        queue.sort_unstable();
        assert!(queue.iter().map(|(position, _)| *position).eq(0..MANY as u32), "each has a place");
        queue.into_iter().map(|(_, number)| number).collect()
    });
    daemon.start_torrents(numbers[..3].to_vec(), StartMode::Queued).await.unwrap();
    let is = |status| move |it: &daemon::Entry| it.status() == status;
    for running in &numbers[..2] {
        wait_for(&daemon, *running, "two run", is(Status::Downloading)).await;
    }
    wait_for(&daemon, numbers[2], "the third waits", is(Status::QueuedToDownload)).await;
    daemon.remove(vec![numbers[0]], false).await.unwrap();
    wait_for(&daemon, numbers[2], "it has the place that is free", is(Status::Downloading)).await;
    eventually("no gap is left", || {
        daemon.view(|catalogue| catalogue.get(numbers[3]).is_some_and(|it| it.queue_position() == 2))
    })
    .await;
    daemon.shutdown().await;
}

#[tokio::test]
async fn what_is_changed_while_it_is_opened_counts() {
    let home = Home::new();
    let daemon = home.start().await;
    let number = Sample::new("image", FILES, 31).add(&daemon).await.number;
    let (tracker, seed) = ("http://127.0.0.1:9/announce", "http://127.0.0.1:9/seed/");
    let edit = TorrentEdit {
        trackers: vec![TrackerChange::Add(tracker.into())],
        web_seeds: vec![WebSeedChange::Add(Url::parse(seed).unwrap())],
        files: vec![FileChoice::Unwanted(vec![FileIndex(1)])],
        ..TorrentEdit::default()
    };
    daemon.edit(vec![number], edit).await.unwrap();
    // The torrent's task tells what it wants once it has checked what is there.
    wait_for(&daemon, number, "less is wanted", |it| {
        it.status() == Status::Downloading && it.progress().bytes_wanted == 131_072
    })
    .await;
    let wanted = daemon::Wanted { trackers: true, web_seeds: true, ..daemon::Wanted::default() };
    let mut is_so = false;
    for _ in 0..1200 {
        let details = daemon.details(vec![number], wanted).await.pop().flatten().unwrap();
        is_so = details.trackers.iter().any(|it| it.has_announced)
            && details
                .web_seeds
                .iter()
                .any(|it| it.url == seed && it.state != "stopped" && it.state != "unusable");
        if is_so {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert!(is_so, "the tracker was asked and the web seed is used");
    daemon.shutdown().await;
}
