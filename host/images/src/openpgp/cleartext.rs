//! The cleartext signature framework (RFC 9580, section 7): a text that people can read, and its signature.
//!
//! Only the text between the two lines of dashes is signed. Whatever stands before or after it was written by
//! somebody else, and a reader who takes the file as a whole is fooled by it: such files are refused.

use super::Malformed;
use super::armor;

const BEGIN: &str = "-----BEGIN PGP SIGNED MESSAGE-----";
const SIGNATURE: &str = "-----BEGIN PGP SIGNATURE-----";

/// A signed text, taken apart and not yet verified.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Cleartext {
    /// The text without dash escapes and without blanks at the ends of lines, as it was signed; the lines end with
    /// a line feed.
    pub(crate) text: String,
    /// The signature's packets.
    pub(crate) signature: Vec<u8>,
    /// There is unsigned text before or after it.
    pub(crate) has_text_around: bool,
}

/// Whether there is a signed text in it.
pub(crate) fn is_cleartext(bytes: &[u8]) -> bool {
    bytes.windows(BEGIN.len()).any(|window| window == BEGIN.as_bytes())
}

impl Cleartext {
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let text = std::str::from_utf8(bytes).map_err(|_| Malformed)?;
        let mut lines = text.lines().map(|line| line.trim_end_matches([' ', '\t', '\r']));
        let mut has_text_around = false;
        loop {
            match lines.next().ok_or(Malformed)? {
                BEGIN => break,
                line => has_text_around |= !line.is_empty(),
            }
        }
        // Other headers than these would be a place to hide text in.
        while let Some(header) = lines.next().filter(|line| !line.is_empty()) {
            if !header.starts_with("Hash: ") {
                return Err(Malformed);
            }
        }
        let mut signed = String::new();
        loop {
            let line = match lines.next().ok_or(Malformed)? {
                SIGNATURE => break,
                line => line,
            };
            let plain = line.strip_prefix("- ").or((!line.starts_with('-')).then_some(line));
            signed.push_str(plain.ok_or(Malformed)?);
            signed.push('\n');
        }
        let signature = armor::block(&mut lines, "SIGNATURE")?;
        has_text_around |= lines.any(|line| !line.is_empty());
        Ok(Self { text: signed, signature, has_text_around })
    }

    /// The bytes that were signed: lines with CR LF between them, none after the last.
    pub(crate) fn signed_bytes(&self) -> Vec<u8> {
        let text = self.text.strip_suffix('\n').unwrap_or(&self.text);
        text.replace('\n', "\r\n").into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TAIL: &str = "-----BEGIN PGP SIGNATURE-----\n\nAAEC\n-----END PGP SIGNATURE-----\n";

    #[test]
    fn text_is_unescaped_and_canonical() {
        let file = format!("{BEGIN}\nHash: SHA256\n\n- -dash  \nplain\t\r\n\nend\n{TAIL}");
        let message = Cleartext::parse(file.as_bytes()).unwrap();
        assert_eq!(message.text, "-dash\nplain\n\nend\n");
        assert_eq!(message.signed_bytes(), b"-dash\r\nplain\r\n\r\nend");
        assert_eq!((message.signature.as_slice(), message.has_text_around), (&[0, 1, 2][..], false));
    }

    #[test]
    fn text_around_is_seen() {
        let file = format!("{BEGIN}\nHash: SHA256\n\nx\n{TAIL}");
        for around in [format!("y\n{file}"), format!("{file}y\n"), format!("{file}{file}")] {
            assert!(Cleartext::parse(around.as_bytes()).unwrap().has_text_around, "{around}");
        }
        assert!(!Cleartext::parse(format!("\n{file}\n\n").as_bytes()).unwrap().has_text_around);
    }

    #[test]
    fn tricks_are_malformed() {
        for file in [
            format!("{BEGIN}\nComment: x\n\nx\n{TAIL}"),
            format!("{BEGIN}\nHash: SHA256\n\n-x\n{TAIL}"),
            format!("{BEGIN}\nHash: SHA256\n\nx\n"),
            format!("{BEGIN}\nHash: SHA256\n\nx\n{}", &TAIL[..40]),
        ] {
            assert_eq!(Cleartext::parse(file.as_bytes()), Err(Malformed), "{file}");
        }
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange(text in "(?s).{0,200}") {
            let _ = Cleartext::parse(format!("{BEGIN}\n\n{text}\n{TAIL}").as_bytes());
            let _ = Cleartext::parse(text.as_bytes());
        }
    }
}
