//! The table of fields: a name, what it needs, and how it is written.

use super::{Row, file_lists, peers, trackers, words};
use crate::json::Json;
use crate::settings::value::Setting;
use daemon::{FaultKind, LimitMode, Priority, Status, Wanted};

/// What a field needs beyond the catalogue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Needs {
    Nothing,
    Files,
    Peers,
    Trackers,
    WebSeeds,
    Pieces,
    Availability,
}

impl Needs {
    pub(super) fn wanted(self) -> Wanted {
        Wanted {
            files: self == Self::Files,
            peers: self == Self::Peers,
            trackers: self == Self::Trackers,
            web_seeds: self == Self::WebSeeds,
            pieces: self == Self::Pieces,
            availability: self == Self::Availability,
        }
    }
}

/// One field.
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) needs: Needs,
    pub(super) write: fn(&Row<'_>, &mut Json),
}

/// The field of that name, in our spelling.
pub(super) fn find(name: &str) -> Option<&'static Field> {
    FIELDS.iter().find(|field| field.name == name)
}

/// A field that the catalogue knows.
const fn known(name: &'static str, write: fn(&Row<'_>, &mut Json)) -> Field {
    Field { name, needs: Needs::Nothing, write }
}

/// A field that is looked up.
const fn looked_up(name: &'static str, needs: Needs, write: fn(&Row<'_>, &mut Json)) -> Field {
    Field { name, needs, write }
}

static FIELDS: &[Field] = &[
    known("activity_date", |row, out| out.integer(row.entry.dates().active)),
    known("added_date", |row, out| out.integer(row.entry.dates().added)),
    looked_up("availability", Needs::Availability, |row, out| {
        out.list(&row.details.availability, |out, n| out.integer(*n));
    }),
    known("bandwidth_priority", |row, out| out.integer(priority(row.entry.options().bandwidth_priority))),
    looked_up("bytes_completed", Needs::Files, file_lists::bytes_completed),
    known("comment", |row, out| out.string(&row.entry.about().comment)),
    known("corrupt_ever", |row, out| out.unsigned(row.entry.progress().corrupt)),
    known("creator", |row, out| out.string(&row.entry.about().creator)),
    known("date_created", |row, out| out.integer(row.entry.about().created_at)),
    known("desired_available", |row, out| out.unsigned(row.entry.progress().bytes_available)),
    known("done_date", |row, out| out.integer(row.entry.dates().done)),
    known("download_dir", |row, out| out.string(&row.entry.options().download_directory.to_string_lossy())),
    known("download_limit", |row, out| {
        out.unsigned(row.entry.options().down_limit.kilobytes_per_second.into());
    }),
    known("download_limited", |row, out| out.boolean(row.entry.options().down_limit.enabled)),
    known("downloaded_ever", |row, out| out.unsigned(row.entry.progress().downloaded)),
    known("edit_date", |row, out| out.integer(row.entry.dates().edited)),
    known("error", |row, out| out.unsigned(error(row))),
    known("error_string", |row, out| out.string(row.entry.fault().map_or("", |fault| &fault.text))),
    known("eta", |row, out| out.integer(words::eta(row.entry, row.settings))),
    known("eta_idle", |row, out| out.integer(words::eta_idle(row.entry, row.settings))),
    known("file_count", |row, out| out.unsigned(row.entry.about().file_count.into())),
    looked_up("file_stats", Needs::Files, file_lists::file_stats),
    looked_up("files", Needs::Files, file_lists::files),
    known("group", |row, out| out.string(&row.entry.options().group)),
    known("hash_string", |row, out| out.string(row.entry.hash_hex())),
    known("have_unchecked", |row, out| out.unsigned(row.entry.progress().bytes_unchecked)),
    known("have_valid", |row, out| out.unsigned(row.entry.progress().bytes_have)),
    known("honors_session_limits", |row, out| out.boolean(row.entry.options().honors_session_limits)),
    known("id", |row, out| out.unsigned(row.entry.number().0.into())),
    known("is_finished", |row, out| out.boolean(row.entry.progress().is_finished)),
    known("is_private", |row, out| out.boolean(row.entry.about().is_private)),
    known("is_stalled", |row, out| out.boolean(row.entry.progress().is_stalled)),
    known("labels", |row, out| out.list(&row.entry.options().labels, |out, label| out.string(label))),
    known("left_until_done", |row, out| {
        let progress = row.entry.progress();
        out.unsigned(progress.bytes_left().saturating_sub(progress.bytes_unchecked));
    }),
    looked_up("magnet_link", Needs::WebSeeds, |row, out| {
        out.string(&words::magnet_link(row.entry, row.details));
    }),
    known("manual_announce_time", |_, out| out.integer(-1)),
    known("max_connected_peers", |row, out| out.unsigned(row.entry.options().peer_limit.into())),
    known("metadata_percent_complete", |row, out| out.number(words::cut(row.entry.progress().metadata))),
    known("name", |row, out| out.string(row.entry.name())),
    known("peer_limit", |row, out| out.unsigned(row.entry.options().peer_limit.into())),
    looked_up("peers", Needs::Peers, peers::peers),
    known("peers_connected", |row, out| out.unsigned(row.entry.progress().peers_connected.into())),
    known("peers_from", peers::peers_from),
    known("peers_getting_from_us", |row, out| out.unsigned(row.entry.progress().peers_getting.into())),
    known("peers_sending_to_us", |row, out| out.unsigned(row.entry.progress().peers_sending.into())),
    known("percent_complete", |row, out| {
        out.fraction(row.entry.progress().bytes_have, row.entry.about().total_bytes);
    }),
    known("percent_done", percent_done),
    known("piece_count", |row, out| out.unsigned(row.entry.about().piece_count.into())),
    known("piece_size", |row, out| out.unsigned(row.entry.about().piece_length.into())),
    looked_up("pieces", Needs::Pieces, |row, out| {
        out.base64(row.details.pieces.as_ref().map_or(&[], |pieces| pieces.as_bytes()));
    }),
    known("primary_mime_type", |row, out| out.string(words::mime_type(&row.entry.about().largest_file))),
    looked_up("priorities", Needs::Files, file_lists::priorities),
    known("queue_position", |row, out| out.unsigned(row.entry.queue_position().into())),
    known("rate_download", |row, out| out.unsigned(row.entry.progress().down_rate)),
    known("rate_upload", |row, out| out.unsigned(row.entry.progress().up_rate)),
    known("recheck_progress", |row, out| out.number(words::cut(row.entry.progress().verified))),
    known("seconds_downloading", |row, out| out.unsigned(row.entry.progress().seconds_downloading)),
    known("seconds_seeding", |row, out| out.unsigned(row.entry.seconds_seeding())),
    known("seed_idle_limit", |row, out| out.unsigned(row.entry.options().idle_limit_minutes.into())),
    known("seed_idle_mode", |row, out| out.unsigned(mode(row.entry.options().idle_mode))),
    known("seed_ratio_limit", |row, out| out.number(row.entry.options().ratio_limit)),
    known("seed_ratio_mode", |row, out| out.unsigned(mode(row.entry.options().ratio_mode))),
    known("sequential_download", |row, out| out.boolean(row.entry.options().sequential)),
    known("sequential_download_from_piece", |row, out| {
        out.unsigned(row.entry.options().sequential_from_piece.into());
    }),
    known("size_when_done", |row, out| out.unsigned(row.entry.progress().bytes_wanted)),
    known("source", |row, out| out.string(&row.entry.about().source)),
    known("start_date", |row, out| out.integer(row.entry.dates().started)),
    known("status", |row, out| out.unsigned(status_number(row.entry.status()))),
    known("super_seeding", |row, out| out.boolean(row.entry.options().super_seeding)),
    known("torrent_file", |row, out| out.string(&row.daemon.torrent_file_path(row.entry).to_string_lossy())),
    known("total_size", |row, out| out.unsigned(row.entry.about().total_bytes)),
    known("tracker_list", trackers::tracker_list),
    looked_up("tracker_stats", Needs::Trackers, trackers::tracker_stats),
    known("trackers", trackers::trackers),
    known("upload_limit", |row, out| out.unsigned(row.entry.options().up_limit.kilobytes_per_second.into())),
    known("upload_limited", |row, out| out.boolean(row.entry.options().up_limit.enabled)),
    known("upload_ratio", |row, out| out.number(words::ratio(row.entry))),
    known("uploaded_ever", |row, out| out.unsigned(row.entry.progress().uploaded)),
    looked_up("wanted", Needs::Files, file_lists::wanted),
    known("web_seed_connections", |row, out| {
        out.unsigned(row.entry.options().web_seed_connections.unwrap_or(0).into());
    }),
    known("web_seed_policy", |row, out| {
        let policy = row.entry.options().web_seed_policy.map(|policy| policy.to_value());
        out.string(policy.as_ref().and_then(serde_json::Value::as_str).unwrap_or("session"));
    }),
    looked_up("webseeds", Needs::WebSeeds, |row, out| {
        out.list(&row.details.web_seeds, |out, seed| out.string(&seed.url));
    }),
    looked_up("webseeds_ex", Needs::WebSeeds, peers::web_seeds),
    known("webseeds_sending_to_us", |row, out| out.unsigned(row.entry.progress().web_seeds_sending.into())),
];

