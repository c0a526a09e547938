//! Transmission's `stats.json`: what it counted over all its runs.

use daemon::Totals;
use serde_json::{Map, Value};
use std::path::Path;
use std::time::Duration;

/// The counters of a config directory; zeros where there are none.
pub(crate) fn read(directory: &Path) -> Totals {
    let text = std::fs::read(directory.join("stats.json")).unwrap_or_default();
    let counters: Map<String, Value> = serde_json::from_slice(&text).unwrap_or_default();
    // Version 4.1 spells them with underscores.
    let count = |name: &str| {
        let value = counters.get(name).or_else(|| counters.get(&name.replace('-', "_")));
        value.and_then(Value::as_u64).unwrap_or(0)
    };
    Totals {
        uploaded: count("uploaded-bytes"),
        downloaded: count("downloaded-bytes"),
        torrents_added: count("files-added"),
        active: Duration::from_secs(count("seconds-active")),
        sessions: count("session-count"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_count_and_nonsense_is_nothing() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read(folder.path()), Totals::default());
        let path = folder.path().join("stats.json");
        std::fs::write(&path, r#"{"uploaded-bytes": 5, "session_count": 3, "seconds-active": "x"}"#).unwrap();
        assert_eq!(read(folder.path()), Totals { uploaded: 5, sessions: 3, ..Totals::default() });
        std::fs::write(&path, "{").unwrap();
        assert_eq!(read(folder.path()), Totals::default());
    }
}
