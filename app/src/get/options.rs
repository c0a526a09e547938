//! The command line of `starling get`.

use super::select::Selection;
use crate::exit;
use crate::units::{parse_duration, parse_rate};
use clap::{Args, ValueEnum};
use engine::{Bind, HttpSettings, Proxy, ProxyFor, WebSeedPolicy};
use images::{Algorithm, Sum, SumError};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;
use url::Url;

#[expect(clippy::cast_possible_truncation, reason = "a small constant")]
const USUAL_WEB_SEED_CONNECTIONS: u16 = engine::WEB_SEED_CONNECTIONS as u16;

const JSON: &str = "\
Events of --json:
  metadata, added, progress, piece_failed, source, verified, complete, seeding, error; their keys are in docs/get.md

Environment:
  STARLING_IMAGES_BASE_NAME  the address in the place of a distribution's site, as --images-base
  STARLING_LOG  what to log, as RUST_LOG elsewhere: debug, or engine=trace,warn
  XDG_STATE_HOME, HOME  where resume data is kept";

const EXAMPLES: &str = "\
Examples:
  starling get arch -o ~/images
  starling get debian:13.2.0
  starling get image.torrent --checksums SHA256SUMS --signature SHA256SUMS.gpg --key signer.asc
  starling get archlinux-2026.11.01-x86_64.iso.torrent -o ~/images
  starling get https://archlinux.org/releng/releases/2026.11.01/torrent/ --no-peers
  starling get debian.iso.torrent --seed-ratio 2 --up-limit 2MiB
  starling get 'magnet:?xt=urn:btih:...&tr=...' -o ~/images
  starling get bundle.torrent --select '*.iso,SHA256SUMS'
  curl -s https://example.org/image.torrent | starling get - --json";

/// Fetch an image, verify it, and stop; or go on and give it back
///
/// Blocks until every selected file is complete and verified. An unfinished file is called NAME.part, so NAME is only
/// ever complete and verified. Ctrl-C keeps what was verified, and the same command resumes.
#[derive(Args, Clone, Debug)]
#[command(after_long_help = format!("{}\n\n{JSON}\n\n{EXAMPLES}", exit::TABLE), after_help = exit::TABLE)]
pub(crate) struct GetArgs {
    /// A .torrent or .meta4 file, - for standard input, an http(s) URL, a magnet link, or a name: arch, debian, ...
    ///
    /// The names are arch, debian, fedora and ubuntu. A name may have a version: arch:2026.11.01, arch:latest. The sums and signatures that its site publishes are
    /// checked. ./arch is a file of that name.
    pub(crate) source: OsString,

    /// The folder that the torrent's file or folder appears in
    #[arg(short, long, value_name = "DIR", default_value = ".", help_heading = "What and where")]
    pub(crate) output: PathBuf,

    /// Only these files: globs, names or indexes, comma-separated; `starling show` lists the indexes
    #[arg(long, value_name = "GLOB|INDEX,...", help_heading = "What and where")]
    pub(crate) select: Option<Selection>,

    /// Fetch the pieces in order
    #[arg(long, help_heading = "What and where")]
    pub(crate) sequential: bool,

    /// Reserve the space on disk first, instead of writing sparse files
    #[arg(long, help_heading = "What and where")]
    pub(crate) preallocate: bool,

    /// Go on seeding after completion, until stopped
    #[arg(long, help_heading = "Giving back")]
    pub(crate) seed: bool,

    /// Seed until this ratio of bytes given to bytes selected is reached
    #[arg(long, value_name = "R", value_parser = parse_ratio, help_heading = "Giving back")]
    pub(crate) seed_ratio: Option<f64>,

    /// Seed for this time, such as 30m, 2h or 1h30m; with --seed-ratio whichever comes first
    #[arg(long, value_name = "D", value_parser = parse_duration, help_heading = "Giving back")]
    pub(crate) seed_time: Option<Duration>,

    /// As the first seed, show each peer a few pieces at a time, so that little is sent twice (BEP 16)
    #[arg(long, help_heading = "Giving back")]
    pub(crate) super_seed: bool,

    /// Receive at most this much per second, such as 500KiB or 2MiB
    #[arg(long, value_name = "RATE", value_parser = parse_rate, help_heading = "Limits")]
    pub(crate) down_limit: Option<u64>,

    /// Give at most this much per second
    #[arg(long, value_name = "RATE", value_parser = parse_rate, help_heading = "Limits")]
    pub(crate) up_limit: Option<u64>,

    /// Give up (exit code 3) when there was no progress for this time, such as 60s or 5m
    #[arg(long, value_name = "D", value_parser = parse_timeout, help_heading = "Limits")]
    pub(crate) timeout: Option<Duration>,

