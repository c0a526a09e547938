//! Answers as trackers give them, good, bad and hostile.

use super::*;
use crate::limits::{MAX_PEERS, MAX_TEXT_BYTES};
use crate::server;
use proptest::prelude::*;

fn parse(body: &[u8]) -> AnnounceResponse {
    parse_announce_response(body).unwrap()
}

fn peers(texts: &[&str]) -> Vec<SocketAddr> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn bytes(value: &[u8]) -> Vec<u8> {
    [format!("{}:", value.len()).as_bytes(), value].concat()
}

#[test]
fn an_ordinary_answer() {
    let body = [
        &b"d8:completei5e10:downloadedi7e11:external ip4:\x05\x06\x07\x0810:incompletei6e8:intervali1800e"[..],
        b"12:min intervali600e5:peers12:\x01\x02\x03\x04\x1a\xe1\x05\x06\x07\x08\xc8\xd56:peers618:",
        b"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x1a\xe1",
        b"10:tracker id3:abc15:warning message2:hme",
    ]
    .concat();
    let wanted = AnnounceResponse {
        interval: Some(Duration::from_mins(30)),
        min_interval: Some(Duration::from_mins(10)),
        seeders: Some(5),
        leechers: Some(6),
        downloads: Some(7),
        tracker_id: Some(b"abc".to_vec()),
        warning: Some("hm".into()),
        external_ip: Some("5.6.7.8".parse().unwrap()),
        peers: peers(&["1.2.3.4:6881", "5.6.7.8:51413", "[2001:db8::1]:6881"]),
    };
    assert_eq!(parse(&body), wanted);
    assert_eq!(parse(&[&body[..], b"\r\n"].concat()), wanted, "bytes behind the end are ignored");
}

#[test]
fn peers_as_dicts_with_addresses_only() {
    let body = b"d5:peersld2:ip7:1.2.3.47:peer id1:x4:porti5eed2:ip3:::14:porti6eed2:ip4:host4:porti7ee\
                 d2:ip7:1.2.3.44:porti99999eei1eli2eed2:ipi3eeee";
    assert_eq!(parse(body).peers, peers(&["1.2.3.4:5", "[::1]:6"]));
}

#[test]
fn wrong_types_count_as_missing() {
    let body = b"d8:complete1:x8:interval4:soon12:min intervalle5:peersi1e6:peers6le10:tracker idi5ee";
    assert_eq!(parse(body), AnnounceResponse::default());
}

#[test]
fn silly_numbers_are_brought_into_bounds() {
    let body = b"d8:completei-5e10:downloadedi-1e10:incompletei9223372036854775807e8:intervali-1e\
                 12:min intervali-1ee";
    let found = parse(body);
    assert_eq!((found.seeders, found.leechers, found.downloads), (Some(0), Some(MAX_COUNT), Some(0)));
    assert_eq!((found.interval, found.min_interval), (None, None));
    assert_eq!(parse(b"d8:intervali4611686018427387904ee").interval, Some(Duration::from_secs(1 << 62)));
}

#[test]
fn lengths_that_do_not_fit_lose_their_rest() {
    let body = b"d5:peers7:\x01\x02\x03\x04\x1a\xe1x6:peers65:12345e";
    assert_eq!(parse(body).peers, peers(&["1.2.3.4:6881"]));
}

#[test]
fn refusals_are_cleaned_and_bounded() {
    let refused = |body: &[u8]| match parse_announce_response(body) {
        Err(AnnounceError::Refused { reason, retry }) => (reason, retry),
        other => panic!("{other:?}"),
    };
    let hostile = b"\x1b[2J\0X\xff";
    let body = [&b"d14:failure reason"[..], &bytes(hostile), b"8:retry in5:nevere"].concat();
    assert_eq!(refused(&body), ("\u{fffd}[2J\u{fffd}X\u{fffd}".into(), Some(Retry::Never)));
    let body = [&b"d14:failure reason"[..], &bytes(&vec![b'A'; 2_000_000]), b"8:retry ini5ee"].concat();
    let (reason, retry) = refused(&body);
    assert_eq!((reason.len(), retry), (MAX_TEXT_BYTES, Some(Retry::After(Duration::from_mins(5)))));
    assert_eq!(refused(b"d14:failure reason1:x8:retry ini-5ee").1, None);
}

