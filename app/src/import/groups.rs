//! Transmission's `bandwidth-groups.json`: limits that several torrents share.

use daemon::{Group, Speed};
use serde_json::{Map, Value};
use std::path::Path;

/// The groups of a config directory. A file that is not there or cannot be read has none.
pub(crate) fn read(directory: &Path) -> Vec<Group> {
    let path = directory.join("bandwidth-groups.json");
    let Ok(text) = std::fs::read(&path) else { return Vec::new() };
    match serde_json::from_slice::<Map<String, Value>>(&text) {
        Ok(groups) => {
            groups.iter().filter_map(|(name, about)| Some(group(name, about.as_object()?))).collect()
        }
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "no bandwidth groups are imported");
            Vec::new()
        }
    }
}

fn group(name: &str, about: &Map<String, Value>) -> Group {
    // Each version spells them in its own way.
    let plain = |key: &str| key.replace(['-', '_'], "").to_lowercase();
    let find = |wanted: &str| about.iter().find(|(key, _)| plain(key) == wanted).map(|(_, value)| value);
    let is_on = |wanted| find(wanted).and_then(Value::as_bool);
    let rate = |wanted| find(wanted).and_then(Value::as_u64).and_then(|rate| u32::try_from(rate).ok());
    let speed = |rate: Option<u32>, on: Option<bool>| Speed {
        enabled: on.unwrap_or(false),
        kilobytes_per_second: rate.unwrap_or(0),
    };
    Group {
        name: name.to_owned(),
        down_limit: speed(rate("downloadlimit"), is_on("downloadlimited")),
        up_limit: speed(rate("uploadlimit"), is_on("uploadlimited")),
        honors_session_limits: is_on("honorssessionlimits").unwrap_or(true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_of_every_spelling_are_read() {
        let folder = tempfile::tempdir().unwrap();
        assert!(read(folder.path()).is_empty());
        let text = r#"{"a": {"downloadLimit": 5, "downloadLimited": true, "honorsSessionLimits": false},
                       "b": {"upload_limit": 7, "upload_limited": true}, "junk": 3}"#;
        std::fs::write(folder.path().join("bandwidth-groups.json"), text).unwrap();
        let groups = read(folder.path());
        assert_eq!(groups.len(), 2);
        assert_eq!(groups[0].down_limit, Speed { enabled: true, kilobytes_per_second: 5 });
        assert!(!groups[0].honors_session_limits && groups[1].honors_session_limits);
        assert_eq!(groups[1].up_limit, Speed { enabled: true, kilobytes_per_second: 7 });
    }
}
