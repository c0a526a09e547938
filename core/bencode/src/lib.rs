//! Bencode: borrowed decoding with limits, canonical encoding (BEP 3).
//!
//! [`decode`] turns bytes into a [`Document`], a flat list of tokens that borrows the bytes; a [`Value`] is a cheap
//! copyable view of one value in it and knows its raw bytes, so that an info dict is hashed as it stands.
//! Nothing recurses, so no input can overflow the stack, and every cost is bounded by [`Limits`].
//!
//! # What is read and what is refused
//! One rule: read what can only mean one thing, write only the canonical form.
//! - Integers are `-?[0-9]+`. Leading zeros are read. Minus zero and anything beyond 64 bits is refused; a value
//!   that fits `u64` but not `i64` passes as a token and reads as `None`.
//! - String lengths are `[0-9]+`, leading zeros are read, and never more than the bytes that are left.
//! - Dict keys may come in any order; of duplicates the first counts.
//! - Bytes after the value are refused by [`decode`] and counted by [`decode_prefix`].
//!
//! ```
//! # use starling_bencode as bencode;
//! let document = bencode::decode(b"d4:spami-3ee", bencode::Limits::default())?;
//! assert_eq!(document.root().get(b"spam").and_then(|value| value.integer()), Some(-3));
//! let mut dict = bencode::DictWriter::new();
//! dict.integer("spam", -3);
//! assert_eq!(dict.encode(), document.root().raw());
//! # Ok::<(), bencode::DecodeError>(())
//! ```

mod decode;
mod encode;
mod error;
mod limits;
mod value;

pub use decode::{decode, decode_prefix};
pub use encode::{DictWriter, ListWriter};
pub use error::{DecodeError, Fault};
pub use limits::Limits;
pub use value::{Dict, Document, List, Value};
