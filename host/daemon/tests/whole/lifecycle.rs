//! Whole daemons on loopback: what is added is there after a crash, and does what it is told.

use crate::world::{Home, Sample, entry, eventually, wait_for};
use daemon::{AddRequest, EventKind, Settings, Source, StartError, StartMode, Status, TorrentEdit, Wanted};

const FILES: &[(&str, usize)] = &[("a/one.bin", 200_000), ("two.bin", 70_001)];

#[tokio::test]
async fn a_torrent_goes_from_one_daemon_to_another_and_both_know_it_later() {
    let (giver, taker) = (Home::new(), Home::new());
    let sample = Sample::new("image", FILES, 1);
    sample.write(&giver.downloads());
    let giving = giver.start().await;
    let seed = sample.add(&giving).await.number;
    wait_for(&giving, seed, "seeding", |entry| entry.status() == Status::Seeding).await;
    assert_eq!(entry(&giving, seed, |it| it.progress().downloaded), 0, "what was there is not downloaded");

    let taking = taker.start().await;
    let mut events = taking.events(None);
    let added = sample.add(&taking).await;
    assert!(!added.duplicate);
    assert!(sample.add(&taking).await.duplicate);
    let port = giving.port();
    let hash = entry(&taking, added.number, |it| *it.info_hash());
    taking.add_peers(added.number, vec![([127, 0, 0, 1], port).into()]).await.unwrap();
    wait_for(&taking, added.number, "complete", |entry| {
        entry.status() == Status::Seeding && entry.progress().bytes_left() == 0
    })
    .await;
    assert!(sample.is_whole_in(&taker.downloads()));
    assert_eq!(entry(&taking, added.number, |it| it.progress().bytes_have), 270_001);
    let mut kinds = Vec::new();
    while let Some(Ok(event)) = events.try_next() {
        assert_eq!(event.info_hash, hash);
        kinds.push(event.kind);
    }
    assert_eq!(kinds.first(), Some(&EventKind::Added));
    assert!(kinds.contains(&EventKind::Complete), "{kinds:?}");

    taking.shutdown().await;
    let again = taker.start().await;
    let number = again.view(|catalogue| catalogue.find(&hash)).expect("it is remembered");
    wait_for(&again, number, "seeding again", |entry| entry.status() == Status::Seeding).await;
    let (downloaded, done) = entry(&again, number, |it| (it.progress().downloaded, it.dates().done));
    assert!(downloaded >= 270_001 && done > 0, "{downloaded} {done}");
    giving.shutdown().await;
    again.shutdown().await;
}

#[tokio::test]
async fn what_was_answered_outlives_a_kill() {
    let home = Home::new();
    let first = home.start().await;
    let (kept, gone) = (Sample::new("kept", FILES, 2), Sample::new("gone", FILES, 3));
    let mut request = kept.request();
    request.paused = Some(true);
    request.labels = vec!["linux".into()];
    let number = first.add(request).await.unwrap().number;
    let removed = gone.add(&first).await.number;
    first.remove(vec![removed], false).await.unwrap();
    let edit = TorrentEdit { down_limit: Some(77), down_limited: Some(true), ..TorrentEdit::default() };
    first.edit(vec![number], edit).await.unwrap();
    // As a kill leaves it: the directory as it is now, under another name.
    let copy = Home::new();
    copy_folder(&home.config(), &copy.config());
    let second = copy.start().await;
    let names: Vec<_> = second.view(|catalogue| catalogue.iter().map(|it| it.name().to_owned()).collect());
    assert_eq!(names, ["kept"]);
    let number = second.view(|catalogue| catalogue.iter().next().map(daemon::Entry::number)).unwrap();
    let (options, status) = entry(&second, number, |it| (it.options().clone(), it.status()));
    assert_eq!((options.labels, status), (vec!["linux".to_owned()], Status::Stopped));
    assert!(options.down_limit.enabled && options.down_limit.kilobytes_per_second == 77);
    first.shutdown().await;
    second.shutdown().await;
}

/// Every file below a folder.
fn tree(folder: &std::path::Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path.strip_prefix(folder).unwrap().to_string_lossy().into_owned());
            }
        }
    }
    found.sort();
    found
}

fn copy_folder(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for file in std::fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        let target = to.join(file.file_name());
        if file.file_type().unwrap().is_dir() {
            copy_folder(&file.path(), &target);
        } else {
            std::fs::copy(file.path(), target).unwrap();
        }
    }
}

#[tokio::test]
async fn a_second_daemon_on_the_directory_is_refused() {
    let home = Home::new();
    let first = home.start().await;
    let second = daemon::Daemon::start(daemon::Config::new(home.config(), home.settings())).await;
    assert!(matches!(second, Err(StartError::InUse(_))));
    first.shutdown().await;
    home.start().await.shutdown().await;
}

