//! Lists of addresses that no connection is made with.
//!
//! [`parse`] reads one list in any of the four forms that are about, [`Blocklist`] holds the ranges of many lists,
//! sorted and merged, and answers in the logarithm of their number.
//!
//! | form | a line of it |
//! | --- | --- |
//! | P2P (eMule, `PeerGuardian` text) | `Some organisation:10.1.0.0-10.1.255.255` |
//! | DAT (eMule `ipfilter.dat`) | `010.001.000.000 - 010.001.255.255 , 100 , Some organisation` |
//! | CIDR | `10.1.0.0/16`, or a bare address |
//! | P2B (`PeerGuardian` binary, versions 1 to 3) | |
//!
//! IPv6 ranges are read in the first three. A line that cannot be read is counted and passed over: lists are long,
//! made by many hands, and one bad line must not open the door to the rest.
//!
//! ```
//! # use starling_blocklist::{Blocklist, parse};
//! let parsed = parse(b"Some organisation:10.1.0.0-10.1.255.255\n192.0.2.0/24\n")?;
//! let list = Blocklist::new(parsed.ranges);
//! assert_eq!(list.len(), 2);
//! assert!(list.contains("10.1.7.7".parse()?) && !list.contains("10.2.0.0".parse()?));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod limits;
mod line;
mod p2b;
mod parse;
mod ranges;

pub use limits::{MAX_BYTES, MAX_RANGES};
pub use parse::{ParseError, Parsed, parse};
pub use ranges::{Blocklist, Range};
