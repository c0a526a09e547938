//! Base64 (RFC 4648) as callers of the RPC write it: standard alphabet, line breaks tolerated, padding optional.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

/// Appends the padded base64 of `bytes`.
pub(crate) fn encode(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(STANDARD.encode(bytes).as_bytes());
}

/// The bytes that `text` stands for; `None` if it is not base64.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let engine = if digits.ends_with(b"=") { STANDARD } else { STANDARD_NO_PAD };
    engine.decode(digits).ok()
}

#[cfg(test)]
mod tests {
    use super::{decode, encode};
    use proptest::prelude::*;

    fn encoded(bytes: &[u8]) -> String {
        let mut out = Vec::new();
        encode(bytes, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn examples_of_the_rfc() {
        for (plain, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(encoded(plain.as_bytes()), text);
            assert_eq!(decode(text).as_deref(), Some(plain.as_bytes()));
        }
    }

    #[test]
    fn line_breaks_and_missing_padding_are_tolerated() {
        assert_eq!(decode("Zm9v\r\nYmE").as_deref(), Some(&b"fooba"[..]));
    }

    #[test]
    fn what_is_not_base64_is_refused() {
        for text in ["####", "A", "AAAAA", "Zg=", "Zg==Zg==", "=", "Zm9v="] {
            assert_eq!(decode(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding(bytes: Vec<u8>) {
            prop_assert_eq!(decode(&encoded(&bytes)), Some(bytes));
        }
    }
}
