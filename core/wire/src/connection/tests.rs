//! A connection against a scripted peer ([`Lone`]), and two connections against each other (`pair`).

mod exchange;
mod hostile;
mod metadata;
mod pair;
mod polite;
mod streams;

use super::*;
use crate::handshake::OUR_RESERVED;
use crate::world::{config, geometry, origin};

/// A connection whose other end is the test.
struct Lone {
    connection: Connection,
    now: Instant,
    /// Payload bytes the host would have kept, and thrown away.
    kept: u64,
    thrown: u64,
}

impl Lone {
    /// Opened by a peer with these reserved bits; the handshakes are over and read.
    fn with_reserved(reserved: [u8; 8]) -> Self {
        let now = origin();
        let theirs = Handshake { reserved, info_hash: [0xaa; 20], peer_id: PeerId(*b"-XX0001-bbbbbbbbbbbb") };
        let mut lone =
            Self { connection: Connection::incoming(config(), theirs, 1, now), now, kept: 0, thrown: 0 };
        assert_eq!(lone.spoken().len(), HANDSHAKE_LENGTH);
        assert!(matches!(lone.facts()[..], [Fact::Handshaken { .. }]));
        lone
    }

    /// A peer that speaks everything we do.
    fn new() -> Self {
        Self::with_reserved(OUR_RESERVED)
    }

    /// A peer of the first days: no extensions.
    fn plain() -> Self {
        Self::with_reserved([0; 8])
    }

    /// A seed's end that serves the peer.
    fn serving() -> Self {
        let mut lone = Self::new();
        lone.order(Order::Availability(Bitfield::full(PIECE_COUNT)));
        lone.order(Order::Unchoke);
        lone.spoken();
        lone
    }

    /// Unchoked by a seed, asked for `blocks`.
    fn asking(reserved: [u8; 8], blocks: &[BlockRequest]) -> Self {
        let mut lone = Self::with_reserved(reserved);
        lone.hear(&Message::Bitfield(Bitfield::full(PIECE_COUNT).as_bytes()));
        lone.hear(&Message::Unchoke);
        for block in blocks {
            lone.order(Order::Request(*block));
        }
        lone.facts();
        lone.spoken();
        lone
    }

    fn order(&mut self, order: Order) {
        self.connection.handle_order(self.now, order);
    }

    /// The peer says something.
    fn hear(&mut self, message: &Message<'_>) {
        self.hear_bytes(&encode(&[*message]));
    }

    /// The peer sends a block, payload and all.
    fn hear_block(&mut self, block: BlockRequest) {
        self.hear_bytes(&[&crate::piece_header(&block)[..], &vec![b'Z'; block.length as usize]].concat());
    }

    /// Bytes come from the socket, as a host would hand them over.
    fn hear_bytes(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && !self.connection.is_closed() {
            let Some(payload) = self.connection.payload() else {
                let used = self.connection.handle_bytes(self.now, bytes);
                bytes = &bytes[used..];
                continue;
            };
            let length = bytes.len().min((payload.request.length - payload.received) as usize);
            *(if payload.wanted { &mut self.kept } else { &mut self.thrown }) += length as u64;
            self.connection.handle_payload(self.now, length as u32);
            bytes = &bytes[length..];
        }
    }

    /// What we said since the last call, all of it written.
    fn spoken(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.connection.poll_transmit(&mut bytes);
        self.connection.handle_written(self.now, bytes.len());
        bytes
    }

    fn facts(&mut self) -> Vec<Fact> {
        std::iter::from_fn(|| self.connection.poll_fact()).collect()
    }

    /// Serves what waits, at most `most` blocks; the payload bytes written.
    fn serve(&mut self, most: usize) -> u64 {
        let mut written = 0;
        for _ in 0..most {
            let Some(request) = self.connection.next_upload() else { break };
            self.connection.handle_written(self.now, 13 + request.length as usize);
            self.connection.handle_uploaded(self.now, request);
            written += u64::from(request.length);
        }
        written
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        while self.connection.poll_timeout().is_some_and(|due| due <= self.now) {
            self.connection.handle_timeout(self.now);
        }
    }

    /// Why the connection ended; it did.
    fn end(&mut self) -> Close {
        match self.facts().pop() {
            Some(Fact::Closed(why)) => why,
            other => panic!("not closed: {other:?}"),
        }
    }

    fn assert_violation(&mut self, violation: Violation) {
        assert_eq!(self.end(), Close::Violation(violation));
        assert!(self.connection.is_closed() && self.connection.poll_timeout().is_none());
    }

    fn assert_open(&self) {
        assert!(!self.connection.is_closed());
    }
}

fn encode(messages: &[Message<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for message in messages {
        message.encode(&mut bytes);
    }
    bytes
}

/// Block `number` of `piece`.
fn block(piece: u32, number: u32) -> BlockRequest {
    geometry().block(PieceIndex(piece), BlockIndex(number)).expect("a block of the torrent")
}

use crate::world::{PIECE_COUNT, PIECE_LENGTH};
use metainfo::{BLOCK_LENGTH, Bitfield, BlockIndex};
