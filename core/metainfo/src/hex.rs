//! Hexadecimal digits, as hashes and keys are written.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

use std::fmt::Write;

/// Two digits a byte, in lower case.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Exactly `2 N` digits of either case.
pub fn unhex<const N: usize>(digits: &str) -> Option<[u8; N]> {
    let digit = |byte: u8| Some(char::from(byte).to_digit(16)? as u8);
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    if pairs.len() != N || !rest.is_empty() {
        return None;
    }
    let bytes: Option<Vec<u8>> =
        pairs.iter().map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect();
    bytes?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_come_back_as_bytes() {
        assert_eq!(hex(&[0, 0xab, 0x9f]), "00ab9f");
        assert_eq!(unhex("00AB9f"), Some([0, 0xab, 0x9f]));
        for wrong in ["00ab9", "00ab", "00ab9f00", "00ab9g", "00abü"] {
            assert_eq!(unhex::<3>(wrong), None, "{wrong}");
        }
    }
}
