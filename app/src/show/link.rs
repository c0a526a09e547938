//! What a magnet link says, before anybody was asked for the torrent it means.

use super::human::field;
use metainfo::{Magnet, hex};
use serde::Serialize;
use std::io::{self, Write};

/// The JSON form. Its keys are a promise to scripts: none is renamed or removed. Those that torrents have as well
/// have the same shape there.
#[derive(Serialize)]
struct Link<'a> {
    name: Option<&'a str>,
    info_hash_v1: Option<String>,
    info_hash_v2: Option<String>,
    publisher: Option<Publisher>,
    trackers: Vec<[&'a str; 1]>,
    web_seeds: &'a [String],
    exact_sources: &'a [String],
    acceptable_sources: &'a [String],
    peers: &'a [(String, u16)],
    nodes: &'a [(String, u16)],
    selected_files: Vec<u32>,
}

/// Who says which torrent is the newest (BEP 46), in hex digits.
#[derive(Serialize)]
struct Publisher {
    key: String,
    salt: String,
}

/// One JSON object.
pub(super) fn json(magnet: &Magnet, out: &mut impl Write) -> io::Result<()> {
    let link = Link {
        name: magnet.name.as_deref(),
        info_hash_v1: magnet.info_hash_v1.map(|hash| hex(&hash)),
        info_hash_v2: magnet.info_hash_v2.map(|hash| hex(&hash)),
        publisher: magnet.publisher.as_ref().map(|it| Publisher { key: hex(&it.key), salt: hex(&it.salt) }),
        trackers: magnet.trackers.iter().map(|url| [url.as_str()]).collect(),
        web_seeds: &magnet.web_seeds,
        exact_sources: &magnet.exact_sources,
        acceptable_sources: &magnet.acceptable_sources,
        peers: &magnet.peers,
        nodes: &magnet.nodes,
        selected_files: magnet.selected.iter().map(|file| file.0).collect(),
    };
    serde_json::to_writer_pretty(&mut *out, &link)?;
    writeln!(out)
}

/// A page for people.
pub(super) fn print(magnet: &Magnet, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{}\n", magnet.name.as_deref().unwrap_or("a magnet link without a name"))?;
    let addresses = |list: &[(String, u16)]| list.iter().map(|(host, port)| address(host, *port)).collect();
    let selected = magnet.selected.iter().map(|file| file.0.to_string()).collect::<Vec<_>>().join(", ");
    let publisher = magnet.publisher.as_ref();
    let salt = publisher.map(|it| hex(&it.salt)).filter(|salt| !salt.is_empty());
    let rows: [(&str, Vec<String>); 11] = [
        ("Info-hash", magnet.info_hash_v1.iter().map(|hash| hex(hash)).collect()),
        ("Info-hash v2", magnet.info_hash_v2.iter().map(|hash| hex(hash)).collect()),
        ("Newest of", publisher.map(|it| hex(&it.key)).into_iter().collect()),
        ("Salt", salt.into_iter().collect()),
        ("Trackers", magnet.trackers.clone()),
        ("Web seeds", magnet.web_seeds.clone()),
        ("Torrent at", magnet.exact_sources.clone()),
        ("Data at", magnet.acceptable_sources.clone()),
        ("Peers", addresses(&magnet.peers)),
        ("DHT nodes", addresses(&magnet.nodes)),
        ("Selected", if selected.is_empty() { Vec::new() } else { vec![selected] }),
    ];
    for (label, values) in rows {
        for (i, value) in values.iter().enumerate() {
            field(out, if i == 0 { label } else { "" }, value)?;
        }
    }
    writeln!(out, "\n  Its files and sizes are known once a peer was asked: starling get, or remote -a.")
}

fn address(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINK: &str = "magnet:?xt=urn:btih:2I2UAEFDZJFN4W3UE65QSOTCUOEZ744B&dn=Display%20Name&tr.1=http%3A%2F%2Fone%2Fa\
        &tr.2=udp%3A%2F%2Ftwo%3A80&ws=http%3A%2F%2Fserver%2Ffile&x.pe=[2001:db8::1]:6881&dht=router:1337&so=0,4-5";

    #[test]
    fn json_has_what_the_link_says() {
        let mut out = Vec::new();
        json(&LINK.parse().unwrap(), &mut out).unwrap();
        let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
        let expected = serde_json::json!({
            "name": "Display Name",
            "info_hash_v1": "d2354010a3ca4ade5b7427bb093a62a3899ff381",
            "info_hash_v2": null,
            "publisher": null,
            "trackers": [["http://one/a"], ["udp://two:80"]],
            "web_seeds": ["http://server/file"],
            "exact_sources": [],
            "acceptable_sources": [],
            "peers": [["2001:db8::1", 6881]],
            "nodes": [["router", 1337]],
            "selected_files": [0, 4, 5],
        });
        assert_eq!(value, expected);
    }

    #[test]
    fn the_page_names_each_thing_once_and_where_the_rest_comes_from() {
        let mut out = Vec::new();
        print(&LINK.parse().unwrap(), &mut out).unwrap();
        let page = String::from_utf8(out).unwrap();
        for line in
            ["Trackers      http://one/a\n                udp://two:80", "Peers         [2001:db8::1]:6881"]
        {
            assert!(page.contains(line), "no {line:?} in\n{page}");
        }
        assert!(page.contains("Selected      0, 4, 5") && !page.contains("Data at"));
    }

    #[test]
    fn a_publisher_is_shown_by_key_and_salt() {
        let (key, mut page, mut object) = ("8f".repeat(32), Vec::new(), Vec::new());
        let link = format!("magnet:?xs=urn:btpk:{key}&s=6e").parse().unwrap();
        print(&link, &mut page).unwrap();
        let page = String::from_utf8(page).unwrap();
        assert!(
            page.contains(&format!("Newest of     {key}")) && page.contains("Salt          6e"),
            "{page}"
        );
        json(&link, &mut object).unwrap();
        let value: serde_json::Value = serde_json::from_slice(&object).unwrap();
        assert_eq!(value["publisher"], serde_json::json!({ "key": key, "salt": "6e" }));
        assert_eq!(value["info_hash_v1"], serde_json::Value::Null);
    }
}
