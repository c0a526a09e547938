//! Values that are worked out: times to come, links, names of hosts.

use daemon::{Details, Entry, LimitMode, Settings, Status};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::time::{SystemTime, UNIX_EPOCH};
use url::{Host, Url};

/// A time that nobody can tell.
const NOT_AVAILABLE: i64 = -1;
/// A time that would be told if anything moved.
const UNKNOWN: i64 = -2;

/// What stands as it is in a magnet link.
const LINK: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Seconds until the torrent is complete, or has given what it shall give.
pub(super) fn eta(entry: &Entry, settings: &Settings) -> i64 {
    match entry.status() {
        Status::Downloading => entry.eta_seconds().map_or(UNKNOWN, signed),
        Status::Seeding => eta_of_ratio(entry, settings),
        _ => NOT_AVAILABLE,
    }
}

fn eta_of_ratio(entry: &Entry, settings: &Settings) -> i64 {
    let options = entry.options();
    let limit = match options.ratio_mode {
        LimitMode::Own => options.ratio_limit,
        LimitMode::Session if settings.ratio_limit_enabled => settings.ratio_limit,
        LimitMode::Session | LimitMode::Unlimited => return NOT_AVAILABLE,
    };
    let progress = entry.progress();
    if progress.up_rate == 0 {
        return UNKNOWN;
    }
    let left = limit * progress.bytes_wanted as f64 - progress.uploaded as f64;
    (left.max(0.0) / progress.up_rate as f64).ceil() as i64
}

/// Seconds until the torrent stops for want of takers.
pub(super) fn eta_idle(entry: &Entry, settings: &Settings) -> i64 {
    let options = entry.options();
    let limit = match options.idle_mode {
        LimitMode::Own => options.idle_limit_minutes,
        LimitMode::Session if settings.idle_limit_enabled => settings.idle_limit_minutes,
        LimitMode::Session | LimitMode::Unlimited => return NOT_AVAILABLE,
    };
    if entry.status() != Status::Seeding {
        return NOT_AVAILABLE;
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| signed(since.as_secs()));
    let idle = now - entry.dates().active.max(entry.dates().started);
    (i64::from(limit) * 60 - idle).max(0)
}

/// Given by wanted: −1 if neither, −2 if something was given of nothing.
pub(super) fn ratio(entry: &Entry) -> f64 {
    match entry.ratio() {
        // Ten thousandths are as much as anybody shows.
        Some(ratio) => (ratio * 10_000.0).round() / 10_000.0,
        None if entry.progress().uploaded > 0 => -2.0,
        None => -1.0,
    }
}

/// A part from 0 to 1, cut to four decimals: it is 1 only when nothing is missing.
pub(super) fn cut(part: f64) -> f64 {
    (part.clamp(0.0, 1.0) * 10_000.0).floor() / 10_000.0
}

/// A link that leads others to the torrent.
pub(super) fn magnet_link(entry: &Entry, details: &Details) -> String {
    let topic = if entry.hash_hex().len() == 40 { "btih:" } else { "btmh:1220" };
    let topic = (!entry.is_unresolved()).then(|| format!("xt=urn:{topic}{}", entry.hash_hex()));
    let publisher = entry.publication().map(|publication| publication.publisher.to_string());
    let topics: Vec<String> = topic.into_iter().chain(publisher).collect();
    let mut link = format!("magnet:?{}", topics.join("&"));
    let mut add = |key: &str, value: &str| {
        link.extend(["&", key, "="]);
        link.extend(utf8_percent_encode(value, LINK));
    };
    if entry.name() != entry.hash_hex() {
        add("dn", entry.name());
    }
    entry.trackers().iter().for_each(|tracker| add("tr", &tracker.announce));
    details.web_seeds.iter().for_each(|seed| add("ws", &seed.url));
    link
}

