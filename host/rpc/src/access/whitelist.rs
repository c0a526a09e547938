//! Whitelists as Transmission writes them: patterns with `*` and `?`, parted by commas, semicolons or spaces.

use std::net::IpAddr;

/// Patterns that a name or an address is held against.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Whitelist {
    patterns: Vec<String>,
}

impl Whitelist {
    /// Reads a list.
    pub(crate) fn new(list: &str) -> Self {
        let parts = list.split([',', ';', ' ', '\t']).filter(|part| !part.is_empty());
        Self { patterns: parts.map(str::to_ascii_lowercase).collect() }
    }

    /// Is the address on it? An IPv4 address in IPv6 clothes is an IPv4 address.
    pub(crate) fn admits_address(&self, address: IpAddr) -> bool {
        self.admits(&address.to_canonical().to_string())
    }

    /// Does a pattern fit the text?
    pub(crate) fn admits(&self, text: &str) -> bool {
        let text = text.to_ascii_lowercase();
        self.patterns.iter().any(|pattern| fits(pattern.as_bytes(), text.as_bytes()))
    }
}

/// Does the pattern fit the whole text? One star is remembered at a time, so the time is bounded by the product of
/// the lengths.
fn fits(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut here) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while here < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, here));
                at += 1;
            }
            Some(letter) if *letter == b'?' || *letter == text[here] => {
                at += 1;
                here += 1;
            }
            _ => match star {
                Some((starred, from)) => {
                    star = Some((starred, from + 1));
                    at = starred + 1;
                    here = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|letter| *letter == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let list = Whitelist::new("127.0.0.1,::1; 192.168.*.* 10.0.0.?");
        for address in ["127.0.0.1", "::1", "192.168.7.255", "10.0.0.9", "::ffff:127.0.0.1"] {
            assert!(list.admits_address(address.parse().unwrap()), "{address}");
        }
        for address in ["127.0.0.2", "::2", "192.169.0.1", "10.0.0.10"] {
            assert!(!list.admits_address(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn patterns() {
        let list = Whitelist::new("nas.lan, *.Example.org");
        assert!(list.admits("NAS.lan") && list.admits("a.b.example.org") && list.admits(".example.org"));
        assert!(!list.admits("example.org") && !list.admits("nas.lan.evil") && !list.admits(""));
        assert!(!Whitelist::new("").admits("") && !Whitelist::new(" , ").admits("x"));
        assert!(Whitelist::new("*").admits("") && Whitelist::new("a*b*c").admits("aXbXbXc"));
        assert!(!Whitelist::new("a*b").admits("aXc"));
    }
}
