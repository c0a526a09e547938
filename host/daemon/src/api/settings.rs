//! The settings of the session, typed; their names in `settings.json` and over RPC are not known here.
//! Speeds are in kB/s of 1000 bytes, as users set them.

use engine::{Bind, HttpSettings, Interface, Proxy, ProxyFor};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use url::Url;

/// A speed limit and whether it counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Speed {
    /// It counts.
    pub enabled: bool,
    /// The limit in kB/s.
    pub kilobytes_per_second: u32,
}

/// The other pair of limits, for some hours or by hand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AltSpeed {
    /// It is on now, by hand or by schedule.
    pub enabled: bool,
    /// Downwards in kB/s.
    pub down: u32,
    /// Upwards in kB/s.
    pub up: u32,
    /// The schedule turns it on and off.
    pub scheduled: bool,
    /// Minutes after midnight, local time.
    pub begin_minutes: u16,
    /// Minutes after midnight, local time; before the beginning: on the next day.
    pub end_minutes: u16,
    /// Days on which it begins: Sunday 1, Monday 2, …, Saturday 64.
    pub days: u8,
}

/// How many torrents may be active in one direction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct QueueLimit {
    /// The limit counts.
    pub enabled: bool,
    /// Torrents at most.
    pub size: u32,
}

/// When an active torrent does not count against the queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stalled {
    /// The rule counts.
    pub enabled: bool,
    /// Minutes without traffic.
    pub minutes: u32,
}

/// How space is taken on disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Preallocation {
    /// As bytes come.
    Off,
    /// Sparse files of full length.
    Sparse,
    /// Reserved before the first byte.
    Full,
}

/// How peers are spoken to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Encryption {
    /// Clear text where the peer takes it.
    Tolerated,
    /// Encrypted where the peer takes it.
    Preferred,
    /// Encrypted or not at all.
    Required,
}

impl From<Encryption> for engine::Encryption {
    fn from(encryption: Encryption) -> Self {
        match encryption {
            Encryption::Tolerated => Self::Allowed,
            Encryption::Preferred => Self::Preferred,
            Encryption::Required => Self::Required,
        }
    }
}

/// What web seeds are for, where there are peers too.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub enum WebSeedPolicy {
    /// Speed and nothing else.
    Fastest,
    /// Peers first where they can fill the link, web seeds for the rest.
    #[default]
    Balanced,
    /// Only what peers do not bring.
    Fallback,
}

impl From<WebSeedPolicy> for engine::WebSeedPolicy {
    fn from(policy: WebSeedPolicy) -> Self {
        match policy {
            WebSeedPolicy::Fastest => Self::Fastest,
            WebSeedPolicy::Balanced => Self::Balanced,
            WebSeedPolicy::Fallback => Self::Fallback,
        }
    }
}

/// A way to reach peers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Transport {
    /// TCP.
    Tcp,
    /// uTP (BEP 29).
    Utp,
}

/// A program run on an event; running it is the business of who listens to the events.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Script {
    /// It is run.
    pub enabled: bool,
    /// The program.
    pub path: PathBuf,
}

/// The programs run on events.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Scripts {
    /// A torrent was taken in.
    pub added: Script,
    /// A download became complete.
    pub done: Script,
    /// Seeding reached its goal.
    pub done_seeding: Script,
}

/// A distribution whose releases are followed; following it is the business of who knows distributions.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Follow {
    /// The distribution's name.
    pub name: String,
    /// Releases that are kept, at least 1.
    pub keep: u32,
    /// The address in the place of the distribution's site.
    pub base: Option<Url>,
}

