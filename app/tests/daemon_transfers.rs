//! `starling daemon` at work: what its settings do to transfers on loopback.

mod world;

use metainfo::create::NewTorrent;
use serde_json::{Value, json};
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use world::daemon::{PATIENCE, Place, wait_for};
use world::http::{Server, status};
use world::{bytes, multi, single};

/// How long bytes are counted against a limit.
const WINDOW: Duration = Duration::from_secs(10);

/// How far off a limit may be, as a share of it.
const TOLERANCE: f64 = 0.05;

/// How often a limit is measured at most.
const MEASUREMENTS: usize = 3;

fn add(place: &Place, torrent: &NewTorrent, more: &Value) {
    fs::write(place.scratch.path("a.torrent"), torrent.encode()).expect("written");
    let mut arguments = json!({ "filename": place.scratch.path("a.torrent") });
    for (key, value) in more.as_object().expect("an object") {
        arguments[key] = value.clone();
    }
    assert!(place.call("torrent-add", &arguments)["torrent-added"]["id"].is_u64());
}

fn set_torrent(place: &Place, mut arguments: Value) {
    arguments["ids"] = json!([1]);
    place.call("torrent-set", &arguments);
}

/// Bytes of payload fetched and given so far.
fn moved(place: &Place) -> (u64, u64) {
    let torrent = place.torrent(&["downloadedEver", "uploadedEver"]);
    let count = |key: &str| torrent[key].as_u64().expect("a count");
    (count("downloadedEver"), count("uploadedEver"))
}

/// Bytes per second by `count`, over [`WINDOW`] at least, from its first change to another.
fn measured(count: &impl Fn() -> u64) -> f64 {
    let change = |from: u64| {
        wait_for("change of what was moved", || {
            let now = count();
            (now > from).then(|| (now, Instant::now()))
        })
    };
    let (first, began) = change(count());
    wait_for("end of the window", || (began.elapsed() >= WINDOW).then_some(()));
    let (last, ended) = change(count());
    (last - first) as f64 / (ended - began).as_secs_f64()
}

/// A machine that stands still for a moment spoils one measurement; a limit that does not hold spoils all.
fn assert_holds(kilobytes_per_second: u32, count: impl Fn() -> u64) {
    let limit = f64::from(kilobytes_per_second) * 1000.0;
    let mut shares = Vec::new();
    while shares.len() < MEASUREMENTS {
        let share = measured(&count) / limit;
        if (share - 1.0).abs() <= TOLERANCE {
            return;
        }
        shares.push(share);
    }
    panic!("measured {shares:?} of a limit of {kilobytes_per_second} kB/s");
}

/// A torrent that a web seed has, and that takes long enough under the limits of these tests.
fn from_web_seed(place: &Place) -> (NewTorrent, Server) {
    let content = bytes(1, 32 << 20);
    place.scratch.write("site/image.iso", &content);
    let server = Server::of_files(place.scratch.path("site"));
    let web_seeds = vec![server.url("image.iso")];
    (NewTorrent { web_seeds, ..single("image.iso", &content) }, server)
}

#[test]
fn limits_of_session_torrent_and_group_hold_for_web_seeds() {
    let place = Place::new();
    let (torrent, _server) = from_web_seed(&place);
    let _running = place.serving();
    place.call("session-set", &json!({ "speed-limit-down": 500, "speed-limit-down-enabled": true }));
    add(&place, &torrent, &json!({}));
    assert_holds(500, || moved(&place).0);
    set_torrent(&place, json!({ "downloadLimit": 300, "downloadLimited": true }));
    assert_holds(300, || moved(&place).0);
    let group = json!({ "name": "images", "speed-limit-down": 200, "speed-limit-down-enabled": true });
    place.call("group-set", &group);
    set_torrent(&place, json!({ "group": "images", "honorsSessionLimits": false }));
    assert_holds(200, || moved(&place).0);
    place.call("session-set", &json!({ "alt-speed-down": 100, "alt-speed-enabled": true }));
    set_torrent(&place, json!({ "honorsSessionLimits": true, "group": "", "downloadLimited": false }));
    assert_holds(100, || moved(&place).0);
}

