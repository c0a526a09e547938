//! URLs of announce and scrape.

use crate::announce::{AnnounceEvent, AnnounceRequest};
use std::fmt::Write;

/// The URL of one announce: what the torrent names, with the parameters joined behind its own query if it has one
/// (a pass key, say). Nothing of the base is changed but that a fragment is cut.
pub fn announce_url(base: &str, request: &AnnounceRequest) -> String {
    let mut url = String::with_capacity(base.len() + 320);
    begin_query(&mut url, base);
    put_bytes(&mut url, "info_hash=", &request.info_hash);
    put_bytes(&mut url, "&peer_id=", &request.peer_id.0);
    let AnnounceRequest { port, uploaded, downloaded, left, key, numwant, .. } = request;
    // Writing to a String cannot fail.
    let _ = write!(
        url,
        "&port={port}&uploaded={uploaded}&downloaded={downloaded}&left={left}&key={key:08X}&compact=1&no_peer_id=1\
         &numwant={numwant}"
    );
    match request.event {
        AnnounceEvent::None => {}
        AnnounceEvent::Started => url.push_str("&event=started"),
        AnnounceEvent::Completed => url.push_str("&event=completed"),
        AnnounceEvent::Stopped => url.push_str("&event=stopped"),
    }
    if let Some(id) = &request.tracker_id {
        put_bytes(&mut url, "&trackerid=", id);
    }
    // `ip` is what trackers know that know nothing of BEP 7.
    if let Some(address) = request.ipv4 {
        let _ = write!(url, "&ip={address}&ipv4={address}");
    }
    if let Some(address) = request.ipv6 {
        put_bytes(&mut url, "&ip=", address.to_string().as_bytes());
        put_bytes(&mut url, "&ipv6=", address.to_string().as_bytes());
    }
    url
}

/// The URL of a scrape, where the tracker's announce URL tells one (BEP 48): the last part of its path begins with
/// `announce`, which becomes `scrape`.
pub fn scrape_url(announce: &str, info_hashes: &[[u8; 20]]) -> Option<String> {
    let announce = announce.split('#').next().unwrap_or(announce);
    let path_end = announce.find('?').unwrap_or(announce.len());
    let (path, query) = announce.split_at(path_end);
    let (folder, last) = path.rsplit_once('/')?;
    let rest = last.strip_prefix("announce")?;
    let mut url = String::new();
    begin_query(&mut url, &format!("{folder}/scrape{rest}{query}"));
    for (number, hash) in info_hashes.iter().enumerate() {
        put_bytes(&mut url, if number == 0 { "info_hash=" } else { "&info_hash=" }, hash);
    }
    Some(url)
}

/// The base, and the sign that a parameter may follow.
fn begin_query(url: &mut String, base: &str) {
    let base = base.split('#').next().unwrap_or(base);
    url.push_str(base);
    match base.split_once('?') {
        None => url.push('?'),
        Some((_, query)) if query.is_empty() || query.ends_with('&') => {}
        Some(_) => url.push('&'),
    }
}

/// Appends a parameter whose value is bytes: all but RFC 3986's unreserved characters are escaped.
fn put_bytes(url: &mut String, name: &str, value: &[u8]) {
    url.push_str(name);
    for byte in value {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) {
            url.push(char::from(*byte));
        } else {
            let _ = write!(url, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use metainfo::PeerId;

    fn request() -> AnnounceRequest {
        AnnounceRequest {
            info_hash: *b"\x12\x34\x56\x78\x9a\xbc\xde\xf1\x23\x45\x67\x89\xab\xcd\xef\x12\x34\x56\x78\x9a",
            peer_id: PeerId(*b"-SR0100-abc ~&=%\x00\xff\n!"),
            port: 6881,
            key: 0xbeef,
            downloaded: 1,
            uploaded: 2,
            left: 3,
            event: AnnounceEvent::Started,
            numwant: 50,
            tracker_id: None,
            ipv4: None,
            ipv6: None,
        }
    }

    #[test]
    fn bytes_are_escaped_and_the_key_has_eight_digits() {
        assert_eq!(
            announce_url("http://t.example/announce", &request()),
            "http://t.example/announce?info_hash=%124Vx%9A%BC%DE%F1%23Eg%89%AB%CD%EF%124Vx%9A\
             &peer_id=-SR0100-abc%20~%26%3D%25%00%FF%0A%21&port=6881&uploaded=2&downloaded=1&left=3&key=0000BEEF\
             &compact=1&no_peer_id=1&numwant=50&event=started"
        );
    }

    #[test]
    fn a_query_of_the_tracker_is_joined_not_replaced() {
        for (base, start) in [
            ("http://t/announce?passkey=ab", "http://t/announce?passkey=ab&info_hash="),
            ("http://t/announce?", "http://t/announce?info_hash="),
            ("http://t/announce?x=1&", "http://t/announce?x=1&info_hash="),
            ("http://t/a/announce.php?x=1#frag", "http://t/a/announce.php?x=1&info_hash="),
            ("http://t", "http://t?info_hash="),
        ] {
            let url = announce_url(base, &request());
            assert!(url.starts_with(start), "{url}");
            assert_eq!(url.matches('?').count(), 1);
        }
    }

    #[test]
    fn optional_parameters() {
        let plain = AnnounceRequest { event: AnnounceEvent::None, ..request() };
        let url = announce_url("http://t/announce", &plain);
        assert!(["event=", "trackerid=", "ipv4=", "ipv6="].iter().all(|name| !url.contains(name)), "{url}");
        let full = AnnounceRequest {
            event: AnnounceEvent::Completed,
            tracker_id: Some(b"a/b".to_vec()),
            ipv4: Some("192.0.2.1".parse().unwrap()),
            ipv6: Some("2001:db8::1".parse().unwrap()),
            ..request()
        };
        let url = announce_url("http://t/announce", &full);
        assert!(
            url.ends_with("&event=completed&trackerid=a%2Fb&ip=192.0.2.1&ipv4=192.0.2.1&ip=2001%3Adb8%3A%3A1&ipv6=2001%3Adb8%3A%3A1"),
            "{url}"
        );
    }

    #[test]
    fn scrape_urls_as_the_convention_has_them() {
        let hash = [b'a'; 20];
        for (announce, scrape) in [
            ("http://e.com/announce", Some("http://e.com/scrape?info_hash=")),
            ("http://e.com/x/announce", Some("http://e.com/x/scrape?info_hash=")),
            ("http://e.com/announce.php", Some("http://e.com/scrape.php?info_hash=")),
            ("http://e.com/announce?x2%0644", Some("http://e.com/scrape?x2%0644&info_hash=")),
            ("http://e.com/announce?x=2/4", Some("http://e.com/scrape?x=2/4&info_hash=")),
            ("http://e.com/a", None),
            ("http://e.com/x%064announce", None),
            ("http://announce.e.com/a", None),
        ] {
            let found = scrape_url(announce, &[hash, hash]);
            let wanted = scrape.map(|start| format!("{start}{0}&info_hash={0}", "a".repeat(20)));
            assert_eq!(found, wanted, "{announce}");
        }
    }
}
