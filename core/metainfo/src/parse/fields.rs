//! The optional keys beside `info`.

use super::{Metainfo, Value};
use crate::limits::{MAX_HOST_BYTES, MAX_NODES, MAX_TRACKERS, MAX_URL_BYTES, MAX_WEB_SEEDS};
use crate::names::is_invisible;
use std::collections::BTreeSet;
use std::fmt::Write;

/// A text for people: `first` if there, else `second`. Invalid UTF-8, invisible and control characters other than line
/// break and tab become U+FFFD.
pub(super) fn text(dict: Value<'_, '_>, first: &[u8], second: &[u8], limit: usize) -> Option<String> {
    let bytes = [first, second].into_iter().find_map(|key| dict.get(key)?.bytes())?;
    let text = String::from_utf8_lossy(bytes).replace("\r\n", "\n");
    let end = text.floor_char_boundary(limit);
    let harmless = |c: char| matches!(c, '\n' | '\t') || !(c.is_control() || is_invisible(c));
    Some(text.chars().take(end).map(|c| if harmless(c) { c } else { char::REPLACEMENT_CHARACTER }).collect())
}

/// The tiers of `announce-list` (BEP 12), or `announce` as the only one where the list has no URL.
pub(super) fn trackers(root: Value<'_, '_>) -> Vec<Vec<String>> {
    let mut seen = BTreeSet::new();
    let mut tiers = Vec::new();
    for tier in root.get(b"announce-list").and_then(Value::list).into_iter().flatten() {
        let urls = tier.list().into_iter().flatten().chain(tier.bytes().map(|_| tier));
        let mut kept = Vec::new();
        for url in urls.filter_map(tracker_url) {
            if seen.len() < MAX_TRACKERS && seen.insert(url.clone()) {
                kept.push(url);
            }
        }
        if !kept.is_empty() {
            tiers.push(kept);
        }
    }
    if tiers.is_empty() {
        tiers.extend(root.get(b"announce").and_then(tracker_url).map(|url| vec![url]));
    }
    tiers
}

fn tracker_url(value: Value<'_, '_>) -> Option<String> {
    clean_url(value.bytes()?).filter(|url| has_scheme(url))
}

/// The URLs of `url-list` (BEP 19), which may be one string or a list with junk in it, and those of `httpseeds` that
/// are plain URLs of the file or its folder instead of the script that BEP 17 means.
pub(super) fn web_seeds(root: Value<'_, '_>, metainfo: &Metainfo) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let mut urls = Vec::new();
    let listed = strings(root, b"url-list").map(|url| (url, true));
    let scripts = strings(root, b"httpseeds").map(|url| (url, false));
    for (bytes, listed) in listed.chain(scripts) {
        let Some(url) = clean_url(bytes) else { continue };
        let wanted = listed || (has_scheme(&url) && is_plain(&url, metainfo));
        if wanted && seen.len() < MAX_WEB_SEEDS && seen.insert(url.clone()) {
            urls.push(url);
        }
    }
    urls
}

fn strings<'a>(root: Value<'_, 'a>, key: &[u8]) -> impl Iterator<Item = &'a [u8]> {
    let value = root.get(key);
    let list = value.and_then(Value::list).into_iter().flatten();
    list.chain(value).filter_map(Value::bytes)
}

fn is_plain(url: &str, metainfo: &Metainfo) -> bool {
    let name = clean_url(&metainfo.raw_name).unwrap_or_default();
    !url.contains('?') && (url.ends_with('/') || (!name.is_empty() && url.ends_with(&name)))
}

/// A URL without white space around it, and with the bytes that no URL may hold percent-encoded. `None` if it is empty,
/// too long, or has control characters.
pub(crate) fn clean_url(bytes: &[u8]) -> Option<String> {
    let bytes = bytes.trim_ascii();
    if bytes.is_empty() || bytes.len() > MAX_URL_BYTES || bytes.iter().any(u8::is_ascii_control) {
        return None;
    }
    let mut url = String::with_capacity(bytes.len());
    for &byte in bytes {
        if byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte) {
            url.push(char::from(byte));
        } else {
            let _ = write!(url, "%{byte:02X}");
        }
    }
    Some(url)
}

/// Whether a URL begins with `scheme://` and something after it.
pub(crate) fn has_scheme(url: &str) -> bool {
    let (scheme, rest) = url.split_once("://").unwrap_or_default();
    !scheme.is_empty()
        && !rest.is_empty()
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
}

/// The DHT nodes of `nodes` (BEP 5).
pub(super) fn nodes(root: Value<'_, '_>) -> Vec<(String, u16)> {
    let list = root.get(b"nodes").and_then(Value::list).into_iter().flatten();
    list.filter_map(node).take(MAX_NODES).collect()
}

fn node(value: Value<'_, '_>) -> Option<(String, u16)> {
    let mut parts = value.list()?;
    let host = parts.next()?.text()?;
    let port = u16::try_from(parts.next()?.integer()?).ok()?;
    let plausible = |c: char| c.is_ascii_graphic() && !"/?#@[]".contains(c);
    let good = !host.is_empty() && host.len() <= MAX_HOST_BYTES && host.chars().all(plausible) && port != 0;
    good.then(|| (host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use crate::Metainfo;

    #[test]
    fn httpseeds_count_where_they_are_plain_urls_of_the_file() {
        // The script of BEP 17 and another file's URL are left out.
        let torrent = "d9:httpseedsl21:http://a/seed.php?x=116:http://b/f/i.iso16:http://c/f/o.iso12:http://d/fs/e\
            4:infod6:lengthi5e4:name5:i.iso12:piece lengthi16384e6:pieces20:aaaaaaaaaaaaaaaaaaaae8:url-list11:http://e/f/e";
        let read = Metainfo::parse(torrent.as_bytes()).expect("a good torrent");
        assert_eq!(read.web_seeds, ["http://e/f/", "http://b/f/i.iso", "http://d/fs/"]);
    }
}
