//! What goes into an [`Endpoint`](crate::Endpoint) and what comes out.

use std::net::SocketAddr;
use std::time::Duration;

/// Names one stream of one endpoint. A name is never used twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct StreamId {
    pub(crate) slot: u32,
    pub(crate) generation: u32,
}

/// Why a stream ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reason {
    /// The other end refused the connection.
    Refused,
    /// The other end ended it at once.
    Reset,
    /// The other end was silent for too long.
    TimedOut,
}

/// Something that the caller may want to know.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// Somebody opened a stream and proved to be at this address.
    Incoming(StreamId, SocketAddr),
    /// A stream of ours was accepted; it may be written to.
    Connected(StreamId),
    /// There is something to read, or the end.
    Readable(StreamId),
    /// A stream whose last write did not take everything takes more.
    Writable(StreamId),
    /// The stream ended before both sides closed it. What arrived before can still be read; the name is valid until it is
    /// closed or reset.
    Closed(StreamId, Reason),
}

/// What a read gave.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Received {
    /// So many bytes, more than none.
    Bytes(usize),
    /// Nothing for now.
    Nothing,
    /// All was read and nothing more will come.
    End,
}

/// Datagrams to be sent, by one call to the socket if it can (`UDP_SEGMENT`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Transmit<'a> {
    /// Where to.
    pub to: SocketAddr,
    /// The datagrams, one behind the other.
    pub contents: &'a [u8],
    /// The length of each datagram but the last, which may be shorter.
    pub segment_size: usize,
    /// The network may cut it to pieces. Everything else is to be sent unfragmentable.
    pub may_fragment: bool,
}

impl<'a> Transmit<'a> {
    /// The datagrams one by one.
    pub fn datagrams(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.contents.chunks(self.segment_size.max(1))
    }
}

/// What an endpoint counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Stats {
    /// Streams there are.
    pub streams: usize,
    /// Bytes held for packets beyond a gap, of all streams.
    pub reorder_bytes: usize,
    /// Datagrams received that belonged to a stream or opened one.
    pub packets_received: u64,
    /// Datagrams sent.
    pub packets_sent: u64,
    /// Datagrams among them that had been sent before.
    pub packets_resent: u64,
    /// Calls to the socket that they took.
    pub batches_sent: u64,
}

/// How a stream does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StreamStats {
    /// The mean round trip.
    pub round_trip: Duration,
    /// Bytes that may be under way.
    pub window_bytes: usize,
    /// Bytes that are under way.
    pub in_flight_bytes: usize,
    /// Bytes of the largest packet.
    pub packet_bytes: usize,
}
