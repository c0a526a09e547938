//! How uTP behaves on a path: beside TCP, alone, and where packets are lost by chance.

use sim::{Bottleneck, SharedPath, seed};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// Bits a second as bytes a second.
const fn mbit(n: u64) -> u64 {
    n * 1_000_000 / 8
}

#[test]
fn utp_yields_to_tcp() {
    // The queues of home lines: half a second, 200 ms, and one that is shorter than the target of LEDBAT.
    for (queue_ms, most) in [(500, 0.1), (200, 0.1), (60, 0.25)] {
        let rate = mbit(20);
        let bottleneck =
            Bottleneck { rate, delay: 20 * SECOND / 1000, queue: rate * queue_ms / 1000, loss: 0 };
        let mut path = SharedPath::new(bottleneck, seed(1));
        path.add_utp();
        path.run_for(5 * SECOND);
        let alone = path.shares(10 * SECOND);
        let tcp = path.add_tcp();
        path.run_for(10 * SECOND);
        let beside = path.shares(30 * SECOND);
        path.stop(tcp);
        path.run_for(5 * SECOND);
        let after = path.shares(10 * SECOND);
        println!("queue {queue_ms} ms: alone {alone:.3?}, beside TCP {beside:.3?}, after it {after:.3?}");
        assert!(alone[0] > 0.9, "alone it fills the path: {alone:?}");
        assert!(beside[0] < most && beside[1] > 0.95 - most, "beside TCP it makes way: {beside:?}");
        assert!(after[0] > 0.9, "and comes back: {after:?}");
    }
}

#[test]
fn utp_causes_little_delay() {
    let rate = mbit(10);
    let bottleneck = Bottleneck { rate, delay: 20 * SECOND / 1000, queue: rate, loss: 0 };
    let mut path = SharedPath::new(bottleneck, seed(2));
    path.add_utp();
    path.run_for(5 * SECOND);
    for _ in 0..100 {
        path.run_for(SECOND / 10);
        let delay = path.queue_delay();
        assert!(delay < 150 * SECOND / 1000, "the queue holds {delay:?}, a target of 100 ms");
    }
}

#[test]
fn utp_streams_share() {
    let rate = mbit(20);
    let bottleneck = Bottleneck { rate, delay: 20 * SECOND / 1000, queue: rate, loss: 0 };
    let mut path = SharedPath::new(bottleneck, seed(3));
    path.add_utp();
    path.run_for(5 * SECOND);
    path.add_utp();
    path.run_for(60 * SECOND);
    let shares = path.shares(60 * SECOND);
    println!("two streams: {shares:.3?}");
    assert!(shares.iter().sum::<f64>() > 0.9);
    assert!(shares.iter().all(|share| *share > 0.15), "{shares:?}");
}

#[test]
fn utp_lossy_link() {
    let rate = mbit(100);
    let bottleneck = Bottleneck { rate, delay: 25 * SECOND / 1000, queue: rate / 10, loss: 10 };
    let goodput = |add: fn(&mut SharedPath) -> sim::FlowId| {
        let mut path = SharedPath::new(bottleneck, seed(4));
        add(&mut path);
        path.run_for(3 * SECOND);
        path.shares(20 * SECOND)[0] * 100.0
    };
    let (utp, tcp) = (goodput(SharedPath::add_utp), goodput(SharedPath::add_tcp));
    println!("1 % loss: uTP {utp:.1} Mbit/s, Reno {tcp:.1}");
    assert!(utp > 60.0 && utp > 8.0 * tcp, "uTP {utp}, Reno {tcp} Mbit/s");
}

#[test]
fn utp_obeys_a_path_that_drops_without_queueing() {
    let rate = mbit(20);
    // A policer: 3 ms of queue.
    let bottleneck = Bottleneck { rate, delay: 20 * SECOND / 1000, queue: rate * 3 / 1000, loss: 0 };
    let mut path = SharedPath::new(bottleneck, seed(5));
    path.add_utp();
    path.run_for(5 * SECOND);
    let alone = path.shares(20 * SECOND);
    path.add_tcp();
    path.run_for(10 * SECOND);
    let beside = path.shares(60 * SECOND);
    println!("policer: alone {alone:.3?}, beside TCP {beside:.3?}");
    assert!(alone[0] > 0.6, "{alone:?}");
    assert!(beside[1] > 0.1, "a TCP flow is not starved: {beside:?}");
}

#[test]
fn utp_is_fair_where_queues_are_short() {
    // Of ten to twenty packets: they overflow long before the delay is a reason to make way.
    for (megabits, round_trip_ms, packets) in [(10, 20, 10), (20, 50, 20), (100, 20, 20)] {
        let (rate, delay) = (mbit(megabits), round_trip_ms * SECOND / 2000);
        let mut path = SharedPath::new(Bottleneck { rate, delay, queue: packets * 1500, loss: 0 }, seed(6));
        for _ in 0..2 {
            path.add_utp();
            path.run_for(SECOND / 3);
        }
        path.add_tcp();
        path.run_for(10 * SECOND);
        let shares = path.shares(60 * SECOND);
        println!("{megabits} Mbit/s, {packets} packets: two of uTP and one of TCP {shares:.3?}");
        assert!(shares.iter().sum::<f64>() > 0.75, "{shares:?}");
        assert!(shares[2] > 0.25, "TCP has its third, or nearly: {shares:?}");
        assert!(shares[..2].iter().all(|share| *share > 0.15), "and so has each of ours: {shares:?}");
    }
}