    /// A peer to connect to, HOST:PORT, an IPv6 address in brackets; repeatable
    #[arg(long = "peer", value_name = "ADDR", help_heading = "Sources")]
    pub(crate) peers: Vec<String>,

    /// A further web seed; repeatable
    #[arg(long = "web-seed", value_name = "URL", value_parser = parse_web_seed, help_heading = "Sources")]
    pub(crate) web_seeds: Vec<Url>,

    /// Web seeds only: no peer and no tracker ever sees this address
    #[arg(
        long,
        conflicts_with_all = ["peers", "no_web_seeds", "seed", "seed_ratio", "seed_time"],
        help_heading = "Sources"
    )]
    pub(crate) no_peers: bool,

    /// Peers only
    #[arg(long, conflicts_with = "web_seeds", help_heading = "Sources")]
    pub(crate) no_web_seeds: bool,

    /// What web seeds are for where there are peers too: speed alone, what peers leave of the link, or only what
    /// peers do not have
    #[arg(long, value_name = "POLICY", value_enum, default_value_t, help_heading = "Sources")]
    pub(crate) web_seed_policy: Policy,

    /// Connections to web seeds at most; of one host never more than 2
    #[arg(
        long,
        value_name = "N",
        default_value_t = USUAL_WEB_SEED_CONNECTIONS,
        value_parser = clap::value_parser!(u16).range(1..=1000),
        help_heading = "Sources"
    )]
    pub(crate) web_seed_connections: u16,

    /// Do not look for peers on the local network
    #[arg(long, help_heading = "Sources")]
    pub(crate) no_lsd: bool,

    /// Do not exchange addresses with peers
    #[arg(long, help_heading = "Sources")]
    pub(crate) no_pex: bool,

    /// Do not look for peers in the distributed hash table
    #[arg(long, conflicts_with = "dht_bootstrap", help_heading = "Sources")]
    pub(crate) no_dht: bool,

    /// Enter the distributed hash table there instead of at the usual routers; repeatable
    #[arg(long, value_name = "HOST:PORT", value_parser = parse_node, help_heading = "Sources")]
    pub(crate) dht_bootstrap: Vec<(String, u16)>,

    /// Speak uTP with peers: beside TCP, not at all, or nothing else
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = Utp::On, help_heading = "Sources")]
    pub(crate) utp: Utp,

    /// Ask the router for the port, so that peers outside reach us (PCP, NAT-PMP, UPnP)
    #[arg(long, help_heading = "Sources")]
    pub(crate) port_map: bool,

    /// Encrypt connections to peers: never, where they want it, wherever they take it, or all of them
    #[arg(
        long,
        value_name = "WHEN",
        value_enum,
        default_value_t = Encryption::Allowed,
        help_heading = "Sources"
    )]
    pub(crate) encryption: Encryption,

    /// The SHA-256 that the image must have
    #[arg(long, value_name = "HEX", value_parser = parse_sha256, help_heading = "Verifying")]
    pub(crate) sha256: Option<Sum>,

    /// The BLAKE2b sum (512 bits, as b2sum makes it) that the image must have
    #[arg(long, value_name = "HEX", value_parser = parse_b2, help_heading = "Verifying")]
    pub(crate) b2: Option<Sum>,

    /// A list of sums, of which the image's must hold: lines as sha256sum or BSD write them, perhaps clearsigned
    #[arg(long, value_name = "FILE|URL", help_heading = "Verifying")]
    pub(crate) checksums: Option<String>,

    /// A signature of the image or of --checksums: OpenPGP, minisign or signify
    #[arg(long, value_name = "FILE|URL", requires = "key", help_heading = "Verifying")]
    pub(crate) signature: Option<String>,

    /// Whose signature counts: a file of public keys, or the fingerprint of a key that the site publishes
    #[arg(long, value_name = "FILE|FINGERPRINT", help_heading = "Verifying")]
    pub(crate) key: Option<String>,

    /// The address in the place of a distribution's site; repeatable
    #[arg(long = "images-base", value_name = "NAME=URL", help_heading = "Verifying", hide_short_help = true)]
    pub(crate) images_bases: Vec<String>,

    /// Your own distributions
    #[arg(
        long,
        value_name = "FILE",
        help = "Your own distributions [default: $XDG_CONFIG_HOME/starling/images.toml]",
        help_heading = "Verifying",
        hide_short_help = true
    )]
    pub(crate) images_file: Option<PathBuf>,

    /// Certificates (PEM) to trust beside the system's
    #[arg(long, value_name = "PEM", help_heading = "Network", hide_short_help = true)]
    pub(crate) ca_file: Option<PathBuf>,

    #[arg(
        long,
        value_name = "URL",
        help = "Do everything through this proxy, socks5h:// or http://, or not at all; names are looked up by it, and \
                nobody can connect to this machine. An http:// proxy carries no UDP: no uTP, DHT and UDP trackers then",
        help_heading = "Network"
    )]
    pub(crate) proxy: Option<Proxy>,

    /// What goes through --proxy: peers (with uTP and the DHT), trackers, web-seeds; the rest goes without it, but for
    /// sites, sums and keys
    #[arg(long, value_name = "KIND,...", default_value_t, requires = "proxy", help_heading = "Network")]
    pub(crate) proxy_for: ProxyFor,

    /// Listen for peers on this port, 0 for any; without it 51413, or any other if that is taken
    #[arg(long, help_heading = "Network")]
    pub(crate) port: Option<u16>,

    /// Use only this network interface, or the one that has this address: everything goes by it, or not at all
    #[arg(long, value_name = "NAME|ADDR", help_heading = "Network")]
    pub(crate) bind: Option<Bind>,

    /// Where resume data is kept
    #[arg(
        long,
        value_name = "DIR",
        help = "Where resume data is kept [default: $XDG_STATE_HOME/starling or ~/.local/state/starling]",
        help_heading = "What and where",
        hide_short_help = true
    )]
    pub(crate) state_dir: Option<PathBuf>,

    /// Print one JSON object a line on standard output
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,

    /// Print nothing but errors
    #[arg(short, long, conflicts_with = "json", help_heading = "Output")]
    pub(crate) quiet: bool,
}

