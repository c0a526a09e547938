//! The peer wire protocol as a machine without input or output.

mod connection;
mod contract;
mod handshake;
mod message;

pub use connection::{Config, Connection, Payload};
pub use contract::{Close, ExtendedHandshake, Fact, Order, Violation};
pub use handshake::{HANDSHAKE_LENGTH, Handshake};
pub use message::{Message, piece_header};
