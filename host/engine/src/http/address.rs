//! Which addresses a URL may lead to.
//!
//! A torrent comes from strangers: its URLs, and redirects behind them, must not make us knock at doors that only
//! we can reach (a router's page, a daemon's control port). What counts is the address connected to, not the name.

use percent_encoding::percent_decode_str;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use url::Url;

/// Who named a URL.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Origin {
    /// The user typed it.
    User,
    /// It stands in a torrent, or in another document of strangers.
    Torrent,
}

/// What is fetched.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Purpose {
    /// What the user asked for: a torrent file, a list of releases, a key, a signature, an image.
    Document {
        /// The query that the request began with; empty if a stranger named the URL.
        own_query: String,
    },
    /// An announce or scrape.
    Tracker {
        /// The query that we made; empty if the tracker's URL came with one of its own.
        own_query: String,
    },
    /// A range of a file.
    WebSeed {
        /// The file's name in the torrent, the last part of its path.
        file_name: Vec<u8>,
    },
}

/// How we came to a URL.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Via {
    /// It is where the request began.
    Named(Origin),
    /// A server redirected us to it.
    Redirect {
        /// That server's address was local.
        from_local: bool,
        /// That server is the same one: scheme, host and port.
        same_server: bool,
    },
}

/// Whether a connection made for `url` may go to a local address.
pub(crate) fn may_be_local(url: &Url, via: Via, purpose: &Purpose) -> bool {
    match via {
        Via::Named(Origin::User) => true,
        Via::Named(Origin::Torrent) => !has_foreign_query(url, purpose),
        Via::Redirect { from_local: false, .. } => false,
        Via::Redirect { from_local: true, same_server } => match purpose {
            // The user sent us to this server; where on it the file lies is its own affair.
            Purpose::Document { .. } => same_server || !has_foreign_query(url, purpose),
            Purpose::Tracker { .. } => !has_foreign_query(url, purpose) && url.path().contains("announce"),
            Purpose::WebSeed { file_name } => {
                let last = url.path().rsplit('/').next().unwrap_or_default();
                let same_name = percent_decode_str(last).eq(file_name.iter().copied());
                !has_foreign_query(url, purpose) && same_name
            }
        },
    }
}

/// Whether the URL has a query that is not just ours.
fn has_foreign_query(url: &Url, purpose: &Purpose) -> bool {
    let query = url.query().unwrap_or_default();
    match purpose {
        Purpose::Tracker { own_query } | Purpose::Document { own_query } => {
            !query.is_empty() && query != own_query
        }
        Purpose::WebSeed { .. } => !query.is_empty(),
    }
}

/// Whether a host is called what can only be local: an address, or one of the names that stay at home (RFC 6761, 6762).
pub(crate) fn names_local(host: &str) -> bool {
    if let Ok(ip) = host.parse::<IpAddr>() {
        return is_local(ip);
    }
    let host = host.trim_end_matches('.');
    let last = host.rsplit('.').next().unwrap_or_default();
    !host.contains('.')
        || ["localhost", "local", "internal"].iter().any(|name| last.eq_ignore_ascii_case(name))
}

/// Whether an address is not one of the public internet: loopback, private, link-local, shared (CGNAT),
/// unique-local, unspecified, multicast, reserved, and IPv6 forms of such IPv4 addresses.
pub(crate) fn is_local(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => is_local_v4(ip),
        IpAddr::V6(ip) => is_local_v6(ip),
    }
}

fn is_local_v4(ip: Ipv4Addr) -> bool {
    let [first, second, ..] = ip.octets();
    ip.is_loopback()
        || ip.is_private()
        || ip.is_link_local()
        || ip.is_multicast()
        || first == 0
        || first >= 240
        || (first == 100 && second & 0xc0 == 64)
}

