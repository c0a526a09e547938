use super::*;
use crate::limits::{MAX_RECEIVED_BYTES, MAX_SENT_BYTES, PADDED_QUERY_BYTES};
use crate::signing::signed;
use proptest::prelude::*;

const ASKER: Id = Id(*b"abcdefghij0123456789");
const TARGET: Id = Id(*b"mnopqrstuvwxyz123456");

fn to() -> SocketAddr {
    "124.31.75.21:6881".parse().unwrap()
}

fn decoded(packet: &[u8]) -> Message<'_> {
    decode(packet, Family::V4).unwrap_or_else(|fault| panic!("{fault:?}: {}", packet.escape_ascii()))
}

#[test]
fn the_queries_of_the_specification() {
    let want = Want::only(Family::V4);
    for (expected, asked) in [
        (&b"d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe"[..], Query::Ping),
        (
            b"d1:ad2:id20:abcdefghij01234567896:target20:mnopqrstuvwxyz123456e1:q9:find_node1:t2:aa1:y1:qe",
            Query::FindNode { target: TARGET, want },
        ),
        (
            b"d1:ad2:id20:abcdefghij01234567899:info_hash20:mnopqrstuvwxyz123456e1:q9:get_peers1:t2:aa1:y1:qe",
            Query::GetPeers { info_hash: TARGET, want, noseed: false, scrape: false },
        ),
    ] {
        assert_eq!(query(b"aa", ASKER, false, &asked), expected);
        let body = Body::Query { from: ASKER, read_only: false, query: asked };
        assert_eq!(decoded(expected), Message { transaction: b"aa", body });
    }
}

#[test]
fn the_answers_of_the_specification() {
    let packet =
        b"d1:rd2:id20:abcdefghij01234567895:token8:aoeusnth6:valuesl6:axje.u6:idhtnmee1:t2:aa1:y1:re";
    let Body::Answer(answer) = decoded(packet).body else { panic!("not an answer") };
    assert_eq!((answer.id, answer.token), (ASKER, Some(&b"aoeusnth"[..])));
    let values: Vec<String> = answer.values.iter().map(ToString::to_string).collect();
    assert_eq!(values, ["97.120.106.101:11893", "105.100.104.116:28269"]);
    assert_eq!(
        decoded(b"d1:eli201e23:A Generic Error Ocurrede1:t2:aa1:y1:ee").body,
        Body::Error { code: 201 }
    );
}

#[test]
fn every_query_is_read_as_it_was_written() {
    let want = Want::BOTH;
    for asked in [
        Query::Ping,
        Query::FindNode { target: TARGET, want },
        Query::GetPeers { info_hash: TARGET, want, noseed: true, scrape: true },
        Query::AnnouncePeer { info_hash: TARGET, port: Some(6881), token: b"tok", seed: true },
        Query::AnnouncePeer { info_hash: TARGET, port: None, token: b"", seed: false },
        Query::Get { target: TARGET, want, sequence: Some(7) },
        Query::Put { token: b"tok", item: Item::Immutable { value: b"li1ee".to_vec() }, cas: None },
        Query::Put { token: b"tok", item: Item::Mutable(signed(1, b"salt", 9, b"1:x")), cas: Some(8) },
        Query::SampleInfohashes { target: TARGET, want },
    ] {
        let packet = query(b"\x00\xff\x01\x02", ASKER, true, &asked);
        let body = Body::Query { from: ASKER, read_only: true, query: asked };
        assert_eq!(decoded(&packet).body, body);
    }
}

