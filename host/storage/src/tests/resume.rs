//! What a second run finds, after a clean stop and after others.

use super::world::{DATA, World};
use crate::{DiskError, DiskEvent, StateStore, Verdict, verify};
use metainfo::{FileIndex, PieceIndex};
use std::fs;
use std::path::Path;

#[tokio::test]
async fn a_clean_stop_leaves_nothing_to_hash() {
    let world = World::single();
    let (mut run, _) = world.start().await;
    run.feed(&world, [0, 3, 12]).await;
    run.store.set_totals(5, 6);
    run.close().await;
    let (mut run, report) = world.start().await;
    assert_eq!(
        (report.have.iter().collect::<Vec<_>>(), report.bytes_hashed),
        (vec![PieceIndex(0), PieceIndex(3), PieceIndex(12)], 0)
    );
    assert_eq!((report.lost, report.downloaded, report.uploaded), (0, 5, 6));
    run.feed(&world, (0..13).filter(|piece| ![0, 3, 12].contains(piece))).await;
    run.finished().await;
    run.close().await;
    let (mut run, report) = world.start().await;
    assert!(report.have.is_full() && report.bytes_hashed == 0);
    run.finished().await;
    run.close().await;
}

#[tokio::test]
async fn closing_before_the_check_is_over_changes_nothing() {
    let world = World::single();
    let (mut run, _) = world.start().await;
    run.feed(&world, world.all_pieces()).await;
    run.finished().await;
    run.close().await;
    world.try_open().await.unwrap().close().await;
    assert!(world.path("image.iso").exists(), "it keeps its name");
    let (run, report) = world.start().await;
    assert!(report.have.is_full() && report.bytes_hashed == 0);
    run.close().await;
}

#[tokio::test]
async fn a_kill_costs_unfinished_pieces_only() {
    let world = World::new(65_536, &[("image.iso", 12 * 65_536 + 100, DATA)]);
    let (mut run, _) = world.start().await;
    run.feed(&world, [0, 3]).await;
    run.store.sync().await.unwrap();
    run.feed(&world, [5, 12]).await;
    run.write(&world, world.requests(6)[0]).await;
    run.kill().await;
    let recorded = StateStore::open(world.state_directory.path()).unwrap();
    let directory = fs::canonicalize(world.directory.path()).unwrap();
    let record = recorded.load(&world.layout.info_hash, &directory).unwrap().unwrap();
    assert!(!record.clean && record.pieces.contains(PieceIndex(3)) && !record.pieces.contains(PieceIndex(6)));
    let (run, report) = world.start().await;
    assert_eq!(report.have.iter().map(|piece| piece.0).collect::<Vec<_>>(), [0, 3, 5, 12]);
    assert!(
        report.bytes_hashed <= 2 * 65_536,
        "recorded pieces and holes are not hashed: {}",
        report.bytes_hashed
    );
    run.close().await;
}

#[tokio::test]
async fn a_clean_stop_keeps_blocks_of_unfinished_pieces() {
    let world = World::single();
    let (run, _) = world.start().await;
    let (early, late) = (world.requests(6)[1], world.requests(6)[0]);
    run.write(&world, early).await;
    run.write(&world, world.requests(7)[0]).await;
    run.close().await;
    let (run, report) = world.start().await;
    assert_eq!((report.have.count(), report.bytes_hashed), (0, 0), "nothing of it is verified");
    assert_eq!(report.blocks, [early, world.requests(7)[0]]);
    run.close().await;
    // A stop without news takes nothing away.
    let (mut run, report) = world.start().await;
    assert_eq!(report.blocks.len(), 2);
    let rest = world.requests(6).into_iter().filter(|request| *request != early);
    for request in rest {
        run.write(&world, request).await;
    }
    let stored = run.until(|event| matches!(event, DiskEvent::PieceStored { .. })).await;
    assert!(matches!(stored, DiskEvent::PieceStored { piece: PieceIndex(6), .. }), "{stored:?}");
    assert_eq!(run.read(late).await.unwrap(), world.bytes(late));
    assert_eq!(run.read(early).await.unwrap(), world.bytes(early));
    run.close().await;
}

#[tokio::test]
async fn blocks_kept_for_a_file_that_is_chosen_now_are_fetched_again() {
    let mut world = World::multi();
    let index = world.layout.files.iter().position(|file| file.path == Path::new("name/z")).unwrap() as u32;
    world.selected = Some(vec![FileIndex(index)]);
    // The piece at the border: most of it is in a file that nobody wants, so its blocks lie in the edges file.
    let piece = world.layout.geometry.file_pieces(FileIndex(index)).start;
    let (run, _) = world.start().await;
    run.write(&world, world.requests(piece)[0]).await;
    run.close().await;
    world.selected = None;
    let (mut run, report) = world.start().await;
    assert_eq!(report.blocks, [], "its place is another one now");
    run.feed(&world, world.all_pieces()).await;
    run.finished().await;
    run.close().await;
}