fn is_local_v6(ip: Ipv6Addr) -> bool {
    let segments = ip.segments();
    let embedded = || {
        let [.., a, b, c, d] = ip.octets();
        Ipv4Addr::new(a, b, c, d)
    };
    ip.is_loopback()
        || ip.is_unspecified()
        || ip.is_multicast()
        || ip.is_unicast_link_local()
        || ip.is_unique_local()
        // Site-local, long deprecated and still somebody's network.
        || segments[0] & 0xffc0 == 0xfec0
        // IPv4 inside IPv6: "compatible" addresses, and NAT64 (RFC 6052), which a router turns back into IPv4.
        || (segments[..6] == [0; 6] && is_local_v4(embedded()))
        || (segments[..6] == [0x64, 0xff9b, 0, 0, 0, 0] && is_local_v4(embedded()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_addresses_in_all_their_disguises() {
        for local in [
            "127.0.0.1",
            "127.255.0.1",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "100.127.255.255",
            "0.0.0.0",
            "0.1.2.3",
            "224.0.0.1",
            "255.255.255.255",
            "240.0.0.1",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "fdff::1",
            "ff02::1",
            "fec0::1",
            "::ffff:127.0.0.1",
            "::ffff:192.168.0.1",
            "::127.0.0.1",
            "64:ff9b::10.0.0.1",
        ] {
            assert!(is_local(local.parse().unwrap()), "{local}");
        }
        for public in [
            "1.1.1.1",
            "100.63.255.255",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.169.0.1",
            "169.253.0.1",
            "2001:4860::8888",
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
            "2606::1",
        ] {
            assert!(!is_local(public.parse().unwrap()), "{public}");
        }
    }

    #[test]
    fn names_that_stay_at_home() {
        for local in ["localhost", "router", "nas.local", "a.localhost.", "10.0.0.1", "::1", "x.INTERNAL"] {
            assert!(names_local(local), "{local}");
        }
        for public in ["example.org", "local.example", "1.1.1.1", "localhost.example."] {
            assert!(!names_local(public), "{public}");
        }
    }

    fn allowed(url: &str, via: Via, purpose: &Purpose) -> bool {
        may_be_local(&Url::parse(url).unwrap(), via, purpose)
    }

    #[test]
    fn urls_of_a_torrent_lead_home_only_without_a_query() {
        let named = Via::Named(Origin::Torrent);
        let seed = Purpose::WebSeed { file_name: b"a b.iso".to_vec() };
        assert!(allowed("http://127.0.0.1/x", named, &seed));
        assert!(!allowed("http://127.0.0.1/x?delete=all", named, &seed));
        assert!(allowed("http://127.0.0.1/x?y", Via::Named(Origin::User), &seed));
        let ours = Purpose::Tracker { own_query: "info_hash=1".into() };
        assert!(allowed("http://127.0.0.1/anything?info_hash=1", named, &ours), "the query is our own");
        assert!(!allowed(
            "http://127.0.0.1/announce?x=1&info_hash=1",
            named,
            &Purpose::Tracker { own_query: String::new() }
        ));
    }

    #[test]
    fn redirects_lead_home_only_from_home_and_only_to_what_we_want() {
        let from = |from_local| Via::Redirect { from_local, same_server: true };
        let seed = Purpose::WebSeed { file_name: b"a b.iso".to_vec() };
        for (url, from_local, right) in [
            ("http://10.0.0.1/pool/a%20b.iso", true, true),
            ("http://10.0.0.1/pool/a%20b.iso", false, false),
            ("http://10.0.0.1/pool/a%20b.iso?x", true, false),
            ("http://10.0.0.1/pool/other", true, false),
        ] {
            assert_eq!(allowed(url, from(from_local), &seed), right, "{url} {from_local}");
        }
        let tracker = Purpose::Tracker { own_query: "info_hash=1".into() };
        for (url, from_local, right) in [
            ("http://10.0.0.1/announce", true, true),
            ("http://10.0.0.1/announce?info_hash=1", true, true),
            ("http://10.0.0.1/announce?info_hash=1&n=2", true, false),
            ("http://10.0.0.1/latest/meta-data/", true, false),
            ("http://10.0.0.1/announce", false, false),
        ] {
            assert_eq!(allowed(url, from(from_local), &tracker), right, "{url} {from_local}");
        }
        assert!(allowed(
            "http://10.0.0.1/next?n=1",
            from(true),
            &Purpose::Document { own_query: String::new() }
        ));
        assert!(!allowed(
            "http://10.0.0.1/next",
            from(false),
            &Purpose::Document { own_query: String::new() }
        ));
    }
}
