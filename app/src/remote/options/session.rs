//! Options about the session: the daemon as a whole.

use super::Kind::{Bool, Days, Decimal, Number, Text, Time, Word, Words};
use super::{Effect, Fields, Listing, Places, session_only};
use crate::options::{Section, flag, valued};

pub(super) const SESSION: Section<Effect> = Section {
    title: "The session",
    options: &[
        flag("si", "session-info", "The session's settings", Effect::Show(Listing::Session)),
        flag("st", "session-stats", "The session's statistics", Effect::Show(Listing::Stats)),
        flag("lg", "list-groups", "The bandwidth groups", Effect::Show(Listing::Groups)),
        flag("pt", "port-test", "Can peers reach the port?", Effect::Show(Listing::PortTest)),
        flag("", "blocklist-update", "Fetch the blocklist again", Effect::Order("blocklist_update")),
        flag("", "exit", "End the daemon", Effect::Order("session_close")),
    ],
};

pub(super) const SPEED: Section<Effect> = Section {
    title: "Limits",
    options: &[
        valued(
            "d",
            "downlimit",
            "kB/s",
            "Limit downloading of the current torrents, or of the session",
            limit(
                &[("download_limit", Number), ("download_limited", Bool(true))],
                &[("speed_limit_down", Number), ("speed_limit_down_enabled", Bool(true))],
            ),
        ),
        flag(
            "D",
            "no-downlimit",
            "No limit for downloading",
            limit(&[("download_limited", Bool(false))], &[("speed_limit_down_enabled", Bool(false))]),
        ),
        valued(
            "u",
            "uplimit",
            "kB/s",
            "Limit uploading of the current torrents, or of the session",
            limit(
                &[("upload_limit", Number), ("upload_limited", Bool(true))],
                &[("speed_limit_up", Number), ("speed_limit_up_enabled", Bool(true))],
            ),
        ),
        flag(
            "U",
            "no-uplimit",
            "No limit for uploading",
            limit(&[("upload_limited", Bool(false))], &[("speed_limit_up_enabled", Bool(false))]),
        ),
        valued(
            "pr",
            "peers",
            "max",
            "The most peers of the current torrents, or of the session",
            limit(&[("peer_limit", Number)], &[("peer_limit_global", Number)]),
        ),
        flag(
            "as",
            "alt-speed",
            "Use the alternative limits now",
            session_only(&[("alt_speed_enabled", Bool(true))]),
        ),
        flag(
            "AS",
            "no-alt-speed",
            "Use the ordinary limits",
            session_only(&[("alt_speed_enabled", Bool(false))]),
        ),
        valued(
            "asd",
            "alt-speed-downlimit",
            "kB/s",
            "The alternative limit for downloading",
            session_only(&[("alt_speed_down", Number)]),
        ),
        valued(
            "asu",
            "alt-speed-uplimit",
            "kB/s",
            "The alternative limit for uploading",
            session_only(&[("alt_speed_up", Number)]),
        ),
        flag(
            "asc",
            "alt-speed-scheduler",
            "Use the alternative limits at set times",
            session_only(&[("alt_speed_time_enabled", Bool(true))]),
        ),
        flag(
            "ASC",
            "no-alt-speed-scheduler",
            "Do not use the alternative limits at set times",
            session_only(&[("alt_speed_time_enabled", Bool(false))]),
        ),
        valued(
            "",
            "alt-speed-time-begin",
            "hhmm",
            "When the alternative limits begin",
            session_only(&[("alt_speed_time_begin", Time)]),
        ),
        valued(
            "",
            "alt-speed-time-end",
            "hhmm",
            "When the alternative limits end",
            session_only(&[("alt_speed_time_end", Time)]),
        ),
        valued(
            "",
            "alt-speed-days",
            "days",
            "On which days the alternative limits hold: 1-5,7, where 1 is Monday",
            session_only(&[("alt_speed_time_day", Days)]),
        ),
        valued(
            "gsr",
            "global-seedratio",
            "ratio",
            "Seed until this ratio, where a torrent has none of its own",
            session_only(&[("seed_ratio_limit", Decimal), ("seed_ratio_limited", Bool(true))]),
        ),
        flag(
            "GSR",
            "no-global-seedratio",
            "Seed whatever the ratio, where a torrent has none of its own",
            session_only(&[("seed_ratio_limited", Bool(false))]),
        ),
        valued(
            "gisl",
            "global-idle-seeding-limit",
            "minutes",
            "Seed until nobody asked for so long, where a torrent has no limit of its own",
            session_only(&[("idle_seeding_limit", Number), ("idle_seeding_limit_enabled", Bool(true))]),
        ),
        flag(
            "GISL",
            "no-global-idle-seeding-limit",
            "Seed even if nobody asks, where a torrent has no limit of its own",
            session_only(&[("idle_seeding_limit_enabled", Bool(false))]),
        ),
    ],
};

