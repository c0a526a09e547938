//! A sum that somebody published: an algorithm and its value.

use std::fmt;
use thiserror::Error;

/// The algorithms whose sums say something. MD5 and SHA-1 do not: two images with one such sum can be made.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Algorithm {
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
    /// BLAKE2b with 512 bits, as `b2sum` makes it.
    Blake2b,
}

/// Why a text is no sum.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("a {algorithm} sum has {digits} hex digits; this is none: '{text}'")]
pub struct SumError {
    algorithm: Algorithm,
    digits: usize,
    text: String,
}

/// A sum: what the bytes of a file come to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sum {
    /// How it is calculated.
    pub algorithm: Algorithm,
    /// As many bytes as the algorithm gives.
    pub value: Vec<u8>,
}

impl Algorithm {
    /// Bytes of a value.
    pub const fn length(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha512 | Self::Blake2b => 64,
        }
    }

    /// The word of events: `sha256`, `sha512`, `b2`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
            Self::Blake2b => "b2",
        }
    }

    /// By one of the names that BSD lines, metalinks and `Digest` fields use, whatever its case.
    pub fn named(name: &str) -> Option<Self> {
        let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
        match plain.to_ascii_lowercase().as_str() {
            "sha256" => Some(Self::Sha256),
            "sha512" => Some(Self::Sha512),
            "b2" | "blake2b" | "blake2b512" => Some(Self::Blake2b),
            _ => None,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sha256 => "SHA-256",
            Self::Sha512 => "SHA-512",
            Self::Blake2b => "BLAKE2b",
        })
    }
}

impl Sum {
    /// Reads the hex digits of a sum, in either case.
    pub fn parse(algorithm: Algorithm, text: &str) -> Result<Self, SumError> {
        let value = from_hex(text).filter(|value| value.len() == algorithm.length());
        let value = value.ok_or_else(|| SumError {
            algorithm,
            digits: algorithm.length() * 2,
            text: text.chars().take(140).collect(),
        })?;
        Ok(Self { algorithm, value })
    }

    /// The value in lower-case hex.
    pub fn hex(&self) -> String {
        to_hex(&self.value)
    }
}

/// Lower-case hex digits.
pub(crate) fn to_hex(bytes: &[u8]) -> String {
    use fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The bytes behind hex digits; `None` if there is anything else, or an odd number of them.
pub(crate) fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    Some(digits.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_sum_has_its_length_and_only_hex_digits() {
        for wrong in ["", "12ab", &"z".repeat(64), &"é".repeat(32), &"a".repeat(63), &"a".repeat(128)] {
            assert!(Sum::parse(Algorithm::Sha256, wrong).is_err(), "{wrong}");
        }
        let error = Sum::parse(Algorithm::Blake2b, "12ab").unwrap_err();
        assert_eq!(error.to_string(), "a BLAKE2b sum has 128 hex digits; this is none: '12ab'");
    }

    proptest! {
        #[test]
        fn hex_goes_both_ways(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            prop_assert_eq!(from_hex(&to_hex(&bytes)), Some(bytes.clone()));
            prop_assert_eq!(from_hex(&to_hex(&bytes).to_uppercase()), Some(bytes));
        }
    }
}
