//! `-i`: all about a torrent.

use super::page::{Page, sections};
use super::{Row, yes_or_no};
use crate::remote::figures::{
    binary_size, date, duration, limit, percent, rate, ratio, ratio_of, size, tame,
};

/// Where the values of the history stand.
const HISTORY_WIDTH: usize = 18;

/// The fields that are asked for.
pub(super) const FIELDS: &[&str] = &[
    "activity_date",
    "added_date",
    "bandwidth_priority",
    "comment",
    "corrupt_ever",
    "creator",
    "date_created",
    "desired_available",
    "done_date",
    "download_dir",
    "download_limit",
    "download_limited",
    "downloaded_ever",
    "error",
    "error_string",
    "eta",
    "group",
    "hash_string",
    "have_unchecked",
    "have_valid",
    "honors_session_limits",
    "id",
    "is_finished",
    "is_private",
    "labels",
    "left_until_done",
    "magnet_link",
    "name",
    "peer_limit",
    "peers_connected",
    "peers_getting_from_us",
    "peers_sending_to_us",
    "percent_done",
    "piece_count",
    "piece_size",
    "rate_download",
    "rate_upload",
    "recheck_progress",
    "seconds_downloading",
    "seconds_seeding",
    "seed_idle_limit",
    "seed_idle_mode",
    "seed_ratio_limit",
    "seed_ratio_mode",
    "sequential_download",
    "sequential_download_from_piece",
    "size_when_done",
    "source",
    "start_date",
    "status",
    "super_seeding",
    "total_size",
    "upload_limit",
    "upload_limited",
    "upload_ratio",
    "uploaded_ever",
    "webseeds",
    "webseeds_sending_to_us",
];

pub(super) fn text(torrent: Row<'_>) -> String {
    let page = sections([
        ("NAME", name(torrent)),
        ("TRANSFER", transfer(torrent)),
        ("HISTORY", history(torrent)),
        ("ORIGINS", origins(torrent)),
        ("LIMITS & BANDWIDTH", limits(torrent)),
    ]);
    page + "\n"
}

/// What a torrent is doing, in one word or two.
pub(in crate::remote) fn status(torrent: Row<'_>) -> String {
    let checked = || {
        torrent
            .real("recheck_progress")
            .map_or(String::new(), |part| format!(" ({:.0}%)", (part * 100.0).floor()))
    };
    let uploads = torrent.count("peers_getting_from_us") != 0;
    let downloads = torrent.count("peers_sending_to_us") != 0;
    match torrent.int("status") {
        Some(0) if torrent.yes("is_finished") == Some(true) => "Finished".to_owned(),
        Some(0) => "Stopped".to_owned(),
        Some(1) => "Will Verify".to_owned() + &checked(),
        Some(2) => "Verifying".to_owned() + &checked(),
        Some(3 | 5) => "Queued".to_owned(),
        Some(4 | 6) => match (uploads, downloads) {
            (true, true) => "Up & Down",
            (false, true) => "Downloading",
            (true, false) if torrent.count("left_until_done") > 0 => "Uploading",
            (true, false) => "Seeding",
            (false, false) => "Idle",
        }
        .to_owned(),
        _ => "Unknown".to_owned(),
    }
}

fn name(torrent: Row<'_>) -> Page {
    let mut page = Page::default();
    page.line("Id", torrent.int("id").map(|id| id.to_string()));
    page.line("Name", torrent.text("name"));
    page.line("Hash", torrent.text("hash_string"));
    page.line("Magnet", torrent.text("magnet_link"));
    let labels: Vec<&str> = torrent.list("labels").iter().filter_map(|label| label.as_str()).collect();
    page.line("Labels", torrent.0.contains_key("labels").then(|| tame(&labels.join(", "))));
    page.line("Bandwidth group", torrent.text("group"));
    page
}

