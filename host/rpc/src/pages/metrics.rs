//! Counters of the session in the text format of Prometheus. Torrents are not told one by one: a series for each
//! of a hundred thousand would help nobody.

use crate::http::reply::{self, Reply};
use daemon::{Daemon, Status};
use hyper::StatusCode;
use std::fmt::Write;

/// Every status and its name.
const STATUSES: [(Status, &str); 7] = [
    (Status::Stopped, "stopped"),
    (Status::QueuedToVerify, "queued_to_verify"),
    (Status::Verifying, "verifying"),
    (Status::QueuedToDownload, "queued_to_download"),
    (Status::Downloading, "downloading"),
    (Status::QueuedToSeed, "queued_to_seed"),
    (Status::Seeding, "seeding"),
];

/// Counted over all torrents.
#[derive(Default)]
struct Sums {
    by_status: [u64; STATUSES.len()],
    faulty: u64,
    bytes_wanted: u64,
    bytes_done: u64,
    peers: u64,
    web_seeds: u64,
}

/// The counters of now.
pub(crate) fn reply(daemon: &Daemon) -> Reply {
    reply::content(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", text(daemon))
}

fn text(daemon: &Daemon) -> String {
    let stats = daemon.stats();
    let sums = sums(daemon);
    let mut out = String::new();
    head(&mut out, "torrents", "gauge", "Torrents by status.");
    for ((_, name), count) in STATUSES.iter().zip(sums.by_status) {
        let _ = writeln!(out, "starling_torrents{{status=\"{name}\"}} {count}");
    }
    for (name, kind, about, value) in [
        ("torrents_faulty", "gauge", "Torrents with an error.", sums.faulty),
        ("wanted_bytes", "gauge", "Bytes wanted, of all torrents.", sums.bytes_wanted),
        ("done_bytes", "gauge", "Of them verified and stored.", sums.bytes_done),
        ("peers_connected", "gauge", "Connected peers.", sums.peers),
        ("web_seeds_sending", "gauge", "Web seeds with a range under way.", sums.web_seeds),
        ("download_bytes_per_second", "gauge", "Payload received, over the last seconds.", stats.down_rate),
        ("upload_bytes_per_second", "gauge", "Payload given, over the last seconds.", stats.up_rate),
        ("downloaded_bytes_total", "counter", "Payload received in this run.", stats.current.downloaded),
        ("uploaded_bytes_total", "counter", "Payload given in this run.", stats.current.uploaded),
        ("active_seconds_total", "counter", "Time since the start.", stats.current.active.as_secs()),
        (
            "blocklist_ranges",
            "gauge",
            "Ranges of addresses that are kept off.",
            daemon.address_filter().list().len() as u64,
        ),
        ("peer_port", "gauge", "The port that peers reach us at.", daemon.port().into()),
    ] {
        head(&mut out, name, kind, about);
        let _ = writeln!(out, "starling_{name} {value}");
    }
    out
}

fn head(out: &mut String, name: &str, kind: &str, about: &str) {
    let _ = writeln!(out, "# HELP starling_{name} {about}\n# TYPE starling_{name} {kind}");
}

fn sums(daemon: &Daemon) -> Sums {
    daemon.view(|catalogue| {
        let mut sums = Sums::default();
        for entry in catalogue.iter() {
            let place = STATUSES.iter().position(|(status, _)| *status == entry.status());
            if let Some(count) = place.and_then(|place| sums.by_status.get_mut(place)) {
                *count += 1;
            }
            let progress = entry.progress();
            sums.faulty += u64::from(entry.fault().is_some());
            sums.bytes_wanted += progress.bytes_wanted;
            sums.bytes_done += progress.bytes_done;
            sums.peers += u64::from(progress.peers_connected);
            sums.web_seeds += u64::from(progress.web_seeds_sending);
        }
        sums
    })
}
