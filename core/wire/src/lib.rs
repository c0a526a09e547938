//! The peer wire protocol as a machine without input or output (BEP 3, 6, 9, 10, 11, 21).
//!
//! A [`Connection`] is one peer: bytes and [`Order`]s go in, [`Fact`]s and bytes come out, time is an argument, and
//! block payloads pass beside it. Whatever the other end sends, a connection never panics, keeps a bounded amount of
//! it, and tells its swarm only what was checked; the bounds are in `limits.rs`.
//!
//! ```
//! # use starling_wire as wire;
//! use metainfo::{BLOCK_LENGTH, Bitfield, BlockRequest, Geometry, PeerId, PieceIndex};
//! use std::{sync::Arc, time::Instant};
//! use wire::{Config, Connection, Fact, HANDSHAKE_LENGTH, Handshake, Order};
//!
//! let config = |id| Config {
//!     info_hash: [7; 20],
//!     peer_id: PeerId([id; 20]),
//!     geometry: Some(Arc::new(Geometry::new(BLOCK_LENGTH, [40_000]).unwrap())),
//!     metadata: None,
//!     exchange_peers: false,
//!     punch_holes: true,
//!     dht_port: None,
//!     client: "example 1".into(),
//!     listen_port: None,
//!     request_queue: 500,
//!     remote: ([127, 0, 0, 1], 6881).into(),
//!     upload_only: false,
//! };
//! let now = Instant::now();
//! let pump = |from: &mut Connection, to: &mut Connection| {
//!     let mut bytes = Vec::new();
//!     from.poll_transmit(&mut bytes);
//!     from.handle_written(now, bytes.len());
//!     assert_eq!(to.handle_bytes(now, &bytes), bytes.len());
//! };
//!
//! // The opener's first 68 bytes are read by the other end's listener.
//! let mut leech = Connection::outgoing(config(1), 1, now);
//! let mut hello = Vec::new();
//! leech.poll_transmit(&mut hello);
//! leech.handle_written(now, hello.len());
//! let hello: [u8; HANDSHAKE_LENGTH] = hello.try_into().unwrap();
//! let mut seed = Connection::incoming(config(2), Handshake::decode(&hello).unwrap(), 2, now);
//!
//! seed.handle_order(now, Order::Availability(Bitfield::full(3)));
//! seed.handle_order(now, Order::Unchoke);
//! pump(&mut seed, &mut leech);
//! let request = BlockRequest { piece: PieceIndex(2), begin: 0, length: 40_000 - 2 * BLOCK_LENGTH };
//! leech.handle_order(now, Order::Request(request));
//! pump(&mut leech, &mut seed);
//!
//! // The payload goes from host to host, past both connections.
//! assert_eq!(seed.next_upload(), Some(request));
//! leech.handle_bytes(now, &wire::piece_header(&request));
//! assert!(leech.payload().is_some_and(|payload| payload.wanted));
//! leech.handle_payload(now, request.length);
//! let facts: Vec<Fact> = std::iter::from_fn(|| leech.poll_fact()).collect();
//! assert_eq!(facts.last(), Some(&Fact::BlockReceived(request)));
//! ```

mod allowed_fast;
mod connection;
mod contract;
mod decoder;
mod extended;
mod flood;
mod handshake;
mod holepunch;
mod limits;
mod message;
mod metadata;
mod outbox;
mod pex;
mod requests;
mod uploads;
#[cfg(test)]
mod world;

pub use allowed_fast::allowed_fast_set;
pub use connection::{Config, Connection, Payload};
pub use contract::{Close, ExtendedHandshake, Fact, Order, Violation};
pub use handshake::{HANDSHAKE_LENGTH, Handshake};
pub use holepunch::{Holepunch, HolepunchError};
pub use message::{Message, piece_header};