fn transfer(torrent: Row<'_>) -> Page {
    let mut page = Page::default();
    let sized = |key: &str| torrent.int(key).map(size);
    page.line("State", Some(status(torrent)));
    page.line("Location", torrent.text("download_dir"));
    if let Some(sequential) = torrent.yes("sequential_download") {
        page.line("Sequential Download", Some(yes_or_no(sequential)));
        page.line(
            "Sequential Download from piece",
            torrent.int("sequential_download_from_piece").map(|piece| piece.to_string()),
        );
    }
    if torrent.yes("super_seeding") == Some(true) {
        page.line("Super-Seeding", Some(yes_or_no(true)));
    }
    page.line("Percent Done", torrent.real("percent_done").map(|part| percent(100.0 * part) + "%"));
    page.line("ETA", torrent.int("eta").map(duration));
    page.line("Download Speed", torrent.int("rate_download").map(rate));
    page.line("Upload Speed", torrent.int("rate_upload").map(rate));
    let verified = torrent.count("have_valid");
    let have = verified.saturating_add(torrent.count("have_unchecked"));
    page.line("Have", Some(format!("{} ({} verified)", size(have), size(verified))));
    page.line("Availability", Some(availability(torrent)));
    let wanted = torrent.count("size_when_done");
    page.line("Total size", sized("total_size").map(|total| format!("{total} ({} wanted)", size(wanted))));
    let discarded = match torrent.count("corrupt_ever") {
        0 => String::new(),
        bytes => format!(" (+{} discarded after failed checksum)", size(bytes)),
    };
    page.line("Downloaded", sized("downloaded_ever").map(|bytes| bytes + &discarded));
    page.line("Uploaded", sized("uploaded_ever"));
    page.line("Ratio", Some(ratio_of(torrent.count("uploaded_ever"), wanted)));
    let trouble = match torrent.count("error") {
        1 => "Tracker gave a warning",
        2 => "Tracker gave an error",
        _ => "Error",
    };
    page.line(trouble, torrent.text("error_string").filter(|_| torrent.count("error") != 0));
    let peers =
        ["peers_connected", "peers_getting_from_us", "peers_sending_to_us"].map(|key| torrent.count(key));
    let [connected, up, down] = peers;
    page.line("Peers", Some(format!("connected to {connected}, uploading to {up}, downloading from {down}")));
    let (sending, seeds) = (torrent.count("webseeds_sending_to_us"), torrent.list("webseeds").len());
    page.line("Web Seeds", (seeds > 0).then(|| format!("downloading from {sending} of {seeds} web seeds")));
    page
}

/// How much of what is wanted somebody has.
fn availability(torrent: Row<'_>) -> String {
    let wanted = torrent.count("size_when_done");
    if wanted < 1 {
        return "None".to_owned();
    }
    let reachable =
        wanted as f64 - torrent.count("left_until_done") as f64 + torrent.count("desired_available") as f64;
    percent(100.0 * reachable / wanted as f64) + "%"
}

fn history(torrent: Row<'_>) -> Page {
    let mut page = Page::default();
    let positive = |key: &str| torrent.int(key).filter(|value| *value > 0);
    for (label, key) in [
        ("Date added", "added_date"),
        ("Date finished", "done_date"),
        ("Date started", "start_date"),
        ("Latest activity", "activity_date"),
    ] {
        page.aligned(label, HISTORY_WIDTH, positive(key).map(date));
    }
    for (label, key) in [("Downloading Time", "seconds_downloading"), ("Seeding Time", "seconds_seeding")] {
        page.aligned(label, HISTORY_WIDTH, positive(key).map(duration));
    }
    page
}

fn origins(torrent: Row<'_>) -> Page {
    let mut page = Page::default();
    page.line("Date created", torrent.int("date_created").filter(|moment| *moment > 0).map(date));
    page.line("Public torrent", torrent.yes("is_private").map(|private| yes_or_no(!private)));
    page.line("Comment", torrent.text("comment"));
    page.line("Creator", torrent.text("creator"));
    page.line("Source", torrent.text("source"));
    page.line("Piece Count", torrent.int("piece_count").map(|count| count.to_string()));
    page.line("Piece Size", torrent.int("piece_size").map(binary_size));
    page
}

