//! Prints how fast each backend hashes pieces of 1 MiB, in MiB/s of one core.

use hash::{Backend, sha1_many_with, sha256_many_with};
use std::time::Instant;

fn main() {
    let pieces: Vec<Vec<u8>> = (0..16u8).map(|i| vec![i; 1 << 20]).collect();
    let slices: Vec<Vec<&[u8]>> = pieces.iter().map(|piece| piece.chunks(16_384).collect()).collect();
    let views: Vec<&[&[u8]]> = slices.iter().map(Vec::as_slice).collect();
    for backend in [Backend::Single, Backend::Lanes8, Backend::Lanes16] {
        for count in [16, 8, 4] {
            type Hash<'a> = &'a dyn Fn(&[&[&[u8]]]) -> bool;
            let rate = |hash: Hash<'_>| {
                let (start, rounds) = (Instant::now(), 20);
                let ran = (0..rounds).all(|_| hash(&views[..count]));
                if ran { f64::from(rounds) * count as f64 / start.elapsed().as_secs_f64() } else { 0.0 }
            };
            let sha1 = rate(&|views| sha1_many_with(backend, views).is_some());
            let sha256 = rate(&|views| sha256_many_with(backend, views).is_some());
            println!("{backend:?}, {count} pieces: SHA-1 {sha1:.0} MiB/s, SHA-256 {sha256:.0} MiB/s");
        }
    }
}
