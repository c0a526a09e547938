//! `-F`: which torrents fit a criterion.

use super::dialect::Object;
use super::show::{Row, status};

/// A criterion.
#[derive(PartialEq, Debug)]
pub(super) struct Filter {
    is_negated: bool,
    test: Test,
}

#[derive(PartialEq, Debug)]
enum Test {
    Idle,
    Downloading,
    Uploading,
    Label(String),
    Name(String),
    /// At least this ratio.
    Ratio(f64),
    /// Some files are not wanted.
    Partial,
}

impl Filter {
    /// Reads `i`, `d`, `u`, `l:LABEL`, `n:TEXT`, `r:RATIO` or `w`, with or without `~` before it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!("Not a criterion: '{text}'; there are i d u l:LABEL n:TEXT r:RATIO w, and ~ before them")
        };
        let (is_negated, test) = text.strip_prefix('~').map_or((false, text), |rest| (true, rest));
        let test = match test.split_once(':').unwrap_or((test, "")) {
            ("i", "") => Test::Idle,
            ("d", "") => Test::Downloading,
            ("u", "") => Test::Uploading,
            ("w", "") => Test::Partial,
            ("l", label) => Test::Label(label.to_owned()),
            ("n", name) => Test::Name(name.to_owned()),
            ("r", ratio) => Test::Ratio(ratio.parse().map_err(|_| wrong())?),
            _ => return Err(wrong()),
        };
        Ok(Self { is_negated, test })
    }

    /// The ids of an answer's torrents that fit.
    pub(super) fn matching(&self, answer: &Object) -> Vec<i64> {
        let torrents = Row(answer).rows("torrents");
        let mut ids: Vec<i64> =
            torrents.filter(|torrent| self.fits(*torrent)).filter_map(|torrent| torrent.int("id")).collect();
        ids.sort_unstable();
        ids
    }

    fn fits(&self, torrent: Row<'_>) -> bool {
        let status = status(torrent);
        let fits = match &self.test {
            Test::Idle => status == "Idle",
            Test::Downloading => matches!(status.as_str(), "Downloading" | "Up & Down"),
            Test::Uploading => matches!(status.as_str(), "Uploading" | "Seeding" | "Up & Down"),
            Test::Label(label) => torrent.list("labels").iter().any(|own| own.as_str() == Some(label)),
            Test::Name(part) => torrent.text("name").is_some_and(|name| name.contains(part)),
            Test::Ratio(least) => torrent.real("upload_ratio").is_some_and(|ratio| ratio >= *least),
            Test::Partial => torrent.count("total_size") > torrent.count("size_when_done"),
        };
        fits != self.is_negated
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn criteria_choose_torrents() {
        let Value::Object(answer) = json!({ "torrents": [
            { "id": 3, "status": 6, "name": "b.iso", "labels": ["x"], "upload_ratio": 0.5, "total_size": 5, "size_when_done": 5 },
            { "id": 1, "status": 4, "name": "a.iso", "peers_sending_to_us": 1, "upload_ratio": 2, "total_size": 5, "size_when_done": 4 },
            { "id": 2, "status": 6, "name": "a", "peers_getting_from_us": 1, "labels": ["y", "x"], "upload_ratio": -1 },
        ] }) else {
            unreachable!("an object")
        };
        for (criterion, ids) in [
            ("i", vec![3]),
            ("~i", vec![1, 2]),
            ("d", vec![1]),
            ("u", vec![2]),
            ("l:x", vec![2, 3]),
            ("~l:y", vec![1, 3]),
            ("n:iso", vec![1, 3]),
            ("r:0.5", vec![1, 3]),
            ("w", vec![1]),
        ] {
            assert_eq!(Filter::parse(criterion).unwrap().matching(&answer), ids, "{criterion}");
        }
        for wrong in ["", "~", "x", "r:much", "idle"] {
            assert!(Filter::parse(wrong).is_err(), "{wrong}");
        }
    }
}
