//! Fields about trackers.

use super::{Row, words};
use crate::json::Json;
use daemon::{TrackerDetails, TrackerState};

pub(super) fn trackers(row: &Row<'_>, out: &mut Json) {
    out.list(row.entry.trackers(), |out, tracker| {
        out.object(|out| {
            out.key("announce").string(&tracker.announce);
            out.key("id").unsigned(tracker.id.into());
            out.key("scrape").string(&words::scrape_url(&tracker.announce));
            out.key("sitename").string(&words::site_name(&tracker.announce));
            out.key("tier").unsigned(tracker.tier.into());
        });
    });
}

/// Announce URLs by line, an empty line between tiers.
pub(super) fn tracker_list(row: &Row<'_>, out: &mut Json) {
    let mut text = String::new();
    let mut tier = None;
    for tracker in row.entry.trackers() {
        if tier.is_some_and(|tier| tier != tracker.tier) {
            text.push('\n');
        }
        tier = Some(tracker.tier);
        text.push_str(&tracker.announce);
        text.push('\n');
    }
    out.string(text.trim_end());
}

pub(super) fn tracker_stats(row: &Row<'_>, out: &mut Json) {
    out.list(&row.details.trackers, |out, tracker| out.object(|out| write(tracker, out)));
}

fn write(tracker: &TrackerDetails, out: &mut Json) {
    // An answer to an announce counts the swarm as a scrape would.
    let has_counts = tracker.seeders >= 0 || tracker.leechers >= 0;
    let scrapes = !tracker.scrape.is_empty();
    out.key("announce").string(&tracker.announce);
    out.key("announce_state").unsigned(state(tracker.state));
    out.key("download_count").integer(tracker.downloads);
    out.key("downloader_count").integer(-1);
    out.key("has_announced").boolean(tracker.has_announced);
    out.key("has_scraped").boolean(has_counts || tracker.last_scrape > 0);
    out.key("host").string(&words::host_and_port(&tracker.announce));
    out.key("id").unsigned(tracker.id.into());
    out.key("is_backup").boolean(tracker.is_backup);
    out.key("last_announce_peer_count").unsigned(tracker.last_peer_count.into());
    out.key("last_announce_result").string(&tracker.last_result);
    out.key("last_announce_start_time").integer(tracker.last_announce);
    out.key("last_announce_succeeded").boolean(tracker.last_succeeded);
    out.key("last_announce_time").integer(tracker.last_announce);
    out.key("last_announce_timed_out").boolean(tracker.last_timed_out);
    out.key("last_scrape_result").string(&tracker.scrape_result);
    out.key("last_scrape_start_time").integer(tracker.scrape_began);
    out.key("last_scrape_succeeded").boolean(tracker.scrape_succeeded || has_counts);
    out.key("last_scrape_time").integer(match tracker.last_scrape {
        0 if has_counts => tracker.last_announce,
        time => time,
    });
    out.key("last_scrape_timed_out").boolean(tracker.scrape_timed_out);
    out.key("leecher_count").integer(tracker.leechers);
    out.key("next_announce_time").integer(tracker.next_announce);
    out.key("next_scrape_time").integer(tracker.next_scrape);
    out.key("scrape").string(&tracker.scrape);
    out.key("scrape_state").unsigned(state(match tracker.next_scrape {
        time if scrapes && time > 0 => TrackerState::Waiting,
        _ => TrackerState::Inactive,
    }));
    out.key("seeder_count").integer(tracker.seeders);
    out.key("sitename").string(&words::site_name(&tracker.announce));
    out.key("tier").unsigned(tracker.tier.into());
}

fn state(state: TrackerState) -> u64 {
    match state {
        TrackerState::Inactive => 0,
        TrackerState::Waiting => 1,
        TrackerState::Queued => 2,
        TrackerState::Active => 3,
    }
}
