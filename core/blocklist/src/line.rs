//! One line of a text list.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

use crate::ranges::Range;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What a line says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Line {
    /// These addresses are blocked.
    Blocked(Range),
    /// Nothing: empty, a comment, or a range that its access level allows.
    Nothing,
    /// It cannot be read.
    Unreadable,
}

/// The lowest access level of a DAT line that lets its range through.
const ALLOWED_FROM: u32 = 128;

/// Reads one line, without its end.
pub(crate) fn read(line: &str) -> Line {
    let line = line.trim();
    if line.is_empty() || line.starts_with(['#', ';']) || line.starts_with("//") {
        return Line::Nothing;
    }
    if let Some(read) = dat(line) {
        return read;
    }
    p2p(line).or_else(|| cidr(line)).map_or(Line::Unreadable, Line::Blocked)
}

/// `first - last , level , name`; the level and the name may be missing.
fn dat(line: &str) -> Option<Line> {
    let mut fields = line.splitn(3, ',');
    let range = between(fields.next()?)?;
    let level = fields.next().map_or(Some(0), |level| level.trim().parse().ok())?;
    Some(if level < ALLOWED_FROM { Line::Blocked(range) } else { Line::Nothing })
}

/// `name:first-last`. Names hold colons and hyphens, and so do ranges of IPv6: the longest end of the line that is a
/// range counts.
fn p2p(line: &str) -> Option<Range> {
    line.match_indices(':').find_map(|(at, colon)| between(line.get(at + colon.len()..)?))
}

fn cidr(line: &str) -> Option<Range> {
    // What follows the network on its line is a comment.
    let network = line.split([' ', '\t', '#', ';']).next()?;
    let Some((address, prefix)) = network.split_once('/') else {
        let address = address(network)?;
        return Range::new(address, address);
    };
    Range::network(self::address(address)?, prefix.parse().ok()?)
}

fn between(text: &str) -> Option<Range> {
    let (first, last) = text.split_once('-')?;
    Range::new(address(first.trim())?, address(last.trim())?)
}

fn address(text: &str) -> Option<IpAddr> {
    if text.contains(':') {
        return text.parse::<Ipv6Addr>().ok().map(|address| IpAddr::V6(address).to_canonical());
    }
    padded(text).map(IpAddr::V4)
}

/// An IPv4 address whose numbers may be padded with zeros, which are no sign of octal here.
fn padded(text: &str) -> Option<Ipv4Addr> {
    let mut octets = [0u8; 4];
    let mut parts = text.split('.');
    for octet in &mut octets {
        let part = parts.next().filter(|part| (1..=3).contains(&part.len()))?;
        *octet = part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse().ok())??;
    }
    parts.next().is_none().then(|| octets.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocked(first: &str, last: &str) -> Line {
        Line::Blocked(Range::new(first.parse().unwrap(), last.parse().unwrap()).unwrap())
    }

    #[test]
    fn p2p_lines_may_have_colons_and_hyphens_in_their_names() {
        let wanted = blocked("10.1.0.0", "10.1.255.255");
        assert_eq!(read("Some Org:10.1.0.0-10.1.255.255"), wanted);
        assert_eq!(read("a-b: c:d - e:10.1.0.0-10.1.255.255\r"), wanted);
        assert_eq!(read(":10.1.0.0-10.1.255.255"), wanted);
        assert_eq!(read("10.1.0.0-10.1.255.255"), wanted);
        assert_eq!(read("Org:2001:db8::-2001:db8::ffff"), blocked("2001:db8::", "2001:db8::ffff"));
    }

    #[test]
    fn dat_lines_have_padded_numbers_and_an_access_level() {
        let wanted = blocked("10.1.0.8", "10.1.255.255");
        assert_eq!(read("010.001.000.008 - 010.001.255.255 , 000 , invalid ip"), wanted);
        assert_eq!(read("010.001.000.008 - 010.001.255.255 , 127 , a, b"), wanted);
        assert_eq!(read("010.001.000.008 - 010.001.255.255 , 128 , friends"), Line::Nothing);
    }

    #[test]
    fn cidr_lines_may_be_bare_addresses() {
        assert_eq!(read("10.1.2.3/16"), blocked("10.1.0.0", "10.1.255.255"));
        assert_eq!(read("10.1.2.3"), blocked("10.1.2.3", "10.1.2.3"));
        assert_eq!(
            read("2001:db8::/32 # documents"),
            blocked("2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff")
        );
    }

    #[test]
    fn what_is_no_rule_is_said_to_be_none() {
        for comment in ["", "  ", "# 10.0.0.0/8", "; x", "// x"] {
            assert_eq!(read(comment), Line::Nothing, "{comment}");
        }
        for nonsense in
            ["Org:10.1.0.9-10.1.0.1", "10.1.2.300", "10.1.2/24", "10.1.2.3/33", "<html>", "1.2.3.4-::1"]
        {
            assert_eq!(read(nonsense), Line::Unreadable, "{nonsense}");
        }
    }
}
