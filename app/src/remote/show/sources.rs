//! `-it`, `--web-seeds`, `--why` and `--doctor`: where a torrent comes from, and what stands in its way.

use super::Row;
use crate::remote::figures::{duration, now, rate, size};
use crate::remote::style::{Style, Tone};
use std::fmt::Write;

/// States of announcing and scraping.
const INACTIVE: i64 = 0;
const WAITING: i64 = 1;
const QUEUED: i64 = 2;
const ACTIVE: i64 = 3;

pub(super) fn trackers(torrent: Row<'_>) -> String {
    let now = now();
    torrent.rows("tracker_stats").map(|tracker| one_tracker(tracker, now)).collect()
}

fn one_tracker(tracker: Row<'_>, now: i64) -> String {
    let host = tracker.text("host").unwrap_or_default();
    let mut text = format!("\n  Tracker {}: {host}\n", tracker.count("id"));
    let tier = tracker.count("tier");
    if tracker.yes("is_backup") == Some(true) {
        let _ = writeln!(text, "  Backup on tier {tier}");
        return text;
    }
    let _ = writeln!(text, "  Active in tier {tier}");
    let lines =
        [announced(tracker, now), announcing(tracker, now), scraped(tracker, now), scraping(tracker, now)];
    for line in lines.into_iter().flatten() {
        let _ = writeln!(text, "  {line}");
    }
    text
}

/// What the last announce brought.
fn announced(tracker: Row<'_>, now: i64) -> Option<String> {
    if tracker.yes("has_announced") != Some(true) || tracker.count("announce_state") == INACTIVE {
        return None;
    }
    let ago = duration(now - tracker.count("last_announce_time"));
    Some(if tracker.yes("last_announce_succeeded") == Some(true) {
        format!("Got a list of {} peers {ago} ago", tracker.count("last_announce_peer_count"))
    } else if tracker.yes("last_announce_timed_out") == Some(true) {
        "Peer list request timed out; will retry".to_owned()
    } else {
        format!("Got an error '{}' {ago} ago", tracker.text("last_announce_result").unwrap_or_default())
    })
}

fn announcing(tracker: Row<'_>, now: i64) -> Option<String> {
    match tracker.count("announce_state") {
        INACTIVE => Some("No updates scheduled".to_owned()),
        WAITING => {
            Some(format!("Asking for more peers in {}", duration(tracker.count("next_announce_time") - now)))
        }
        QUEUED => Some("Queued to ask for more peers".to_owned()),
        ACTIVE => {
            let since = duration(now - tracker.count("last_announce_start_time"));
            Some(format!("Asking for more peers now... {since}"))
        }
        _ => None,
    }
}

/// What the last scrape brought.
fn scraped(tracker: Row<'_>, now: i64) -> Option<String> {
    if tracker.yes("has_scraped") != Some(true) {
        return None;
    }
    let ago = duration(now - tracker.count("last_scrape_time"));
    Some(if tracker.yes("last_scrape_succeeded") == Some(true) {
        let (seeders, leechers) = (tracker.count("seeder_count"), tracker.count("leecher_count"));
        format!("Tracker had {seeders} seeders and {leechers} leechers {ago} ago")
    } else if tracker.yes("last_scrape_timed_out") == Some(true) {
        "Tracker scrape timed out; will retry".to_owned()
    } else {
        format!("Got a scrape error '{}' {ago} ago", tracker.text("last_scrape_result").unwrap_or_default())
    })
}

fn scraping(tracker: Row<'_>, now: i64) -> Option<String> {
    match tracker.count("scrape_state") {
        WAITING => {
            Some(format!("Asking for peer counts in {}", duration(tracker.count("next_scrape_time") - now)))
        }
        QUEUED => Some("Queued to ask for peer counts".to_owned()),
        ACTIVE => {
            let since = duration(now - tracker.count("last_scrape_start_time"));
            Some(format!("Asking for peer counts now... {since}"))
        }
        _ => None,
    }
}

/// A line a web seed. Newer daemons may tell more than these columns; `--json` shows it all.
pub(super) fn web_seeds(torrent: Row<'_>) -> String {
    let count = torrent.list("web_seeds").len();
    let name = torrent.text("name").unwrap_or_default();
    let mut text = format!("{name} ({count} web seeds):\n");
    let _ = writeln!(text, "{:<12}  {:>10}  {:>9}  URL", "State", "Down", "Received");
    for seed in torrent.rows("web_seeds") {
        let _ = writeln!(
            text,
            "{:<12}  {:>10}  {:>9}  {}",
            seed.text("state").unwrap_or_default(),
            rate(seed.count("download_bytes_per_second")),
            size(seed.count("downloaded_bytes")),
            seed.text("url").unwrap_or_default(),
        );
        if let Some(error) = seed.text("last_error") {
            let _ = writeln!(text, "{:<12}  last error: {error}", "");
        }
    }
    text
}

/// The reasons, the weightiest first.
pub(super) fn why(torrent: Row<'_>, style: Style) -> String {
    let reasons: Vec<String> = torrent.rows("reasons").filter_map(|reason| reason.text("text")).collect();
    let all_is_well = || torrent.text("summary").unwrap_or_else(|| "nothing stands in its way".to_owned());
    titled(torrent, style, if reasons.is_empty() { vec![all_is_well()] } else { reasons })
}

