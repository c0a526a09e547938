//! Messages of a peer, those of extensions above all, into a connection (BEP 3, 6, 9, 10, 11, 54, 55).
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use metainfo::{BLOCK_LENGTH, Bitfield, BlockRequest, Geometry, PeerId, PieceIndex};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};
use wire::{Config, Connection, Fact, HANDSHAKE_LENGTH, Handshake, Order};

#[derive(Arbitrary, Debug)]
enum Step {
    /// A message with its length before it.
    Message(Vec<u8>),
    /// A message of an extension.
    Extended(u8, Vec<u8>),
    /// Bytes as they come.
    Raw(Vec<u8>),
    /// We ask for a block.
    Request(u8),
    /// We ask for a piece of the info dict.
    AskMetadata(u8),
    /// We unchoke.
    Unchoke,
    /// Milliseconds go by.
    Wait(u16),
}

fuzz_target!(|steps: Vec<Step>| {
    let mut now = Instant::now();
    let theirs = Connection::outgoing(config(2), 2, now);
    let mut connection = Connection::incoming(config(1), greeting(theirs, now), 1, now);
    connection.handle_order(now, Order::Availability(Bitfield::full(3)));
    let mut asked = BTreeSet::new();
    for step in steps {
        match step {
            Step::Message(body) => feed(&mut connection, now, &framed(&body)),
            Step::Extended(id, payload) => {
                feed(&mut connection, now, &framed(&[&[20, id % 8], &payload[..]].concat()));
            }
            Step::Raw(bytes) => feed(&mut connection, now, &bytes),
            Step::Request(piece) => {
                let piece = PieceIndex(u32::from(piece % 3));
                let length = if piece.0 == 2 { 40_000 - 2 * BLOCK_LENGTH } else { BLOCK_LENGTH };
                let request = BlockRequest { piece, begin: 0, length };
                // A swarm asks for a block once.
                if asked.insert(request) {
                    connection.handle_order(now, Order::Request(request));
                }
            }
            Step::AskMetadata(piece) => connection.handle_order(now, Order::AskMetadata(piece.into())),
            Step::Unchoke => connection.handle_order(now, Order::Unchoke),
            Step::Wait(milliseconds) => {
                now += Duration::from_millis(milliseconds.into());
                connection.handle_timeout(now);
            }
        }
        while let Some(fact) = connection.poll_fact() {
            if let Fact::BlockReceived(request) | Fact::Rejected(request) = fact {
                assert!(asked.remove(&request), "{request:?} was not asked for");
            }
        }
        while let Some(request) = connection.next_upload() {
            connection.handle_uploaded(now, request);
        }
        let mut out = Vec::new();
        connection.poll_transmit(&mut out);
        connection.handle_written(now, out.len());
    }
});

/// Hands bytes over as a host does: payloads of blocks pass beside the connection.
fn feed(connection: &mut Connection, now: Instant, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        let used = match connection.payload() {
            Some(payload) => {
                let length = bytes.len().min((payload.request.length - payload.received) as usize);
                connection.handle_payload(now, length as u32);
                length
            }
            None => connection.handle_bytes(now, bytes),
        };
        if used == 0 {
            return;
        }
        bytes = &bytes[used..];
    }
}

fn framed(body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32).to_be_bytes()[..], body].concat()
}

fn greeting(mut opener: Connection, now: Instant) -> Handshake {
    let mut hello = Vec::new();
    opener.poll_transmit(&mut hello);
    opener.handle_written(now, hello.len());
    let hello: [u8; HANDSHAKE_LENGTH] = hello.try_into().expect("a handshake and no more");
    Handshake::decode(&hello).expect("our own handshake")
}

fn config(id: u8) -> Config {
    Config {
        info_hash: [7; 20],
        peer_id: PeerId([id; 20]),
        geometry: Some(Arc::new(Geometry::new(BLOCK_LENGTH, [40_000]).expect("a torrent"))),
        metadata: Some(vec![b'x'; 20_000].into()),
        exchange_peers: true,
        punch_holes: true,
        dht_port: Some(6881),
        client: "fuzz 1".into(),
        listen_port: Some(6881),
        request_queue: 500,
        remote: ([192, 0, 2, 1], 6881).into(),
        upload_only: false,
    }
}
