//! Announces, as a client reads them and as a tracker does.

use divan::{Bencher, black_box};
use starling_bench::messages::{announce_response, announce_target};

fn main() {
    divan::main();
}

#[divan::bench(args = [50, 200, 2000])]
fn read_answer(bencher: Bencher<'_, '_>, peers: u32) {
    let body = announce_response(peers);
    bencher.bench_local(|| {
        tracker::http::parse_announce_response(black_box(&body)).map(|answer| answer.peers.len())
    });
}

#[divan::bench]
fn read_announce(bencher: Bencher<'_, '_>) {
    let target = announce_target();
    assert!(tracker::server::parse_query(&target).is_ok());
    bencher.bench_local(|| tracker::server::parse_query(black_box(&target)));
}
