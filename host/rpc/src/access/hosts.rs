//! The `Host` and `Origin` headers: a page that had its name point at us (DNS rebinding), or that simply calls us
//! from a browser, is not somebody the user let in.

use crate::access::whitelist::Whitelist;
use std::net::IpAddr;

/// May a request name this host? Addresses cannot be rebound; of names only `localhost` and those listed are ours.
pub(crate) fn host_is_ours(host: &str, listed: &Whitelist) -> bool {
    let name = without_port(host.trim());
    let bare = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name);
    bare.parse::<IpAddr>().is_ok()
        || name.eq_ignore_ascii_case("localhost")
        || name.eq_ignore_ascii_case("localhost.")
        || listed.admits(name)
}

/// Does the page that calls come from the host that it calls? No `Origin` means that no page calls. An origin whose
/// name is listed is the user's own page on another port or machine.
pub(crate) fn origin_is_ours(origin: Option<&str>, host: &str, listed: &Whitelist) -> bool {
    let Some(origin) = origin else { return true };
    let Some((_, authority)) = origin.split_once("://") else { return false };
    authority.eq_ignore_ascii_case(host.trim()) || listed.admits(without_port(authority))
}

/// The name in `name:port`; a bare IPv6 address has colons and no port.
fn without_port(host: &str) -> &str {
    if host.parse::<IpAddr>().is_ok() {
        return host;
    }
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        let listed = Whitelist::new("nas.lan, *.example.org");
        for host in [
            "localhost",
            "localhost.",
            "LOCALHOST:9091",
            "127.0.0.1",
            "192.168.1.77:80",
            "[::1]",
            "[::1]:9091",
            "::1",
            "nas.lan:1234",
            "a.b.example.org",
        ] {
            assert!(host_is_ours(host, &listed), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "evil.example:80",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "[::1",
        ] {
            assert!(!host_is_ours(host, &listed), "{host}");
        }
    }

    #[test]
    fn origins() {
        let listed = Whitelist::new("ui.lan");
        let ours = |origin| origin_is_ours(origin, "nas:9091", &listed);
        assert!(ours(None) && ours(Some("http://nas:9091")) && ours(Some("https://ui.lan:3000")));
        for foreign in ["http://evil.example", "http://nas", "http://nas:80", "null", ""] {
            assert!(!ours(Some(foreign)), "{foreign}");
        }
    }
}
