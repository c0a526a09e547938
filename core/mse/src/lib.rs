//! Message stream encryption: how two peers hide from others on the way that they speak BitTorrent, without input or output.
//!
//! It is a disguise and no more: neither end proves who it is, and the cipher is an old one. Who opens a connection and
//! knows the torrent's info-hash agrees with the other end on a secret, names the torrent in a way that only those
//! who have it understand, and offers [`Method`]s, of which the other end chooses one.
//!
//! A [`Handshake`] is either end. Bytes go in by [`Handshake::handle_bytes`] and come out by
//! [`Handshake::poll_transmit`], until [`Handshake::poll_end`] gives what follows: the [`Ciphers`], and bytes of the
//! stream that came behind. It knows no time; its host gives the whole of it one limit.
//!
//! ```
//! # use starling_mse as mse;
//! use mse::{Handshake, Method, hidden_name};
//!
//! let info_hash = [7; 20];
//! let mut opener = Handshake::open(info_hash, &[Method::Rc4, Method::Plain], b"hello", 1);
//! let mut acceptor = Handshake::accept(&[Method::Rc4], 2);
//! for _ in 0..3 {
//!     let mut bytes = Vec::new();
//!     opener.poll_transmit(&mut bytes);
//!     acceptor.handle_bytes(&bytes);
//!     if let Some(name) = acceptor.poll_lookup() {
//!         acceptor.handle_lookup(Some(info_hash).filter(|ours| hidden_name(ours) == name));
//!     }
//!     bytes.clear();
//!     acceptor.poll_transmit(&mut bytes);
//!     opener.handle_bytes(&bytes);
//! }
//! let (here, there) = (opener.poll_end().unwrap()?, acceptor.poll_end().unwrap()?);
//! assert_eq!(there.received, b"hello");
//! let (mut here, mut there) = (here.ciphers.unwrap(), there.ciphers.unwrap());
//! let mut bytes = *b"secret";
//! here.outbound.apply(&mut bytes);
//! there.inbound.apply(&mut bytes);
//! assert_eq!(&bytes, b"secret");
//! # Ok::<(), mse::Fault>(())
//! ```

mod acceptor;
mod exchange;
mod handshake;
mod keys;
pub mod limits;
mod number;
mod opener;
mod rc4;

pub use handshake::{Ciphers, Fault, Handshake, Method, Secured};
pub use keys::hidden_name;
pub use rc4::Rc4;
