//! What one block, one `have`, one newcomer and one round of the choker cost the torrent's task, by size.
//!
//! A pick must not grow with the torrent: rows of one group that differ in pieces only are to be about equal.

use divan::Bencher;
use starling_bench::download::{Download, Shape, availability};
use starling_bench::seeding::Seeding;
use std::fmt;
use std::time::Instant;

fn main() {
    divan::main();
}

#[derive(Clone, Copy)]
struct Case(Shape);

impl fmt::Display for Case {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shape { pieces, piece_length, peers, percent, .. } = self.0;
        write!(out, "{pieces:>7} of {:>4} KiB, {peers:>3} peers with {percent:>3} %", piece_length >> 10)
    }
}

const fn case(pieces: u32, piece_length: u32, peers: u32, percent: u32, rate: u64) -> Case {
    Case(Shape { pieces, piece_length, peers, percent, rate_bytes_per_second: rate })
}

const FAST: u64 = 1 << 30;
const SLOW: u64 = 4 << 20;

/// Pieces, bytes of a piece, peers, percent of the pieces that each has, rate of all.
const CASES: [Case; 14] = [
    case(1_000, 256 << 10, 1, 100, FAST),
    case(1_000, 256 << 10, 50, 60, FAST),
    case(1_000, 256 << 10, 500, 60, FAST),
    case(100_000, 256 << 10, 1, 100, FAST),
    case(100_000, 256 << 10, 50, 60, FAST),
    case(100_000, 256 << 10, 500, 60, FAST),
    case(100_000, 256 << 10, 500, 2, FAST),
    case(100_000, 256 << 10, 500, 60, SLOW),
    case(1_000_000, 256 << 10, 1, 100, FAST),
    case(1_000_000, 256 << 10, 50, 60, FAST),
    case(1_000_000, 256 << 10, 50, 2, FAST),
    case(1_000_000, 16 << 10, 50, 60, FAST),
    case(10_000, 4 << 20, 50, 60, FAST),
    case(10_000, 4 << 20, 500, 60, SLOW),
];

/// A block received, settled, and the next ones asked for.
#[divan::bench(args = CASES, sample_count = 20, sample_size = 2000)]
fn block(bencher: Bencher<'_, '_>, case: Case) {
    let mut download = Download::new(case.0, Instant::now());
    bencher.bench_local(|| {
        if download.is_complete() {
            download = Download::new(case.0, Instant::now());
        }
        download.block();
    });
}

/// A peer tells of a piece.
#[divan::bench(args = [1_000, 100_000, 1_000_000], sample_size = 2000)]
fn have(bencher: Bencher<'_, '_>, pieces: u32) {
    let mut download = Download::new(case(pieces, 256 << 10, 50, 20, FAST).0, Instant::now());
    let mut rng = fastrand::Rng::with_seed(11);
    bencher.bench_local(|| download.have(rng.u32(..), rng.u32(..)));
}

/// A peer with half of the pieces comes and goes: counted in and out piece by piece.
#[divan::bench(args = [1_000, 100_000], sample_count = 20)]
fn newcomer(bencher: Bencher<'_, '_>, pieces: u32) {
    let mut download = Download::new(case(pieces, 256 << 10, 20, 50, FAST).0, Instant::now());
    let have = availability(pieces, 50, &mut fastrand::Rng::with_seed(3));
    bencher.bench_local(|| download.come_and_go(&have));
}

/// A round of a seed's choker among so many interested peers, their uploads counted.
#[divan::bench(args = [8, 100, 1000])]
fn choker_round(bencher: Bencher<'_, '_>, peers: u32) {
    let mut seeding = Seeding::new(peers, Instant::now());
    bencher.bench_local(|| seeding.round());
}

/// Half a second of a seed whose peers do nothing.
#[divan::bench(args = [8, 100, 1000])]
fn idle_tick(bencher: Bencher<'_, '_>, peers: u32) {
    let mut seeding = Seeding::new(peers, Instant::now());
    bencher.bench_local(|| seeding.idle());
}