#[tokio::test]
async fn kept_blocks_that_turned_bad_are_nobodys_fault_and_fetched_again() {
    let world = World::single();
    let (run, _) = world.start().await;
    let early = world.requests(6)[1];
    run.write(&world, early).await;
    run.close().await;
    let path = world.path("image.iso.part");
    let changed = fs::metadata(&path).unwrap().modified().unwrap();
    let mut bytes = fs::read(&path).unwrap();
    bytes[world.layout.geometry.piece_offset(PieceIndex(6)) as usize + early.begin as usize] ^= 1;
    fs::write(&path, bytes).unwrap();
    let file = fs::File::options().write(true).open(&path).unwrap();
    file.set_modified(changed).unwrap();
    let (mut run, _) = world.start().await;
    for request in world.requests(6).into_iter().filter(|request| *request != early) {
        run.write(&world, request).await;
    }
    let failed = run.until(|event| matches!(event, DiskEvent::PieceFailed { .. })).await;
    assert_eq!(failed, DiskEvent::PieceFailed { piece: PieceIndex(6), blocks: Vec::new() });
    run.feed(&world, [6]).await;
    run.close().await;
    fs::write(&path, fs::read(&path).unwrap()).unwrap();
    let (run, report) = world.start().await;
    assert_eq!(report.blocks, [], "a file that was touched keeps none");
    run.close().await;
}

#[tokio::test]
async fn the_record_never_claims_what_was_not_synced() {
    let world = World::single();
    let (mut run, _) = world.start().await;
    run.feed(&world, [0]).await;
    run.store.sync().await.unwrap();
    world.backend.fail_syncs.store(true, std::sync::atomic::Ordering::SeqCst);
    run.feed(&world, [1, 2]).await;
    assert!(run.store.sync().await.is_err());
    let lost = run.until(|event| matches!(event, DiskEvent::PieceLost { .. })).await;
    assert!(matches!(lost, DiskEvent::PieceLost { error: DiskError::Device { .. }, .. }));
    let record = run.store.record().unwrap();
    assert_eq!(record.pieces.iter().collect::<Vec<_>>(), [PieceIndex(0)]);
    assert_eq!(run.store.stored().iter().collect::<Vec<_>>(), [PieceIndex(0)]);
    run.kill().await;
}

#[tokio::test]
async fn a_touched_file_is_hashed_again_and_lies_are_found() {
    let world = World::multi();
    world.download_and_close().await;
    let path = world.path("name/sub/run");
    let mut bytes = fs::read(&path).unwrap();
    bytes[70_000] ^= 1;
    fs::write(&path, bytes).unwrap();
    let (mut run, report) = world.start().await;
    assert_eq!((report.have.count(), report.lost), (world.pieces() - 1, 1));
    assert!(report.bytes_hashed < world.content.len() as u64, "the other files are left alone");
    assert!(!path.exists() && world.path("name/sub/run.part").exists(), "an incomplete file loses its name");
    assert!(world.path("name/a").exists());
    let missing = world.all_pieces().into_iter().filter(|piece| !report.have.contains(PieceIndex(*piece)));
    run.feed(&world, missing).await;
    run.finished().await;
    assert_eq!(fs::read(path).unwrap(), world.file("name/sub/run"));
    run.close().await;
}

#[tokio::test]
async fn files_already_present_are_used() {
    let world = World::multi();
    fs::create_dir_all(world.path("name/sub")).unwrap();
    fs::write(world.path("name/a"), world.file("name/a")).unwrap();
    fs::write(world.path("name/sub/run.part"), &world.file("name/sub/run")[..150_000]).unwrap();
    let (mut run, report) = world.start().await;
    let have: Vec<_> = report.have.iter().map(|piece| piece.0).collect();
    assert_eq!(have, [0, 2, 3], "whole pieces of what is there; the borders need their neighbours");
    run.feed(&world, world.all_pieces().into_iter().filter(|piece| !have.contains(piece))).await;
    run.finished().await;
    assert_eq!(fs::read(world.path("name/sub/run")).unwrap(), world.file("name/sub/run"));
    run.close().await;
}

#[tokio::test]
async fn zeros_in_holes_count_without_being_read() {
    let mut world = World::new(16_384, &[("zeros", 16_384 * 4, DATA)]);
    world.content.fill(0);
    let hashes = vec![crate::hashing::sha1(&world.content[..16_384]); 4];
    world.layout = std::sync::Arc::new(crate::Layout { hashes: hashes.into(), ..(*world.layout).clone() });
    fs::File::create(world.path("zeros")).unwrap().set_len(16_384 * 4).unwrap();
    let (mut run, report) = world.start().await;
    assert!(report.have.is_full() && report.bytes_hashed == 0);
    run.finished().await;
    run.close().await;
}