/// Settings of the session. The defaults are Transmission's.
#[derive(Clone, PartialEq, Debug)]
pub struct Settings {
    /// Where data goes unless a torrent says otherwise.
    pub download_directory: PathBuf,
    /// Where data lies until it is complete.
    pub incomplete_directory: PathBuf,
    /// [`Self::incomplete_directory`] is used.
    pub incomplete_directory_enabled: bool,
    /// Unfinished files are called `NAME.part`.
    pub rename_partial_files: bool,
    /// Torrents start when added.
    pub start_added_torrents: bool,
    /// Added torrent files are deleted.
    pub trash_original_torrent_files: bool,
    /// Download limit of the session.
    pub down_limit: Speed,
    /// Upload limit of the session.
    pub up_limit: Speed,
    /// The other pair of limits.
    pub alt_speed: AltSpeed,
    /// Torrents downloading at once.
    pub download_queue: QueueLimit,
    /// Torrents seeding at once.
    pub seed_queue: QueueLimit,
    /// Torrents without traffic do not count in a queue.
    pub queue_stalled: Stalled,
    /// Seeding ends at this ratio.
    pub ratio_limit: f64,
    /// [`Self::ratio_limit`] counts.
    pub ratio_limit_enabled: bool,
    /// Seeding ends after so many minutes without a byte given.
    pub idle_limit_minutes: u32,
    /// [`Self::idle_limit_minutes`] counts.
    pub idle_limit_enabled: bool,
    /// Connections of the session at most.
    pub peer_limit_global: u32,
    /// Connections of a torrent at most, unless it says otherwise.
    pub peer_limit_per_torrent: u32,
    /// Peers of one torrent served at once.
    pub upload_slots_per_torrent: u32,
    /// The port peers reach us at; 0 lets the system choose.
    pub peer_port: u16,
    /// Another port at each start.
    pub peer_port_random_on_start: bool,
    /// The lowest random port.
    pub peer_port_random_low: u16,
    /// The highest random port.
    pub peer_port_random_high: u16,
    /// Ask the router to forward the port.
    pub port_forwarding: bool,
    /// The IPv4 address that sockets are bound to.
    pub bind_ipv4: Ipv4Addr,
    /// The IPv6 address that sockets are bound to.
    pub bind_ipv6: Ipv6Addr,
    /// The only interface that anything goes by.
    pub bind_interface: Option<Interface>,
    /// The traffic class of what is sent to peers: a name such as `le` or `cs1`, a number, or `default`.
    pub peer_traffic_class: String,
    /// The kernel's congestion control for peers by name; empty for its own choice.
    pub congestion_algorithm: String,
    /// What everything goes through that [`Self::proxy_for`] names, and documents.
    pub proxy: Option<Proxy>,
    /// What goes through the proxy, if there is one.
    pub proxy_for: ProxyFor,
    /// An address of ours that trackers are told, in place of the one they see.
    pub announce_ip: String,
    /// [`Self::announce_ip`] counts.
    pub announce_ip_enabled: bool,
    /// How peers are spoken to.
    pub encryption: Encryption,
    /// Use the DHT.
    pub dht: bool,
    /// Find peers on the local network.
    pub lpd: bool,
    /// Exchange addresses of peers.
    pub pex: bool,
    /// Speak TCP.
    pub tcp: bool,
    /// Speak uTP.
    pub utp: bool,
    /// Which transport is tried first.
    pub preferred_transports: Vec<Transport>,
    /// Requests of one peer that are queued.
    pub request_queue: u32,
    /// Trackers added to every public torrent, by tier.
    pub default_trackers: Vec<Vec<String>>,
    /// Peers are kept off by the blocklist.
    pub blocklist_enabled: bool,
    /// Where the blocklist comes from.
    pub blocklist_url: String,
    /// Who outside is asked whether our port is open: a URL with `{port}` in it; nobody if it is empty.
    pub port_test_url: String,
    /// Memory for blocks on their way to disk, MiB.
    pub cache_size_mib: u32,
    /// How space is taken on disk.
    pub preallocation: Preallocation,
    /// New torrents fetch their pieces in order.
    pub sequential: bool,
    /// What web seeds are for, unless a torrent says otherwise.
    pub web_seed_policy: WebSeedPolicy,
    /// Connections to web seeds of all torrents at most.
    pub web_seed_connections: u32,
    /// Stopped torrents are scraped.
    pub scrape_paused_torrents: bool,
    /// Data found at adding is hashed at once, not when it is needed.
    pub verify_added: bool,
    /// Data is hashed once more when it is complete.
    pub verify_completed: bool,
    /// The programs run on events.
    pub scripts: Scripts,
    /// Distributions whose releases are followed.
    pub follow: Vec<Follow>,
}

