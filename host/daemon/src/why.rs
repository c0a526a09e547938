//! Why a torrent is not faster.

use crate::api::details::Details;
use crate::api::diagnosis::{Obstacle, Why};
use crate::catalogue::entry::{Entry, Status};
use crate::{FaultKind, Settings};

/// Looks for what stands in the way of a torrent, the weightiest first.
pub(crate) fn why(entry: &Entry, details: &Details, settings: &Settings) -> Why {
    let mut obstacles = Vec::new();
    let mut add = |code, text: String| obstacles.push(Obstacle { code, text });
    if let Some(fault) = entry.fault().filter(|fault| fault.kind == FaultKind::Local) {
        add("error", fault.text.clone());
    }
    match entry.status() {
        Status::Stopped if entry.progress().is_finished => add("stopped", "seeding reached its limit".into()),
        Status::Stopped => add("stopped", "it is stopped".into()),
        Status::QueuedToVerify => add("queued", "it waits for other torrents to be verified".into()),
        Status::QueuedToDownload | Status::QueuedToSeed => {
            add("queued", format!("it waits in the queue at place {}", entry.queue_position() + 1));
        }
        Status::Verifying => {
            add("verifying", format!("{:.0} % of its data is hashed", entry.progress().verified * 100.0));
        }
        Status::Seeding => {}
        Status::Downloading => downloading(entry, details, settings, &mut add),
    }
    let summary = match obstacles.first() {
        Some(first) => first.text.clone(),
        None if entry.status() == Status::Seeding => "it is complete and seeding".to_owned(),
        None => "nothing stands in its way".to_owned(),
    };
    Why { summary, obstacles }
}

/// Rates this close to a limit are held by it.
const NEAR_LIMIT: f64 = 0.85;

fn downloading(
    entry: &Entry,
    details: &Details,
    settings: &Settings,
    add: &mut impl FnMut(&'static str, String),
) {
    let progress = entry.progress();
    if entry.is_unresolved() {
        let text = entry.fault().map_or("the DHT is asked which torrent its publisher means", |it| &it.text);
        add("no-publisher", text.to_owned());
    } else if !entry.about().has_metadata {
        add("no-metadata", "its metadata is not here yet: nobody connected has it".into());
    }
    let own = entry.options().down_limit;
    let session = if settings.alt_speed.enabled {
        crate::Speed { enabled: true, kilobytes_per_second: settings.alt_speed.down }
    } else {
        settings.down_limit
    };
    let honored = if entry.options().honors_session_limits { Some(session) } else { None };
    for limit in [Some(own), honored].into_iter().flatten().filter(|limit| limit.enabled) {
        let rate = f64::from(limit.kilobytes_per_second) * 1000.0;
        if progress.down_rate as f64 >= rate * NEAR_LIMIT {
            add("limit", format!("it is held at its limit of {} kB/s", limit.kilobytes_per_second));
        }
    }
    let choking = details.peers.iter().filter(|peer| peer.client_is_choked).count();
    if details.peers.is_empty() && details.web_seeds.is_empty() {
        add("no-peers", "it knows no peer and has no web seed".into());
    } else if details.peers.is_empty() && progress.web_seeds_sending == 0 {
        add("no-peers", "no peer is connected".into());
    } else if choking > 0 && choking == details.peers.len() {
        add("choked", format!("all {choking} connected peers choke us"));
    }
    let failing = details.web_seeds.iter().filter(|seed| !seed.last_error.is_empty());
    for seed in failing {
        add("web-seeds", format!("{}: {}", seed.url, seed.last_error));
    }
    let trackers = details.trackers.iter();
    for tracker in trackers.filter(|tracker| tracker.has_announced && !tracker.last_succeeded) {
        add("trackers", format!("{}: {}", tracker.announce, tracker.last_result));
    }
}
