//! The peer wire protocol as a machine without input or output (BEP 3, 6, 10, 21).
//!
//! A [`Connection`] is one peer: bytes and [`Order`]s go in, [`Fact`]s and bytes come out, time is an argument, and
//! block payloads pass beside it. Whatever the other end sends, a connection never panics, keeps a bounded amount of
//! it, and tells its swarm only what was checked; the bounds are in `limits.rs`.

mod allowed_fast;
mod connection;
mod contract;
mod decoder;
mod extended;
mod flood;
mod handshake;
mod limits;
mod message;
mod outbox;
mod requests;
mod uploads;
#[cfg(test)]
mod world;

pub use allowed_fast::allowed_fast_set;
pub use connection::{Config, Connection, Payload};
pub use contract::{Close, ExtendedHandshake, Fact, Order, Violation};
pub use handshake::{HANDSHAKE_LENGTH, Handshake};
pub use message::{Message, piece_header};
