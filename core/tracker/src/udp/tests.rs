//! The vectors of BEP 15, hostile packets, and the client against a scripted tracker in virtual time.

use super::*;
use crate::limits::{CONNECTION_ID_LIFE, MAX_UDP_REQUESTS};
use crate::{AnnounceError, AnnounceEvent, AnnounceRequest, AnnounceResponse, ScrapeCounts};
use metainfo::PeerId;
use proptest::prelude::*;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);
const TIMEOUT: Duration = Duration::from_mins(10);

fn hex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    digits.map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn request() -> AnnounceRequest {
    AnnounceRequest {
        info_hash: [0xaa; 20],
        peer_id: PeerId(*b"-XX0001-abcdefghijkl"),
        port: 6881,
        key: 0xdead_beef,
        downloaded: 1,
        uploaded: 3,
        left: 2,
        event: AnnounceEvent::Started,
        numwant: u32::MAX,
        tracker_id: None,
        ipv4: None,
        ipv6: None,
    }
}

mod vectors {
    use super::*;

    #[test]
    fn connect() {
        let bytes = hex("00000000112233440102030405060708");
        let response = UdpResponse::Connect { transaction: 0x1122_3344, connection: 0x0102_0304_0506_0708 };
        assert_eq!(UdpResponse::decode(&bytes, false), Some(response.clone()));
        assert_eq!(response.encode(false), bytes);
        let request = UdpRequest::Connect { transaction: 0x1122_3344 };
        assert_eq!(request.encode(), hex("00000417271019800000000011223344"));
        assert_eq!(UdpRequest::decode(&request.encode()), Some(request));
    }

    #[test]
    fn announce_request_v4_started() {
        let bytes = hex(
            "01020304050607080000000111223344aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa2d5858303030312d6162636465666768\
             696a6b6c0000000000000001000000000000000200000000000000030000000200000000deadbeefffffffff1ae1",
        );
        let packet = UdpRequest::Announce {
            connection: 0x0102_0304_0506_0708,
            transaction: 0x1122_3344,
            request: request(),
            url_data: Vec::new(),
        };
        assert_eq!(packet.encode(), bytes);
        assert_eq!(bytes.len(), 98);
        assert_eq!(UdpRequest::decode(&bytes), Some(packet));
        assert_eq!(UdpRequest::decode(&bytes[..97]), None);
    }

