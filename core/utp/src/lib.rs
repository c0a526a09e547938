//! uTP: streams over UDP that make way for other traffic, without input or output (BEP 29).
//!
//! An [`Endpoint`] holds the streams of one UDP socket. It is told of datagrams by [`Endpoint::handle_datagram`], drained by
//! [`Endpoint::poll_transmit`] and [`Endpoint::poll_event`], and woken at [`Endpoint::poll_timeout`]; it reads no clock
//! and no socket. Others may use the same socket: [`is_utp`] tells whose a datagram is.
//!
//! A payload is copied once on its way out, into packets that lie ready to be sent many at a time, and once on its way in.
//!
//! ```
//! # use starling_utp as utp;
//! # use std::time::Instant;
//! use utp::{Endpoint, Event, Received};
//!
//! let now = Instant::now();
//! let (mut here, mut there) = (Endpoint::new(1, now), Endpoint::new(2, now));
//! let (here_at, there_at) = ("127.0.0.1:1".parse()?, "127.0.0.1:2".parse()?);
//! let stream = here.connect(now, there_at).expect("there is room");
//! let mut heard = Vec::new();
//! for _ in 0..10 {
//!     while let Some(transmit) = here.poll_transmit(now) {
//!         transmit.datagrams().for_each(|datagram| there.handle_datagram(now, here_at, datagram));
//!     }
//!     while let Some(transmit) = there.poll_transmit(now) {
//!         transmit.datagrams().for_each(|datagram| here.handle_datagram(now, there_at, datagram));
//!     }
//!     while let Some(event) = here.poll_event() {
//!         if event == Event::Connected(stream) {
//!             here.write(now, stream, b"hello");
//!         }
//!     }
//!     while let Some(event) = there.poll_event() {
//!         if let Event::Readable(stream) = event {
//!             let mut buffer = [0; 100];
//!             if let Received::Bytes(n) = there.read(now, stream, &mut buffer) {
//!                 heard.extend_from_slice(&buffer[..n]);
//!             }
//!         }
//!     }
//! }
//! assert_eq!(heard, b"hello");
//! # Ok::<(), std::net::AddrParseError>(())
//! ```

mod contract;
mod delay;
mod endpoint;
mod fullness;
mod guard;
mod inbox;
mod ledbat;
pub mod limits;
mod mtu;
mod packet;
mod pool;
mod reorder;
mod rtt;
mod sack;
mod send_buffer;
mod sequence;
mod stream;
#[cfg(test)]
mod world;

pub use contract::{Event, Reason, Received, Stats, StreamId, StreamStats, Transmit};
pub use endpoint::Endpoint;
pub use packet::is_utp;