/// `--web-seed-policy`.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum Policy {
    Fastest,
    #[default]
    Balanced,
    Fallback,
}

/// When uTP is spoken with peers.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum Utp {
    Off,
    #[default]
    On,
    Only,
}

/// When connections to peers are encrypted.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum Encryption {
    Off,
    #[default]
    Allowed,
    Preferred,
    Required,
}

impl From<Encryption> for engine::Encryption {
    fn from(encryption: Encryption) -> Self {
        match encryption {
            Encryption::Off => Self::Off,
            Encryption::Allowed => Self::Allowed,
            Encryption::Preferred => Self::Preferred,
            Encryption::Required => Self::Required,
        }
    }
}

impl From<Policy> for WebSeedPolicy {
    fn from(policy: Policy) -> Self {
        match policy {
            Policy::Fastest => Self::Fastest,
            Policy::Balanced => Self::Balanced,
            Policy::Fallback => Self::Fallback,
        }
    }
}

impl GetArgs {
    /// How documents are fetched.
    pub(crate) fn http(&self) -> HttpSettings {
        let (extra_ca, proxy) = (self.ca_file.clone(), self.proxy.clone());
        HttpSettings { bind: self.bind(), extra_ca, proxy, cookies: None }
    }

    /// Peers are met through a proxy.
    pub(crate) const fn hides_us(&self) -> bool {
        self.proxy.is_some() && self.proxy_for.peers
    }

    /// Our own end of every connection.
    pub(crate) fn bind(&self) -> Bind {
        self.bind.unwrap_or_default()
    }

    /// Goes on after completion.
    pub(crate) const fn seeds(&self) -> bool {
        self.seed || self.seed_ratio.is_some() || self.seed_time.is_some()
    }
}

fn parse_sha256(text: &str) -> Result<Sum, SumError> {
    Sum::parse(Algorithm::Sha256, text)
}

fn parse_b2(text: &str) -> Result<Sum, SumError> {
    Sum::parse(Algorithm::Blake2b, text)
}

fn parse_ratio(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(ratio) if ratio.is_finite() && ratio >= 0.0 => Ok(ratio),
        _ => Err("a ratio is a number from 0 up, such as 1.5".to_owned()),
    }
}

pub(crate) fn parse_timeout(text: &str) -> Result<Duration, String> {
    match parse_duration(text)? {
        Duration::ZERO => {
            Err("a timeout is longer than nothing; leave the option out to wait for ever".to_owned())
        }
        timeout => Ok(timeout),
    }
}

/// HOST:PORT, an IPv6 address in brackets.
pub(crate) fn parse_node(text: &str) -> Result<(String, u16), String> {
    let parts = text.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
    match parts {
        Some((host, port)) if !host.is_empty() && port != 0 => {
            Ok((host.trim_start_matches('[').trim_end_matches(']').to_owned(), port))
        }
        _ => Err("a node is HOST:PORT, such as router.bittorrent.com:6881".to_owned()),
    }
}

fn parse_web_seed(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    match url.scheme() {
        "http" | "https" if url.has_host() => Ok(url),
        _ => Err("a web seed is an http or https URL".to_owned()),
    }
}