#[tokio::test]
async fn a_damaged_database_costs_settings_and_no_torrent() {
    let home = Home::new();
    let sample = Sample::new("image", FILES, 4);
    let first = home.start().await;
    sample.add(&first).await;
    first.shutdown().await;
    // In another place, as threads of the first may not have closed its database yet.
    let damaged = Home::new();
    std::fs::create_dir_all(damaged.config().join("torrents")).unwrap();
    for file in std::fs::read_dir(home.config().join("torrents")).unwrap().flatten() {
        std::fs::copy(file.path(), damaged.config().join("torrents").join(file.file_name())).unwrap();
    }
    std::fs::write(damaged.config().join("state.db"), b"this is no database, but long enough to be one")
        .unwrap();
    let second = damaged.start().await;
    let found = second
        .view(|catalogue| catalogue.iter().map(|it| (it.name().to_owned(), it.status())).collect::<Vec<_>>());
    assert_eq!(found, [("image".to_owned(), Status::Stopped)]);
    second.shutdown().await;
}

#[tokio::test]
async fn verifying_moving_and_renaming_keep_the_data_known() {
    let home = Home::new();
    let sample = Sample::new("image", FILES, 5);
    sample.write(&home.downloads());
    let daemon = home.start().await;
    let mut request = sample.request();
    request.paused = Some(true);
    let number = daemon.add(request).await.unwrap().number;
    daemon.verify(vec![number]).await.unwrap();
    wait_for(&daemon, number, "verified", |it| {
        it.progress().bytes_have == 270_001 && it.status() == Status::Stopped
    })
    .await;
    let elsewhere = home.path("elsewhere");
    daemon.set_location(vec![number], elsewhere.clone(), true).await.unwrap();
    daemon.start_torrents(vec![number], StartMode::Queued).await.unwrap();
    wait_for(&daemon, number, "seeding", |it| {
        it.status() == Status::Seeding && it.progress().bytes_left() == 0
    })
    .await;
    eventually("moved", || sample.is_whole_in(&elsewhere)).await;
    eventually("empty folders go", || !home.downloads().join("image").exists()).await;
    daemon.rename_path(number, "image/a/one.bin".into(), "first.bin".into()).await.unwrap();
    daemon.rename_path(number, "image".into(), "renamed".into()).await.unwrap();
    assert!(daemon.rename_path(number, "renamed/two.bin".into(), "a".into()).await.is_err());
    assert!(daemon.rename_path(number, "nothing".into(), "x".into()).await.is_err());
    wait_for(&daemon, number, "seeding", |it| {
        it.status() == Status::Seeding && it.progress().bytes_left() == 0
    })
    .await;
    let found = tree(&elsewhere);
    assert_eq!(found, ["renamed/a/first.bin", "renamed/two.bin"]);
    let wanted = Wanted { files: true, pieces: true, ..Wanted::default() };
    let details = daemon.details(vec![number], wanted).await.pop().unwrap().unwrap();
    let files: Vec<_> = details.files.iter().map(|it| (it.path.as_str(), it.bytes_completed)).collect();
    assert_eq!(files, [("renamed/a/first.bin", 200_000), ("renamed/two.bin", 70_001)]);
    assert!(details.pieces.is_some_and(|pieces| pieces.is_full()));
    assert_eq!(entry(&daemon, number, |it| it.name().to_owned()), "renamed");
    daemon.remove(vec![number], true).await.unwrap();
    eventually("deleted", || tree(&elsewhere).is_empty()).await;
    daemon.shutdown().await;
}

#[tokio::test]
async fn a_magnet_link_is_kept_and_becomes_a_torrent_when_its_file_is_added() {
    let home = Home::new();
    let sample = Sample::new("image", FILES, 9);
    let metainfo = metainfo::Metainfo::parse(&sample.bytes).unwrap();
    let link =
        format!("magnet:?xt=urn:btih:{}&dn=Image&tr=http%3A%2F%2F127.0.0.1%3A9%2Fa", metainfo.info_hash());
    let first = home.start().await;
    let magnet = || AddRequest::new(Source::Magnet(link.clone()));
    let number = first.add(magnet()).await.unwrap().number;
    assert!(first.add(magnet()).await.unwrap().duplicate);
    wait_for(&first, number, "waiting for metadata", |entry| entry.status() == Status::Downloading).await;
    assert_eq!(first.why(number).await.unwrap().obstacles[0].code, "no-metadata");
    first.verify(vec![number]).await.unwrap();
    assert_eq!(entry(&first, number, daemon::Entry::status), Status::Downloading, "there is nothing to hash");
    first.stop_torrents(vec![number]).await.unwrap();
    assert_eq!(entry(&first, number, daemon::Entry::status), Status::Stopped);
    first.shutdown().await;

    let second = home.start().await;
    let number = second.view(|catalogue| catalogue.iter().next().map(daemon::Entry::number)).unwrap();
    let (name, trackers) = entry(&second, number, |it| (it.name().to_owned(), it.trackers().len()));
    assert_eq!((name.as_str(), trackers), ("Image", 1));
    sample.write(&home.downloads());
    assert!(sample.add(&second).await.duplicate);
    assert_eq!(entry(&second, number, |it| it.name().to_owned()), "image");
    second.start_torrents(vec![number], StartMode::Queued).await.unwrap();
    wait_for(&second, number, "seeding", |entry| entry.status() == Status::Seeding).await;
    second.shutdown().await;
    assert_eq!(tree(&home.config().join("torrents")), [format!("{}.torrent", metainfo.info_hash())]);
}

