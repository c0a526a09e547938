//! `starling dht` among a few nodes on loopback.

mod world;

use engine::{Bind, DhtNode, DhtSettings, DhtTables};
use serde_json::Value;
use std::net::IpAddr;
use std::process::Command;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use world::Scratch;
use world::run::{ended, failed};

/// Nodes that answer, entered through the first.
struct Nodes {
    /// Drives them, as long as they are held.
    _alive: (Runtime, Vec<DhtNode>),
    entrance: String,
}

impl Nodes {
    fn start(first: u8) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (mut nodes, mut routers) = (Vec::new(), Vec::new());
        for last in first..first + 3 {
            let settings =
                DhtSettings { routers: routers.clone(), read_only: false, tables: DhtTables::default() };
            let bind: Bind = IpAddr::from([127, 1, last, 1]).into();
            let node = runtime.block_on(DhtNode::start(bind, 0, &settings)).unwrap();
            if routers.is_empty() {
                routers.push((format!("127.1.{last}.1"), node.port()));
            }
            nodes.push(node);
        }
        let entrance = format!("{}:{}", routers[0].0, routers[0].1);
        Self { _alive: (runtime, nodes), entrance }
    }

    fn dht(&self, scratch: &Scratch, args: &[&str]) -> Command {
        let mut dht = scratch.starling("dht");
        dht.args(args).args(["--bind", "127.0.0.1", "--dht-bootstrap", &self.entrance]);
        dht
    }
}

fn json(command: &mut Command) -> Value {
    let (code, out, errors) = ended(command.arg("--json"));
    assert_eq!(code, 0, "{errors}");
    serde_json::from_str(&out).expect("one JSON object")
}

#[test]
fn what_is_put_here_is_got_there() {
    let (scratch, nodes) = (Scratch::new(), Nodes::start(10));
    let file = scratch.write("value", b"Hello World!");
    let put = json(&mut nodes.dht(&scratch, &["put", file.to_str().unwrap()]));
    let target = "e5f96f6f38320f0f33959cb4d3d656452117aadb";
    assert_eq!(put["target"], target, "as in the specification");
    assert!(put["nodes"].as_u64() >= Some(1) && put["nodes"] == put["nodes_sent"], "{put}");
    let (code, out, _) = ended(&mut nodes.dht(&scratch, &["get", target]));
    assert_eq!((code, out.as_str()), (0, "Hello World!"), "the bytes and nothing else");
    let (code, out, _) = ended(&mut nodes.dht(&scratch, &["get", target, "--bencoded"]));
    assert_eq!((code, out.as_str()), (0, "12:Hello World!"));
    let (code, error) = failed(&mut nodes.dht(&scratch, &["get", &"07".repeat(20)]));
    assert_eq!(code, 3, "{error}");
}

#[test]
fn a_key_s_items_are_numbered_salted_and_compared() {
    let (scratch, nodes) = (Scratch::new(), Nodes::start(20));
    let (one, two) = (scratch.write("one", b"first"), scratch.write("two", b"second"));
    let key = scratch.path("my.key");
    let (one, two, key) = (one.to_str().unwrap(), two.to_str().unwrap(), key.to_str().unwrap());
    let first = json(&mut nodes.dht(&scratch, &["put", one, "--new-key", key, "--salt", "news"]));
    let public = first["public_key"].as_str().expect("a key").to_owned();
    let second = json(&mut nodes.dht(&scratch, &["put", two, "--key", key, "--salt", "news", "--cas", "1"]));
    assert_eq!((&first["sequence"], &second["sequence"]), (&1.into(), &2.into()));
    let got = json(&mut nodes.dht(&scratch, &["get", &public, "--salt", "news"]));
    assert_eq!((&got["sequence"], &got["text"]), (&2.into(), &"second".into()));
    let (code, error) =
        failed(&mut nodes.dht(&scratch, &["put", one, "--key", key, "--salt", "news", "--cas", "1"]));
    assert!(code == 1 && error.contains("another sequence number than 1"), "{code}: {error}");
    let (code, error) = failed(&mut nodes.dht(&scratch, &["get", &public]));
    assert_eq!(code, 3, "without the salt it is another item: {error}");
}