#[tokio::test]
async fn missing_files_are_told_and_their_pieces_are_missing() {
    let world = World::multi();
    world.download_and_close().await;
    fs::remove_file(world.path("name/z")).unwrap();
    let (mut run, report) = world.start().await;
    assert_eq!(report.missing_files, [fs::canonicalize(world.directory.path()).unwrap().join("name/z")]);
    assert!(report.lost == 2 && report.have.count() == world.pieces() - 2);
    let missing = world.all_pieces().into_iter().filter(|piece| !report.have.contains(PieceIndex(*piece)));
    run.feed(&world, missing).await;
    run.finished().await;
    assert_eq!(fs::read(world.path("name/z")).unwrap(), world.file("name/z"));
    run.close().await;
}

#[tokio::test]
async fn a_missing_folder_is_an_error_and_is_not_made() {
    let world = World::single();
    world.download_and_close().await;
    let path = world.directory.path().to_path_buf();
    fs::remove_dir_all(&path).unwrap();
    assert!(matches!(world.try_open().await.err(), Some(DiskError::NoDirectory { .. })));
    assert!(!path.exists());
}

#[tokio::test]
async fn somebody_elses_file_is_not_touched() {
    let world = World::single();
    fs::write(world.path("image.iso"), b"my own notes").unwrap();
    let run = world.try_open().await.unwrap();
    assert!(matches!(run.store.check(|_| {}).await, Err(DiskError::InTheWay { .. })));
    assert_eq!(fs::read(world.path("image.iso")).unwrap(), b"my own notes");
    run.kill().await;
}

#[tokio::test]
async fn a_file_of_ours_that_was_cut_off_is_fetched_again() {
    for verified in [false, true] {
        let world = World::single();
        world.download_and_close().await;
        fs::OpenOptions::new().write(true).open(world.path("image.iso")).unwrap().set_len(1000).unwrap();
        let mut run = world.try_open().await.unwrap();
        if verified {
            run.store.distrust_record();
        }
        let report = run.store.check(|_| {}).await.unwrap();
        assert!(report.have.is_empty() && !world.path("image.iso").exists());
        run.feed(&world, world.all_pieces()).await;
        run.finished().await;
        assert_eq!(fs::read(world.path("image.iso")).unwrap(), world.content);
        run.close().await;
    }
}

#[tokio::test]
async fn only_looking_makes_nothing() {
    for mut world in [World::single(), World::multi()] {
        (world.looks_only, world.preallocate) = (true, true);
        let (run, report) = world.start().await;
        assert!(report.have.is_empty());
        run.close().await;
        assert_eq!(fs::read_dir(world.directory.path()).unwrap().count(), 0);
        world.looks_only = false;
        world.download_and_close().await;
        world.looks_only = true;
        let (run, report) = world.start().await;
        assert!(report.have.is_full());
        run.close().await;
    }
}

#[test]
fn a_full_disk_says_what_the_user_has_to_do() {
    let error = DiskError::Full { path: "image.iso".into() };
    assert!(error.to_string().ends_with("free some space and start it again"), "{error}");
}

#[tokio::test]
async fn a_second_download_of_the_same_is_refused() {
    for world in [World::single(), World::multi()] {
        let (mut run, _) = world.start().await;
        assert!(matches!(world.try_open().await.err(), Some(DiskError::InUse { .. })));
        run.feed(&world, world.all_pieces()).await;
        run.finished().await;
        // Complete: nothing is written any more, so others may read along.
        let (second, report) = world.start().await;
        assert!(report.have.is_full());
        second.close().await;
        run.close().await;
    }
}

#[tokio::test]
async fn verifying_says_what_is_wrong_with_each_file() {
    let world = World::multi();
    let verdicts = || {
        let report = verify((*world.layout).clone(), world.directory.path(), &|_| {}).unwrap();
        let verdicts: Vec<_> = report.files.iter().map(|file| file.verdict.clone()).collect();
        (report.is_good(), report.good.count(), verdicts)
    };
    assert_eq!(verdicts().2, vec![Verdict::Missing; 5]);
    world.download_and_close().await;
    assert_eq!(verdicts(), (true, world.pieces(), vec![Verdict::Good; 5]));
    fs::write(world.path("name/a"), &world.file("name/a")[..70_000]).unwrap();
    let mut long = world.file("name/z").to_vec();
    long.push(0);
    fs::write(world.path("name/z"), long).unwrap();
    fs::remove_file(world.path("name/sub/empty")).unwrap();
    let (good, count, found) = verdicts();
    assert!(!good && count == world.pieces() - 1);
    let z = Verdict::TooLong { length: 77_778, bad_pieces: 0 };
    let a = Verdict::Short { length: 70_000, bad_pieces: 1 };
    assert_eq!(found, [a, Verdict::Missing, Verdict::Unsure { pieces: 1 }, Verdict::Unsure { pieces: 1 }, z]);
}

#[tokio::test]
async fn an_unfinished_download_can_be_verified() {
    let world = World::single();
    let (mut run, _) = world.start().await;
    run.feed(&world, [0, 1]).await;
    run.close().await;
    let report = verify((*world.layout).clone(), world.directory.path(), &|_| {}).unwrap();
    assert_eq!((report.good.count(), report.bytes_good, report.files[0].file), (2, 200_000, FileIndex(0)));
    assert!(matches!(report.files[0].verdict, Verdict::Short { .. }));
}
