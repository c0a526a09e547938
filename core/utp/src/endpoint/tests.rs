use super::*;
use crate::contract::{Event, Reason};
use crate::world::{Path, World, start};
use std::time::Duration;

mod closing;
mod hostile;
mod paths;

/// Bytes that do not repeat.
fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut rng = fastrand::Rng::with_seed(seed);
    (0..length).map(|_| rng.u8(..)).collect()
}

/// A header as the other end of a test would write it.
fn raw(kind: Kind, id: u16, seq: Seq, ack: Seq) -> Vec<u8> {
    let mut bytes = vec![0; HEADER_BYTES];
    Header { kind, id, sent_us: 1, delay_us: 1, window: 1 << 20, seq, ack }.write(0, &mut bytes);
    bytes
}

/// All that an endpoint sends now.
fn sent(endpoint: &mut Endpoint, now: Instant) -> Vec<(SocketAddr, Vec<u8>)> {
    let mut datagrams = Vec::new();
    while let Some(transmit) = endpoint.poll_transmit(now) {
        datagrams.extend(transmit.datagrams().map(|datagram| (transmit.to, datagram.to_vec())));
    }
    datagrams
}