/// Two daemons: the first has a torrent, the second fetches it from there.
fn pair() -> (Place, Place, [world::daemon::Running; 2]) {
    let (seed, leech) = (Place::new(), Place::new());
    let content = bytes(2, 32 << 20);
    fs::write(seed.scratch.path("downloads/image.iso"), &content).expect("written");
    let running = [seed.serving(), leech.serving()];
    let torrent = single("image.iso", &content);
    add(&seed, &torrent, &json!({}));
    wait_for("seed", || (seed.torrent(&["status"])["status"] == 6).then_some(()));
    let port = seed.session()["peer-port"].as_u64().expect("a port");
    let hash = seed.torrent(&["hashString"])["hashString"].as_str().expect("a hash").to_owned();
    add(&leech, &torrent, &json!({ "paused": true }));
    // A tracker that knows the seed.
    let peers = [&[127, 0, 0, 1][..], &(port as u16).to_be_bytes()].concat();
    let answer = [b"d8:intervali900e5:peers6:".to_vec(), peers, b"e".to_vec()].concat();
    let tracker = Server::start(move |_| status("200 OK", "text/plain", &answer));
    set_torrent(&leech, json!({ "trackerAdd": [tracker.url("announce")] }));
    assert_eq!(hash.len(), 40);
    (seed, leech, running)
}

#[test]
fn the_limit_of_upload_holds_for_the_session_and_for_a_torrent() {
    let (seed, leech, _running) = pair();
    seed.call("session-set", &json!({ "speed-limit-up": 400, "speed-limit-up-enabled": true }));
    leech.call("torrent-start", &json!({}));
    assert_holds(400, || moved(&leech).0);
    set_torrent(&seed, json!({ "uploadLimit": 200, "uploadLimited": true }));
    assert_holds(200, || moved(&leech).0);
    assert!(moved(&seed).1 > 0);
}

#[test]
fn the_limit_of_download_holds_for_peers() {
    let (_seed, leech, _running) = pair();
    leech.call("session-set", &json!({ "speed-limit-down": 400, "speed-limit-down-enabled": true }));
    leech.call("torrent-start", &json!({}));
    assert_holds(400, || moved(&leech).0);
    leech.call("session-set", &json!({ "alt-speed-down": 200, "alt-speed-enabled": true }));
    assert_holds(200, || moved(&leech).0);
}

#[test]
fn files_of_high_priority_come_first_and_those_of_low_priority_last() {
    let place = Place::new();
    let contents: Vec<(&'static str, Vec<u8>)> =
        (0u64..).zip(["a", "b", "c", "d"]).map(|(seed, name)| (name, bytes(seed, 8 * 32_768))).collect();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let (log, files) = (Arc::clone(&asked), contents.clone());
    let server = Server::start(move |request| {
        let name = request.target.rsplit('/').next().unwrap_or_default().to_owned();
        let Some((_, bytes)) = files.iter().find(|(known, _)| *known == name) else {
            return status("404 Not Found", "text/plain", b"");
        };
        log.lock().expect("not poisoned").push(name);
        world::http::part(bytes, request.range)
    });
    let torrent = NewTorrent { web_seeds: vec![server.url("")], ..multi("set", &contents) };
    let _running = place.serving();
    let wishes = json!({ "paused": true, "priority-high": [3], "priority-low": [0] });
    add(&place, &torrent, &wishes);
    set_torrent(&place, json!({ "web-seed-connections": 1 }));
    place.call("torrent-start", &json!({}));
    wait_for("whole torrent", || (place.torrent(&["leftUntilDone"])["leftUntilDone"] == 0).then_some(()));
    let mut asked = asked.lock().expect("not poisoned").clone();
    asked.dedup();
    assert_eq!(asked, ["d", "b", "c", "a"]);
}

/// A peer of our own making: the connection after its handshake, if the daemon answers with one.
fn shake_hands(port: u16, hash: &str, id: u8) -> Option<TcpStream> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time limit");
    let hash = (0..20).map(|at| u8::from_str_radix(&hash[2 * at..2 * at + 2], 16).expect("hex"));
    let mut hello = b"\x13BitTorrent protocol\0\0\0\0\0\0\0\0".to_vec();
    hello.extend(hash);
    hello.extend([id; 20]);
    stream.write_all(&hello).expect("sent");
    stream.read_exact(&mut [0; 68]).ok().map(|()| stream)
}

#[test]
fn a_full_session_takes_no_peer_in_and_a_smaller_one_closes_some() {
    let place = Place::new();
    place.change(&json!({ "peer-limit-global": 2 }));
    let _running = place.serving();
    add(&place, &single("image.iso", &bytes(3, 100_000)), &json!({}));
    wait_for("download", || (place.torrent(&["status"])["status"] == 4).then_some(()));
    let port = u16::try_from(place.session()["peer-port"].as_u64().expect("a port")).expect("a port");
    let hash = place.torrent(&["hashString"])["hashString"].as_str().expect("a hash").to_owned();
    let mut peers: Vec<TcpStream> = (1..=2).filter_map(|id| shake_hands(port, &hash, id)).collect();
    assert_eq!(peers.len(), 2);
    assert!(shake_hands(port, &hash, 3).is_none(), "there is no place for a third");
    place.call("session-set", &json!({ "peer-limit-global": 1 }));
    let is_closed = |stream: &mut TcpStream| {
        stream.set_nonblocking(true).expect("set");
        let mut word = [0; 4096];
        match stream.read(&mut word) {
            Ok(count) => count == 0,
            Err(error) => error.kind() != ErrorKind::WouldBlock,
        }
    };
    wait_for("end of one connection", || {
        let open = peers.iter_mut().filter_map(|peer| (!is_closed(peer)).then_some(()));
        (open.count() == 1).then_some(())
    });
}

