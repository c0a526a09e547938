//! Whole transfers between processes on loopback.

mod world;

use metainfo::create::NewTorrent;
use serde_json::Value;
use sha1::{Digest, Sha1};
use std::io::Read;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use world::http::Server;
use world::run::{Running, ended, failed, last};
use world::{Content, Scratch, bytes, multi, sha256, single};

/// A seed of `torrent` with its data in `folder`, and the address it listens on.
fn seed(scratch: &Scratch, torrent: &Path, folder: &str, options: &[&str]) -> (Running, String) {
    let mut seed = Running::start(scratch.get(torrent, folder).arg("--seed").args(options));
    let port = seed.event("seeding")["port"].as_u64().expect("a port");
    (seed, format!("127.0.0.1:{port}"))
}

/// Odd sizes: an empty file, a tiny one, pieces over borders.
fn odd_files() -> Vec<Content> {
    vec![
        ("a.iso", bytes(1, 700_001)),
        ("docs/empty", Vec::new()),
        ("docs/tiny.txt", bytes(2, 3)),
        ("b.iso", bytes(3, 1_234_567)),
    ]
}

#[test]
fn a_leech_fetches_from_a_seed() {
    let scratch = Scratch::new();
    let files = odd_files();
    let torrent = scratch.write("bundle.torrent", &multi("bundle", &files).encode());
    for (name, content) in &files {
        scratch.write(&format!("seed/bundle/{name}"), content);
    }
    let (seed, peer) = seed(&scratch, &torrent, "seed", &[]);
    let (code, events) = Running::start(scratch.get(&torrent, "leech").args(["--peer", &peer])).end();
    assert_eq!(code, 0, "{events:#?}");
    for (name, content) in &files {
        let fetched = scratch.path(&format!("leech/bundle/{name}"));
        assert_eq!(sha256(&fetched), sha256(&scratch.path(&format!("seed/bundle/{name}"))), "{name}");
        assert_eq!(std::fs::metadata(fetched).unwrap().len(), content.len() as u64);
    }
    let kinds: Vec<&str> = events.iter().filter_map(|event| event["event"].as_str()).collect();
    assert_eq!((kinds[0], kinds[kinds.len() - 1]), ("added", "complete"));
    let complete = last(&events, "complete");
    let total: usize = files.iter().map(|(_, content)| content.len()).sum();
    assert_eq!((&complete["bytes_from_peers"], &complete["bytes_wasted"]), (&total.into(), &0.into()));
    seed.signal("INT");
    let (code, events) = seed.end();
    assert_eq!(code, 0, "a seed that is stopped was complete: {events:#?}");
}

#[test]
fn a_web_seed_alone_is_enough_and_no_port_is_opened() {
    let scratch = Scratch::new();
    let content = bytes(4, 3_000_000);
    scratch.write("mirror/image.iso", &content);
    let server = Server::of_files(scratch.path("mirror"));
    let mut new = single("image.iso", &content);
    new.web_seeds = vec![server.url("image.iso")];
    new.trackers = vec![vec!["http://127.0.0.1:1/announce".to_owned()]];
    let torrent = scratch.write("mirror/t/image.torrent", &new.encode());
    let tracker = Server::of_text("200 OK", "text/plain", b"d8:intervali60e5:peers0:e");
    let mut told = new.clone();
    told.trackers = vec![vec![tracker.url("announce")]];
    let told = scratch.write("told.torrent", &told.encode());
    let mut get = scratch.get(&told, "out");
    let (code, output, errors) = ended(get.args(["--no-peers", "--quiet"]));
    assert_eq!((code, output.as_str(), errors.as_str()), (0, "", ""));
    assert_eq!(std::fs::read(scratch.path("out/image.iso")).unwrap(), content);
    assert_eq!(tracker.requests.load(Ordering::Relaxed), 0, "no tracker hears of us");
    // A torrent by URL, which need not end in .torrent: the rest is the same.
    std::fs::copy(&torrent, scratch.path("mirror/t/index")).unwrap();
    let by_url = server.url("t/index");
    let (code, _, errors) = ended(scratch.get(Path::new(&by_url), "by_url").arg("--no-peers"));
    assert_eq!(code, 0, "{errors}");
    assert_eq!(std::fs::read(scratch.path("by_url/image.iso")).unwrap(), content);
    assert!(!errors.contains("To give back") || !errors.contains("--no-peers"), "{errors}");
}