    fn announce(bytes: &[u8], v6: bool) -> AnnounceResponse {
        match UdpResponse::decode(bytes, v6) {
            Some(UdpResponse::Announce { transaction: 0x1122_3344, response }) => response,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn announce_response_v4() {
        let bytes = hex("0000000111223344000007080000000500000007010203041ae105060708c8d5");
        let found = announce(&bytes, false);
        assert_eq!(found.interval, Some(Duration::from_mins(30)));
        assert_eq!((found.leechers, found.seeders), (Some(5), Some(7)));
        assert_eq!(found.peers, ["1.2.3.4:6881".parse().unwrap(), "5.6.7.8:51413".parse().unwrap()]);
        let again = UdpResponse::Announce { transaction: 0x1122_3344, response: found };
        assert_eq!(again.encode(false), bytes);
    }

    #[test]
    fn announce_response_v6() {
        let bytes = hex("000000011122334400000384000000010000000220010db80000000000000000000000011ae1");
        let found = announce(&bytes, true);
        assert_eq!(found.peers, ["[2001:db8::1]:6881".parse().unwrap()]);
        let again = UdpResponse::Announce { transaction: 0x1122_3344, response: found };
        assert_eq!(again.encode(true), bytes);
    }

    #[test]
    fn scrape() {
        let bytes = hex(
            "01020304050607080000000211223344aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\
             bbbbbbbb",
        );
        let packet = UdpRequest::Scrape {
            connection: 0x0102_0304_0506_0708,
            transaction: 0x1122_3344,
            info_hashes: vec![[0xaa; 20], [0xbb; 20]],
        };
        assert_eq!(packet.encode(), bytes);
        assert_eq!(UdpRequest::decode(&bytes), Some(packet));
    }

    #[test]
    fn error() {
        let bytes = hex("00000003112233446e6f7420617574686f7269736564");
        let response = UdpResponse::Error { transaction: 0x1122_3344, message: "not authorised".into() };
        assert_eq!(UdpResponse::decode(&bytes, false), Some(response.clone()));
        assert_eq!(response.encode(false), bytes);
    }

    #[test]
    fn a_connect_answer_of_fifteen_bytes_is_none() {
        assert_eq!(UdpResponse::decode(&hex("000000001122334401020304050607"), false), None);
    }
}

#[test]
fn silly_numbers_become_sensible_ones() {
    let bytes = [&1u32.to_be_bytes()[..], &[0; 4], &[0xff; 4], &i32::MAX.to_be_bytes(), &[0xff; 4]].concat();
    let Some(UdpResponse::Announce { response, .. }) = UdpResponse::decode(&bytes, false) else { panic!() };
    assert_eq!(response.interval, None, "negative");
    assert_eq!((response.leechers, response.seeders), (Some(crate::limits::MAX_COUNT), Some(0)));
}

#[test]
fn url_data_is_path_and_query() {
    for (url, data) in [
        ("udp://t.example:80", ""),
        ("udp://t.example:80/", ""),
        ("udp://t.example:80/announce", "/announce"),
        ("udp://t.example:80/dir?a=b&c=d#frag", "/dir?a=b&c=d"),
        ("udp://t.example:80?x", "?x"),
    ] {
        assert_eq!(url_data(url), data, "{url}");
    }
}

#[test]
fn long_url_data_is_split_into_options_and_joined() {
    let long = "/announce?passkey=".to_owned() + &"k".repeat(300);
    let packet = UdpRequest::Announce {
        connection: 1,
        transaction: 2,
        request: request(),
        url_data: long.clone().into(),
    };
    let mut bytes = packet.encode();
    assert_eq!(bytes.len(), 98 + 2 + 255 + 2 + long.len() - 255);
    assert_eq!((bytes[98], bytes[99]), (2, 255));
    assert_eq!(UdpRequest::decode(&bytes), Some(packet));
    bytes.splice(98..98, [1, 1, 77, 3, 9, 9, 9]);
    let Some(UdpRequest::Announce { url_data, .. }) = UdpRequest::decode(&bytes) else { panic!() };
    assert_eq!(url_data, long.as_bytes(), "padding and unknown options are skipped");
}

proptest! {
    #[test]
    fn no_packet_harms(bytes in proptest::collection::vec(any::<u8>(), 0..200), v6: bool, action in 0u32..5) {
        let mut bytes = bytes;
        UdpRequest::decode(&bytes);
        if let Some(head) = bytes.first_chunk_mut::<4>() {
            *head = action.to_be_bytes();
        }
        let mut client = UdpClient::new(1);
        let (now, from) = (some_instant(), address(1));
        client.announce(now, from, "", request(), TIMEOUT);
        client.handle_datagram(now, from, &bytes);
        UdpResponse::decode(&bytes, v6);
    }

    #[test]
    fn requests_round_trip(
        connection: u64, transaction: u32, info_hash: [u8; 20], downloaded: u64, left: u64, uploaded: u64,
        numwant: u32, port: u16, url_data in proptest::collection::vec(any::<u8>(), 0..600),
    ) {
        let request = AnnounceRequest { info_hash, port, downloaded, uploaded, left, numwant, ..request() };
        let packet = UdpRequest::Announce { connection, transaction, request, url_data };
        prop_assert_eq!(UdpRequest::decode(&packet.encode()), Some(packet));
    }
}

#[expect(clippy::disallowed_methods, reason = "tests need some instant to count from")]
fn some_instant() -> Instant {
    Instant::now()
}

fn address(last: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, last], 6969))
}

/// A client, the time, and the tracker's side of the talk.
struct World {
    client: UdpClient,
    now: Instant,
    ends: Vec<UdpOutput>,
}

impl World {
    fn new() -> Self {
        Self { client: UdpClient::new(3), now: some_instant(), ends: Vec::new() }
    }

    fn announce(&mut self, to: SocketAddr) -> UdpRequestKey {
        self.client.announce(self.now, to, "/announce", request(), TIMEOUT)
    }

    /// What left since the last look.
    fn sent(&mut self) -> Vec<(SocketAddr, UdpRequest)> {
        let mut sent = Vec::new();
        while let Some(output) = self.client.poll_output() {
            match output {
                UdpOutput::Transmit { to, packet } => sent.push((to, UdpRequest::decode(&packet).unwrap())),
                end => self.ends.push(end),
            }
        }
        sent
    }

    fn one(&mut self) -> UdpRequest {
        let mut sent = self.sent();
        assert_eq!(sent.len(), 1, "{sent:?}");
        sent.remove(0).1
    }

    fn connect_asked(&mut self) -> u32 {
        match self.one() {
            UdpRequest::Connect { transaction } => transaction,
            other => panic!("{other:?}"),
        }
    }

    fn announce_asked(&mut self) -> (u64, u32) {
        match self.one() {
            UdpRequest::Announce { connection, transaction, .. } => (connection, transaction),
            other => panic!("{other:?}"),
        }
    }

    fn receive(&mut self, from: SocketAddr, response: &UdpResponse) {
        self.client.handle_datagram(self.now, from, &response.encode(from.is_ipv6()));
    }