#[test]
fn questions_with_long_answers_are_padded_and_the_longest_still_fits() {
    let get = Query::Get { target: TARGET, want: Want::BOTH, sequence: None };
    assert!((PADDED_QUERY_BYTES..PADDED_QUERY_BYTES + 12).contains(&query(b"abcd", ASKER, true, &get).len()));
    let value = [&b"994:"[..], &[b'x'; 994]].concat();
    let item = Item::Mutable(signed(1, &[7; 64], i64::MAX, &value));
    let put = Query::Put { token: &[1; 64], item: item.clone(), cas: Some(i64::MAX) };
    assert!(query(b"abcd", ASKER, true, &put).len() <= MAX_SENT_BYTES);
    let mut reply = Reply::new(&[9; 32], ASKER, to(), usize::MAX);
    reply.item(&item, usize::MAX);
    reply.token(&[1; 8]);
    let packet = reply.encode();
    assert!(packet.len() <= MAX_SENT_BYTES);
    let Body::Answer(answer) = decoded(&packet).body else { panic!("not an answer") };
    assert_eq!(answer.item.map(|item| item.value().len()), Some(998));
}

#[test]
fn a_reply_holds_what_fits() {
    let nodes: Vec<Contact> = (0..20).map(|n| Contact { id: Id([n; 20]), address: to() }).collect();
    let values: Vec<SocketAddr> = (1..300).map(|port| SocketAddr::new(to().ip(), port)).collect();
    for most in 60..1200 {
        let mut reply = Reply::new(b"aa", ASKER, to(), most);
        reply.token(b"12345678");
        reply.values(&values, Family::V4, 2);
        reply.filters(&(Filter::default(), Filter::default()));
        reply.nodes(Family::V4, &nodes);
        reply.nodes(Family::V6, &[]);
        let packet = reply.encode();
        assert!(packet.len() <= most.max(85) && packet.len() <= 1024, "{} of {most}", packet.len());
        let Body::Answer(answer) = decoded(&packet).body else { panic!("not an answer") };
        assert_eq!(answer.seen_at, Some(to()));
        assert!(answer.nodes.iter().zip(&nodes).all(|(got, sent)| got == sent) && answer.nodes.len() <= 8);
    }
}

#[test]
fn the_plainest_find_node_has_its_eight_nodes() {
    let want = Want::only(Family::V4);
    let asked = query(b"x", ASKER, false, &Query::FindNode { target: TARGET, want });
    let nodes: Vec<Contact> = (0..8).map(|n| Contact { id: Id([n; 20]), address: to() }).collect();
    let mut reply = Reply::new(b"x", ASKER, to(), asked.len() * 33 / 10);
    reply.nodes(Family::V4, &nodes);
    let packet = reply.encode();
    let Body::Answer(answer) = decoded(&packet).body else { panic!("not an answer") };
    assert_eq!(answer.nodes, nodes);
}

#[test]
fn errors_are_smaller_than_what_they_answer() {
    assert!(error(b"x", 204, "unknown").len() <= b"d1:q1:x1:t1:x1:y1:qe".len() * 3);
    assert_eq!(error(b"aa", 203, "bad id"), b"d1:eli203e6:bad ide1:t2:aa1:y1:ee");
}

#[test]
fn what_is_no_question_is_noise() {
    let good = b"d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe";
    let mut bad: Vec<Vec<u8>> = (0..good.len()).map(|cut| good[..cut].to_vec()).collect();
    bad.push([&good[..], b"x"].concat());
    bad.push([&good[..], &good[..]].concat());
    bad.push(b"d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t0:1:y1:qe".to_vec());
    bad.push(b"d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:y1:qe".to_vec());
    bad.push([&b"d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t33:"[..], &[b't'; 33], b"1:y1:qe"].concat());
    bad.push([b"l".repeat(700), b"e".repeat(700)].concat());
    bad.push(b"d1:rd2:id19:abcdefghij012345678e1:t2:aa1:y1:re".to_vec());
    bad.push(vec![b'x'; MAX_RECEIVED_BYTES + 1]);
    for packet in bad {
        assert_eq!(decode(&packet, Family::V4), Err(Fault::Noise), "{}", packet.escape_ascii());
    }
}