#[test]
fn only_selected_files_appear() {
    let scratch = Scratch::new();
    let files = odd_files();
    for (name, content) in &files {
        scratch.write(&format!("mirror/bundle/{name}"), content);
    }
    let server = Server::of_files(scratch.path("mirror"));
    let mut new = multi("bundle", &files);
    new.web_seeds = vec![server.url("")];
    let torrent = scratch.write("bundle.torrent", &new.encode());
    let (code, _, errors) = ended(scratch.get(&torrent, "out").args(["--no-peers", "--select", "docs/*,3"]));
    assert_eq!(code, 0, "{errors}");
    for (name, wanted) in [("a.iso", false), ("docs/empty", true), ("docs/tiny.txt", true), ("b.iso", true)] {
        let path = scratch.path(&format!("out/bundle/{name}"));
        assert_eq!(path.exists(), wanted, "{name}");
        if wanted {
            assert_eq!(sha256(&path), sha256(&scratch.path(&format!("mirror/bundle/{name}"))), "{name}");
        }
    }
}

#[test]
fn a_stopped_download_resumes_without_fetching_twice() {
    let scratch = Scratch::new();
    let content = bytes(5, 6 << 20);
    let torrent = scratch.write("image.torrent", &single("image.iso", &content).encode());
    scratch.write("seed/image.iso", &content);
    let (_seed, peer) = seed(&scratch, &torrent, "seed", &["--up-limit", "3MiB"]);
    let done = |event: &Value| event["bytes_done"].as_u64().unwrap_or_default();
    let mut first = Running::start(scratch.get(&torrent, "leech").args(["--peer", &peer]));
    let at_stop = done(&first.wait_for("progress", |event| done(event) > 1 << 20));
    let stopped = Instant::now();
    first.signal("TERM");
    let (code, events) = first.end();
    assert!(stopped.elapsed() < Duration::from_secs(2), "it took {:?} to stop", stopped.elapsed());
    assert_eq!(code, 8, "{events:#?}");
    assert_eq!(last(&events, "error")["code"], 8);
    assert!(!scratch.path("leech/image.iso").exists(), "an unfinished file has another name");
    assert!(scratch.path("leech/image.iso.part").exists());

    let (code, events) = Running::start(scratch.get(&torrent, "leech").args(["--peer", &peer])).end();
    assert_eq!(code, 0, "{events:#?}");
    let fetched = last(&events, "complete")["bytes_from_peers"].as_u64().unwrap();
    assert!(fetched <= content.len() as u64 - at_stop, "{fetched} bytes came, {at_stop} were there");
    assert_eq!(std::fs::read(scratch.path("leech/image.iso")).unwrap(), content);
    assert!(!scratch.path("leech/image.iso.part").exists());
}

#[test]
fn nothing_is_fetched_twice_of_a_piece_that_was_under_way() {
    let scratch = Scratch::new();
    let content = bytes(12, 6 << 20);
    let one_piece = NewTorrent {
        piece_length: 8 << 20,
        piece_hashes: vec![Sha1::digest(&content).into()],
        ..single("image.iso", &content)
    };
    let torrent = scratch.write("image.torrent", &one_piece.encode());
    scratch.write("seed/image.iso", &content);
    let (_seed, peer) = seed(&scratch, &torrent, "seed", &["--up-limit", "3MiB"]);
    let come = |event: &Value| event["bytes_from_peers"].as_u64().unwrap_or_default();
    let mut first = Running::start(scratch.get(&torrent, "leech").args(["--peer", &peer]));
    let before = come(&first.wait_for("progress", |event| come(event) > 1 << 20));
    first.signal("TERM");
    assert_eq!(first.end().0, 8);
    let (code, events) = Running::start(scratch.get(&torrent, "leech").args(["--peer", &peer])).end();
    assert_eq!(code, 0, "{events:#?}");
    let after = come(last(&events, "complete"));
    assert!(before + after <= content.len() as u64, "{before} bytes came, then {after}");
    assert_eq!(std::fs::read(scratch.path("leech/image.iso")).unwrap(), content);
}

#[test]
fn no_progress_ends_with_3_and_a_second_signal_at_once() {
    let scratch = Scratch::new();
    let content = bytes(6, 100_000);
    let torrent = scratch.write("image.torrent", &single("image.iso", &content).encode());
    // A peer that takes connections and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let peer = silent.local_addr().unwrap().to_string();
    let (code, error) =
        failed(scratch.get(&torrent, "out").args(["--quiet", "--peer", &peer, "--timeout", "1s"]));
    assert_eq!(code, 3, "{error}");
    assert!(error.contains("no progress"), "{error}");
    let mut waiting = Running::start(scratch.get(&torrent, "out").args(["--peer", &peer]));
    waiting.event("progress");
    waiting.signal("INT");
    waiting.signal("INT");
    assert_eq!(waiting.end().0, 8);
}