fn limits(torrent: Row<'_>) -> Page {
    let mut page = Page::default();
    for (label, limited, key) in [
        ("Download Limit", "download_limited", "download_limit"),
        ("Upload Limit", "upload_limited", "upload_limit"),
    ] {
        let is_limited = torrent.yes(limited);
        let shown = |limited| if limited { limit(torrent.count(key)) } else { "Unlimited".to_owned() };
        page.line(label, is_limited.map(shown));
    }
    let mode = |mode, own: String| match torrent.int(mode)? {
        0 => Some("Default".to_owned()),
        1 => Some(own),
        2 => Some("Unlimited".to_owned()),
        _ => None,
    };
    page.line(
        "Ratio Limit",
        mode("seed_ratio_mode", ratio(torrent.real("seed_ratio_limit").unwrap_or(-1.0))),
    );
    page.line("Idle Limit", mode("seed_idle_mode", format!("{} minutes", torrent.count("seed_idle_limit"))));
    page.line("Honors Session Limits", torrent.yes("honors_session_limits").map(|yes| yes_or_no(yes)));
    page.line("Peer limit", torrent.int("peer_limit").map(|peers| peers.to_string()));
    let priority = torrent.int("bandwidth_priority").map(|priority| match priority {
        ..0 => "Low",
        0 => "Normal",
        _ => "High",
    });
    page.line("Bandwidth Priority", priority);
    page
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remote::show::with;
    use serde_json::json;

    #[test]
    fn every_state_has_its_word() {
        for (torrent, word) in [
            (json!({ "status": 0 }), "Stopped"),
            (json!({ "status": 0, "is_finished": true }), "Finished"),
            (json!({ "status": 1 }), "Will Verify"),
            (json!({ "status": 2, "recheck_progress": 0.429 }), "Verifying (42%)"),
            (json!({ "status": 3 }), "Queued"),
            (json!({ "status": 5 }), "Queued"),
            (json!({ "status": 4, "peers_sending_to_us": 1 }), "Downloading"),
            (json!({ "status": 4, "peers_sending_to_us": 1, "peers_getting_from_us": 2 }), "Up & Down"),
            (json!({ "status": 4, "peers_getting_from_us": 2, "left_until_done": 1 }), "Uploading"),
            (json!({ "status": 6, "peers_getting_from_us": 2, "left_until_done": 0 }), "Seeding"),
            (json!({ "status": 6 }), "Idle"),
            (json!({ "status": 9 }), "Unknown"),
            (json!({}), "Unknown"),
        ] {
            assert_eq!(with(torrent.clone(), status), word, "{torrent}");
        }
    }

    #[test]
    fn the_page_has_its_sections_and_their_lines() {
        let page = with(
            json!({ "id": 7, "name": "a.iso", "labels": ["x", "y"], "percent_done": 1, "status": 4, "size_when_done": 1_000_000,
                "left_until_done": 500_000, "desired_available": 250_000, "total_size": 2_000_000, "downloaded_ever": 10,
                "corrupt_ever": 5, "uploaded_ever": 0, "error": 2, "error_string": "not registered", "webseeds": ["u"],
                "download_limited": true, "download_limit": 111, "upload_limited": false, "seed_ratio_mode": 1,
                "seed_ratio_limit": 1.25, "seed_idle_mode": 2, "bandwidth_priority": -1, "is_private": true,
                "piece_size": 32_768, "eta": 185 }),
            text,
        );
        for part in [
            "NAME\n  Id: 7\n  Name: a.iso\n  Labels: x, y\n\nTRANSFER\n  State: Idle\n",
            "  Percent Done: 100%\n  ETA: 3 minutes, 5 seconds (185 seconds)\n",
            "  Availability: 75.0%\n  Total size: 2 MB (1 MB wanted)\n",
            "  Downloaded: 10 B (+5 B discarded after failed checksum)\n  Uploaded: None\n  Ratio: 0.00\n",
            "  Tracker gave an error: not registered\n",
            "  Peers: connected to 0, uploading to 0, downloading from 0\n",
            "  Web Seeds: downloading from 0 of 1 web seeds\n\nHISTORY\n\nORIGINS\n  Public torrent: No\n",
            "  Piece Size: 32 KiB\n\nLIMITS & BANDWIDTH\n  Download Limit: 111 kB/s\n  Upload Limit: Unlimited\n",
            "  Ratio Limit: 1.25\n  Idle Limit: Unlimited\n  Bandwidth Priority: Low\n\n",
        ] {
            assert!(page.contains(part), "no {part:?} in\n{page}");
        }
    }
}
