//! One list, whatever its form.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

use crate::limits::{MAX_BYTES, MAX_LINE, MAX_RANGES};
use crate::line::{self, Line};
use crate::p2b;
use crate::ranges::Range;
use thiserror::Error;

/// What was read from a list.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Parsed {
    /// The ranges, in the order of the list.
    pub ranges: Vec<Range>,
    /// Lines (or entries) that could not be read.
    pub unreadable: usize,
}

/// Why a list is of no use.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum ParseError {
    /// Longer than [`MAX_BYTES`].
    #[error("the blocklist has more than {MAX_BYTES} bytes")]
    TooLong,
    /// More ranges than [`MAX_RANGES`].
    #[error("the blocklist has more than {MAX_RANGES} ranges")]
    TooMany,
    /// A binary list that ends in the middle or is of a version that nobody knows.
    #[error("the binary blocklist is damaged")]
    Damaged,
    /// Text without a single rule.
    #[error("couldn't parse any valid blocklist rules")]
    NoRules,
}

/// Reads an unpacked list of any form.
pub fn parse(bytes: &[u8]) -> Result<Parsed, ParseError> {
    if bytes.len() > MAX_BYTES {
        return Err(ParseError::TooLong);
    }
    let parsed = match p2b::body(bytes) {
        Some(body) => p2b::read(body)?,
        None => text(bytes)?,
    };
    if parsed.ranges.is_empty() { Err(ParseError::NoRules) } else { Ok(parsed) }
}

fn text(bytes: &[u8]) -> Result<Parsed, ParseError> {
    let mut parsed = Parsed::default();
    for line in bytes.split(|byte| *byte == b'\n') {
        let text = if line.len() > MAX_LINE { None } else { Some(String::from_utf8_lossy(line)) };
        match text.map_or(Line::Unreadable, |text| line::read(&text)) {
            Line::Blocked(range) => parsed.push(range)?,
            Line::Nothing => {}
            Line::Unreadable => parsed.unreadable += 1,
        }
    }
    Ok(parsed)
}

impl Parsed {
    pub(crate) fn push(&mut self, range: Range) -> Result<(), ParseError> {
        if self.ranges.len() >= MAX_RANGES {
            return Err(ParseError::TooMany);
        }
        self.ranges.push(range);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn unreadable_lines_are_counted_and_passed_over() {
        let parsed = parse(b"# comment\nSome Org:10.1.0.0-10.1.255.255\nbad\n192.0.2.1/32\r\n").unwrap();
        assert_eq!((parsed.ranges.len(), parsed.unreadable), (2, 1));
    }

    #[test]
    fn names_need_not_be_utf8() {
        assert_eq!(parse(b"caf\xe9:10.1.0.0-10.1.255.255").unwrap().ranges.len(), 1);
    }

    #[test]
    fn a_page_of_html_is_no_list() {
        assert_eq!(parse(b"<html>\n<body>404</body>\n</html>"), Err(ParseError::NoRules));
        assert_eq!(parse(b""), Err(ParseError::NoRules));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..400), binary: bool) {
            if binary {
                bytes.splice(0..0, *b"\xff\xff\xff\xffP2B");
            }
            let _ = parse(&bytes);
        }
    }
}