#[test]
fn a_seed_stops_at_its_goal() {
    let scratch = Scratch::new();
    let content = bytes(7, 200_000);
    let torrent = scratch.write("image.torrent", &single("image.iso", &content).encode());
    scratch.write("seed/image.iso", &content);
    let (code, events) = Running::start(scratch.get(&torrent, "seed").args(["--seed-time", "1s"])).end();
    assert_eq!(code, 0, "{events:#?}");
    let (seed, peer) = seed(&scratch, &torrent, "seed", &["--seed-ratio", "1"]);
    let (code, _, errors) = ended(scratch.get(&torrent, "leech").args(["--peer", &peer]));
    assert_eq!(code, 0, "{errors}");
    assert_eq!(seed.end().0, 0, "it gave the image once");
}

#[test]
fn a_reader_that_goes_away_stops_nothing() {
    let scratch = Scratch::new();
    let content = bytes(8, 2 << 20);
    let torrent = scratch.write("image.torrent", &single("image.iso", &content).encode());
    scratch.write("seed/image.iso", &content);
    let (_seed, peer) = seed(&scratch, &torrent, "seed", &["--up-limit", "1MiB"]);
    let mut get = scratch.get(&torrent, "leech");
    let mut child =
        get.args(["--peer", &peer, "--json"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_exact(&mut [0; 10]).unwrap();
    drop(stdout);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(std::fs::read(scratch.path("leech/image.iso")).unwrap(), content);
}

#[test]
fn json_tells_who_the_peers_are_and_what_they_do() {
    let scratch = Scratch::new();
    let content = bytes(11, 3 << 20);
    let torrent = scratch.write("image.torrent", &single("image.iso", &content).encode());
    scratch.write("seed/image.iso", &content);
    let (_seed, peer) = seed(&scratch, &torrent, "seed", &["--up-limit", "1MiB"]);
    let (code, events) = Running::start(scratch.get(&torrent, "leech").args(["--peer", &peer])).end();
    assert_eq!(code, 0, "{events:#?}");
    let row = &last(&events, "peers")["peers"][0];
    assert_eq!(row["address"], peer.as_str(), "{row}");
    assert!(row["client"].as_str().unwrap().starts_with("starling"), "{row}");
    assert!(row["flags"].as_str().unwrap().contains('D') && row["progress"] == 1.0, "{row}");
    assert!(row["bytes_down"].as_u64().unwrap() > 0, "{row}");
}

#[test]
fn damaged_files_are_mended() {
    let scratch = Scratch::new();
    let content = bytes(9, 500_000);
    let mut damaged = content.clone();
    damaged[100_000] ^= 1;
    scratch.write("mirror/image.iso", &content);
    scratch.write("out/image.iso", &damaged);
    let server = Server::of_files(scratch.path("mirror"));
    let mut new = single("image.iso", &content);
    new.web_seeds = vec![server.url("image.iso")];
    let torrent = scratch.write("image.torrent", &new.encode());
    let (code, events) = Running::start(scratch.get(&torrent, "out").arg("--no-peers")).end();
    assert_eq!(code, 0, "{events:#?}");
    assert_eq!(std::fs::read(scratch.path("out/image.iso")).unwrap(), content);
    assert_eq!(last(&events, "complete")["bytes_from_web_seeds"], 32_768, "one piece, and no more");
    let (code, _, errors) = ended(scratch.get(&torrent, "out").arg("--no-peers"));
    assert_eq!(code, 0);
    assert!(errors.contains("all of it was here already"), "{errors}");
}

#[test]
fn the_demo_shares_out_and_compares() {
    let scratch = Scratch::new();
    let folder = scratch.path("tmp");
    std::fs::create_dir(&folder).unwrap();
    let (code, table, errors) = ended(scratch.starling("demo").args(["--size", "8"]).env("TMPDIR", &folder));
    assert_eq!(code, 0, "{errors}");
    assert!(table.contains("the same"), "{table}");
    let given = table.lines().filter(|line| line.contains("%  peer ") || line.contains("%  web seed"));
    let idle = given.clone().filter(|line| line.contains("  0%")).count();
    assert_eq!((given.count(), idle), (3, 0), "each source gives something:\n{table}");
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0, "nothing is left");
}

#[test]
fn the_bench_measures_and_leaves_nothing() {
    let scratch = Scratch::new();
    let folder = scratch.path("tmp");
    std::fs::create_dir(&folder).unwrap();
    let (code, table, errors) = ended(scratch.starling("bench").args(["--size", "16", "-o"]).arg(&folder));
    assert_eq!(code, 0, "{errors}");
    for step in ["SHA-1", "loopback", "both ends of a transfer", "checking"] {
        assert!(table.contains(step), "{step} in {table}");
    }
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0, "nothing is left");
}
