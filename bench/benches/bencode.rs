//! Torrent files, decoded and parsed: nanoseconds by number of files.

use divan::{Bencher, black_box};
use starling_bench::messages::torrent_file;

fn main() {
    divan::main();
}

#[divan::bench(args = [1, 100, 10_000])]
fn decode(bencher: Bencher<'_, '_>, files: u32) {
    let bytes = torrent_file(files);
    bencher.counter(divan::counter::BytesCount::new(bytes.len())).bench_local(|| {
        bencode::decode(black_box(&bytes), bencode::Limits::TORRENT)
            .map(|document| document.root().kind_name())
    });
}

#[divan::bench(args = [1, 100, 10_000])]
fn parse_torrent(bencher: Bencher<'_, '_>, files: u32) {
    let bytes = torrent_file(files);
    bencher
        .counter(divan::counter::BytesCount::new(bytes.len()))
        .bench_local(|| metainfo::Metainfo::parse(black_box(&bytes)).map(|torrent| torrent.files.len()));
}
