//! The settings of the session, typed; their names in `settings.json` and over RPC are not known here.
//! Speeds are in kB/s of 1000 bytes, as users set them.

use serde::{Deserialize, Serialize};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

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
    /// Memory for blocks on their way to disk, MiB.
    pub cache_size_mib: u32,
    /// How space is taken on disk.
    pub preallocation: Preallocation,
    /// New torrents fetch their pieces in order.
    pub sequential: bool,
    /// Stopped torrents are scraped.
    pub scrape_paused_torrents: bool,
    /// Data found at adding is hashed at once, not when it is needed.
    pub verify_added: bool,
    /// Data is hashed once more when it is complete.
    pub verify_completed: bool,
    /// The programs run on events.
    pub scripts: Scripts,
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
            cache_size_mib: 4,
            preallocation: Preallocation::Sparse,
            sequential: false,
            scrape_paused_torrents: true,
            verify_added: false,
            verify_completed: false,
            scripts: Scripts::default(),
        }
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