/// What is wrong with a torrent's files.
pub(super) fn doctor(torrent: Row<'_>, style: Style) -> String {
    let finding = |finding: Row<'_>| Some(format!("{}: {}", finding.text("path")?, finding.text("text")?));
    let findings: Vec<String> = torrent.rows("findings").filter_map(finding).collect();
    let all_is_well = || "its files are as they should be".to_owned();
    titled(torrent, style, if findings.is_empty() { vec![all_is_well()] } else { findings })
}

/// Lines below a torrent's name.
fn titled(torrent: Row<'_>, style: Style, lines: Vec<String>) -> String {
    let name = torrent.text("name").unwrap_or_default();
    let mut text = format!("{}\n", style.paint(Tone::Heading, &name));
    for line in lines {
        let _ = writeln!(text, "  {line}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remote::show::with;
    use serde_json::{Value, json};

    fn tracker(tracker: Value) -> String {
        with(tracker, |tracker| one_tracker(tracker, 1_000_000))
    }

    #[test]
    fn a_tracker_tells_what_it_gave_and_when_it_is_asked_again() {
        let text = tracker(
            json!({ "id": 2, "tier": 0, "host": "t:80", "is_backup": false, "has_announced": true,
            "announce_state": 1, "last_announce_succeeded": true, "last_announce_peer_count": 5,
            "last_announce_time": 999_995, "next_announce_time": 1_000_060, "has_scraped": true,
            "last_scrape_succeeded": true, "seeder_count": 12, "leecher_count": 34, "last_scrape_time": 999_999,
            "scrape_state": 0 }),
        );
        let expected = "\n  Tracker 2: t:80\n  Active in tier 0\n  \
            Got a list of 5 peers 5 seconds (5 seconds) ago\n  Asking for more peers in 1 minute (60 seconds)\n  \
            Tracker had 12 seeders and 34 leechers 1 second (1 second) ago\n";
        assert_eq!(text, expected);
        assert_eq!(
            tracker(json!({ "id": 1, "tier": 3, "is_backup": 1, "host": "t" })),
            "\n  Tracker 1: t\n  Backup on tier 3\n"
        );
    }

    #[test]
    fn a_tracker_tells_what_went_wrong() {
        for (state, words) in [
            (
                json!({ "announce_state": 1, "has_announced": true, "last_announce_timed_out": true }),
                "Peer list request timed out; will retry",
            ),
            (
                json!({ "announce_state": 3, "has_announced": true, "last_announce_result": "no\n" }),
                "Got an error 'no?' ",
            ),
            (
                json!({ "announce_state": 0, "has_announced": true }),
                "Active in tier 0\n  No updates scheduled",
            ),
            (json!({ "announce_state": 2 }), "Queued to ask for more peers"),
            (
                json!({ "announce_state": 3, "last_announce_start_time": 999_999 }),
                "Asking for more peers now... 1 second",
            ),
            (
                json!({ "has_scraped": true, "last_scrape_timed_out": 1 }),
                "Tracker scrape timed out; will retry",
            ),
            (json!({ "has_scraped": true, "last_scrape_result": "x" }), "Got a scrape error 'x' "),
            (
                json!({ "scrape_state": 1, "next_scrape_time": 1_000_001 }),
                "Asking for peer counts in 1 second",
            ),
            (json!({ "scrape_state": 2 }), "Queued to ask for peer counts"),
            (json!({ "scrape_state": 3 }), "Asking for peer counts now... "),
        ] {
            let text = tracker(state);
            assert!(text.contains(words), "no {words:?} in {text}");
        }
    }

    #[test]
    fn web_seeds_tell_their_state_and_their_last_error() {
        let text = with(
            json!({ "name": "a", "web_seeds": [{ "url": "http://m/a", "state": "downloading", "download_bytes_per_second": 2_500_000,
                "downloaded_bytes": 1000, "last_error": "503" }, { "url": "http://n/a" }] }),
            web_seeds,
        );
        let expected = "a (2 web seeds):\nState               Down   Received  URL\n\
            downloading    2.50 MB/s       1 kB  http://m/a\n              last error: 503\n\
            \x20                  0 B/s       None  http://n/a\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn reasons_and_findings_stand_below_the_name() {
        let why = |torrent| with(torrent, |torrent| why(torrent, Style::PLAIN));
        let reasons = json!([{ "code": "limit", "text": "limited to 5 kB/s" }, { "code": "peers", "text": "no peers" }]);
        assert_eq!(why(json!({ "name": "a", "reasons": reasons })), "a\n  limited to 5 kB/s\n  no peers\n");
        assert_eq!(why(json!({ "name": "a", "summary": "it is seeding" })), "a\n  it is seeding\n");
        assert_eq!(why(json!({ "name": "a", "reasons": [] })), "a\n  nothing stands in its way\n");
        let doctor = |torrent| with(torrent, |torrent| doctor(torrent, Style::PLAIN));
        let findings = json!([{ "path": "/d/a", "problem": "missing", "text": "it is not there" }]);
        assert_eq!(doctor(json!({ "name": "a", "findings": findings })), "a\n  /d/a: it is not there\n");
        assert_eq!(doctor(json!({ "name": "a", "findings": [] })), "a\n  its files are as they should be\n");
    }
}
