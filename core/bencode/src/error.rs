//! Why bytes are not bencode.

use thiserror::Error;

/// What is wrong, and where.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("not valid bencode at byte {offset}: {fault}")]
pub struct DecodeError {
    /// Offset of the first byte that cannot be right.
    pub offset: usize,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What can be wrong with bencode.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum Fault {
    /// The input stops inside a value.
    #[error("the data ends too early")]
    Truncated,
    /// Neither `i`, `l`, `d` nor a digit.
    #[error("expected a value")]
    ExpectedValue,
    /// A dict key that is no string.
    #[error("expected a key, which must be a string")]
    ExpectedKey,
    /// A key and then the end of the dict.
    #[error("a key without a value")]
    MissingValue,
    /// A string length not followed by a colon.
    #[error("expected ':' after the length of a string")]
    ExpectedColon,
    /// A string that claims more bytes than there are.
    #[error("a string is longer than the data")]
    StringTooLong,
    /// Not `-?[0-9]+` before the `e`.
    #[error("expected a digit in an integer")]
    ExpectedDigit,
    /// `i-0e`.
    #[error("an integer is minus zero")]
    MinusZero,
    /// An integer that needs more than 64 bits.
    #[error("an integer needs more than 64 bits")]
    IntegerTooBig,
    /// Bytes after the value.
    #[error("there are bytes after the end")]
    Trailing,
    /// [`crate::Limits::max_bytes`] is exceeded.
    #[error("the data is longer than {0} bytes")]
    TooLong(usize),
    /// [`crate::Limits::max_depth`] is exceeded.
    #[error("lists and dicts are nested more than {0} deep")]
    TooDeep(usize),
    /// [`crate::Limits::max_tokens`] is exceeded.
    #[error("there are more than {0} values")]
    TooManyTokens(usize),
}
