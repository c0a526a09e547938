//! What a GiB costs in CPU, without the system's part: two endpoints hand each other their datagrams in memory.
//!
//! `cargo run --release -p starling-utp --example cost [GiB]`

#![allow(clippy::disallowed_methods, reason = "an example measures the time it takes")]

use starling_utp::{Endpoint, Event, Received, Transmit};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Clock of the process in seconds, user and system.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<f64> =
        stat.rsplit(')').next().unwrap_or("").split_whitespace().map(|f| f.parse().unwrap_or(0.0)).collect();
    let ticks = |at: usize| fields.get(at).copied().unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let gib: u64 = std::env::args().nth(1).map_or(Ok(1), |n| n.parse())?;
    let (seed_at, leech_at): (SocketAddr, SocketAddr) = ("10.0.0.1:1".parse()?, "10.0.0.2:1".parse()?);
    let mut now = Instant::now();
    let (mut seed, mut leech) = (Endpoint::new(1, now), Endpoint::new(2, now));
    let stream = seed.connect(now, leech_at).ok_or("no room")?;
    let (block, mut buffer) = (vec![7; 16 << 10], vec![0; 16 << 10]);
    let (total, mut received) = (gib << 30, 0u64);
    let began = cpu_seconds();
    while received < total {
        // A way of 100 us, and nothing of it waited for.
        now += Duration::from_micros(100);
        while let Some(event) = seed.poll_event() {
            if matches!(event, Event::Connected(_) | Event::Writable(_)) {
                while seed.write(now, stream, &block) == block.len() {}
            }
        }
        while let Some(event) = leech.poll_event() {
            if let Event::Readable(stream) = event {
                while let Received::Bytes(n) = leech.read(now, stream, &mut buffer) {
                    received += n as u64;
                }
            }
        }
        carry(now, &mut seed, &mut leech, seed_at);
        carry(now, &mut leech, &mut seed, leech_at);
    }
    let stats = seed.stats();
    println!("{:.3} s of CPU per GiB, both ends", (cpu_seconds() - began) / gib as f64);
    println!(
        "{} packets in {} batches, {} again; {} acks",
        stats.packets_sent,
        stats.batches_sent,
        stats.packets_resent,
        leech.stats().packets_sent
    );
    Ok(())
}

/// Hands over what one endpoint has to send.
fn carry(now: Instant, from: &mut Endpoint, to: &mut Endpoint, address: SocketAddr) {
    if from.poll_timeout().is_some_and(|when| when <= now) {
        from.handle_timeout(now);
    }
    while let Some(transmit) = from.poll_transmit(now) {
        let datagrams = Transmit::datagrams(&transmit);
        datagrams.for_each(|datagram| to.handle_datagram(now, address, datagram));
    }
}