#[test]
fn what_is_no_answer_is_an_error() {
    let deep = [&b"d5:peers"[..], &vec![b'l'; 1_000_000]].concat();
    let cases: [&[u8]; 6] = [
        b"",
        b"<html><body>welcome</body></html>",
        b"le",
        &deep,
        b"d8:intervali1800e5:peers9223372036854775807:xxxe",
        b"d8:intervali1800e",
    ];
    for body in cases {
        let found = parse_announce_response(body);
        assert!(matches!(found, Err(AnnounceError::Malformed(_))), "{found:?}");
    }
}

#[test]
fn floods_are_cut() {
    let compact: Vec<u8> =
        (0..300_000u32).flat_map(|i| [127, 150 + (i >> 16) as u8, (i >> 8) as u8, i as u8, 0, 1]).collect();
    assert_eq!(parse(&[&b"d5:peers"[..], &bytes(&compact), b"e"].concat()).peers.len(), MAX_PEERS);
    let dicts: Vec<u8> = (0..50_000u32)
        .flat_map(|i| {
            let ip = format!("127.160.{}.{}", i >> 8 & 255, i & 255);
            [&b"d2:ip"[..], &bytes(ip.as_bytes()), b"4:porti1ee"].concat()
        })
        .collect();
    assert_eq!(parse(&[&b"d5:peersl"[..], &dicts, b"ee"].concat()).peers.len(), MAX_PEERS);
    let body = [&b"d10:tracker id"[..], &bytes(&[b'A'; 513]), b"e"].concat();
    assert_eq!(parse(&body).tracker_id, None);
}

#[test]
fn a_scrape() {
    let counts = ScrapeCounts { seeders: 5, leechers: 7, downloads: 9 };
    let body = server::scrape_response([([1; 20], counts)]);
    assert_eq!(parse_scrape_response(&body, &[1; 20]), Ok(Some(counts)));
    assert_eq!(parse_scrape_response(&body, &[2; 20]), Ok(None));
    assert!(matches!(parse_scrape_response(b"de", &[2; 20]), Err(AnnounceError::Malformed(_))));
    let refused = parse_scrape_response(b"d14:failure_reason2:noe", &[2; 20]);
    assert!(matches!(refused, Err(AnnounceError::Refused { .. })));
}

proptest! {
    #[test]
    fn what_the_server_writes_the_client_reads(
        interval in 0u64..100_000, seeders in 0..MAX_COUNT, compact: bool,
        addresses in proptest::collection::btree_set((1u8..224, any::<[u8; 3]>(), 1024u16..), 0..50),
        v6: Option<[u8; 15]>,
    ) {
        let v6 = v6.map(|rest| Ipv6Addr::from(<[u8; 16]>::try_from([&[0x20][..], &rest].concat()).unwrap()));
        let v4 = addresses.into_iter().filter(|(first, _, _)| *first != 127);
        let peers = v4
            .map(|(first, [b, c, d], port)| SocketAddr::from(([first, b, c, d], port)))
            .chain(v6.map(|address| SocketAddr::from((address, 5000))));
        let response = AnnounceResponse {
            interval: Some(Duration::from_secs(interval)),
            seeders: Some(seeders),
            tracker_id: Some(b"x".to_vec()),
            warning: Some("careful".into()),
            external_ip: v6.map(IpAddr::from),
            peers: peers.collect(),
            ..AnnounceResponse::default()
        };
        prop_assert_eq!(parse_announce_response(&server::announce_response(&response, compact)), Ok(response));
    }

    #[test]
    fn no_body_harms(body in proptest::collection::vec(any::<u8>(), 0..300), shape in "[dlie0-9:]{0,60}") {
        let _ = parse_announce_response(&body);
        let _ = parse_announce_response(shape.as_bytes());
        let _ = parse_scrape_response(shape.as_bytes(), &[0; 20]);
    }
}
