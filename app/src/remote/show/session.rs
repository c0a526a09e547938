//! `-si`, `-st`, `-lg` and `-pt`: the session.

use super::page::{Page, sections};
use super::{Row, yes_or_no};
use crate::remote::figures::{binary_size, duration, limit, ratio, ratio_of, size};
use std::fmt::Write;

/// Days of the week, from the lowest bit of the schedule on.
const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

pub(super) fn settings(session: Row<'_>) -> String {
    sections([
        ("VERSION", version(session)),
        ("CONFIG", config(session)),
        ("LIMITS", limits(session)),
        ("MISC", others(session)),
    ])
}

impl Row<'_> {
    fn number(self, key: &str) -> Option<String> {
        self.int(key).map(|number| number.to_string())
    }

    fn switch(self, key: &str) -> Option<&'static str> {
        self.yes(key).map(yes_or_no)
    }
}

fn version(session: Row<'_>) -> Page {
    let mut page = Page::default();
    page.line("Daemon version", session.text("version"));
    page.line("RPC version", session.number("rpc_version"));
    page.line("RPC minimum version", session.number("rpc_version_minimum"));
    page
}

fn config(session: Row<'_>) -> Page {
    let mut page = Page::default();
    page.line("Configuration directory", session.text("config_dir"));
    page.line("Download directory", session.text("download_dir"));
    page.line("Listen port", session.number("peer_port"));
    page.line("Port forwarding enabled", session.switch("port_forwarding_enabled"));
    page.line("µTP enabled", session.switch("utp_enabled"));
    page.line("Distributed hash table enabled", session.switch("dht_enabled"));
    page.line("Local peer discovery enabled", session.switch("lpd_enabled"));
    page.line("Peer exchange allowed", session.switch("pex_enabled"));
    page.line("Encryption", session.text("encryption").map(|word| word.replace("allowed", "tolerated")));
    let cache = session.int("cache_size_mib").or_else(|| session.int("cache_size_mb"));
    page.line("Maximum memory cache size", cache.map(|mib| binary_size(mib.saturating_mul(1 << 20))));
    page.line("Sequential download", session.switch("sequential_download"));
    page
}

fn limits(session: Row<'_>) -> Page {
    let mut page = Page::default();
    let if_on =
        |key: &str, value: String| session.yes(key).map(|on| if on { value } else { "Unlimited".to_owned() });
    page.line("Peer limit", session.number("peer_limit_global"));
    let seeding = ratio(session.real("seed_ratio_limit").unwrap_or(-1.0));
    page.line("Default seed ratio limit", if_on("seed_ratio_limited", seeding));
    let idling = format!("{} minutes", session.count("idle_seeding_limit"));
    page.line("Default idle seeding time limit", if_on("idle_seeding_limit_enabled", idling));
    page.line("Upload speed limit", Some(speed_limit(session, "up")));
    page.line("Download speed limit", Some(speed_limit(session, "down")));
    page.line("Turtle schedule", schedule(session));
    page
}

fn others(session: Row<'_>) -> Page {
    let mut page = Page::default();
    page.line("Autostart added torrents", session.switch("start_added_torrents"));
    page.line("Delete automatically added torrents", session.switch("trash_original_torrent_files"));
    page
}

/// The limit that holds, and where it comes from.
fn speed_limit(session: Row<'_>, direction: &str) -> String {
    let of = |key: &str| limit(session.count(key));
    let on = |key: &str| session.yes(key) == Some(true);
    let (ordinary, turtle) = (of(&format!("speed_limit_{direction}")), of(&format!("alt_speed_{direction}")));
    let (is_ordinary, is_turtle) = (on(&format!("speed_limit_{direction}_enabled")), on("alt_speed_enabled"));
    let enabled = |on| if on { "Enabled" } else { "Disabled" };
    let holds = match (is_turtle, is_ordinary) {
        (true, _) => &turtle,
        (false, true) => &ordinary,
        (false, false) => "Unlimited",
    };
    format!(
        "{holds} ({} limit: {ordinary}; {} turtle limit: {turtle})",
        enabled(is_ordinary),
        enabled(is_turtle)
    )
}

fn schedule(session: Row<'_>) -> Option<String> {
    if session.yes("alt_speed_time_enabled") != Some(true) {
        return None;
    }
    let clock = |key: &str| format!("{:02}:{:02}", session.count(key) / 60, session.count(key) % 60);
    let set = session.count("alt_speed_time_day");
    let days = DAYS.iter().enumerate().filter(|(day, _)| set >> day & 1 == 1).map(|(_, name)| *name);
    let days: Vec<&str> = days.collect();
    Some(format!("{} - {}  {}", clock("alt_speed_time_begin"), clock("alt_speed_time_end"), days.join(" ")))
}

