//! The table of settings: a name, who may change it, and where its value lives.

use crate::names::legacy;
use crate::settings::AllSettings;
use crate::settings::value::{Refusal, Setting, octal};
use daemon::Encryption;
use serde_json::{Value, json};

/// Where a setting is seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Seen {
    /// Only in the file.
    File,
    /// In the file and by `session-get`.
    Reading,
    /// In the file, by `session-get` and by `session-set`.
    Writing,
}

/// One setting.
pub(crate) struct Key {
    /// Its name in JSON-RPC.
    pub(crate) name: &'static str,
    /// Its name in the file, where that is not the legacy name.
    on_disk: Option<&'static str>,
    /// Who sees it.
    pub(crate) seen: Seen,
    /// Its value over RPC.
    pub(crate) get: fn(&AllSettings) -> Value,
    /// Its value in the file, where that is another.
    get_on_disk: Option<fn(&AllSettings) -> Value>,
    /// Takes a value.
    pub(crate) set: fn(&mut AllSettings, &Value) -> Result<(), Refusal>,
}

impl Key {
    /// The name in a new file.
    pub(crate) fn disk_name(&self) -> String {
        self.on_disk.map_or_else(|| legacy(self.name), str::to_owned)
    }

    /// The value in the file.
    pub(crate) fn disk_value(&self, all: &AllSettings) -> Value {
        self.get_on_disk.unwrap_or(self.get)(all)
    }

    /// Is this the key that is called `name`, in our spelling?
    fn is_called(&self, name: &str) -> bool {
        self.name == name || self.on_disk.is_some_and(|disk| disk.replace('-', "_") == name)
    }
}

/// The key of that name, in our spelling.
pub(crate) fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.is_called(name))
}

/// A setting whose value is a field.
macro_rules! field {
    ($name:literal, $seen:ident, $($place:ident).+) => {
        Key {
            name: $name,
            on_disk: None,
            seen: Seen::$seen,
            get: |all| all.$($place).+.to_value(),
            get_on_disk: None,
            set: |all, value| {
                all.$($place).+ = Setting::of(value)?;
                Ok(())
            },
        }
    };
}

/// Permission bits, octal in quotes.
macro_rules! mode {
    ($name:literal, $digits:literal, $($place:ident).+) => {
        Key {
            name: $name,
            on_disk: None,
            seen: Seen::File,
            get: |all| json!(format!($digits, all.$($place).+)),
            get_on_disk: None,
            set: |all, value| {
                all.$($place).+ = octal(value)?;
                Ok(())
            },
        }
    };
}

