//! Datagrams of the DHT, from bytes in to bytes out.

use divan::Bencher;
use starling_bench::node::AskedNode;
use std::time::Instant;

fn main() {
    divan::main();
}

#[divan::bench(args = ["find_node", "get_peers"])]
fn answer(bencher: Bencher<'_, '_>, method: &str) {
    let mut node = AskedNode::new(Instant::now());
    assert!(node.ask(method) > 200, "the node answers with contacts");
    bencher.bench_local(|| node.ask(method));
}
