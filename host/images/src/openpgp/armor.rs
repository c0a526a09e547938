//! ASCII armor: binary data between lines of dashes (RFC 9580, section 6).

use super::Malformed;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

const BEGIN: &str = "-----BEGIN PGP ";
const END: &str = "-----END PGP ";
const DASHES: &str = "-----";

/// Whether the bytes look like armor.
pub(crate) fn is_armored(bytes: &[u8]) -> bool {
    let text = bytes.trim_ascii_start();
    text.starts_with(BEGIN.as_bytes()) || bytes.windows(BEGIN.len()).any(|w| w == BEGIN.as_bytes())
}

/// The data of every block with this label ("SIGNATURE", "PUBLIC KEY BLOCK"), one after the other. Text around the
/// blocks is passed over: it is not part of the data.
pub(crate) fn dearmored(bytes: &[u8], label: &str) -> Result<Vec<u8>, Malformed> {
    let text = std::str::from_utf8(bytes).map_err(|_| Malformed)?;
    let (mut data, mut lines, mut found) = (Vec::new(), text.lines().map(str::trim_end), false);
    while let Some(line) = lines.next() {
        if label_of(line, BEGIN) == Some(label) {
            data.extend(block(&mut lines, label)?);
            found = true;
        }
    }
    if found { Ok(data) } else { Err(Malformed) }
}

fn label_of<'a>(line: &'a str, start: &str) -> Option<&'a str> {
    line.strip_prefix(start)?.strip_suffix(DASHES)
}

/// One block, from behind its first line up to its last.
pub(super) fn block<'a>(
    lines: &mut impl Iterator<Item = &'a str>,
    label: &str,
) -> Result<Vec<u8>, Malformed> {
    let mut digits = String::new();
    let mut in_headers = true;
    for line in lines {
        if let Some(end) = label_of(line, END) {
            let is_whole = end == label && !digits.is_empty();
            return if is_whole { STANDARD.decode(digits).map_err(|_| Malformed) } else { Err(Malformed) };
        }
        if in_headers {
            // Some writers leave out the blank line where there are no headers.
            in_headers = line.contains(": ");
            if in_headers || line.is_empty() {
                continue;
            }
        }
        // The checksum protects against modems, not against people: the signature itself does both.
        if !line.starts_with('=') {
            digits.push_str(line.trim());
        }
    }
    Err(Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn blocks_are_found_by_their_label() {
        let text = "hello\n-----BEGIN PGP SIGNATURE-----\r\nVersion: x\r\n\r\nAAEC\r\nAw==\r\n=abcd\r\n\
                    -----END PGP SIGNATURE-----\r\n";
        assert_eq!(dearmored(text.as_bytes(), "SIGNATURE"), Ok(vec![0, 1, 2, 3]));
        assert_eq!(dearmored(text.as_bytes(), "PUBLIC KEY BLOCK"), Err(Malformed));
        assert_eq!(dearmored(&text.as_bytes()[..60], "SIGNATURE"), Err(Malformed));
        let two = format!("{text}{text}");
        assert_eq!(dearmored(two.as_bytes(), "SIGNATURE").map(|data| data.len()), Ok(8));
    }

    proptest! {
        #[test]
        fn armor_goes_both_ways(bytes in proptest::collection::vec(any::<u8>(), 1..300)) {
            let text = super::super::tests::armored("SIGNATURE", &bytes);
            prop_assert!(is_armored(text.as_bytes()));
            prop_assert_eq!(dearmored(text.as_bytes(), "SIGNATURE"), Ok(bytes));
        }
    }
}
