//! The messages of one connection, from bytes to facts and from orders to bytes.

use divan::{Bencher, counter::ItemsCount};
use starling_bench::stream::Stream;
use std::time::Instant;

fn main() {
    divan::main();
}

/// A MiB in blocks: 64 requests out, 64 headers in. The payload goes round the connection.
#[divan::bench]
fn receive_mebibyte(bencher: Bencher<'_, '_>) {
    let mut stream = Stream::new(Instant::now());
    bencher.counter(ItemsCount::new(64u32)).bench_local(|| stream.receive(64));
}

/// A MiB served: 64 requests in, 64 headers out.
#[divan::bench]
fn serve_mebibyte(bencher: Bencher<'_, '_>) {
    let mut stream = Stream::new(Instant::now());
    bencher.counter(ItemsCount::new(64u32)).bench_local(|| stream.serve(64));
}

/// `have` of pieces, as many as a peer may send.
#[divan::bench(sample_size = 1)]
fn have(bencher: Bencher<'_, '_>) {
    bencher
        .with_inputs(|| Stream::new(Instant::now()))
        .counter(ItemsCount::new(1000u32))
        .bench_local_values(|mut stream| stream.have(1000));
}
