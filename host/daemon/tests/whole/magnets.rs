//! Torrents that begin as magnet links, between daemons on loopback.

use crate::world::{Home, Sample, entry, wait_for};
use daemon::{AddRequest, FileChoice, Priority, Settings, Source, Status, TorrentEdit, Wanted};
use metainfo::FileIndex;

const FILES: &[(&str, usize)] = &[("a.bin", 100_000), ("b.bin", 100_000), ("c.bin", 100_000)];

#[tokio::test]
async fn what_was_wished_before_the_metadata_counts_afterwards() {
    let (giver, taker) = (Home::new(), Home::new());
    let sample = Sample::new("image", FILES, 61);
    sample.write(&giver.downloads());
    let giving = giver.start().await;
    let added = sample.add(&giving).await;
    wait_for(&giving, added.number, "seeding", |it| it.status() == Status::Seeding).await;

    let default = "http://127.0.0.1:9/announce".to_owned();
    let settings = Settings { default_trackers: vec![vec![default.clone()]], ..taker.settings() };
    let taking = taker.start_with(settings.clone()).await;
    let mut request = AddRequest::new(Source::Magnet(added.info_hash.to_string()));
    request.files = vec![FileChoice::Unwanted(vec![FileIndex(1)])];
    let number = taking.add(request).await.expect("a link").number;
    let files = vec![FileChoice::Priority(Priority::High, vec![FileIndex(2)])];
    taking.edit(vec![number], TorrentEdit { files, ..TorrentEdit::default() }).await.unwrap();
    // The wishes outlive the run.
    taking.shutdown().await;
    let taking = taker.start_with(settings).await;
    taking.add_peers(number, vec![([127, 0, 0, 1], giving.port()).into()]).await.unwrap();
    wait_for(&taking, number, "complete", |it| it.about().has_metadata && it.progress().bytes_left() == 0)
        .await;
    let wanted = Wanted { files: true, ..Wanted::default() };
    let details = taking.details(vec![number], wanted).await.pop().flatten().expect("it is there");
    let seen: Vec<_> = details.files.iter().map(|file| (file.wanted, file.priority)).collect();
    let normal = Priority::Normal;
    assert_eq!(seen, [(true, normal), (false, normal), (true, Priority::High)]);
    let trackers = entry(&taking, number, |it| it.trackers().to_vec());
    assert_eq!(trackers.iter().map(|it| &it.announce).collect::<Vec<_>>(), [&default]);
    taking.shutdown().await;
    giving.shutdown().await;
}
