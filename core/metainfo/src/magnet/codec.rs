//! Percent and base32 codes of magnet links.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

use crate::hex::unhex;
use std::fmt::Write;

/// Undoes percent-encoding; invalid UTF-8 becomes U+FFFD. `None` if a `%` is not followed by two hex digits.
pub(super) fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        if *byte == b'%' {
            let (digits, after) = after.split_first_chunk::<2>()?;
            bytes.push(digit(digits[0])? << 4 | digit(digits[1])?);
            rest = after;
        } else {
            bytes.push(*byte);
            rest = after;
        }
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).map(|digit| digit as u8)
}

/// Percent-encodes everything but the characters that no context gives a meaning.
pub(super) fn encode(text: &str) -> String {
    encode_but(text, b"-._~")
}

/// As [`encode`], but keeps the colons of IPv6 addresses.
pub(super) fn encode_host(text: &str) -> String {
    encode_but(text, b"-._~:")
}

fn encode_but(text: &str, kept: &[u8]) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || kept.contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// 40 hex or 32 base32 digits.
pub(super) fn info_hash_v1(digits: &str) -> Option<[u8; 20]> {
    if digits.len() == 32 { unbase32(digits) } else { unhex(digits) }
}

fn unbase32(digits: &str) -> Option<[u8; 20]> {
    let mut bytes = Vec::with_capacity(20);
    for eight in digits.as_bytes().as_chunks::<8>().0 {
        let mut bits = 0u64;
        for byte in eight {
            let value = match byte.to_ascii_lowercase() {
                byte @ b'a'..=b'z' => byte - b'a',
                byte @ b'2'..=b'7' => byte - b'2' + 26,
                _ => return None,
            };
            bits = bits << 5 | u64::from(value);
        }
        bytes.extend(bits.to_be_bytes().into_iter().skip(3));
    }
    bytes.try_into().ok()
}