pub(super) const NETWORK: Section<Effect> = Section {
    title: "Network",
    options: &[
        valued("p", "port", "port", "The port for peers", session_only(&[("peer_port", Number)])),
        flag(
            "P",
            "random-port",
            "Another port for peers at every start",
            session_only(&[("peer_port_random_on_start", Bool(true))]),
        ),
        flag(
            "m",
            "portmap",
            "Ask the router to forward the port",
            session_only(&[("port_forwarding_enabled", Bool(true))]),
        ),
        flag(
            "M",
            "no-portmap",
            "Do not ask the router to forward the port",
            session_only(&[("port_forwarding_enabled", Bool(false))]),
        ),
        flag("o", "dht", "Use the distributed hash table", session_only(&[("dht_enabled", Bool(true))])),
        flag(
            "O",
            "no-dht",
            "Do not use the distributed hash table",
            session_only(&[("dht_enabled", Bool(false))]),
        ),
        flag("x", "pex", "Exchange addresses with peers", session_only(&[("pex_enabled", Bool(true))])),
        flag(
            "X",
            "no-pex",
            "Do not exchange addresses with peers",
            session_only(&[("pex_enabled", Bool(false))]),
        ),
        flag("y", "lpd", "Look for peers in the local network", session_only(&[("lpd_enabled", Bool(true))])),
        flag(
            "Y",
            "no-lpd",
            "Do not look for peers in the local network",
            session_only(&[("lpd_enabled", Bool(false))]),
        ),
        flag("", "utp", "Use uTP for peers", session_only(&[("utp_enabled", Bool(true))])),
        flag("", "no-utp", "Do not use uTP for peers", session_only(&[("utp_enabled", Bool(false))])),
        valued(
            "",
            "preferred-transports",
            "list",
            "Which transport to try first: utp,tcp",
            session_only(&[("preferred_transports", Words)]),
        ),
        flag(
            "er",
            "encryption-required",
            "Only encrypted peers",
            session_only(&[("encryption", Word("required"))]),
        ),
        flag(
            "ep",
            "encryption-preferred",
            "Encrypted peers first",
            session_only(&[("encryption", Word("preferred"))]),
        ),
        flag(
            "et",
            "encryption-tolerated",
            "Unencrypted peers first",
            session_only(&[("encryption", Word("tolerated"))]),
        ),
    ],
};

pub(super) const FILES: Section<Effect> = Section {
    title: "Files and scripts",
    options: &[
        valued(
            "c",
            "incomplete-dir",
            "dir",
            "Keep torrents in this folder until they are complete",
            session_only(&[("incomplete_dir", Text), ("incomplete_dir_enabled", Bool(true))]),
        ),
        flag(
            "C",
            "no-incomplete-dir",
            "Keep torrents where they will stay while they are incomplete",
            session_only(&[("incomplete_dir_enabled", Bool(false))]),
        ),
        valued(
            "e",
            "cache",
            "MiB",
            "The most memory for blocks on their way to the disk",
            session_only(&[("cache_size_mb", Number)]),
        ),
        flag(
            "",
            "start-paused",
            "Do not start torrents that are added",
            session_only(&[("start_added_torrents", Bool(false))]),
        ),
        flag(
            "",
            "no-start-paused",
            "Start torrents that are added",
            session_only(&[("start_added_torrents", Bool(true))]),
        ),
        flag(
            "",
            "trash-torrent",
            "Delete .torrent files once they are added",
            session_only(&[("trash_original_torrent_files", Bool(true))]),
        ),
        flag(
            "",
            "no-trash-torrent",
            "Keep .torrent files",
            session_only(&[("trash_original_torrent_files", Bool(false))]),
        ),
        valued(
            "",
            "torrent-done-script",
            "file",
            "Run this when a torrent is complete",
            session_only(&[
                ("script_torrent_done_filename", Text),
                ("script_torrent_done_enabled", Bool(true)),
            ]),
        ),
        flag(
            "",
            "no-torrent-done-script",
            "Run nothing when a torrent is complete",
            session_only(&[("script_torrent_done_enabled", Bool(false))]),
        ),
        valued(
            "",
            "torrent-done-seeding-script",
            "file",
            "Run this when a torrent has seeded enough",
            session_only(&[
                ("script_torrent_done_seeding_filename", Text),
                ("script_torrent_done_seeding_enabled", Bool(true)),
            ]),
        ),
        flag(
            "",
            "no-torrent-done-seeding-script",
            "Run nothing when a torrent has seeded enough",
            session_only(&[("script_torrent_done_seeding_enabled", Bool(false))]),
        ),
    ],
};

/// A limit that a torrent has, and the session has under another name.
const fn limit(torrent: Fields, session: Fields) -> Effect {
    Effect::Set(Places { add: &[], torrent, session })
}
