//! Which daemon is meant, and what it is told about who asks.

use super::limits::MAX_NETRC_BYTES;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// A daemon's address.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Server {
    pub(super) tls: bool,
    /// A name or an address, without brackets.
    pub(super) host: String,
    pub(super) port: u16,
    /// The path of its RPC, from the slash on.
    pub(super) path: String,
    /// The socket to use instead of host and port.
    pub(super) unix_socket: Option<PathBuf>,
    /// `user:password`.
    pub(super) credentials: Option<String>,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            tls: false,
            host: "localhost".to_owned(),
            port: 9091,
            path: "/transmission/rpc/".to_owned(),
            unix_socket: None,
            credentials: None,
        }
    }
}

impl Server {
    /// The daemon that the first word of a command line names: `host`, `port`, `host:port`, or a URL.
    ///
    /// A word that is none of these is an error: obeying the daemon at the usual port in its place would be worse.
    pub(super) fn named(word: &str) -> Result<Self, String> {
        let mut server = Self::default();
        if let Some((scheme, rest)) = word.split_once("://") {
            server.tls = scheme == "https";
            server.port = if server.tls { 443 } else { 80 };
            server.set_place_and_path(rest)?;
        } else if !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit()) {
            server.port = port(word)?;
        } else {
            server.set_place_and_path(word)?;
        }
        Ok(server)
    }

    /// Reads `user:password@place/path`, of which the place alone has to be there.
    fn set_place_and_path(&mut self, text: &str) -> Result<(), String> {
        let (place, path) = text.split_once('/').unwrap_or((text, "transmission"));
        let (credentials, place) = match place.rsplit_once('@') {
            Some((credentials, place)) => (Some(credentials), place),
            None => (None, place),
        };
        self.credentials = credentials.map(unescaped);
        let path = path.trim_end_matches('/');
        let path = path.strip_suffix("/rpc").unwrap_or(path);
        self.path = format!("/{path}/rpc/").replace("//", "/");
        self.set_place(place)
    }

    /// Reads `host`, `host:port`, `[v6]`, `[v6]:port` or a bare IPv6 address.
    fn set_place(&mut self, place: &str) -> Result<(), String> {
        let (host, told) = match place.rsplit_once(':') {
            Some((host, told)) if !host.contains(':') || host.ends_with(']') => (host, Some(told)),
            _ => (place, None),
        };
        if let Some(told) = told {
            self.port = port(told)?;
        }
        host.trim_matches(['[', ']']).clone_into(&mut self.host);
        Ok(())
    }

    /// Host and port as HTTP and people write them.
    pub(super) fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// The daemon as messages name it.
    pub(super) fn shown(&self) -> String {
        format!("{}{}", self.authority(), self.path)
    }
}

fn port(word: &str) -> Result<u16, String> {
    word.parse().map_err(|_| format!("'{word}' is no port: there are 0 to 65535"))
}

fn unescaped(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// What a .netrc file says about `host`, as `user:password`.
pub(super) fn netrc(path: &Path, host: &str) -> Option<String> {
    let mut text = String::new();
    File::open(path).ok()?.take(MAX_NETRC_BYTES).read_to_string(&mut text).ok()?;
    find_in_netrc(&text, host)
}

fn find_in_netrc(text: &str, host: &str) -> Option<String> {
    let (mut here, mut login, mut password) = (false, None, None);
    let mut words =
        text.lines().filter(|line| !line.trim_start().starts_with('#')).flat_map(str::split_whitespace);
    while let Some(word) = words.next() {
        match word {
            "machine" | "default" => {
                if here && password.is_some() {
                    break;
                }
                here = word == "default" || words.next() == Some(host);
            }
            "login" if here => login = words.next(),
            "password" if here => password = words.next(),
            _ => {}
        }
    }
    Some(format!("{}:{}", login?, password?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_daemon_is_named_in_many_ways() {
        for (word, shown) in [
            ("9999", "localhost:9999/transmission/rpc/"),
            ("nas", "nas:9091/transmission/rpc/"),
            ("nas:80", "nas:80/transmission/rpc/"),
            ("nas:80/transmission", "nas:80/transmission/rpc/"),
            ("nas/t/rpc", "nas:9091/t/rpc/"),
            ("127.0.0.1:1234", "127.0.0.1:1234/transmission/rpc/"),
            ("::1", "[::1]:9091/transmission/rpc/"),
            ("[::1]:7", "[::1]:7/transmission/rpc/"),
            ("http://nas:9091/transmission", "nas:9091/transmission/rpc/"),
            ("http://nas:9091/transmission/", "nas:9091/transmission/rpc/"),
            ("http://nas:9091/transmission/rpc", "nas:9091/transmission/rpc/"),
            ("https://[fe80::1]/t/x/", "[fe80::1]:443/t/x/rpc/"),
            ("http://nas", "nas:80/transmission/rpc/"),
            ("http://nas/", "nas:80/rpc/"),
        ] {
            assert_eq!(Server::named(word).unwrap().shown(), shown, "{word}");
        }
        let named = |word| Server::named(word).unwrap();
        assert!(named("https://nas").tls && !named("nas").tls);
        let server = named("http://ana:a%3Ab@nas:5/x");
        assert_eq!(
            (server.credentials.as_deref(), server.shown().as_str()),
            (Some("ana:a:b"), "nas:5/x/rpc/")
        );
    }

    #[test]
    fn what_is_no_port_is_not_the_usual_one() {
        for word in ["nas:99999", "nas:abc", "nas:27099x", "nas:", "[::1]:x", "99999", "http://nas:x/t"] {
            assert!(Server::named(word).is_err(), "{word}");
        }
    }

    #[test]
    fn a_netrc_is_read_by_host() {
        let text = "# mine\nmachine other login x password y\nmachine nas\n  login ana\n  password p:w\n\
                    default login guest password none\n";
        assert_eq!(find_in_netrc(text, "nas").as_deref(), Some("ana:p:w"));
        assert_eq!(find_in_netrc(text, "other").as_deref(), Some("x:y"));
        assert_eq!(find_in_netrc(text, "elsewhere").as_deref(), Some("guest:none"));
        assert_eq!(find_in_netrc("machine nas login ana", "nas"), None);
    }
}