/// Of what is wanted, with what arrived and is not verified yet; nothing wanted is nothing missing, once it is known what there is.
fn percent_done(row: &Row<'_>, out: &mut Json) {
    let progress = row.entry.progress();
    if progress.bytes_wanted == 0 && row.entry.about().has_metadata {
        out.unsigned(1);
    } else {
        out.fraction(progress.bytes_done + progress.bytes_unchecked, progress.bytes_wanted);
    }
}

fn error(row: &Row<'_>) -> u64 {
    match row.entry.fault().map(|fault| fault.kind) {
        None => 0,
        Some(FaultKind::TrackerWarning) => 1,
        Some(FaultKind::TrackerError) => 2,
        Some(FaultKind::Local) => 3,
    }
}

/// A status as a number.
pub(crate) fn status_number(status: Status) -> u64 {
    match status {
        Status::Stopped => 0,
        Status::QueuedToVerify => 1,
        Status::Verifying => 2,
        Status::QueuedToDownload => 3,
        Status::Downloading => 4,
        Status::QueuedToSeed => 5,
        Status::Seeding => 6,
    }
}

pub(super) fn priority(priority: Priority) -> i64 {
    match priority {
        Priority::Low => -1,
        Priority::Normal => 0,
        Priority::High => 1,
    }
}

fn mode(mode: LimitMode) -> u64 {
    match mode {
        LimitMode::Session => 0,
        LimitMode::Own => 1,
        LimitMode::Unlimited => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::FIELDS;
    use crate::names::{canonical, legacy_field};

    #[test]
    fn names_are_sorted_and_every_spelling_finds_its_field() {
        assert!(FIELDS.is_sorted_by_key(|field| field.name));
        for field in FIELDS {
            assert_eq!(canonical(&legacy_field(field.name)), field.name);
        }
    }
}
