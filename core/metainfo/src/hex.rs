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
    if digits.len() != 2 * N {
        return None;
    }
    unhex_bytes(digits)?.try_into().ok()
}

/// As many bytes as there are pairs of digits, of either case.
pub fn unhex_bytes(digits: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| Some(char::from(byte).to_digit(16)? as u8);
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
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
        assert_eq!(unhex_bytes("00AB9f"), Some(vec![0, 0xab, 0x9f]));
        assert_eq!(unhex_bytes(""), Some(Vec::new()));
        assert_eq!((unhex_bytes("0"), unhex_bytes("0g"), unhex_bytes("é")), (None, None, None));
    }
}