    fn connect(&mut self, from: SocketAddr, connection: u64) {
        let transaction = self.connect_asked();
        self.receive(from, &UdpResponse::Connect { transaction, connection });
    }

    fn sleep(&mut self) -> Duration {
        let wake = self.client.poll_timeout().unwrap();
        let slept = wake.saturating_duration_since(self.now);
        self.now += slept;
        self.client.handle_timeout(self.now);
        slept
    }
}

fn good(transaction: u32) -> UdpResponse {
    let response = AnnounceResponse { seeders: Some(1), leechers: Some(2), ..AnnounceResponse::default() };
    UdpResponse::Announce { transaction, response }
}

fn error(transaction: u32, message: &str) -> UdpResponse {
    UdpResponse::Error { transaction, message: message.into() }
}

#[test]
fn an_announce_takes_four_packets_and_the_next_two() {
    let mut world = World::new();
    let first = world.announce(address(1));
    world.connect(address(1), 77);
    let (connection, transaction) = world.announce_asked();
    assert_eq!(connection, 77);
    world.receive(address(1), &good(transaction));
    assert!(world.sent().is_empty());
    assert!(matches!(&world.ends[..], [UdpOutput::Announced(key, Ok(_))] if *key == first));
    world.now += 59 * SECOND;
    world.announce(address(1));
    assert_eq!(world.announce_asked().0, 77, "the id serves again");
}

#[test]
fn a_connection_id_ends_after_a_minute() {
    let mut world = World::new();
    world.announce(address(1));
    world.connect(address(1), 77);
    let (_, transaction) = world.announce_asked();
    world.receive(address(1), &good(transaction));
    world.now += CONNECTION_ID_LIFE;
    world.client.handle_timeout(world.now);
    world.announce(address(1));
    world.connect_asked();
}

