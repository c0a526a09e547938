use super::*;
use proptest::prelude::*;

const CD: &str = "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd";

fn read(link: &str) -> Magnet {
    link.parse().unwrap_or_else(|error| panic!("{link}: {error}"))
}

fn with_hash(parameters: &str) -> Magnet {
    let magnet = read(&format!("magnet:?xt=urn:btih:{CD}&{parameters}"));
    assert_eq!(magnet.info_hash_v1, Some([0xcd; 20]));
    magnet
}

fn indexes(parameters: &str) -> Vec<u32> {
    with_hash(parameters).selected.iter().map(|file| file.0).collect()
}

#[test]
fn hashes_in_all_their_forms() {
    for link in [
        "magnet:?xt=urn%3Abtih%3Acdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd",
        "magnet:?xt=urn:btih:cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdc%64",
        "MAGNET:?XT=URN:BTIH:CDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCD",
        "magnet:?\"foo=bar&xt=urn:btih:cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd",
        "magnet:?xt.1=urn:sha1:x&xt.2=urn:btih:cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd&xt.2=urn:btih:MFRGCYTBMJQWEYLCMFRGCYTBMJQWEYLC",
    ] {
        assert_eq!(read(link).info_hash_v1, Some([0xcd; 20]), "{link}");
    }
    let base32 = read("magnet:?xt=urn:btih:MFRGCYTBMJQWEYLCMFRGCYTBMJQWEYLC").info_hash_v1;
    assert_eq!(base32.as_ref().map(<[u8; 20]>::as_slice), Some(&b"abababababababababab"[..]));
    let v2 = read(&format!("magnet:?xt=urn:btmh:1220{}", "cd".repeat(32)));
    assert_eq!((v2.info_hash_v1, v2.info_hash_v2), (None, Some([0xcd; 32])));
    let hybrid = read(&format!("magnet:?xt=urn:btih:{CD}&xt=urn:btmh:1220{}", "ab".repeat(32)));
    assert_eq!((hybrid.info_hash_v1, hybrid.info_hash_v2), (Some([0xcd; 20]), Some([0xab; 32])));
}

#[test]
fn no_magnet_links() {
    let v2_of_another_kind = format!("magnet:?xt=urn:btmh:1221{}", "cd".repeat(32));
    let too_long = format!("magnet:?xt=urn:btih:{CD}&dn={}", "x".repeat(65_536));
    for (link, error) in [
        ("", MagnetError::NotMagnet),
        ("http://example.com/", MagnetError::NotMagnet),
        ("magnet:///?xt=urn:btih:d2354010a3ca4ade5b7427bb093a62a3899ff381", MagnetError::NotMagnet),
        ("magnet:?dn=foo&dht=127.0.0.1:43", MagnetError::MissingHash),
        ("magnet:?xt=urn:sha1:abc", MagnetError::MissingHash),
        ("magnet:?xt=urn%%3A", MagnetError::BadHash),
        ("magnet:?xt=urn:btih:abababab", MagnetError::BadHash),
        ("magnet:?xt=urn:btih:ababababababababababab", MagnetError::BadHash),
        ("magnet:?xt=urn:btih: abababababababababab", MagnetError::BadHash),
        ("magnet:?xt=urn:btih:zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz", MagnetError::BadHash),
        ("magnet:?xt=urn:btih:11111111111111111111111111111111", MagnetError::BadHash),
        (&v2_of_another_kind, MagnetError::BadHash),
        (&too_long, MagnetError::TooLong),
    ] {
        assert_eq!(link.parse::<Magnet>(), Err(error), "{link:.80}");
    }
}