impl Default for Settings {
    fn default() -> Self {
        let home = std::env::var_os("HOME").map_or_else(|| PathBuf::from("/"), PathBuf::from);
        let downloads = home.join("Downloads");
        Self {
            incomplete_directory: downloads.clone(),
            download_directory: downloads,
            incomplete_directory_enabled: false,
            rename_partial_files: true,
            start_added_torrents: true,
            trash_original_torrent_files: false,
            down_limit: Speed { enabled: false, kilobytes_per_second: 100 },
            up_limit: Speed { enabled: false, kilobytes_per_second: 100 },
            alt_speed: AltSpeed::default(),
            download_queue: QueueLimit { enabled: true, size: 5 },
            seed_queue: QueueLimit { enabled: false, size: 10 },
            queue_stalled: Stalled { enabled: true, minutes: 30 },
            ratio_limit: 2.0,
            ratio_limit_enabled: false,
            idle_limit_minutes: 30,
            idle_limit_enabled: false,
            peer_limit_global: 200,
            peer_limit_per_torrent: 50,
            upload_slots_per_torrent: 8,
            peer_port: 51413,
            peer_port_random_on_start: false,
            peer_port_random_low: 49152,
            peer_port_random_high: 65535,
            port_forwarding: true,
            bind_ipv4: Ipv4Addr::UNSPECIFIED,
            bind_ipv6: Ipv6Addr::UNSPECIFIED,
            bind_interface: None,
            peer_traffic_class: "le".to_owned(),
            congestion_algorithm: String::new(),
            proxy: None,
            proxy_for: ProxyFor::default(),
            announce_ip: String::new(),
            announce_ip_enabled: false,
            encryption: Encryption::Preferred,
            dht: true,
            lpd: true,
            pex: true,
            tcp: true,
            utp: true,
            preferred_transports: vec![Transport::Utp, Transport::Tcp],
            request_queue: 2000,
            default_trackers: Vec::new(),
            blocklist_enabled: false,
            blocklist_url: "http://www.example.com/blocklist".to_owned(),
            port_test_url: "https://portcheck.transmissionbt.com/{port}".to_owned(),
            cache_size_mib: 4,
            preallocation: Preallocation::Sparse,
            sequential: false,
            web_seed_policy: WebSeedPolicy::default(),
            web_seed_connections: engine::WEB_SEED_CONNECTIONS as u32,
            scrape_paused_torrents: true,
            verify_added: false,
            verify_completed: false,
            scripts: Scripts::default(),
            follow: Vec::new(),
        }
    }
}

/// Names of traffic classes (RFC 2474, 2597, 3246, 8622 and RFC 791), as bytes of the IP header.
const TRAFFIC_CLASSES: [(&str, u8); 26] = [
    ("lowcost", 0x02),
    ("reliability", 0x04),
    ("throughput", 0x08),
    ("lowdelay", 0x10),
    ("le", 0x04),
    ("cs0", 0x00),
    ("cs1", 0x20),
    ("cs2", 0x40),
    ("cs3", 0x60),
    ("cs4", 0x80),
    ("cs5", 0xa0),
    ("cs6", 0xc0),
    ("cs7", 0xe0),
    ("af11", 0x28),
    ("af12", 0x30),
    ("af13", 0x38),
    ("af21", 0x48),
    ("af22", 0x50),
    ("af23", 0x58),
    ("af31", 0x68),
    ("af32", 0x70),
    ("af33", 0x78),
    ("af41", 0x88),
    ("af42", 0x90),
    ("af43", 0x98),
    ("ef", 0xb8),
];

impl Settings {
    /// The traffic class as a byte of the IP header; `None` leaves it to the system.
    pub(crate) fn traffic_class(&self) -> Option<u8> {
        let name = self.peer_traffic_class.to_ascii_lowercase();
        let number = match name.strip_prefix("0x") {
            Some(digits) => u8::from_str_radix(digits, 16).ok(),
            None => name.parse().ok(),
        };
        number.or_else(|| TRAFFIC_CLASSES.iter().find(|(known, _)| *known == name).map(|(_, class)| *class))
    }

    /// Our own end of every connection.
    pub(crate) const fn bind(&self) -> Bind {
        Bind { v4: Some(self.bind_ipv4), v6: Some(self.bind_ipv6), interface: self.bind_interface }
    }

    /// How torrent files and other documents are fetched.
    pub fn http(&self) -> HttpSettings {
        HttpSettings { bind: self.bind(), proxy: self.proxy.clone(), ..HttpSettings::default() }
    }

    /// The address that trackers are told, if it is one.
    pub(crate) fn announced_address(&self) -> Option<IpAddr> {
        self.announce_ip.parse().ok().filter(|_| self.announce_ip_enabled)
    }
}

impl Default for AltSpeed {
    fn default() -> Self {
        Self {
            enabled: false,
            down: 50,
            up: 50,
            scheduled: false,
            begin_minutes: 540,
            end_minutes: 1020,
            days: 127,
        }
    }
}

/// A bandwidth group: torrents that share a pair of limits.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Download limit.
    pub down_limit: Speed,
    /// Upload limit.
    pub up_limit: Speed,
    /// The session's limits count too.
    pub honors_session_limits: bool,
}

impl Group {
    /// A group that limits nothing.
    pub const fn new(name: String) -> Self {
        let none = Speed { enabled: false, kilobytes_per_second: 0 };
        Self { name, down_limit: none, up_limit: none, honors_session_limits: true }
    }
}