/// Every setting that does something.
pub(crate) static KEYS: &[Key] = &[
    field!("announce_ip", File, session.announce_ip),
    field!("announce_ip_enabled", File, session.announce_ip_enabled),
    field!("alt_speed_down", Writing, session.alt_speed.down),
    field!("alt_speed_enabled", Writing, session.alt_speed.enabled),
    field!("alt_speed_time_begin", Writing, session.alt_speed.begin_minutes),
    field!("alt_speed_time_day", Writing, session.alt_speed.days),
    field!("alt_speed_time_enabled", Writing, session.alt_speed.scheduled),
    field!("alt_speed_time_end", Writing, session.alt_speed.end_minutes),
    field!("alt_speed_up", Writing, session.alt_speed.up),
    field!("anti_brute_force_enabled", Writing, http.anti_brute_force_enabled),
    field!("anti_brute_force_threshold", Writing, http.anti_brute_force_threshold),
    field!("bind_address_ipv4", File, session.bind_ipv4),
    field!("bind_address_ipv6", File, session.bind_ipv6),
    field!("bind_interface", File, session.bind_interface),
    field!("blocklist_enabled", Writing, session.blocklist_enabled),
    field!("blocklist_url", Writing, session.blocklist_url),
    field!("cache_size_mib", Writing, session.cache_size_mib),
    field!("default_trackers", Writing, session.default_trackers),
    field!("dht_enabled", Writing, session.dht),
    field!("download_dir", Writing, session.download_directory),
    field!("download_queue_enabled", Writing, session.download_queue.enabled),
    field!("download_queue_size", Writing, session.download_queue.size),
    Key {
        get_on_disk: Some(|all| {
            json!(match all.session.encryption {
                Encryption::Tolerated => 0,
                Encryption::Preferred => 1,
                Encryption::Required => 2,
            })
        }),
        ..field!("encryption", Writing, session.encryption)
    },
    field!("follow", Writing, session.follow),
    field!("idle_seeding_limit", Writing, session.idle_limit_minutes),
    field!("idle_seeding_limit_enabled", Writing, session.idle_limit_enabled),
    field!("incomplete_dir", Writing, session.incomplete_directory),
    field!("incomplete_dir_enabled", Writing, session.incomplete_directory_enabled),
    field!("lpd_enabled", Writing, session.lpd),
    field!("message_level", File, process.message_level),
    field!("peer_congestion_algorithm", File, session.congestion_algorithm),
    field!("peer_limit_global", Writing, session.peer_limit_global),
    field!("peer_limit_per_torrent", Writing, session.peer_limit_per_torrent),
    field!("peer_port", Writing, session.peer_port),
    field!("peer_port_random_high", File, session.peer_port_random_high),
    field!("peer_port_random_low", File, session.peer_port_random_low),
    field!("peer_port_random_on_start", Writing, session.peer_port_random_on_start),
    Key {
        on_disk: Some("peer-socket-tos"),
        ..field!("peer_socket_diffserv", File, session.peer_traffic_class)
    },
    field!("pex_enabled", Writing, session.pex),
    field!("pidfile", File, process.pid_file),
    field!("port_forwarding_enabled", Writing, session.port_forwarding),
    field!("port_test_url", File, session.port_test_url),
    field!("preallocation", File, session.preallocation),
    field!("preferred_transports", Writing, session.preferred_transports),
    field!("proxy_for", File, session.proxy_for),
    field!("proxy_url", File, session.proxy),
    field!("queue_stalled_enabled", Writing, session.queue_stalled.enabled),
    field!("queue_stalled_minutes", Writing, session.queue_stalled.minutes),
    field!("rename_partial_files", Writing, session.rename_partial_files),
    field!("reqq", Writing, session.request_queue),
    field!("rpc_authentication_required", File, http.authentication_required),
    field!("rpc_bind_address", File, http.bind_address),
    field!("rpc_enabled", File, http.enabled),
    field!("rpc_host_whitelist", File, http.host_whitelist),
    field!("rpc_host_whitelist_enabled", File, http.host_whitelist_enabled),
    field!("rpc_password", File, http.password),
    field!("rpc_port", File, http.port),
    mode!("rpc_socket_mode", "{:04o}", http.socket_mode),
    field!("rpc_tls_cert", File, http.tls_certificate),
    field!("rpc_tls_key", File, http.tls_key),
    field!("rpc_tls_self_signed", File, http.tls_self_signed),
    field!("rpc_tokens", File, http.tokens),
    field!("rpc_url", File, http.url),
    field!("rpc_username", File, http.username),
    field!("rpc_whitelist", File, http.whitelist),
    field!("rpc_whitelist_enabled", File, http.whitelist_enabled),
    field!("scrape_paused_torrents_enabled", File, session.scrape_paused_torrents),
    field!("script_torrent_added_enabled", Writing, session.scripts.added.enabled),
    field!("script_torrent_added_filename", Writing, session.scripts.added.path),
    field!("script_torrent_done_enabled", Writing, session.scripts.done.enabled),
    field!("script_torrent_done_filename", Writing, session.scripts.done.path),
    field!("script_torrent_done_seeding_enabled", Writing, session.scripts.done_seeding.enabled),
    field!("script_torrent_done_seeding_filename", Writing, session.scripts.done_seeding.path),
    field!("seed_queue_enabled", Writing, session.seed_queue.enabled),
    field!("seed_queue_size", Writing, session.seed_queue.size),
    Key { on_disk: Some("ratio-limit"), ..field!("seed_ratio_limit", Writing, session.ratio_limit) },
    Key {
        on_disk: Some("ratio-limit-enabled"),
        ..field!("seed_ratio_limited", Writing, session.ratio_limit_enabled)
    },
    field!("sequential_download", Writing, session.sequential),
    field!("speed_limit_down", Writing, session.down_limit.kilobytes_per_second),
    field!("speed_limit_down_enabled", Writing, session.down_limit.enabled),
    field!("speed_limit_up", Writing, session.up_limit.kilobytes_per_second),
    field!("speed_limit_up_enabled", Writing, session.up_limit.enabled),
    field!("start_added_torrents", Writing, session.start_added_torrents),
    field!("start_paused", File, process.start_paused),
    field!("tcp_enabled", Reading, session.tcp),
    Key {
        name: "torrent_added_verify_mode",
        on_disk: None,
        seen: Seen::File,
        get: |all| json!(if all.session.verify_added { "full" } else { "fast" }),
        get_on_disk: None,
        set: |all, value| {
            all.session.verify_added = match value.as_str().ok_or(Refusal::WrongType)? {
                "fast" => false,
                "full" => true,
                _ => return Err(Refusal::Invalid),
            };
            Ok(())
        },
    },
    field!("torrent_complete_verify_enabled", File, session.verify_completed),
    field!("trash_original_torrent_files", Writing, session.trash_original_torrent_files),
    mode!("umask", "{:03o}", process.umask),
    field!("upload_slots_per_torrent", File, session.upload_slots_per_torrent),
    field!("utp_enabled", Writing, session.utp),
    field!("watch_dir", File, process.watch_directory),
    field!("watch_dir_enabled", File, process.watch_directory_enabled),
    field!("watch_dir_force_generic", File, process.watch_directory_force_generic),
    field!("web_seed_connections", Writing, session.web_seed_connections),
    field!("web_seed_policy", Writing, session.web_seed_policy),
];