/// What a tracker was asked, by the value of `event`; scrapes as `scrape`.
type Asked = Arc<Mutex<Vec<String>>>;

fn tracker(asked: &Asked) -> Server {
    let asked = Arc::clone(asked);
    Server::start(move |request| {
        let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
        let event = query.split('&').find_map(|part| part.strip_prefix("event=")).unwrap_or_default();
        let is_scrape = path == "/scrape";
        let word = if is_scrape { "scrape" } else { event };
        asked.lock().expect("not poisoned").push(word.to_owned());
        if !is_scrape {
            return status("200 OK", "text/plain", b"d8:intervali900e5:peers0:e");
        }
        let hash = query.strip_prefix("info_hash=").map(unescaped).unwrap_or_default();
        let counts = b"d8:completei12e10:downloadedi56e10:incompletei34eeee";
        let body = [b"d5:filesd20:".to_vec(), hash, counts.to_vec()].concat();
        status("200 OK", "text/plain", &body)
    })
}

/// Bytes of a value in a URL.
fn unescaped(value: &str) -> Vec<u8> {
    let (mut bytes, mut rest) = (Vec::new(), value.as_bytes());
    while let Some((first, others)) = rest.split_first() {
        let hex = std::str::from_utf8(others.get(..2).unwrap_or_default()).ok();
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()).filter(|_| *first == b'%') {
            Some(byte) => (bytes.push(byte), rest = &others[2..]).0,
            None => (bytes.push(*first), rest = others).0,
        }
    }
    bytes
}

#[test]
fn trackers_are_scraped_also_for_stopped_torrents_and_told_when_they_are_removed() {
    let place = Place::new();
    let asked = Asked::default();
    let server = tracker(&asked);
    let _running = place.serving();
    let trackers = vec![vec![server.url("announce")]];
    let torrent = NewTorrent { trackers, ..single("image.iso", &bytes(4, 100_000)) };
    add(&place, &torrent, &json!({ "paused": true }));
    let stats = || place.torrent(&["trackerStats"])["trackerStats"][0].take();
    let counts = wait_for("scrape", || Some(stats()).filter(|stats| stats["lastScrapeSucceeded"] == true));
    assert_eq!(
        (&counts["seederCount"], &counts["leecherCount"], &counts["downloadCount"]),
        (&json!(12), &json!(34), &json!(56))
    );
    assert!(counts["lastScrapeTime"].as_u64() > Some(0) && counts["nextScrapeTime"].as_u64() > Some(0));
    assert!(asked.lock().expect("not poisoned").iter().all(|word| word == "scrape"));
    place.call("torrent-start", &json!({}));
    wait_for("announce", || (stats()["lastAnnounceSucceeded"] == true).then_some(()));
    let id = stats()["id"].clone();
    set_torrent(&place, json!({ "trackerRemove": [id] }));
    let says = |word: &str| asked.lock().expect("not poisoned").iter().any(|known| known == word);
    wait_for("goodbye", || says("stopped").then_some(()));
}

#[test]
fn unfinished_files_have_the_names_that_the_settings_say() {
    let place = Place::new();
    place.change(&json!({ "speed-limit-down": 100, "speed-limit-down-enabled": true }));
    let (torrent, _server) = from_web_seed(&place);
    let _running = place.serving();
    place.call("session-set", &json!({ "rename-partial-files": false }));
    add(&place, &torrent, &json!({}));
    let downloads = place.scratch.path("downloads");
    let is_there = |path: &Path| path.exists().then_some(());
    wait_for("first piece", || (moved(&place).0 > 100_000).then_some(()));
    wait_for("file", || is_there(&downloads.join("image.iso")));
    assert!(!downloads.join("image.iso.part").exists());
    place.call("torrent-stop", &json!({}));
    wait_for("stop", || (place.torrent(&["status"])["status"] == 0).then_some(()));
    place.call("session-set", &json!({ "rename-partial-files": true }));
    place.call("torrent-start", &json!({}));
    wait_for("other name", || is_there(&downloads.join("image.iso.part")));
    assert!(!downloads.join("image.iso").exists());
}