/// Where a tracker tells its counts, by the convention of its announce URL; empty if that has none.
pub(super) fn scrape_url(announce: &str) -> String {
    if announce.starts_with("udp:") {
        return announce.to_owned();
    }
    match announce.rfind("/announce") {
        Some(place) if !announce[place + 1..].contains('/') => {
            format!("{}/scrape{}", &announce[..place], &announce[place + "/announce".len()..])
        }
        _ => String::new(),
    }
}

/// `host:port` of a URL.
pub(super) fn host_and_port(url: &str) -> String {
    let Ok(url) = Url::parse(url) else { return String::new() };
    let host = url.host_str().unwrap_or_default();
    match url.port_or_known_default() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// The name that people know a site by: `example` of `tracker.example.org`.
pub(super) fn site_name(url: &str) -> String {
    let Ok(url) = Url::parse(url) else { return String::new() };
    match url.host() {
        Some(Host::Domain(name)) if !name.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') => {
            let labels: Vec<&str> = name.trim_end_matches('.').split('.').collect();
            // The last label is a country or a kind of owner; of one label there is no other.
            labels.iter().rev().nth(1).or(labels.first()).map_or_else(String::new, ToString::to_string)
        }
        Some(host) => host.to_string(),
        None => String::new(),
    }
}

/// What most of a torrent probably is, by the name of its largest file.
pub(super) fn mime_type(name: &str) -> &'static str {
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension).to_ascii_lowercase();
    match extension.as_str() {
        "iso" => "application/x-iso9660-image",
        "img" | "raw" => "application/x-raw-disk-image",
        "qcow2" => "application/x-qemu-disk",
        "gz" | "tgz" => "application/gzip",
        "xz" => "application/x-xz",
        "zst" => "application/zstd",
        "bz2" => "application/x-bzip2",
        "zip" => "application/zip",
        "7z" => "application/x-7z-compressed",
        "tar" => "application/x-tar",
        "pdf" => "application/pdf",
        "epub" => "application/epub+zip",
        "txt" | "md" | "nfo" => "text/plain",
        "html" | "htm" => "text/html",
        "mkv" => "video/x-matroska",
        "mp4" | "m4v" => "video/mp4",
        "webm" => "video/webm",
        "avi" => "video/x-msvideo",
        "mp3" => "audio/mpeg",
        "flac" => "audio/flac",
        "ogg" | "opus" => "audio/ogg",
        "m4a" => "audio/mp4",
        "jpg" | "jpeg" => "image/jpeg",
        "png" => "image/png",
        _ => "application/octet-stream",
    }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scrape_urls_follow_the_convention() {
        for (announce, scrape) in [
            ("http://a.org/announce", "http://a.org/scrape"),
            ("http://a.org/x/announce.php?k=1", "http://a.org/x/scrape.php?k=1"),
            ("http://a.org/t1/announce", "http://a.org/t1/scrape"),
            ("udp://a.org:80/announce", "udp://a.org:80/announce"),
            ("http://a.org/announce/x", ""),
            ("http://a.org/a", ""),
        ] {
            assert_eq!(scrape_url(announce), scrape);
        }
    }

    #[test]
    fn hosts_and_sites() {
        for (url, host, site) in [
            ("http://tracker.example.org/announce", "tracker.example.org:80", "example"),
            ("https://localhost/announce", "localhost:443", "localhost"),
            ("udp://tracker.opentrackr.org:1337/announce", "tracker.opentrackr.org:1337", "opentrackr"),
            ("http://127.0.0.1:9/a", "127.0.0.1:9", "127.0.0.1"),
            ("http://[::1]:9/a", "[::1]:9", "[::1]"),
            ("nonsense", "", ""),
        ] {
            assert_eq!((host_and_port(url).as_str(), site_name(url).as_str()), (host, site));
        }
    }

    #[test]
    fn a_part_is_whole_only_when_nothing_is_missing() {
        assert_eq!((cut(0.999_999), cut(1.0), cut(0.5), cut(-1.0)), (0.9999, 1.0, 0.5, 0.0));
    }
}