pub(super) fn statistics(answer: Row<'_>) -> String {
    let mut text = String::new();
    for (title, key) in [("CURRENT SESSION", "current_stats"), ("TOTAL", "cumulative_stats")] {
        let Some(stats) = answer.row(key) else { continue };
        let _ = writeln!(text, "\n{title}");
        if key == "cumulative_stats" {
            let _ = writeln!(text, "  Started {} times", stats.count("session_count"));
        }
        let (up, down) = (stats.count("uploaded_bytes"), stats.count("downloaded_bytes"));
        let _ = writeln!(text, "  Uploaded:   {}\n  Downloaded: {}", size(up), size(down));
        let _ = writeln!(text, "  Ratio:      {}", ratio_of(up, down));
        let _ = writeln!(text, "  Duration:   {}", duration(stats.count("seconds_active")));
    }
    text
}

pub(super) fn groups(answer: Row<'_>) -> String {
    let mut text = String::new();
    for group in answer.rows("group") {
        // The method's own keys and those of the settings file are both in use.
        let first = |keys: [&'static str; 2]| {
            keys.into_iter().find(|key| group.0.contains_key(*key)).unwrap_or(keys[0])
        };
        let of = |limited: [&'static str; 2], key: [&'static str; 2]| {
            let is_limited = group.yes(first(limited)) == Some(true);
            if is_limited { limit(group.count(first(key))) } else { "unlimited".to_owned() }
        };
        let honors = group.yes("honors_session_limits").unwrap_or(true);
        let _ = writeln!(
            text,
            "{}: Upload speed limit: {}, Download speed limit: {}, {} session bandwidth limits",
            group.text("name").unwrap_or_default(),
            of(["speed_limit_up_enabled", "upload_limited"], ["speed_limit_up", "upload_limit"]),
            of(["speed_limit_down_enabled", "download_limited"], ["speed_limit_down", "download_limit"]),
            if honors { "honors" } else { "does not honor" },
        );
    }
    text
}

pub(super) fn port_test(answer: Row<'_>) -> String {
    match answer.yes("port_is_open") {
        Some(open) => format!("Port is open: {}\n", yes_or_no(open)),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn with(answer: Value, show: impl Fn(Row<'_>) -> String) -> String {
        let Value::Object(answer) = answer else { unreachable!("an object") };
        show(Row(&answer))
    }

    #[test]
    fn settings_stand_in_four_sections() {
        let session = json!({ "version": "4.1.0", "rpc_version": 18, "peer_port": 51413, "dht_enabled": false,
            "encryption": "allowed", "cache_size_mib": 4, "peer_limit_global": 200, "seed_ratio_limited": false,
            "seed_ratio_limit": 2, "speed_limit_up": 100, "speed_limit_up_enabled": false, "alt_speed_up": 50,
            "alt_speed_enabled": false, "speed_limit_down": 400, "speed_limit_down_enabled": true, "alt_speed_down": 20,
            "alt_speed_time_enabled": true, "alt_speed_time_begin": 90, "alt_speed_time_end": 1395,
            "alt_speed_time_day": 65, "start_added_torrents": true });
        let expected = "VERSION\n  Daemon version: 4.1.0\n  RPC version: 18\n\nCONFIG\n  Listen port: 51413\n  \
            Distributed hash table enabled: No\n  Encryption: tolerated\n  Maximum memory cache size: 4 MiB\n\n\
            LIMITS\n  Peer limit: 200\n  Default seed ratio limit: Unlimited\n  \
            Upload speed limit: Unlimited (Disabled limit: 100 kB/s; Disabled turtle limit: 50 kB/s)\n  \
            Download speed limit: 400 kB/s (Enabled limit: 400 kB/s; Disabled turtle limit: 20 kB/s)\n  \
            Turtle schedule: 01:30 - 23:15  Sun Sat\n\nMISC\n  Autostart added torrents: Yes\n";
        assert_eq!(with(session, settings), expected);
        let turtle = json!({ "alt_speed_enabled": true, "alt_speed_up": 50, "speed_limit_up": 100, "speed_limit_up_enabled": true });
        let text = with(turtle, |session| speed_limit(session, "up"));
        assert_eq!(text, "50 kB/s (Enabled limit: 100 kB/s; Enabled turtle limit: 50 kB/s)");
    }

    #[test]
    fn statistics_tell_this_session_and_all() {
        let one =
            json!({ "uploaded_bytes": 5, "downloaded_bytes": 10, "seconds_active": 61, "session_count": 1 });
        let text = with(json!({ "current_stats": one, "cumulative_stats": one }), statistics);
        let expected = "\nCURRENT SESSION\n  Uploaded:   5 B\n  Downloaded: 10 B\n  Ratio:      0.50\n  \
            Duration:   1 minute, 1 second (61 seconds)\n\nTOTAL\n  Started 1 times\n  Uploaded:   5 B\n";
        assert!(text.starts_with(expected), "{text}");
    }

    #[test]
    fn groups_and_the_port() {
        let text = with(
            json!({ "group": [{ "name": "slow", "speed_limit_up_enabled": true, "speed_limit_up": 10,
                "download_limited": true, "download_limit": 20, "honors_session_limits": false }] }),
            groups,
        );
        let expected = "slow: Upload speed limit: 10 kB/s, Download speed limit: 20 kB/s, \
            does not honor session bandwidth limits\n";
        assert_eq!(text, expected);
        assert_eq!(with(json!({ "port_is_open": false }), port_test), "Port is open: No\n");
    }
}