/// Keys that have no sense here: they are accepted, kept, and written into a new file for those who look for them.
pub(crate) fn kept() -> Vec<(&'static str, Value)> {
    vec![
        ("peer-id-ttl-hours", json!(6)),
        ("prefetch-enabled", json!(true)),
        ("sleep-per-seconds-during-verify", json!(100)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_takes_back_what_it_gives() {
        let defaults = AllSettings::default();
        for key in KEYS {
            let mut all = AllSettings::default();
            for value in [(key.get)(&defaults), key.disk_value(&defaults)] {
                assert_eq!((key.set)(&mut all, &value), Ok(()), "{}", key.name);
            }
            assert_eq!(all, defaults, "{}", key.name);
            assert!(find(key.name).is_some_and(|found| found.name == key.name), "{} is there once", key.name);
        }
    }

    #[test]
    fn wrong_types_change_nothing() {
        for key in KEYS {
            let mut all = AllSettings::default();
            assert!((key.set)(&mut all, &json!({"a": 1})).is_err(), "{}", key.name);
            assert_eq!(all, AllSettings::default());
        }
    }

    #[test]
    fn names_in_the_file() {
        for (name, disk) in [
            ("seed_ratio_limit", "ratio-limit"),
            ("seed_ratio_limited", "ratio-limit-enabled"),
            ("cache_size_mib", "cache-size-mb"),
            ("peer_socket_diffserv", "peer-socket-tos"),
            ("alt_speed_up", "alt-speed-up"),
            ("preferred_transports", "preferred_transports"),
        ] {
            assert_eq!(find(name).unwrap().disk_name(), disk);
        }
        assert_eq!(find("ratio_limit").unwrap().name, "seed_ratio_limit");
        assert_eq!(find("peer_socket_tos").unwrap().name, "peer_socket_diffserv");
    }
}