#[tokio::test]
async fn a_magnet_link_waits_over_restarts_and_its_metadata_needs_nobody_once_it_was_here() {
    let (giver, taker) = (Home::new(), Home::new());
    let sample = Sample::new("image", FILES, 10);
    sample.write(&giver.downloads());
    let giving = giver.start().await;
    let seed = sample.add(&giving).await.number;
    wait_for(&giving, seed, "seeding", |entry| entry.status() == Status::Seeding).await;
    let hash = entry(&giving, seed, |it| it.hash_hex().to_owned());

    let first = taker.start().await;
    let link = format!("magnet:?xt=urn:btih:{hash}&so=0&x.pe=127.0.0.1:9");
    let number = first.add(AddRequest::new(Source::Magnet(link))).await.unwrap().number;
    assert_eq!(entry(&first, number, |it| it.name().to_owned()), hash);
    wait_for(&first, number, "searching", |entry| entry.status() == Status::Downloading).await;
    first.shutdown().await;

    let second = taker.start().await;
    let number = second.view(|catalogue| catalogue.iter().next().map(daemon::Entry::number)).unwrap();
    wait_for(&second, number, "searching again", |entry| entry.status() == Status::Downloading).await;
    let address = ([127, 0, 0, 1], giving.port()).into();
    second.add_peers(number, vec![address]).await.unwrap();
    wait_for(&second, number, "complete", |entry| {
        entry.status() == Status::Seeding && entry.progress().bytes_left() == 0
    })
    .await;
    assert_eq!(
        entry(&second, number, |it| (it.name().to_owned(), it.progress().metadata)),
        ("image".into(), 1.0)
    );
    assert!(taker.downloads().join("image/a/one.bin").exists(), "the file that the link selects");
    assert!(!taker.downloads().join("image/two.bin").exists(), "a file that it does not select");
    second.shutdown().await;
    giving.shutdown().await;

    let third = taker.start().await;
    let number = third.view(|catalogue| catalogue.iter().next().map(daemon::Entry::number)).unwrap();
    wait_for(&third, number, "seeding without anybody", |entry| entry.status() == Status::Seeding).await;
    third.remove(vec![number], true).await.unwrap();
    eventually("deleted", || std::fs::read_dir(taker.downloads()).is_ok_and(|mut it| it.next().is_none()))
        .await;
    third.shutdown().await;
}

#[tokio::test]
async fn data_that_is_being_moved_goes_on_to_where_it_is_wanted_and_goes_with_its_torrent() {
    let home = Home::new();
    let sample = Sample::new("image", FILES, 51);
    sample.write(&home.downloads());
    let daemon = home.start().await;
    let number = sample.add(&daemon).await.number;
    wait_for(&daemon, number, "seeding", |it| it.status() == Status::Seeding).await;
    let (one, two) = (home.path("one"), home.path("two"));
    // The second wish comes while the first is carried out, or before it is begun.
    daemon.set_location(vec![number], one.clone(), true).await.unwrap();
    daemon.set_location(vec![number], two.clone(), true).await.unwrap();
    eventually("it is at the second place", || sample.is_whole_in(&two)).await;
    daemon.set_location(vec![number], one.clone(), true).await.unwrap();
    daemon.set_location(vec![number], two.clone(), true).await.unwrap();
    eventually("it is back again", || sample.is_whole_in(&two) && !one.join("image").exists()).await;
    wait_for(&daemon, number, "seeding there", |it| it.status() == Status::Seeding).await;
    daemon.set_location(vec![number], one.clone(), true).await.unwrap();
    daemon.remove(vec![number], true).await.unwrap();
    let is_gone = || [&one, &two, &home.downloads()].iter().all(|folder| !folder.join("image").exists());
    eventually("nothing is left anywhere", is_gone).await;
    daemon.shutdown().await;
}

#[tokio::test]
async fn completion_is_told_when_the_data_is_where_it_shall_be() {
    let (giver, taker) = (Home::new(), Home::new());
    let sample = Sample::new("image", FILES, 52);
    sample.write(&giver.downloads());
    let giving = giver.start().await;
    sample.add(&giving).await;
    let settings = Settings { incomplete_directory_enabled: true, ..taker.settings() };
    let taking = taker.start_with(settings).await;
    let mut events = taking.events(None);
    let number = sample.add(&taking).await.number;
    taking.add_peers(number, vec![([127, 0, 0, 1], giving.port()).into()]).await.unwrap();
    let complete = async {
        while events.next().await.expect("it runs").expect("none is missed").kind != EventKind::Complete {}
    };
    tokio::time::timeout(std::time::Duration::from_mins(1), complete).await.expect("it is told");
    assert!(sample.is_whole_in(&taker.downloads()));
    taking.shutdown().await;
    giving.shutdown().await;
}
