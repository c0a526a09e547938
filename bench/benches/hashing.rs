//! SHA-1 of pieces and SHA-256 of merkle leaves, alone and side by side.

use divan::{Bencher, black_box, counter::BytesCount};
use metainfo::merkle;

/// The leaves of sixteen blocks.
const BLOCKS: usize = 16;

fn main() {
    divan::main();
}

fn blocks(length: usize) -> Vec<Vec<u8>> {
    (0..BLOCKS as u8).map(|number| vec![number; length]).collect()
}

#[divan::bench]
fn leaves_alone(bencher: Bencher<'_, '_>) {
    let blocks = blocks(16 << 10);
    bencher
        .counter(BytesCount::new(BLOCKS * (16 << 10)))
        .bench_local(|| blocks.iter().map(|block| merkle::leaf(black_box(block))).collect::<Vec<_>>());
}

#[divan::bench]
fn leaves_side_by_side(bencher: Bencher<'_, '_>) {
    let blocks = blocks(16 << 10);
    let slices: Vec<[&[u8]; 1]> = blocks.iter().map(|block| [block.as_slice()]).collect();
    let messages: Vec<&[&[u8]]> = slices.iter().map(<[_; 1]>::as_slice).collect();
    bencher
        .counter(BytesCount::new(BLOCKS * (16 << 10)))
        .bench_local(|| hash::sha256_many(black_box(&messages)));
}

#[divan::bench(args = [1, 4, 7, 16])]
fn pieces_of_256_kib(bencher: Bencher<'_, '_>, pieces: usize) {
    let blocks = blocks(256 << 10);
    let slices: Vec<[&[u8]; 1]> = blocks.iter().map(|block| [block.as_slice()]).collect();
    let messages: Vec<&[&[u8]]> = slices.iter().take(pieces).map(<[_; 1]>::as_slice).collect();
    bencher
        .counter(BytesCount::new(pieces * (256 << 10)))
        .bench_local(|| hash::sha1_many(black_box(&messages)));
}

/// What dispatch costs beside the hashing: sixteen messages of one block of the hash.
#[divan::bench]
fn dispatch(bencher: Bencher<'_, '_>) {
    let blocks = blocks(55);
    let slices: Vec<[&[u8]; 1]> = blocks.iter().map(|block| [block.as_slice()]).collect();
    let messages: Vec<&[&[u8]]> = slices.iter().map(<[_; 1]>::as_slice).collect();
    bencher.bench_local(|| hash::sha1_many(black_box(&messages)));
}

#[divan::bench(args = [64, 4096])]
fn root_of_leaves(bencher: Bencher<'_, '_>, leaves: usize) {
    let leaves = vec![[7; 32]; leaves];
    bencher.bench_local(|| merkle::root(black_box(&leaves), [0; 32]));
}
