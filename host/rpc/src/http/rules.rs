//! What `settings.json` says about the RPC server.

use crate::access::scope::Token;
use crate::access::whitelist::Whitelist;
use std::path::PathBuf;

/// Settings of the RPC server. The defaults are Transmission's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HttpSettings {
    /// Listen at all.
    pub enabled: bool,
    /// An IPv4 or IPv6 address, or `unix:/path`.
    pub bind_address: String,
    /// The port; not used for a unix socket.
    pub port: u16,
    /// Mode of a unix socket.
    pub socket_mode: u32,
    /// Everything we serve lies below this path.
    pub url: String,
    /// Ask for name and password.
    pub authentication_required: bool,
    /// The name.
    pub username: String,
    /// The salted hash of the password.
    pub password: String,
    /// Only addresses of the whitelist may ask.
    pub whitelist_enabled: bool,
    /// Address patterns.
    pub whitelist: String,
    /// Only names of the whitelist, addresses and `localhost` may stand in `Host`; not asked for with a password.
    pub host_whitelist_enabled: bool,
    /// Name patterns.
    pub host_whitelist: String,
    /// An address is locked after [`Self::anti_brute_force_threshold`] failed logins.
    pub anti_brute_force_enabled: bool,
    /// Failed logins until the lock.
    pub anti_brute_force_threshold: u32,
    /// A certificate chain in PEM: with [`Self::tls_key`], HTTPS is spoken.
    pub tls_certificate: Option<PathBuf>,
    /// Its private key in PEM.
    pub tls_key: Option<PathBuf>,
    /// Without either, both are made, and HTTPS is spoken with them.
    pub tls_self_signed: bool,
    /// Tokens that may do less than the user.
    pub tokens: Vec<Token>,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            bind_address: "0.0.0.0".to_owned(),
            port: 9091,
            socket_mode: 0o750,
            url: "/transmission/".to_owned(),
            authentication_required: false,
            username: String::new(),
            password: String::new(),
            whitelist_enabled: true,
            whitelist: "127.0.0.1,::1".to_owned(),
            host_whitelist_enabled: true,
            host_whitelist: String::new(),
            anti_brute_force_enabled: false,
            anti_brute_force_threshold: 100,
            tls_certificate: None,
            tls_key: None,
            tls_self_signed: false,
            tokens: Vec::new(),
        }
    }
}

/// [`HttpSettings`] made ready for judging requests.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) settings: HttpSettings,
    /// With a slash at both ends.
    pub(crate) url: String,
    pub(crate) addresses: Whitelist,
    pub(crate) hosts: Whitelist,
}

impl Rules {
    /// Reads the lists once.
    pub(crate) fn new(settings: HttpSettings) -> Self {
        let inner = settings.url.trim_matches('/');
        let url = if inner.is_empty() { "/".to_owned() } else { format!("/{inner}/") };
        Self {
            url,
            addresses: Whitelist::new(&settings.whitelist),
            hosts: Whitelist::new(&settings.host_whitelist),
            settings,
        }
    }
}
