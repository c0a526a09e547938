//! One hot path, so many times, for `bench/callgrind`: `hot PATH COUNT`.
#![allow(clippy::disallowed_methods, reason = "the machines are given an instant to start at")]

use starling_bench::download::{Download, Shape};
use starling_bench::messages::{announce_response, torrent_file};
use starling_bench::node::AskedNode;
use starling_bench::seeding::Seeding;
use starling_bench::stream::Stream;
use std::hint::black_box;
use std::time::Instant;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [path, count] = &arguments[..] else { panic!("hot PATH COUNT") };
    let mut operation = prepare(path).unwrap_or_else(|| panic!("no path is called {path}"));
    for _ in 0..count.parse::<u64>().expect("a number") {
        operation();
    }
}

/// The path's operation, ready to run.
fn prepare(path: &str) -> Option<Box<dyn FnMut()>> {
    let now = Instant::now();
    Some(match path {
        "wire-receive-mib" => {
            let mut stream = Stream::new(now);
            Box::new(move || stream.receive(64))
        }
        "wire-serve-mib" => {
            let mut stream = Stream::new(now);
            Box::new(move || stream.serve(64))
        }
        "swarm-block-1-peer" => download(1, 100),
        "swarm-block-50-peers" => download(50, 60),
        "choker-100-peers" => {
            let mut seeding = Seeding::new(100, now);
            Box::new(move || _ = seeding.round())
        }
        "bencode-100-files" => {
            let bytes = torrent_file(100);
            Box::new(move || _ = black_box(bencode::decode(&bytes, bencode::Limits::TORRENT)))
        }
        "announce-50-peers" => {
            let body = announce_response(50);
            Box::new(move || _ = black_box(tracker::http::parse_announce_response(&body)))
        }
        "dht-answer" => {
            let mut node = AskedNode::new(now);
            Box::new(move || _ = node.ask("get_peers"))
        }
        "hash-dispatch" => {
            let block = [7u8; 55];
            Box::new(move || {
                let message: &[&[u8]] = &[&block];
                black_box(hash::sha1_many(&[message; 8]));
            })
        }
        _ => return None,
    })
}

fn download(peers: u32, percent: u32) -> Box<dyn FnMut()> {
    let shape =
        Shape { pieces: 4000, piece_length: 1 << 20, peers, percent, rate_bytes_per_second: 256 << 20 };
    let mut download = Download::new(shape, Instant::now());
    // Past the first pieces, which are picked by chance.
    (0..2000).for_each(|_| download.block());
    Box::new(move || download.block())
}
