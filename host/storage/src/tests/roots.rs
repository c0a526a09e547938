//! Data against a v2-only torrent: files that begin with a piece, and a tree for each.

use super::world::{DATA, World};
use crate::{FileKind, Layout, Verdict, verify};
use metainfo::{BLOCK_LENGTH, FileIndex, merkle};
use std::sync::Arc;

const PIECE: u32 = 64 << 10;

/// Three pieces and a bit, one block and a bit, and exactly one piece, as a v2-only torrent has them.
fn v2_world() -> World {
    let pad = FileKind::Pad;
    let mut world = World::new(
        PIECE,
        &[
            ("name/a", 200_001, DATA),
            ("name/.pad/1", u64::from(PIECE) * 4 - 200_001, pad.clone()),
            ("name/b", 20_000, DATA),
            ("name/.pad/2", u64::from(PIECE) - 20_000, pad),
            ("name/c", u64::from(PIECE), DATA),
        ],
    );
    let mut roots = Vec::new();
    for index in [0, 2, 4] {
        let (start, length) = world.layout.geometry.file_range(FileIndex(index));
        let bytes = &world.content[start as usize..][..length as usize];
        let leaves: Vec<_> = bytes.chunks(BLOCK_LENGTH as usize).map(merkle::leaf).collect();
        if length > u64::from(PIECE) {
            roots.extend(merkle::piece_layer(&leaves, PIECE));
        } else {
            roots.push(merkle::root(&leaves, [0; 32]));
        }
    }
    let layout = Layout { hashes: Arc::default(), roots: roots.into(), ..(*world.layout).clone() };
    world.layout = Arc::new(layout);
    std::fs::create_dir(world.path("name")).unwrap();
    for name in ["name/a", "name/b", "name/c"] {
        std::fs::write(world.path(name), world.file(name)).unwrap();
    }
    world
}

#[test]
fn every_kind_of_tree_matches() {
    let world = v2_world();
    let report = verify((*world.layout).clone(), world.directory.path(), &|_| {}).unwrap();
    assert!(report.is_good(), "{report:?}");
}

#[test]
fn one_wrong_byte_is_found_in_its_piece() {
    let world = v2_world();
    let mut bytes = world.file("name/a").to_vec();
    bytes[200_000] ^= 1;
    std::fs::write(world.path("name/a"), bytes).unwrap();
    std::fs::remove_file(world.path("name/b")).unwrap();
    let report = verify((*world.layout).clone(), world.directory.path(), &|_| {}).unwrap();
    let verdicts: Vec<_> = report.files.iter().map(|file| file.verdict.clone()).collect();
    assert_eq!(verdicts, [Verdict::Bad { bad_pieces: 1 }, Verdict::Missing, Verdict::Good]);
    assert_eq!(report.good.iter().map(|piece| piece.0).collect::<Vec<_>>(), [0, 1, 2, 5]);
}