#[test]
fn a_torrent_is_published_and_fetched_by_its_publisher_s_key() {
    let (scratch, nodes) = (Scratch::new(), Nodes::start(50));
    let torrent = world::single("a", b"a").encode();
    let info_hash = metainfo::Metainfo::parse(&torrent).unwrap().info_hash().to_string();
    let torrent = scratch.write("a.torrent", &torrent);
    scratch.write("out/a", b"a");
    let key = scratch.path("my.key");
    let key = key.to_str().unwrap();
    let put = json(&mut nodes.dht(&scratch, &["put", "--torrent", &info_hash, "--new-key", key]));
    let link = put["magnet"].as_str().expect("a link");
    let public = put["public_key"].as_str().expect("a key");
    assert_eq!(link, format!("magnet:?xs=urn:btpk:{public}"));
    assert!(put["sequence"].as_i64() > Some(1_700_000_000), "seconds since 1970: {put}");
    assert_eq!(json(&mut nodes.dht(&scratch, &["get", public]))["info_hash"], info_hash);
    let (code, error) = failed(&mut nodes.dht(&scratch, &["put", "--torrent", &info_hash]));
    assert!(code == 2 && error.contains("--new-key"), "{code}: {error}");

    let mut seed = scratch.starling("get");
    seed.arg(&torrent).arg("-o").arg(scratch.path("out")).args(["--seed", "--no-lsd", "--port", "0"]);
    seed.args(["--bind", "127.0.0.2", "--no-dht"]);
    let mut seed = world::run::Running::start(&mut seed);
    let port = seed.event("seeding")["port"].as_u64().expect("a port");
    let get = |link: &str, more: &[&str]| {
        let mut get = scratch.starling("get");
        get.arg(link).arg("-o").arg(scratch.path("in")).args(["--no-lsd", "--port", "0", "--json"]);
        get.args(["--bind", "127.0.0.1", "--peer", &format!("127.0.0.2:{port}"), "--timeout", "60s"]);
        get.args(more);
        ended(&mut get)
    };
    let bootstrap = ["--dht-bootstrap", &nodes.entrance];
    let (code, out, errors) = get(link, &bootstrap);
    assert_eq!(code, 0, "{errors}");
    let resolved = format!(r#""info_hash":"{info_hash}","sequence":{}"#, put["sequence"]);
    assert!(out.contains(r#""event":"resolved""#) && out.contains(&resolved), "{out}");
    assert_eq!(std::fs::read(scratch.path("in/a")).unwrap(), b"a");

    // What the DHT does not tell, and who cannot ask it.
    let (code, out, errors) = get(&format!("{link}&s=00"), &bootstrap);
    assert!(code == 3 && (out + &errors).contains("no node has such an item"), "{code}");
    let (code, out, errors) = get(link, &["--no-dht"]);
    assert!(code == 2 && (out + &errors).contains("the DHT is off"), "{code}");
    let (code, _, errors) = get(&format!("{link}&s=00&xt=urn:btih:{info_hash}"), &bootstrap);
    assert_eq!(code, 0, "the torrent that the link names serves: {errors}");
    let (code, out, errors) = get("magnet:?xs=urn:btpk:12", &bootstrap);
    assert!(code == 4 && (out + &errors).contains("not a public key"), "{code}");
}

#[test]
fn a_ping_tells_who_answers() {
    let (scratch, nodes) = (Scratch::new(), Nodes::start(30));
    let pong = json(scratch.starling("dht").args(["ping", &nodes.entrance, "--bind", "127.0.0.1"]));
    assert_eq!(pong["address"], nodes.entrance);
    assert_eq!(pong["id"].as_str().map(str::len), Some(40));
    assert!(pong["seen_at"].as_str().is_some_and(|own| own.starts_with("127.0.0.1:")), "{pong}");
    assert!(pong["round_trip_ms"].as_f64() >= Some(0.0), "{pong}");
}

#[test]
fn peers_are_listed_or_missed() {
    let (scratch, nodes) = (Scratch::new(), Nodes::start(40));
    let (code, error) = failed(&mut nodes.dht(&scratch, &["peers", &"07".repeat(20)]));
    assert!(code == 3 && error.contains("no peers"), "{code}: {error}");
    let torrent = world::single("a", b"a").encode();
    let torrent = scratch.write("a.torrent", &torrent);
    scratch.write("out/a", b"a");
    let mut seed = scratch.starling("get");
    seed.arg(&torrent).arg("-o").arg(scratch.path("out")).args(["--seed", "--no-lsd", "--port", "0"]);
    seed.args(["--bind", "127.0.0.2", "--dht-bootstrap", &nodes.entrance]);
    let mut seed = world::run::Running::start(&mut seed);
    seed.event("seeding");
    let info_hash =
        metainfo::Metainfo::parse(&std::fs::read(torrent).unwrap()).unwrap().info_hash().to_string();
    let end = Instant::now() + Duration::from_mins(1);
    loop {
        let (code, out, errors) = ended(&mut nodes.dht(&scratch, &["peers", &info_hash]));
        if code == 0 {
            assert!(out.lines().all(|line| line.starts_with("127.0.0.2:")), "{out}");
            assert!(errors.contains(&format!("peers: {}", out.lines().count())), "{errors}");
            break;
        }
        assert!(Instant::now() < end, "it is announced: {errors}");
        // Nodes answer one address 50 questions in ten seconds.
        std::thread::park_timeout(Duration::from_millis(500));
    }
}

#[test]
fn nobody_there_ends_within_the_timeout() {
    let scratch = Scratch::new();
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let nobody = silent.local_addr().unwrap().to_string();
    let local = ["--bind", "127.0.0.1", "--timeout", "1s"];
    for what in [&["get", &"07".repeat(20), "--dht-bootstrap", &nobody][..], &["ping", &nobody]] {
        let begun = Instant::now();
        let (code, error) = failed(scratch.starling("dht").args(what).args(local));
        assert_eq!(code, 3, "{error}");
        assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    }
}

#[test]
fn wrong_wishes_end_with_2() {
    let (scratch, nodes) = (Scratch::new(), Nodes::start(50));
    let long = scratch.write("long", &[b'x'; 1000]);
    let (key, file) = ("07".repeat(32), scratch.write("file", b"x"));
    let (long, file) = (long.to_str().unwrap(), file.to_str().unwrap());
    for wrong in [
        &["get", &key[..40], "--salt", "x"][..],
        &["put", file, "--salt", "x"],
        &["put", file, "--cas", "1"],
        &["put", file, "--key", file],
        &["put", long],
        &["put", file, "--bencoded"],
    ] {
        let (code, error) = failed(&mut nodes.dht(&scratch, wrong));
        assert_eq!(code, 2, "{wrong:?}: {error}");
    }
    let (code, error) = failed(scratch.starling("dht").args(["get", &key, "--bind", "127.0.0.1"]));
    assert!(code == 2 && error.contains("--dht-bootstrap"), "{code}: {error}");
}
