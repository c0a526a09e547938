//! The daemon's answers as people read them: the tables and pages of Transmission 4's remote, column by column.

mod details;
mod list;
mod page;
mod session;
mod sources;
mod tables;

use super::dialect::Object;
use super::figures::tame;
use super::options::Listing;
use super::style::Style;
use serde_json::Value;

pub(super) use details::status;

/// The fields of the list.
const LIST: &[&str] = &[
    "added_date",
    "error",
    "error_string",
    "eta",
    "id",
    "is_finished",
    "left_until_done",
    "name",
    "peers_getting_from_us",
    "peers_sending_to_us",
    "rate_download",
    "rate_upload",
    "recheck_progress",
    "size_when_done",
    "status",
    "upload_ratio",
];

/// The fields that filters look at.
pub(super) const FILTER: &[&str] = &[
    "id",
    "is_finished",
    "labels",
    "left_until_done",
    "name",
    "peers_getting_from_us",
    "peers_sending_to_us",
    "recheck_progress",
    "size_when_done",
    "status",
    "total_size",
    "upload_ratio",
];

impl Listing {
    /// The method that is asked.
    pub(super) fn method(self) -> &'static str {
        match self {
            Listing::WebSeeds => "torrent_web_seeds",
            Listing::Why => "torrent_why",
            Listing::Doctor => "torrent_doctor",
            Listing::Session => "session_get",
            Listing::Stats => "session_stats",
            Listing::Groups => "group_get",
            Listing::PortTest => "port_test",
            _ => "torrent_get",
        }
    }

    /// The fields that `torrent_get` is asked for.
    pub(super) fn fields(self) -> Option<&'static [&'static str]> {
        match self {
            Listing::Torrents => Some(LIST),
            Listing::Details => Some(details::FIELDS),
            Listing::Files => Some(&["files", "name", "priorities", "wanted"]),
            Listing::Peers => Some(&["peers"]),
            Listing::Pieces => Some(&["pieces", "piece_count"]),
            Listing::Trackers => Some(&["tracker_stats"]),
            _ => None,
        }
    }

    /// Is it about the current torrents?
    pub(super) fn is_about_torrents(self) -> bool {
        !matches!(self, Listing::Session | Listing::Stats | Listing::Groups | Listing::PortTest)
    }

    /// The answer, for people.
    pub(super) fn text(self, answer: &Object, style: Style) -> String {
        let answer = Row(answer);
        match self {
            Listing::Torrents => list::text(answer, style),
            Listing::Details => each(answer, "", details::text),
            Listing::Files => each(answer, "", tables::files),
            Listing::Peers => each(answer, "\n", tables::peers),
            Listing::Pieces => each(answer, "\n", tables::pieces),
            Listing::Trackers => each(answer, "\n", sources::trackers),
            Listing::WebSeeds => each(answer, "\n", sources::web_seeds),
            Listing::Why => each(answer, "\n", |torrent| sources::why(torrent, style)),
            Listing::Doctor => each(answer, "\n", |torrent| sources::doctor(torrent, style)),
            Listing::Session => session::settings(answer),
            Listing::Stats => session::statistics(answer),
            Listing::Groups => session::groups(answer),
            Listing::PortTest => session::port_test(answer),
        }
    }
}

/// The texts of all torrents of an answer.
fn each(answer: Row<'_>, between: &str, text: impl Fn(Row<'_>) -> String) -> String {
    answer.rows("torrents").map(text).collect::<Vec<_>>().join(between)
}

/// An object whose values are read as what they should be. Values that are missing or of another kind are `None`, and
/// each table has something to show for them.
#[derive(Clone, Copy)]
pub(super) struct Row<'a>(pub(super) &'a Object);

impl<'a> Row<'a> {
    /// A whole number; booleans and numbers with a fraction will do.
    pub(super) fn int(self, key: &str) -> Option<i64> {
        match self.0.get(key)? {
            Value::Number(number) => number.as_i64().or_else(|| number.as_f64().map(|real| real as i64)),
            Value::Bool(yes) => Some(i64::from(*yes)),
            _ => None,
        }
    }

    /// Such a number, 0 where there is none.
    pub(super) fn count(self, key: &str) -> i64 {
        self.int(key).unwrap_or(0)
    }

    pub(super) fn real(self, key: &str) -> Option<f64> {
        self.0.get(key)?.as_f64()
    }

    /// A boolean, or a number that is one.
    pub(super) fn yes(self, key: &str) -> Option<bool> {
        match self.0.get(key)? {
            Value::Bool(yes) => Some(*yes),
            Value::Number(number) => Some(number.as_i64()? != 0),
            _ => None,
        }
    }

    /// A text that is not empty, made harmless for a terminal.
    pub(super) fn text(self, key: &str) -> Option<String> {
        self.0.get(key)?.as_str().filter(|text| !text.is_empty()).map(tame)
    }

    pub(super) fn list(self, key: &str) -> &'a [Value] {
        self.0.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// The objects of a list.
    pub(super) fn rows(self, key: &str) -> impl Iterator<Item = Row<'a>> {
        self.list(key).iter().filter_map(Value::as_object).map(Row)
    }

    /// An object in the object.
    pub(super) fn row(self, key: &str) -> Option<Row<'a>> {
        self.0.get(key)?.as_object().map(Row)
    }
}

fn yes_or_no(yes: bool) -> &'static str {
    if yes { "Yes" } else { "No" }
}

/// What `show` makes of a torrent written as JSON.
#[cfg(test)]
fn with(torrent: serde_json::Value, show: impl Fn(Row<'_>) -> String) -> String {
    let serde_json::Value::Object(torrent) = torrent else { unreachable!("an object") };
    show(Row(&torrent))
}
