//! Text from the network, made fit for a terminal, a log and a page.

use crate::limits::MAX_TEXT_BYTES;

/// One clean line of at most [`MAX_TEXT_BYTES`]: invalid UTF-8, control characters and those that change the
/// direction of text or are invisible become U+FFFD; white space becomes single spaces.
pub fn clean_text(bytes: &[u8]) -> String {
    let bytes = bytes.get(..MAX_TEXT_BYTES).unwrap_or(bytes);
    let text = String::from_utf8_lossy(bytes);
    let mut clean = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !clean.is_empty() {
            clean.push(' ');
        }
        clean.extend(word.chars().map(|c| if is_harmless(c) { c } else { char::REPLACEMENT_CHARACTER }));
    }
    while clean.len() > MAX_TEXT_BYTES {
        clean.pop();
    }
    clean
}

fn is_harmless(c: char) -> bool {
    let invisible = matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}');
    !c.is_control() && !invisible
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_lose_their_teeth() {
        let hostile = b"<script>alert(1)</script>\x1b[2J\x00\r\nX: y\xff\xfe";
        let clean = clean_text(hostile);
        assert_eq!(clean, "<script>alert(1)</script>\u{fffd}[2J\u{fffd} X: y\u{fffd}\u{fffd}");
        assert!(!clean.chars().any(char::is_control));
    }

    #[test]
    fn direction_marks_are_replaced() {
        assert_eq!(clean_text("a\u{202e}b\u{200b}c".as_bytes()), "a\u{fffd}b\u{fffd}c");
    }

    #[test]
    fn length_is_bounded_even_when_replacement_grows_it() {
        assert!(clean_text(&vec![0xff; 100_000]).len() <= MAX_TEXT_BYTES);
        assert_eq!(clean_text(&vec![b'A'; 2_000_000]).len(), MAX_TEXT_BYTES);
    }

    #[test]
    fn ordinary_text_is_kept() {
        assert_eq!(clean_text("Größe: 5 µs, ok".as_bytes()), "Größe: 5 µs, ok");
        assert_eq!(clean_text(b""), "");
    }
}
