//! Disks that fill up, fail and come back.

use super::world::World;
use crate::{DiskError, DiskEvent};
use metainfo::PieceIndex;
use std::fs;
use std::sync::atomic::Ordering::SeqCst;

#[tokio::test]
async fn a_full_disk_loses_the_piece_and_goes_on_when_there_is_space() {
    let world = World::single();
    let (mut run, _) = world.start().await;
    run.feed(&world, [0]).await;
    world.backend.space.store(50_000, SeqCst);
    for request in world.requests(1) {
        run.write(&world, request).await;
    }
    let DiskEvent::WriteFailed { piece, error } = run.event().await else { panic!("the disk is full") };
    assert_eq!(piece, PieceIndex(1));
    assert!(matches!(&error, DiskError::Full { path } if path.ends_with("image.iso.part")), "{error}");
    run.buffers_come_back().await;
    run.store.retry();
    run.store.sync().await.unwrap();
    assert!(run.events.try_recv().is_err(), "still full: nothing is told");
    assert_eq!(
        run.read(world.requests(0)[0]).await.unwrap(),
        world.bytes(world.requests(0)[0]),
        "served meanwhile"
    );
    world.backend.space.store(u64::MAX, SeqCst);
    run.store.retry();
    assert_eq!(run.event().await, DiskEvent::Recovered);
    run.feed(&world, 1..world.pieces()).await;
    run.finished().await;
    assert_eq!(fs::read(world.path("image.iso")).unwrap(), world.content);
    run.close().await;
}

#[tokio::test]
async fn every_write_may_fail_once() {
    let pieces = u64::from(World::multi().pieces());
    for n in 1..=pieces + 4 {
        let world = World::multi();
        world.backend.fail_write.store(n, SeqCst);
        let (mut run, _) = world.start().await;
        let mut queue = world.all_pieces();
        while let Some(piece) = queue.pop() {
            for request in world.requests(piece) {
                run.write(&world, request).await;
            }
            match run.until(|event| !matches!(event, DiskEvent::FileCompleted { .. })).await {
                DiskEvent::PieceStored { .. } => {}
                DiskEvent::WriteFailed { piece, error: DiskError::Device { .. } } => {
                    queue.push(piece.0);
                    run.store.retry();
                    run.until(|event| *event == DiskEvent::Recovered).await;
                }
                other => panic!("{other:?}"),
            }
        }
        run.finished().await;
        for name in ["name/a", "name/sub/run", "name/z"] {
            assert_eq!(fs::read(world.path(name)).unwrap(), world.file(name), "write {n}");
        }
        run.close().await;
    }
}

#[tokio::test]
async fn a_failing_flush_frees_the_buffers() {
    let world = World { pool_blocks: 8, ..World::single() };
    let (mut run, _) = world.start().await;
    world.backend.space.store(0, SeqCst);
    for piece in world.all_pieces() {
        run.write(&world, world.requests(piece)[0]).await;
    }
    let failed = run.event().await;
    assert!(matches!(failed, DiskEvent::WriteFailed { error: DiskError::Full { .. }, .. }), "{failed:?}");
    run.close().await;
}

#[tokio::test]
async fn a_file_cut_short_under_a_seed_is_not_served() {
    let world = World::single();
    let (mut run, _) = world.start().await;
    run.feed(&world, world.all_pieces()).await;
    run.finished().await;
    fs::File::options().write(true).open(world.path("image.iso")).unwrap().set_len(1_000_000).unwrap();
    let request = world.requests(12)[0];
    assert!(matches!(run.read(request).await, Err(DiskError::Vanished { .. })));
    let lost = run.event().await;
    assert!(matches!(lost, DiskEvent::PieceLost { piece: PieceIndex(12), .. }), "{lost:?}");
    assert!(run.read(request).await.is_err(), "not ours any more");
    run.store.sync().await.unwrap();
    assert!(!run.store.record().unwrap().pieces.contains(PieceIndex(12)));
    assert!(!world.path("image.iso").exists(), "an incomplete file has its unfinished name");
    run.feed(&world, [12]).await;
    run.close().await;
}

#[tokio::test]
async fn a_device_that_does_not_read_is_named() {
    let world = World::single();
    let (mut run, _) = world.start().await;
    run.feed(&world, [0]).await;
    world.backend.fail_reads.store(true, SeqCst);
    let error = run.read(world.requests(0)[0]).await.unwrap_err();
    assert!(matches!(error, DiskError::Device { action: "read", .. }), "{error}");
    run.close().await;
}

#[tokio::test]
async fn running_out_of_handles_is_survived() {
    let world = World { max_open_files: 4, ..World::multi() };
    let (mut run, _) = world.start().await;
    run.feed(&world, [0]).await;
    world.backend.no_handles.store(1, SeqCst);
    run.feed(&world, 1..world.pieces()).await;
    run.finished().await;
    run.close().await;
}

#[tokio::test]
async fn a_finish_that_fails_is_told_and_tried_again() {
    let world = World::single();
    let (mut run, _) = world.start().await;
    run.feed(&world, 1..world.pieces()).await;
    fs::write(world.path("image.iso"), b"put here meanwhile").unwrap();
    run.feed(&world, [0]).await;
    let failed = run.event().await;
    assert!(matches!(failed, DiskEvent::FinishFailed { error: DiskError::InTheWay { .. } }), "{failed:?}");
    assert_eq!(fs::read(world.path("image.iso")).unwrap(), b"put here meanwhile");
    fs::remove_file(world.path("image.iso")).unwrap();
    run.store.retry();
    run.finished().await;
    run.close().await;
}