#[test]
fn requests_to_one_address_share_a_connect_but_no_transaction() {
    let mut world = World::new();
    world.announce(address(1));
    world.announce(address(1));
    world.connect(address(1), 5);
    let sent = world.sent();
    let ids: Vec<u32> = sent
        .iter()
        .map(|(_, packet)| match packet {
            UdpRequest::Announce { transaction, .. } => *transaction,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(ids.len(), 2);
    assert_ne!(ids[0], ids[1]);
    world.announce(address(2));
    world.connect_asked();
}

#[test]
fn silence_is_met_by_15_times_2_to_the_n_and_a_new_connection_id_in_time() {
    let mut world = World::new();
    world.announce(address(1));
    world.connect_asked();
    assert_eq!(world.sleep(), 15 * SECOND);
    world.connect_asked();
    assert_eq!(world.sleep(), 30 * SECOND);
    world.connect(address(1), 9);
    world.announce_asked();
    let mut announces = 0;
    let mut connects = 0;
    let since = world.now;
    while world.now < since + 105 * SECOND {
        world.sleep();
        for (_, packet) in world.sent() {
            match packet {
                UdpRequest::Connect { .. } => connects += 1,
                _ => announces += 1,
            }
        }
    }
    assert_eq!((announces, connects), (2, 1), "after 15 and 45 s; at 105 s the id is too old");
}

#[test]
fn the_caller_says_when_to_give_up() {
    let mut world = World::new();
    let key = world.client.announce(world.now, address(1), "", request(), 20 * SECOND);
    let since = world.now;
    while world.client.poll_timeout().is_some() {
        world.sleep();
    }
    assert_eq!(world.now, since + 20 * SECOND);
    assert_eq!(world.sent().len(), 2);
    assert_eq!(world.ends, [UdpOutput::Announced(key, Err(AnnounceError::TimedOut))]);
}

#[test]
fn answers_from_elsewhere_or_with_other_ids_are_ignored() {
    let mut world = World::new();
    world.announce(address(1));
    let transaction = world.connect_asked();
    let connect = |transaction| UdpResponse::Connect { transaction, connection: 6 };
    world.receive(address(2), &connect(transaction));
    world.receive(SocketAddr::from(([192, 0, 2, 1], 6970)), &connect(transaction));
    world.receive(address(1), &connect(transaction ^ 1));
    world.receive(address(1), &good(transaction));
    assert!(world.sent().is_empty());
    world.receive(address(1), &connect(transaction));
    let (_, announce) = world.announce_asked();
    world.receive(address(1), &connect(transaction));
    world.receive(address(1), &connect(announce));
    world.receive(address(2), &good(announce));
    world.receive(address(1), &good(transaction));
    world.receive(address(1), &UdpResponse::Scrape { transaction: announce, counts: Vec::new() });
    assert!(world.sent().is_empty() && world.ends.is_empty());
    world.receive(address(1), &good(announce));
    world.receive(address(1), &good(announce));
    assert!(world.sent().is_empty());
    assert_eq!(world.ends.len(), 1, "an id serves once");
}

#[test]
fn a_refusal_ends_the_request() {
    let mut world = World::new();
    world.announce(address(1));
    let transaction = world.connect_asked();
    world.receive(address(1), &error(transaction, "go\x1b away"));
    assert!(world.sent().is_empty());
    let reason = "go\u{fffd} away".to_owned();
    assert_eq!(
        world.ends,
        [UdpOutput::Announced(UdpRequestKey(0), Err(AnnounceError::Refused { reason, retry: None }))]
    );
    assert_eq!(world.client.poll_timeout(), None);
}

#[test]
fn a_forgotten_connection_id_is_renewed_once() {
    let mut world = World::new();
    world.announce(address(1));
    world.connect(address(1), 1);
    let (_, transaction) = world.announce_asked();
    world.receive(address(1), &good(transaction));
    world.announce(address(1));
    let (_, transaction) = world.announce_asked();
    world.receive(address(1), &error(transaction, "Connection ID missmatch."));
    world.connect(address(1), 2);
    let (connection, transaction) = world.announce_asked();
    assert_eq!(connection, 2);
    world.receive(address(1), &error(transaction, "Connection ID missmatch."));
    assert!(world.sent().is_empty());
    assert!(matches!(world.ends[..], [_, UdpOutput::Announced(_, Err(AnnounceError::Refused { .. }))]));
}

#[test]
fn a_tracker_that_lies_gets_three_packets_in_ten_seconds_at_most() {
    for seed in 0..200 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut world = World::new();
        world.announce(address(1));
        let mut packets = 0;
        let start = world.now;
        while world.now < start + 10 * SECOND {
            for (_, packet) in world.sent() {
                packets += 1;
                let id = match packet {
                    UdpRequest::Connect { transaction } | UdpRequest::Announce { transaction, .. } => {
                        transaction
                    }
                    UdpRequest::Scrape { .. } => unreachable!(),
                };
                for _ in 0..rng.u8(..20) {
                    let mut lie = [&rng.u32(..4).to_be_bytes()[..], &id.to_be_bytes()].concat();
                    lie.extend((0..rng.u8(..100)).map(|_| rng.u8(..)));
                    world.client.handle_datagram(world.now, address(1), &lie);
                }
            }
            world.now += SECOND / 2;
            world.client.handle_timeout(world.now);
        }
        assert!(packets <= 3, "seed {seed}: {packets}");
    }
}

#[test]
fn a_scrape_brings_counts_in_order_and_no_more_than_asked() {
    let mut world = World::new();
    let key = world.client.scrape(world.now, address(1), vec![[1; 20]], TIMEOUT);
    world.connect(address(1), 4);
    let UdpRequest::Scrape { transaction, info_hashes, connection: 4 } = world.one() else { panic!() };
    assert_eq!(info_hashes, [[1; 20]]);
    let counts = ScrapeCounts { seeders: 1, leechers: 2, downloads: 3 };
    world.receive(address(1), &UdpResponse::Scrape { transaction, counts: vec![counts, counts] });
    world.sent();
    assert_eq!(world.ends, [UdpOutput::Scraped(key, Ok(vec![counts]))]);
}

#[test]
fn what_cannot_be_sent_fails_at_once() {
    let mut world = World::new();
    world.announce(address(1));
    world.connect_asked();
    world.client.handle_unreachable(address(2), "no route");
    assert!(world.sent().is_empty() && world.ends.is_empty());
    world.client.handle_unreachable(address(1), "no route");
    world.sent();
    let error = AnnounceError::Unreachable("no route".into());
    assert_eq!(world.ends, [UdpOutput::Announced(UdpRequestKey(0), Err(error))]);
    assert_eq!(world.client.poll_timeout(), None);
}

#[test]
fn cancelling_silences() {
    let mut world = World::new();
    let key = world.announce(address(1));
    world.connect_asked();
    world.client.cancel(key);
    assert_eq!(world.client.poll_timeout(), None);
}

#[test]
fn requests_are_bounded() {
    let mut world = World::new();
    for _ in 0..=MAX_UDP_REQUESTS {
        world.announce(address(1));
    }
    world.sent();
    assert_eq!(world.ends.len(), 1);
}

#[test]
fn the_address_field_stays_zero_over_ipv6() {
    let mut world = World::new();
    let to: SocketAddr = "[2001:db8::1]:6969".parse().unwrap();
    let request = AnnounceRequest { ipv4: Some([192, 0, 2, 7].into()), ..request() };
    world.client.announce(world.now, to, "", request, TIMEOUT);
    world.connect(to, 8);
    let UdpRequest::Announce { request, .. } = world.one() else { panic!() };
    assert_eq!(request.ipv4, None);
}
