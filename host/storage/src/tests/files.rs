//! Selection, reservation, and names that would like to be elsewhere.

use super::world::{DATA, World};
use crate::{DiskError, FileKind};
use metainfo::{FileIndex, PieceIndex};
use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};

/// `name/sub/run` only: its first and last piece reach into other files.
fn selected() -> World {
    World { selected: Some(vec![FileIndex(4)]), ..World::multi() }
}

fn edges(world: &World) -> Option<fs::DirEntry> {
    let mut entries = fs::read_dir(world.directory.path()).unwrap().map(Result::unwrap);
    entries.find(|entry| entry.file_name().to_string_lossy().ends_with(".edges"))
}

#[tokio::test]
async fn unwanted_files_do_not_appear() {
    let world = selected();
    let (mut run, _) = world.start().await;
    let pieces: Vec<_> = world.layout.geometry.file_pieces(FileIndex(4)).collect();
    run.feed(&world, pieces.clone()).await;
    run.finished().await;
    assert_eq!(fs::read(world.path("name/sub/run")).unwrap(), world.file("name/sub/run"));
    for name in ["name/a", "name/a.part", "name/sub/b.part", "name/sub/empty", "name/z.part", "name/link"] {
        assert!(!world.path(name).exists(), "{name}");
    }
    assert!(edges(&world).unwrap().file_name().to_string_lossy().starts_with(".name-"));
    for piece in pieces {
        for request in world.requests(piece) {
            assert_eq!(run.read(request).await.unwrap(), world.bytes(request), "edges can be served");
        }
    }
    run.close().await;
    let (run, report) = world.start().await;
    assert_eq!((report.have.count(), report.bytes_hashed), (5, 0));
    run.close().await;
}

#[tokio::test]
async fn files_chosen_later_take_their_bytes_out_of_the_edges() {
    let world = selected();
    let (mut run, _) = world.start().await;
    let first: Vec<_> = world.layout.geometry.file_pieces(FileIndex(4)).collect();
    run.feed(&world, first.clone()).await;
    run.finished().await;
    run.store.set_selected(None).await.unwrap();
    run.feed(&world, world.all_pieces().into_iter().filter(|piece| !first.contains(piece))).await;
    run.finished().await;
    for name in ["name/a", "name/sub/empty", "name/sub/b", "name/sub/run", "name/z"] {
        assert_eq!(fs::read(world.path(name)).unwrap(), world.file(name), "{name}");
    }
    assert!(edges(&world).is_none(), "nothing needs it any more");
    run.close().await;
}

#[tokio::test]
async fn files_may_have_their_final_names_from_the_start_and_change_their_mind() {
    let mut world = World { plain_names: true, ..World::multi() };
    let names = ["name/a", "name/sub/b", "name/sub/run", "name/z"];
    let no_parts = |world: &World| names.iter().all(|name| !world.path(&format!("{name}.part")).exists());
    let (mut run, _) = world.start().await;
    let pieces = world.all_pieces();
    run.feed(&world, pieces[..2].to_vec()).await;
    run.close().await;
    assert!(world.path("name/a").exists() && no_parts(&world));
    world.plain_names = false;
    let (mut run, report) = world.start().await;
    assert_eq!((report.have.count(), report.bytes_hashed), (2, 0));
    run.feed(&world, pieces[2..4].to_vec()).await;
    run.close().await;
    assert!(world.path("name/sub/run.part").exists(), "unfinished names are given again");
    world.plain_names = true;
    let (mut run, report) = world.start().await;
    assert_eq!((report.have.count(), report.bytes_hashed), (4, 0));
    assert!(no_parts(&world));
    run.feed(&world, pieces[4..].to_vec()).await;
    run.finished().await;
    for name in names {
        assert_eq!(fs::read(world.path(name)).unwrap(), world.file(name), "{name}");
    }
    run.close().await;
}

#[tokio::test]
async fn space_is_reserved_or_lacking_at_once() {
    let world = World { preallocate: true, ..World::single() };
    let (run, _) = world.start().await;
    assert_eq!(fs::metadata(world.path("image.iso.part")).unwrap().len(), 1_234_567);
    run.close().await;
    let world = World { preallocate: true, ..World::single() };
    world.backend.space.store(1000, std::sync::atomic::Ordering::SeqCst);
    let run = world.try_open().await.unwrap();
    assert!(matches!(run.store.check(|_| {}).await, Err(DiskError::Full { .. })));
    run.kill().await;
}

#[tokio::test]
async fn sparse_files_take_only_what_was_written() {
    let world = World::single();
    let (mut run, _) = world.start().await;
    run.feed(&world, [12]).await;
    assert!(fs::metadata(world.path("image.iso.part")).unwrap().blocks() * 512 < 600_000);
    run.close().await;
}

#[tokio::test]
async fn links_on_the_way_are_not_followed() {
    let outside = tempfile::tempdir().unwrap();
    let world = World::multi();
    fs::create_dir(world.path("name")).unwrap();
    symlink(outside.path(), world.path("name/sub")).unwrap();
    let error = world.try_open().await.err();
    assert!(matches!(error, Some(DiskError::InTheWay { .. })), "{error:?}");
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn paths_that_leave_the_folder_are_refused() {
    for path in ["../evil", "/tmp/evil", "a/../../evil", ""] {
        let world = World::new(16_384, &[(path, 100, DATA)]);
        let error = world.try_open().await.err();
        assert!(matches!(error, Some(DiskError::UnsafePath { .. })), "{path}: {error:?}");
    }
}

#[tokio::test]
async fn links_of_the_torrent_lead_to_its_files_only() {
    let link = |target: &str| FileKind::Symlink { target: target.into() };
    let world = World::new(
        16_384,
        &[
            ("name/good", 0, link("name/file")),
            ("name/out", 0, link("../secret")),
            ("name/chain", 0, link("name/good")),
            ("name/file", 100, DATA),
        ],
    );
    world.download_and_close().await;
    assert_eq!(fs::read(world.path("name/good")).unwrap(), world.content);
    assert!(fs::symlink_metadata(world.path("name/out")).is_err());
    assert!(fs::symlink_metadata(world.path("name/chain")).is_err());
}

#[tokio::test]
async fn a_torrent_of_empty_files_is_complete_at_once() {
    let world = World::new(16_384, &[("name/a", 0, DATA), ("name/b", 0, DATA)]);
    let (mut run, report) = world.start().await;
    assert!(report.have.is_full());
    run.finished().await;
    assert!(world.path("name/b").exists());
    run.close().await;
}

#[tokio::test]
async fn giving_up_removes_unfinished_files_only() {
    let world = World::multi();
    let (mut run, _) = world.start().await;
    run.feed(&world, [0, 1]).await;
    run.store.sync().await.unwrap();
    run.store.close().await.unwrap();
    run.store.remove_unfinished().await.unwrap();
    assert!(world.path("name/a").exists() && !world.path("name/sub/b.part").exists());
    assert!(run.store.record().is_none());
    assert!(!run.store.stored().contains(PieceIndex(7)));
    run.disk.shutdown().await;
}
