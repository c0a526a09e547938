//! A node of the distributed hash table, without input or output (BEP 5, 32, 33, 42, 43, 44, 45, 51).
//!
//! [`Node`] finds peers, stores and finds items, and answers others. It is told facts by `handle_*`, drained by
//! [`Node::poll_output`] and woken at [`Node::poll_timeout`]; it reads no clock and no socket.
//!
//! One `Node` serves one socket of one address family, and a host with both families has two. The two DHTs share
//! neither tables nor tokens nor stores (BEP 32), the id of a node follows from its address (BEP 42), and two addresses
//! are to look like two nodes (BEP 45): there is nothing that one struct for both would have in common. What little
//! crosses over, [`Output::OtherFamily`] and [`Node::set_other_family`], the host carries.
//!
//! ```
//! # use starling_dht as dht;
//! # use std::time::Instant;
//! use dht::{Config, Family, Goal, Id, Node, Output};
//!
//! let (now, seed) = (Instant::now(), 1);
//! let mut node = Node::new(Config::new(Family::V4, |_, _, _| false), seed, now);
//! node.bootstrap(now, &["127.0.0.1:6881".parse()?]);
//! let lookup = node.look_up(now, Id([7; 20]), Goal::Peers(None));
//! while let Some(output) = node.poll_output() {
//!     match output {
//!         Output::Transmit { to, packet } => println!("{} bytes to {to}", packet.len()),
//!         Output::Peers(key, peers) if key == lookup => println!("found {peers:?}"),
//!         _ => {}
//!     }
//! }
//! assert!(node.poll_timeout() > now);
//! # Ok::<(), std::net::AddrParseError>(())
//! ```

mod address;
mod bep42;
mod bloom;
mod contract;
mod id;
mod item;
mod item_store;
mod krpc;
pub mod limits;
mod lookup;
mod node;
mod peer_store;
mod recent;
mod requests;
mod saved;
#[cfg(test)]
mod signing;
mod sources;
mod table;
mod tokens;
mod votes;
#[cfg(test)]
mod world;

pub use bep42::{id_fits, id_for};
pub use contract::{
    Announce, Config, Contact, Family, Goal, LookupKey, Outcome, Output, Pong, ScrapeEstimate, Stats, Stored,
};
pub use id::Id;
pub use item::{Item, ItemFault, MutableItem, Verify, signed_bytes, target_of_key};
pub use node::Node;