#[test]
fn questions_with_wrong_arguments_get_the_right_number() {
    let refused = |arguments: &str, method: &str| {
        let packet =
            format!("d1:ad2:id20:abcdefghij0123456789{arguments}e1:q{}:{method}1:t2:aa1:y1:qe", method.len());
        match decode(packet.as_bytes(), Family::V4) {
            Err(Fault::Refused { code, transaction: b"aa", .. }) => code,
            other => panic!("{packet}: {other:?}"),
        }
    };
    assert_eq!(refused("", "frobnicate"), 204);
    assert_eq!(refused("6:target19:mnopqrstuvwxyz12345", "find_node"), 203);
    assert_eq!(refused("", "get_peers"), 203);
    let announce = "9:info_hash20:mnopqrstuvwxyz123456";
    assert_eq!(refused(&format!("{announce}4:porti0e5:token1:x"), "announce_peer"), 203);
    assert_eq!(refused(&format!("{announce}4:porti65536e5:token1:x"), "announce_peer"), 203);
    assert_eq!(refused(&format!("{announce}4:porti1e5:tokeni5e"), "announce_peer"), 203);
    assert_eq!(refused(&format!("5:token1:x1:v1001:{}", "v".repeat(1001)), "put"), 205);
    let salted = format!(
        "1:k32:{0}4:salt65:{1}3:seqi1e3:sig64:{0}{0}5:token1:x1:v1:x",
        "k".repeat(32),
        "s".repeat(65)
    );
    assert_eq!(refused(&salted, "put"), 207);
    assert_eq!(refused("1:k1:k5:token1:x1:v1:x", "put"), 203);
}

#[test]
fn parts_of_an_answer_with_wrong_sizes_count_as_not_sent() {
    let packet = b"d2:ip5:123451:rd2:id20:abcdefghij01234567895:nodes25:1234567890123456789012345\
                   7:samples3:abc5:token0:6:valuesl5:123454:1234i5eee1:t2:aa1:y1:re";
    let Body::Answer(answer) = decoded(packet).body else { panic!("not an answer") };
    assert_eq!((answer.token, answer.seen_at, answer.item, answer.filters), (None, None, None, None));
    assert!(answer.nodes.is_empty() && answer.samples.is_empty() && answer.values.is_empty());
}

proptest! {
    #[test]
    fn no_bytes_panic(packet in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode(&packet, Family::V6);
    }

    #[test]
    fn damaged_messages_do_not_panic(at in 0usize..430, byte: u8, kind in 0usize..4) {
        let asked = [
            Query::FindNode { target: TARGET, want: Want::BOTH },
            Query::AnnouncePeer { info_hash: TARGET, port: Some(1), token: b"tok", seed: true },
            Query::Get { target: TARGET, want: Want::BOTH, sequence: Some(1) },
            Query::Put { token: b"t", item: Item::Immutable { value: b"d1:ali1eee".to_vec() }, cas: Some(1) },
        ];
        let mut packet = query(b"aa", ASKER, true, &asked[kind]);
        let at = at % packet.len();
        packet[at] = byte;
        let _ = decode(&packet, Family::V4);
    }

    #[test]
    fn nodes_come_back_as_they_went(ids in proptest::collection::vec((any::<[u8; 20]>(), any::<[u8; 16]>(), any::<u16>()), 0..20)) {
        let v6: Vec<Contact> = ids
            .iter()
            .map(|(id, ip, port)| Contact { id: Id(*id), address: SocketAddr::new((*ip).into(), *port) })
            .collect();
        prop_assert_eq!(nodes_from(&nodes_to(&v6), Family::V6), v6);
        let v4: Vec<Contact> = ids
            .iter()
            .map(|(id, ip, port)| {
                let ip = std::net::Ipv4Addr::new(ip[0], ip[1], ip[2], ip[3]);
                Contact { id: Id(*id), address: SocketAddr::new(ip.into(), *port) }
            })
            .collect();
        prop_assert_eq!(nodes_from(&nodes_to(&v4), Family::V4), v4);
    }
}
