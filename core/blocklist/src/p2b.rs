//! The binary form of `PeerGuardian`: `FF FF FF FF "P2B" version`, then ranges with their names. Numbers are
//! big-endian.
//!
//! Versions 1 and 2 (Latin-1 and UTF-8) have name, NUL, first and last address. Version 3 has a table of names first:
//! count, names each ended by NUL; then count, and for each range the number of its name, first and last address.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

use crate::limits::MAX_NAMES;
use crate::parse::{ParseError, Parsed};
use crate::ranges::Range;

const MAGIC: &[u8] = b"\xff\xff\xff\xffP2B";

/// What follows the magic bytes, if these are there.
pub(crate) fn body(bytes: &[u8]) -> Option<&[u8]> {
    bytes.strip_prefix(MAGIC)
}

/// Reads what follows the magic bytes.
pub(crate) fn read(body: &[u8]) -> Result<Parsed, ParseError> {
    let (version, rest) = body.split_first().ok_or(ParseError::Damaged)?;
    let mut cursor = Cursor { rest };
    let parsed = match version {
        1 | 2 => named_ranges(&mut cursor),
        3 => ranges_after_names(&mut cursor),
        _ => None,
    };
    parsed.ok_or(ParseError::Damaged)?
}

fn named_ranges(cursor: &mut Cursor<'_>) -> Option<Result<Parsed, ParseError>> {
    let mut parsed = Parsed::default();
    while !cursor.rest.is_empty() {
        cursor.skip_name()?;
        if let Err(error) = take_range(cursor, &mut parsed)? {
            return Some(Err(error));
        }
    }
    Some(Ok(parsed))
}

fn ranges_after_names(cursor: &mut Cursor<'_>) -> Option<Result<Parsed, ParseError>> {
    let mut parsed = Parsed::default();
    let names = cursor.number().filter(|names| *names <= MAX_NAMES)?;
    for _ in 0..names {
        cursor.skip_name()?;
    }
    for _ in 0..cursor.number()? {
        cursor.number()?;
        if let Err(error) = take_range(cursor, &mut parsed)? {
            return Some(Err(error));
        }
    }
    Some(Ok(parsed))
}

/// `None` where the list ends in the middle of a range.
fn take_range(cursor: &mut Cursor<'_>, parsed: &mut Parsed) -> Option<Result<(), ParseError>> {
    let (first, last) = (cursor.number()?, cursor.number()?);
    if first > last {
        parsed.unreadable += 1;
        return Some(Ok(()));
    }
    Some(parsed.push(Range::V4(first, last)))
}

struct Cursor<'a> {
    rest: &'a [u8],
}

impl Cursor<'_> {
    fn number(&mut self) -> Option<u32> {
        let (number, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(u32::from_be_bytes(*number))
    }

    fn skip_name(&mut self) -> Option<()> {
        let end = self.rest.iter().position(|byte| *byte == 0)?;
        self.rest = self.rest.get(end + 1..)?;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use crate::{ParseError, Range, parse};

    const RANGE: [u8; 8] = [10, 0, 0, 0, 10, 255, 255, 255];

    fn list(version: u8, parts: &[&[u8]]) -> Vec<u8> {
        [super::MAGIC, &[version], &parts.concat()].concat()
    }

    #[test]
    fn all_three_versions_are_read() {
        let wanted = vec![Range::V4(0x0a00_0000, 0x0aff_ffff)];
        for version in [1, 2] {
            let bytes = list(version, &[b"caf\xe9\0", &RANGE]);
            assert_eq!(parse(&bytes).unwrap().ranges, wanted);
        }
        let bytes = list(3, &[&[0, 0, 0, 2], b"a\0b\0", &[0, 0, 0, 1], &[0, 0, 0, 1], &RANGE]);
        assert_eq!(parse(&bytes).unwrap().ranges, wanted);
    }

    #[test]
    fn what_ends_in_the_middle_is_damaged() {
        let whole = list(3, &[&[0, 0, 0, 1], b"a\0", &[0, 0, 0, 1], &[0, 0, 0, 0], &RANGE]);
        for length in super::MAGIC.len()..whole.len() {
            assert_eq!(parse(&whole[..length]), Err(ParseError::Damaged), "{length} bytes");
        }
        assert_eq!(parse(&list(9, &[])), Err(ParseError::Damaged));
    }

    #[test]
    fn a_range_the_wrong_way_round_is_passed_over() {
        let bytes = list(2, &[b"a\0", &[10, 0, 0, 9, 10, 0, 0, 1], b"b\0", &RANGE]);
        let parsed = parse(&bytes).unwrap();
        assert_eq!((parsed.ranges.len(), parsed.unreadable), (1, 1));
    }
}
