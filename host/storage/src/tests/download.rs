//! From blocks to verified files.

use super::world::World;
use crate::uncache::Pace;
use crate::{DiskEvent, TryRead};
use metainfo::PieceIndex;
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

#[tokio::test]
async fn a_file_appears_complete_under_its_name() {
    for reference_backend in [true, false] {
        let world = World { reference_backend, ..World::single() };
        let (mut run, report) = world.start().await;
        assert!(report.have.is_empty() && report.missing_files.is_empty());
        run.feed(&world, world.all_pieces()).await;
        run.finished().await;
        assert!(!world.path("image.iso.part").exists());
        assert_eq!(std::fs::read(world.path("image.iso")).unwrap(), world.content);
        run.close().await;
    }
}

#[tokio::test]
async fn a_tree_of_all_kinds_of_files() {
    for reference_backend in [true, false] {
        let world = World { reference_backend, ..World::multi() };
        let (mut run, _) = world.start().await;
        run.feed(&world, world.all_pieces().into_iter().rev()).await;
        run.finished().await;
        for name in ["name/a", "name/sub/empty", "name/sub/b", "name/sub/run", "name/z"] {
            assert_eq!(std::fs::read(world.path(name)).unwrap(), world.file(name), "{name}");
        }
        assert!(!world.path("name/.pad").exists(), "pad files are never on disk");
        let mode = |name| std::fs::metadata(world.path(name)).unwrap().permissions().mode();
        assert_eq!((mode("name/sub/run") & 0o100, mode("name/a") & 0o111), (0o100, 0));
        assert_eq!(std::fs::read_link(world.path("name/link")).unwrap().to_str(), Some("sub/run"));
        for piece in world.all_pieces() {
            for request in world.requests(piece) {
                assert_eq!(run.read(request).await.unwrap(), world.bytes(request));
                let mut bytes = vec![0; request.length as usize];
                // The first read opened the file, and what was just written is in memory.
                assert_eq!(run.store.try_read(request, &mut bytes), TryRead::Done);
                assert_eq!(bytes, world.bytes(request));
            }
        }
        run.close().await;
    }
}

#[tokio::test]
async fn one_write_call_for_each_piece() {
    let world = World::single();
    let (mut run, _) = world.start().await;
    run.feed(&world, world.all_pieces()).await;
    run.finished().await;
    assert_eq!(world.backend.writes.load(std::sync::atomic::Ordering::SeqCst), u64::from(world.pieces()));
    run.close().await;
}

#[tokio::test]
async fn short_writes_are_gone_on_with() {
    let world = World::multi();
    world.backend.longest_write.store(1000, std::sync::atomic::Ordering::SeqCst);
    world.download_and_close().await;
    assert_eq!(std::fs::read(world.path("name/z")).unwrap(), world.file("name/z"));
}

#[tokio::test]
async fn a_bad_piece_is_reported_block_by_block_until_it_passes() {
    let world = World::single();
    let (mut run, _) = world.start().await;
    let requests = world.requests(3);
    for (source, request) in (10..).zip(&requests) {
        let mut block = run.block(&world, *request).await;
        block.source = source;
        if source == 12 {
            block.data[5] ^= 1;
        }
        run.store.write(block);
    }
    let DiskEvent::PieceFailed { piece, blocks: bad } = run.event().await else { panic!("the piece is bad") };
    assert_eq!((piece, bad.len()), (PieceIndex(3), requests.len()));
    assert!(!run.store.stored().contains(piece) && !world.path("image.iso").exists());
    for request in &requests {
        run.write(&world, *request).await;
    }
    let DiskEvent::PieceStored { blocks: good, .. } = run.event().await else { panic!("the piece is good") };
    let differ: Vec<_> = bad.iter().zip(&good).filter(|(bad, good)| bad.digest != good.digest).collect();
    assert_eq!(differ.len(), 1, "only the liar's block differs");
    assert_eq!(differ[0].0.source, 12);
    run.close().await;
}

#[tokio::test]
async fn duplicates_and_blocks_of_stored_pieces_are_dropped() {
    let world = World::single();
    let (mut run, _) = world.start().await;
    let requests = world.requests(0);
    run.write(&world, requests[0]).await;
    run.write(&world, requests[0]).await;
    run.feed(&world, [0]).await;
    run.write(&world, requests[1]).await;
    run.feed(&world, [1]).await;
    run.store.sync().await.unwrap();
    run.buffers_come_back().await;
    run.close().await;
}

#[tokio::test]
async fn nothing_is_served_before_it_is_verified() {
    let world = World::single();
    let (mut run, _) = world.start().await;
    let requests = world.requests(2);
    for request in &requests[1..] {
        run.write(&world, *request).await;
    }
    let mut bytes = vec![0; requests[1].length as usize];
    assert_eq!(run.store.try_read(requests[1], &mut bytes), TryRead::Unavailable);
    assert!(run.read(requests[1]).await.is_err());
    run.write(&world, requests[0]).await;
    run.until(|event| matches!(event, DiskEvent::PieceStored { .. })).await;
    assert_eq!(run.read(requests[1]).await.unwrap(), world.bytes(requests[1]));
    run.close().await;
}

/// Every piece gets all but its last block first: far more than the pool holds.
#[tokio::test]
async fn a_pool_full_of_half_pieces_does_not_deadlock() {
    for pool_blocks in [1, 2, 5, 16] {
        let world = World { pool_blocks, ..World::single() };
        let (mut run, _) = world.start().await;
        for piece in world.all_pieces() {
            let requests = world.requests(piece);
            for request in &requests[..requests.len() - 1] {
                run.write(&world, *request).await;
            }
        }
        for piece in world.all_pieces() {
            run.write(&world, *world.requests(piece).last().unwrap()).await;
        }
        run.finished().await;
        assert_eq!(std::fs::read(world.path("image.iso")).unwrap(), world.content);
        run.close().await;
    }
}

#[tokio::test]
async fn discarded_blocks_come_back_to_the_pool() {
    let world = World::single();
    let (run, _) = world.start().await;
    let requests = world.requests(0);
    run.write(&world, requests[0]).await;
    run.store.discard(PieceIndex(0));
    let store = run.store.clone();
    store.close().await.unwrap();
    run.write(&world, requests[0]).await;
    store.close().await.unwrap();
    run.buffers_come_back().await;
    run.disk.shutdown().await;
}

#[tokio::test]
async fn what_is_on_a_fast_device_leaves_memory() {
    let world = World::single();
    let (mut run, _) = world.start().await;
    run.feed(&world, [0, 1]).await;
    let after = |mebibytes: u64, syncs: u32, ms: u64| {
        let (transfer, torrent) = (&run.store.shared.transfer, &run.store.torrent);
        let pace = Pace { bytes: mebibytes << 20, syncs, took: Duration::from_millis(ms) };
        transfer.uncache(torrent, &[PieceIndex(0), PieceIndex(1)], pace);
        world.backend.uncached.swap(0, SeqCst)
    };
    assert_eq!(after(16, 1, 100), 0, "a disk with moving parts");
    assert_eq!(after(1, 1, 1), 0, "too little to tell");
    assert_eq!(after(64, 1, 100), 200_000);
    assert_eq!(after(1, 1, 20), 200_000, "too little to tell");
    assert_eq!(after(0, 16, 130), 0, "a seek for each sync");
    assert_eq!(after(0, 16, 30), 200_000);
    run.store.keep_cached();
    assert_eq!(after(64, 1, 100), 0);
    run.close().await;
}
