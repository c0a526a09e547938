//! Where data is looked for, and what happens when it is not there.

use crate::world::{Home, Sample, entry, eventually, wait_for};
use daemon::{Daemon, Entry, Number, Settings, StartMode, Status};

const FILES: &[(&str, usize)] = &[("a/one.bin", 200_000), ("two.bin", 70_001)];
const TOTAL: u64 = 270_001;

fn fault(daemon: &Daemon, number: Number) -> Option<String> {
    entry(daemon, number, |it| it.fault().map(|fault| fault.text.clone()))
}

fn is_seeding(entry: &Entry) -> bool {
    entry.status() == Status::Seeding && entry.progress().bytes_left() == 0
}

#[tokio::test]
async fn data_that_is_gone_as_a_whole_stops_its_torrent_until_somebody_verifies_it() {
    let home = Home::new();
    let sample = Sample::new("image", FILES, 61);
    sample.write(&home.downloads());
    let first = home.start().await;
    let number = sample.add(&first).await.number;
    wait_for(&first, number, "seeding", is_seeding).await;
    let hash = entry(&first, number, |it| *it.info_hash());
    first.shutdown().await;
    // As a disk that is not mounted: even the download folder is gone.
    std::fs::rename(home.downloads(), home.path("unmounted")).unwrap();

    let daemon = home.start().await;
    let number = daemon.view(|catalogue| catalogue.find(&hash)).unwrap();
    let is_stopped = |it: &Entry| it.status() == Status::Stopped && it.fault().is_some();
    wait_for(&daemon, number, "stopped", is_stopped).await;
    let text = fault(&daemon, number).unwrap();
    assert!(text.starts_with("No data found! Ensure your drives are connected"), "{text}");
    daemon.start_torrents(vec![number], StartMode::Queued).await.unwrap();
    wait_for(&daemon, number, "stopped again", is_stopped).await;
    assert!(!home.downloads().exists(), "nothing is made");

    std::fs::rename(home.path("unmounted"), home.downloads()).unwrap();
    daemon.start_torrents(vec![number], StartMode::Queued).await.unwrap();
    wait_for(&daemon, number, "seeding after the disk is back", is_seeding).await;
    daemon.stop_torrents(vec![number]).await.unwrap();

    std::fs::remove_dir_all(home.downloads()).unwrap();
    daemon.verify(vec![number]).await.unwrap();
    let is_empty = |it: &Entry| it.status() == Status::Stopped && it.progress().bytes_have == 0;
    wait_for(&daemon, number, "verified", is_empty).await;
    assert!(!home.downloads().join("image").exists(), "to verify makes nothing");
    daemon.start_torrents(vec![number], StartMode::Queued).await.unwrap();
    wait_for(&daemon, number, "fetching anew", |it| it.status() == Status::Downloading).await;
    assert_eq!(fault(&daemon, number), None);
    daemon.shutdown().await;
}

#[tokio::test]
async fn complete_data_is_found_in_the_download_folder_before_the_one_for_unfinished_data() {
    let home = Home::new();
    let sample = Sample::new("image", FILES, 62);
    sample.write(&home.downloads());
    let settings = Settings { incomplete_directory_enabled: true, ..home.settings() };
    let daemon = home.start_with(settings).await;
    let number = sample.add(&daemon).await.number;
    wait_for(&daemon, number, "seeding", is_seeding).await;
    assert_eq!(entry(&daemon, number, |it| it.progress().bytes_have), TOTAL);
    assert!(!home.path("incomplete/image").exists() && sample.is_whole_in(&home.downloads()));
    daemon.shutdown().await;
}

#[tokio::test]
async fn a_move_that_failed_leaves_the_data_where_it_was_and_another_place_can_be_named() {
    let home = Home::new();
    let sample = Sample::new("image", FILES, 63);
    sample.write(&home.downloads());
    let daemon = home.start().await;
    let number = sample.add(&daemon).await.number;
    wait_for(&daemon, number, "seeding", is_seeding).await;
    let (file, good) = (home.path("afile"), home.path("good"));
    std::fs::write(&file, b"no folder").unwrap();
    let is_stopped = |it: &Entry| it.status() == Status::Stopped && it.fault().is_some();
    daemon.set_location(vec![number], file.clone(), true).await.unwrap();
    wait_for(&daemon, number, "failed", is_stopped).await;
    let folder = || entry(&daemon, number, |it| it.options().download_directory.clone());
    assert_eq!(folder(), home.downloads());

    daemon.set_location(vec![number], good.clone(), true).await.unwrap();
    eventually("moved", || sample.is_whole_in(&good)).await;
    wait_for(&daemon, number, "without a fault", |it| it.fault().is_none()).await;

    daemon.set_location(vec![number], file, true).await.unwrap();
    wait_for(&daemon, number, "failed again", is_stopped).await;
    sample.write(&home.downloads());
    daemon.set_location(vec![number], home.downloads(), false).await.unwrap();
    wait_for(&daemon, number, "verified there", |it| {
        it.status() == Status::Stopped && it.fault().is_none() && it.progress().bytes_have == TOTAL
    })
    .await;
    assert_eq!(folder(), home.downloads());
    daemon.shutdown().await;
}

#[tokio::test]
async fn files_that_were_cut_off_are_verified_and_fetched_again() {
    let home = Home::new();
    let sample = Sample::new("image", FILES, 64);
    sample.write(&home.downloads());
    let daemon = home.start().await;
    let number = sample.add(&daemon).await.number;
    wait_for(&daemon, number, "seeding", is_seeding).await;
    for (path, _) in &sample.files {
        let file = std::fs::OpenOptions::new().write(true).open(home.downloads().join(path)).unwrap();
        file.set_len(1000).unwrap();
    }
    daemon.verify(vec![number]).await.unwrap();
    wait_for(&daemon, number, "fetching again", |it| {
        it.status() == Status::Downloading && it.progress().bytes_have == 0
    })
    .await;
    assert_eq!(fault(&daemon, number), None);
    daemon.shutdown().await;
}