#[test]
fn names_trackers_and_sources() {
    let magnet = with_hash(
        "tr=udp%3A%2F%2Ftracker.a.com%3A80&tr.1=udp%3A%2F%2Fb.com%3A80%2Fa%2Bb&tr=udp%3A%2F%2Fb.com%3A80%2Fa%2Bb&tr=junk\
         &dn=Ubuntu+11.04+%28Final%29&empty&=&empty_again&ws=http://foo.com/a b&Ws=http://bar.com/foo\
         &xs=http://cache/x.torrent&as=http://data/x&tr=%zz",
    );
    assert_eq!(magnet.name.as_deref(), Some("Ubuntu 11.04 (Final)"));
    assert_eq!(magnet.trackers, ["udp://tracker.a.com:80", "udp://b.com:80/a+b"]);
    assert_eq!(magnet.web_seeds, ["http://foo.com/a%20b", "http://bar.com/foo"]);
    assert_eq!(magnet.exact_sources, ["http://cache/x.torrent"]);
    assert_eq!(magnet.acceptable_sources, ["http://data/x"]);
    assert_eq!(with_hash("dn=%1b[2Ja%E2%80%AEb").name.as_deref(), Some("[2Jab"));
}

#[test]
fn peers_and_nodes() {
    let magnet = with_hash(
        "x.pe=[2001:db8::1]:6881&x.pe=10.0.0.1:1&x.pe=::1:5&x.pe=a:0&x.pe.2=host.example:80&dht=127.0.0.1:43",
    );
    let expected = [("2001:db8::1", 6881), ("10.0.0.1", 1), ("host.example", 80)];
    assert_eq!(magnet.peers, expected.map(|(host, port)| (host.to_owned(), port)));
    assert_eq!(magnet.nodes, [("127.0.0.1".to_owned(), 43)]);
}

#[test]
fn selected_files() {
    assert_eq!(indexes("so=0,2,4,6-8"), [0, 2, 4, 6, 7, 8]);
    assert_eq!(indexes("so=2-4&dht=10.0.0.1:1337&so=1"), [1, 2, 3, 4]);
    assert_eq!(indexes("so=100000000&so=10"), [10]);
    assert_eq!(indexes("so=5-100000000,3-,-4,a,+6,4-2,,1,1"), [1]);
    assert!(indexes("so=&so=").is_empty());
    let all = format!("so={}", "0-199999,".repeat(6_000));
    assert_eq!(indexes(&all).len(), 200_000);
}

#[test]
fn lists_end_at_their_limits() {
    let many: Vec<String> =
        (0..1_000).map(|i| format!("tr=http://{i}/&ws=http://{i}/&x.pe=h{i}:1")).collect();
    let magnet = with_hash(&many.join("&"));
    assert_eq!((magnet.trackers.len(), magnet.web_seeds.len(), magnet.peers.len()), (200, 100, 100));
}

proptest! {
    #[test]
    fn a_written_link_reads_the_same(
        v1: [u8; 20], v2: Option<[u8; 32]>, name in "[ -~äπ😀]{1,40}", paths in prop::collection::btree_set("[a-z0-9%+&=-]{1,20}", 0..5),
        peers in prop::collection::btree_set(("[a-z0-9.:]{1,20}", 1u16..), 0..4),
        files in prop::collection::btree_set(0u32..200_000, 0..20),
    ) {
        let urls: Vec<String> = paths.into_iter().map(|path| format!("http://host/{path}")).collect();
        let magnet = Magnet {
            info_hash_v1: Some(v1), info_hash_v2: v2, name: Some(name), trackers: urls.clone(), web_seeds: urls,
            publisher: v2.map(|key| Publisher { key, salt: v1.to_vec() }),
            peers: peers.into_iter().collect(), selected: files.into_iter().map(FileIndex).collect(),
            ..Magnet::default()
        };
        prop_assert_eq!(magnet.to_string().parse(), Ok(magnet));
    }

    #[test]
    fn any_text_is_read_or_refused(text in "(magnet:\\?)?(xt=urn:btih:|[%&=]|so=|-|,|x.pe=|tr|\\PC){0,60}") {
        let _ = text.parse::<Magnet>();
    }
}

