//! One connection and the bytes that a peer sends over it.

use metainfo::{BLOCK_LENGTH, Bitfield, BlockRequest, Geometry, PeerId, PieceIndex};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;
use wire::{Config, Connection, Handshake, Message, Order};

/// Pieces of 1 MiB of the torrent: 4 GiB, so that no stream runs out of blocks.
const PIECES: u32 = 4096;

/// A connection that is open, and what its peer has to say.
pub struct Stream {
    connection: Connection,
    now: Instant,
    /// Number of the next block.
    next: u32,
    bytes: Vec<u8>,
    out: Vec<u8>,
}

impl Stream {
    /// A connection over which nothing was said but the handshake and what each end has.
    ///
    /// # Panics
    /// Never: the torrent is of a legal size.
    pub fn new(now: Instant) -> Self {
        let geometry = Arc::new(Geometry::new(1 << 20, [u64::from(PIECES) << 20]).expect("a legal size"));
        let config = Config {
            info_hash: [2; 20],
            peer_id: PeerId([1; 20]),
            geometry: Some(geometry),
            metadata: None,
            client: "bench".into(),
            listen_port: None,
            request_queue: 500,
            remote: SocketAddr::from(([10, 0, 0, 1], 6881)),
            upload_only: false,
            exchange_peers: true,
            punch_holes: true,
            dht_port: None,
        };
        // The fast extension, so that chokes and cancels are answered.
        let theirs =
            Handshake { reserved: [0, 0, 0, 0, 0, 0, 0, 4], info_hash: [2; 20], peer_id: PeerId([3; 20]) };
        let mut connection = Connection::incoming(config, theirs, 1, now);
        connection.handle_order(now, Order::Availability(Bitfield::new(PIECES)));
        let mut stream = Self { connection, now, next: 0, bytes: Vec::new(), out: Vec::new() };
        stream.say(&[Message::HaveAll, Message::Unchoke]);
        stream
    }

    fn block(&self) -> BlockRequest {
        let per_piece = (1 << 20) / BLOCK_LENGTH;
        let piece = PieceIndex(self.next / per_piece % PIECES);
        BlockRequest { piece, begin: self.next % per_piece * BLOCK_LENGTH, length: BLOCK_LENGTH }
    }

    /// The peer says something, and the facts are taken.
    fn say(&mut self, messages: &[Message<'_>]) {
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.clear();
        for message in messages {
            message.encode(&mut bytes);
        }
        let taken = self.connection.handle_bytes(self.now, &bytes);
        assert_eq!(taken, bytes.len(), "a stream without payload is taken whole");
        self.bytes = bytes;
        self.settle();
    }

    fn settle(&mut self) {
        while self.connection.poll_fact().is_some() {}
        self.out.clear();
        self.connection.poll_transmit(&mut self.out);
        self.connection.handle_written(self.now, self.out.len());
        assert!(!self.connection.is_closed(), "the stream is a legal one");
    }

    /// So many blocks are asked for in one go, and come: headers decoded, payload counted, a fact each.
    pub fn receive(&mut self, blocks: u32) {
        let first = self.next;
        for _ in 0..blocks {
            self.connection.handle_order(self.now, Order::Request(self.block()));
            self.next = self.next.wrapping_add(1);
        }
        self.next = first;
        for _ in 0..blocks {
            let block = self.block();
            self.connection.handle_bytes(self.now, &wire::piece_header(&block));
            self.connection.handle_payload(self.now, block.length);
            self.next = self.next.wrapping_add(1);
        }
        self.settle();
    }

    /// The peer tells of so many pieces that it has.
    pub fn have(&mut self, messages: u32) {
        let have: Vec<_> = (0..messages).map(|piece| Message::Have(PieceIndex(piece % PIECES))).collect();
        self.say(&have);
    }

    /// The peer, which we serve, asks for so many blocks and takes them.
    pub fn serve(&mut self, blocks: u32) {
        self.connection.handle_order(self.now, Order::Unchoke);
        let first = self.next;
        let asked: Vec<_> = (0..blocks)
            .map(|_| {
                let block = self.block();
                self.next = self.next.wrapping_add(1);
                Message::Request(block)
            })
            .collect();
        self.say(&asked);
        self.next = first.wrapping_add(blocks);
        while let Some(request) = self.connection.next_upload() {
            let header = wire::piece_header(&request);
            self.connection.handle_written(self.now, header.len() + request.length as usize);
            self.connection.handle_uploaded(self.now, request);
        }
        self.settle();
    }
}
