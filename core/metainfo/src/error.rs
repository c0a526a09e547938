//! Why a torrent file is refused.

use bencode::{DecodeError, Value};
use std::fmt::Display;
use thiserror::Error;

/// Why a torrent file is refused: one line that names the key at fault and what is wrong with it.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum ParseError {
    /// There are no bytes.
    #[error("the file is empty")]
    Empty,
    /// The bytes are no bencode, so no torrent.
    #[error("not a torrent: {0}")]
    Bencode(DecodeError),
    /// The bytes are bencode, but a key does not hold what it should.
    #[error("{key}: {problem}")]
    Key {
        /// Where, as in `info.files[3].length`.
        key: String,
        /// What is wrong, as in `-5 is negative`.
        problem: String,
    },
}

impl From<DecodeError> for ParseError {
    fn from(error: DecodeError) -> Self {
        Self::Bencode(error)
    }
}

impl ParseError {
    pub(crate) fn new(key: impl Into<String>, problem: impl Display) -> Self {
        Self::Key { key: key.into(), problem: problem.to_string() }
    }

    pub(crate) fn missing(key: impl Into<String>) -> Self {
        Self::new(key, "missing")
    }

    /// `value` is not of the kind that `expected` names.
    pub(crate) fn kind(key: impl Into<String>, value: Value<'_, '_>, expected: &str) -> Self {
        Self::new(key, format_args!("is {}, not {expected}", value.kind_name()))
    }
}
