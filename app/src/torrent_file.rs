//! A torrent from a file or standard input, for every command that takes one.

use crate::exit::{Failure, Kind};
use metainfo::Metainfo;
use std::borrow::Cow;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};

/// A torrent file has at most so many bytes; the limits inside are the parser's.
const LONGEST_TORRENT: u64 = 64 << 20;

/// Reads and parses the file at `source`, or standard input if that is `-`. An error is one line: which file, and
/// what is wrong with which key.
pub(crate) fn load(source: &OsStr) -> Result<Metainfo, Failure> {
    parse(source, &read(source)?)
}

/// Parses what came from `source`.
pub(crate) fn parse(source: &OsStr, bytes: &[u8]) -> Result<Metainfo, Failure> {
    let bad = |problem: &dyn std::fmt::Display| {
        Failure::new(Kind::BadTorrent, format_args!("{}: {problem}", shown(source)))
    };
    if let Some(problem) = not_even_bencode(bytes) {
        return Err(bad(&problem));
    }
    Metainfo::parse(bytes).map_err(|error| bad(&error))
}

/// The bytes of a file or of standard input. May block for as long as a pipe does.
pub(crate) fn read(source: &OsStr) -> Result<Vec<u8>, Failure> {
    let read = || -> io::Result<Vec<u8>> {
        let reader: Box<dyn Read> =
            if source == "-" { Box::new(io::stdin()) } else { Box::new(File::open(source)?) };
        let mut bytes = Vec::new();
        reader.take(LONGEST_TORRENT + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().map_err(|error| {
        Failure::new(Kind::Failed, format_args!("cannot read {}: {error}", shown(source)))
    })?;
    if bytes.len() as u64 > LONGEST_TORRENT {
        let words = format_args!("{}: larger than 64 MiB, which no torrent file is", shown(source));
        return Err(Failure::new(Kind::BadTorrent, words));
    }
    Ok(bytes)
}

fn shown(source: &OsStr) -> Cow<'_, str> {
    if source == "-" { "standard input".into() } else { source.to_string_lossy() }
}

/// What people give instead of a torrent by mistake, told better than a parser can.
fn not_even_bencode(bytes: &[u8]) -> Option<&'static str> {
    let text = bytes.trim_ascii_start();
    let begins = |what: &[u8]| text.get(..what.len()).is_some_and(|start| start.eq_ignore_ascii_case(what));
    if begins(b"<!doctype html") || begins(b"<html") {
        Some("not a torrent but an HTML page, perhaps of an error or a log-in; open it in a browser to see")
    } else if bytes.starts_with(b"\x1f\x8b") {
        Some("not a torrent but gzip data; unpack it with gunzip first")
    } else if begins(b"magnet:") {
        Some("not a torrent but the text of a magnet link; give the link itself to starling get")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_mistakes_have_names() {
        let words = |bytes: &[u8]| not_even_bencode(bytes).unwrap_or_default();
        assert!(words(b"\n <!DOCTYPE HTML><title>404").contains("HTML page"));
        assert!(words(b"\x1f\x8b\x08").contains("gzip"));
        assert!(words(b"magnet:?xt=").contains("magnet"));
        assert_eq!(words(b"d4:infod"), "");
    }

    #[test]
    fn an_error_names_the_file() {
        let failure = load(OsStr::new("/nowhere/a.torrent")).unwrap_err();
        assert_eq!(failure.kind, Kind::Failed);
        assert_eq!(failure.message, "cannot read /nowhere/a.torrent: No such file or directory");
        let failure = parse(OsStr::new("-"), b"junk").unwrap_err();
        assert_eq!(failure.kind, Kind::BadTorrent);
        assert!(failure.message.starts_with("standard input: "), "{}", failure.message);
    }
}