#[test]
fn an_info_dict_and_its_link_make_a_torrent_file() {
    let info = b"d6:lengthi5e4:name1:x12:piece lengthi16384e6:pieces20:aaaaaaaaaaaaaaaaaaaae";
    let bare = Metainfo::from_info(info).unwrap();
    let link = format!(
        "magnet:?xt=urn:btih:{}&tr=http://a/1&tr=udp://b:1/2&ws=http://c/x&dht=d:6881",
        bare.info_hash()
    );
    let magnet: Magnet = link.parse().unwrap();
    let metainfo = Metainfo::parse(&magnet.torrent_file(info)).unwrap();
    assert!(magnet.means(&metainfo));
    assert_eq!(metainfo.info_bytes[..], info[..]);
    assert_eq!(metainfo.trackers, [["http://a/1"], ["udp://b:1/2"]]);
    assert_eq!(metainfo.web_seeds, ["http://c/x"]);
    assert_eq!(metainfo.nodes, [("d".to_owned(), 6881)]);
    let other = Magnet { info_hash_v2: Some([1; 32]), ..magnet };
    assert!(!other.means(&metainfo), "it has none of the second version");
}

/// The vectors of BEP 46.
#[test]
fn a_publisher_is_a_key_and_perhaps_a_salt() {
    const KEY: &str = "8543d3e6115f0f98c944077a4493dcd543e49c739fd998550a1f614ab36ed63e";
    for (salt, target) in [
        ("", "cc3f9d90b572172053626f9980ce261a850d050b"),
        ("&s=6e", "59ee7c2cb9b4f7eb1986ee2d18fd2fdb8a56554f"),
    ] {
        let magnet = read(&format!("magnet:?xs=urn:btpk:{KEY}{salt}&dn=news"));
        let publisher = magnet.publisher.clone().expect("a publisher");
        assert_eq!(
            (crate::hex(&publisher.key), crate::hex(&publisher.target())),
            (KEY.into(), target.into())
        );
        assert!(!magnet.has_hash(), "nobody knows yet which torrent it is");
        assert_eq!(magnet.info_hash().to_string(), target);
        assert!(!magnet.is_info(b"de"), "no torrent is meant yet");
        assert_eq!(read(&magnet.to_string()), magnet);
    }
    let both = with_hash(&format!("xs=urn:btpk:{KEY}&xs=http://cache/x.torrent"));
    assert!(both.publisher.is_some());
    assert_eq!(
        (both.info_hash(), &both.exact_sources[0][..]),
        (InfoHash::V1([0xcd; 20]), "http://cache/x.torrent")
    );
    assert_eq!(read(&both.to_string()), both);
    assert_eq!(with_hash("xs=urn:btpk:00").publisher, None, "the hash serves");
    let long = "00".repeat(65);
    for wrong in
        ["xs=urn:btpk:00".to_owned(), format!("xs=urn:btpk:{KEY}&s=0"), format!("xs=urn:btpk:{KEY}&s={long}")]
    {
        assert_eq!(format!("magnet:?{wrong}").parse::<Magnet>(), Err(MagnetError::BadKey), "{wrong}");
    }
    assert_eq!(read(&format!("magnet:?XS=URN%3abtpk:{}", KEY.to_uppercase())).publisher.unwrap().salt, b"");
}

#[test]
fn an_item_of_a_publisher_names_an_info_hash() {
    assert_eq!(Publisher::info_hash_of(&Publisher::value(&[7; 20])), Some([7; 20]));
    let more = [&b"d1:ai1e2:ih20:"[..], &[7; 20], b"e"].concat();
    assert_eq!(Publisher::info_hash_of(&more), Some([7; 20]), "publishers may say more");
    let short = [&b"d2:ih19:"[..], &[7; 19], b"e"].concat();
    let trailing = [&Publisher::value(&[7; 20])[..], b"e"].concat();
    for wrong in [&b"20:aaaaaaaaaaaaaaaaaaaa"[..], b"de", b"d2:ihi5ee", b"", &short, &trailing] {
        assert_eq!(Publisher::info_hash_of(wrong), None, "{wrong:?}");
    }
}
