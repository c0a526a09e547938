//! Images that are checked: a small imitation of Arch's site, and what goes wrong there.

mod world;

use serde_json::{Value, json};
use sha1::{Digest, Sha1};
use std::path::{Path, PathBuf};
use std::process::Command;
use world::http::{Answer, Request, Server, status};
use world::run::{Running, ended, failed};
use world::{Scratch, single};

const VERSION: &str = "2026.11.01";
const NAME: &str = "archlinux-2026.11.01-x86_64.iso";
const SIGNER: &str = "48EACB48BF5F87AD6368575FBE001A56E4813149";
const SHA256: &str = "d5fd99163ba0bfa8304c8b207dcfab90e7377bac3bdaee43c659fb7f86c9ca1a";
const SHA256_OF_NOTHING: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const KEY: &[u8] = include_bytes!("../../host/images/src/openpgp/tests/data/rsa.asc");
const SIGNATURE: &[u8] = include_bytes!("../../host/images/src/openpgp/tests/data/image.sig.asc");
const OTHER_KEY: &[u8] = include_bytes!("../../host/images/src/openpgp/tests/data/ed25519.asc");

/// The bytes that the signature is of.
fn image() -> Vec<u8> {
    (0_u64..300_000).map(|i| ((i * i / 7 + i) % 251) as u8).collect()
}

/// What the site publishes.
#[derive(Clone)]
struct Published {
    sha256: &'static str,
    key: &'static [u8],
    signature: Option<&'static [u8]>,
}

const GOOD: Published = Published { sha256: SHA256, key: KEY, signature: Some(SIGNATURE) };

/// The site and its one mirror.
struct Site {
    publisher: Server,
    mirror: Server,
    torrent: Vec<u8>,
}

impl Site {
    fn new(published: Published) -> Self {
        let mirror = Server::start(|request| part(&image(), request));
        let mut torrent = single(NAME, &image());
        torrent.web_seeds = vec![mirror.url("iso/")];
        let torrent = torrent.encode();
        let body = torrent.clone();
        let publisher = Server::start(move |request| published.answer(&request.target, &body));
        Self { publisher, mirror, torrent }
    }

    fn get(&self, scratch: &Scratch, source: &str) -> Command {
        let mut get = scratch.get(Path::new(source), "out");
        get.args(["--no-peers", "--timeout", "30s", "--images-base"]);
        get.arg(format!("arch={}", self.publisher.url("")));
        get
    }
}

impl Published {
    fn answer(&self, target: &str, torrent: &[u8]) -> Answer {
        let path = target.split('?').next().unwrap_or_default();
        let ok = |body: &[u8]| status("200 OK", "application/octet-stream", body);
        let missing = || status("404 Not Found", "text/html", b"<html>no</html>");
        if path == "/api/v1/releng/releases/" {
            return ok(self.list().to_string().as_bytes());
        }
        if path.starts_with("/.well-known/openpgpkey/archlinux.org/hu/") && target.ends_with("?l=pierre") {
            return ok(self.key);
        }
        match path.rsplit('/').next().unwrap_or_default() {
            "" if path == format!("/releng/releases/{VERSION}/torrent/") => ok(torrent),
            last if last == format!("{NAME}.sig") => self.signature.map_or_else(missing, ok),
            _ => missing(),
        }
    }

    fn list(&self) -> Value {
        json!({
            "version": 1,
            "latest_version": VERSION,
            "releases": [{
                "version": VERSION,
                "iso_url": format!("/iso/{VERSION}/{NAME}"),
                "torrent_url": format!("/releng/releases/{VERSION}/torrent/"),
                "magnet_uri": format!("magnet:?xt=urn:btih:{}", "0".repeat(40)),
                "sha256_sum": self.sha256,
                "b2_sum": null,
                "pgp_fingerprint": SIGNER,
                "wkd_email": "pierre@archlinux.org",
            }],
        })
    }
}

fn part(bytes: &[u8], request: &Request) -> Answer {
    if !request.target.contains(".iso") {
        return status("404 Not Found", "text/html", b"<html>no</html>");
    }
    let Some((first, last)) = request.range else {
        return status("200 OK", "application/octet-stream", bytes);
    };
    let (last, all) = (last.min(bytes.len() - 1), bytes.len());
    let body = bytes[first..=last].to_vec();
    let head = format!(
        "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {first}-{last}/{all}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    (head, body)
}

fn out(scratch: &Scratch, name: &str) -> PathBuf {
    scratch.path("out").join(name)
}

#[test]
fn the_whole_chain_is_told_and_then_the_image_has_its_name() {
    let (scratch, site) = (Scratch::new(), Site::new(GOOD));
    for source in ["arch", "arch:latest", &format!("arch:{VERSION}")] {
        let (code, output, errors) = ended(site.get(&scratch, source).arg("--json"));
        assert_eq!(code, 0, "{errors}");
        let events: Vec<Value> =
            output.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        let verified: Vec<&Value> = events.iter().filter(|event| event["event"] == "verified").collect();
        let told: Vec<&str> = verified.iter().filter_map(|event| event["what"].as_str()).collect();
        assert_eq!(told, ["pieces", "sha256", "signature"], "{output}");
        assert_eq!((&verified[1]["value"], &verified[2]["fingerprint"]), (&SHA256.into(), &SIGNER.into()));
        assert_eq!(events.last().map(|event| &event["event"]), Some(&"complete".into()));
        assert_eq!(Sha1::digest(std::fs::read(out(&scratch, NAME)).unwrap()), Sha1::digest(image()));
    }
    assert_eq!(std::fs::read_dir(scratch.path("out")).unwrap().count(), 1, "nothing else is left");
}

#[test]
fn each_broken_link_has_its_own_end() {
    for (published, code, words) in [
        (Published { sha256: SHA256_OF_NOTHING, ..GOOD }, 6, "SHA-256"),
        (Published { signature: None, ..GOOD }, 7, "missing"),
        (Published { signature: Some(b"<html>"), ..GOOD }, 7, "signature"),
        (Published { key: OTHER_KEY, ..GOOD }, 7, "fingerprint"),
    ] {
        let (scratch, site) = (Scratch::new(), Site::new(published));
        let (found, error) = failed(site.get(&scratch, "arch").arg("--quiet"));
        assert_eq!(found, code, "{error}");
        assert!(error.contains(words), "no {words:?} in {error}");
        assert!(!out(&scratch, NAME).exists(), "{words}");
    }
}

#[test]
fn a_rejected_image_is_kept_under_another_name_and_taken_up_again() {
    let (scratch, site) = (Scratch::new(), Site::new(GOOD));
    let torrent = scratch.write("a.torrent", &site.torrent);
    let torrent = torrent.to_string_lossy();
    let (code, error) = failed(site.get(&scratch, &torrent).args(["--quiet", "--sha256", SHA256_OF_NOTHING]));
    assert_eq!(code, 6, "{error}");
    assert_eq!(std::fs::read(out(&scratch, &format!("{NAME}.bad"))).unwrap().len(), image().len());
    let (code, _, errors) = ended(site.get(&scratch, &torrent).args(["--sha256", SHA256]));
    assert_eq!(code, 0, "{errors}");
    assert!(errors.contains("here already") || errors.contains("was here"), "{errors}");
    assert!(out(&scratch, NAME).exists() && !out(&scratch, &format!("{NAME}.bad")).exists());
}

#[test]
fn signatures_and_lists_of_the_users_own_are_checked() {
    let (files, site) = (Scratch::new(), Site::new(GOOD));
    let path = |name: &str, bytes: &[u8]| files.write(name, bytes).to_string_lossy().into_owned();
    let torrent = path("a.torrent", &site.torrent);
    let (key, other) = (path("key.asc", KEY), path("other.asc", OTHER_KEY));
    let signature = path("image.sig", SIGNATURE);
    let list = path("SUMS", format!("SHA256 ({NAME}) = {SHA256}\n").as_bytes());
    let unlisted = path("OTHERS", format!("{SHA256}  {NAME}x\n").as_bytes());
    for (code, options) in [
        (0, vec!["--checksums", &list, "--signature", &signature, "--key", &key]),
        (6, vec!["--checksums", &unlisted]),
        (7, vec!["--signature", &signature, "--key", &other]),
        (7, vec!["--checksums", &list, "--key", &key]),
        (2, vec!["--signature", &signature]),
        (2, vec!["--signature", &signature, "--key", "76A5EF9054449A5C"]),
        (2, vec!["--sha256", "12ab"]),
        (2, vec!["--images-base", "https://example.org"]),
        (2, vec!["--checksums", "/nowhere/SUMS"]),
    ] {
        let scratch = Scratch::new();
        let (found, _, errors) = ended(site.get(&scratch, &torrent).args(&options));
        assert_eq!(found, code, "{options:?}: {errors}");
        assert_eq!(out(&scratch, NAME).exists(), code == 0, "{options:?}");
    }
}

#[test]
fn a_metalink_is_fetched_from_the_mirror_that_has_it() {
    let (scratch, site) = (Scratch::new(), Site::new(GOOD));
    let metalink = |name: &str, sha256: &str| {
        let (missing, mirror) = (site.mirror.url("gone"), site.mirror.url("a.iso"));
        format!(
            "<?xml version=\"1.0\"?><metalink xmlns=\"urn:ietf:params:xml:ns:metalink\"><file name=\"{name}\">\
             <size>{}</size><hash type=\"sha-256\">{sha256}</hash><url priority=\"1\">{missing}</url>\
             <url priority=\"2\">{mirror}</url></file></metalink>",
            image().len()
        )
    };
    for (name, sha256, code) in
        [("a.iso", SHA256, 0), ("b.iso", SHA256_OF_NOTHING, 6), ("../c.iso", SHA256, 4)]
    {
        let path = scratch.write("a.meta4", metalink(name, sha256).as_bytes());
        let (found, _, errors) = ended(&mut site.get(&scratch, &path.to_string_lossy()));
        assert_eq!(found, code, "{name}: {errors}");
        assert_eq!(out(&scratch, name).exists(), code == 0, "{name}");
    }
}

#[test]
fn giving_back_begins_once_the_image_has_its_name() {
    let (scratch, site) = (Scratch::new(), Site::new(GOOD));
    let mut get = scratch.get(Path::new("arch"), "out");
    get.args(["--seed", "--images-base"]).arg(format!("arch={}", site.publisher.url("")));
    let mut running = Running::start(&mut get);
    running.event("complete");
    assert!(out(&scratch, NAME).exists());
    running.event("seeding");
    running.signal("TERM");
    let (code, events) = running.end();
    let completions = events.iter().filter(|event| event["event"] == "complete").count();
    assert_eq!((code, completions), (0, 1), "{events:?}");
}

#[test]
fn unknown_names_are_told_before_anything_goes_online() {
    let (scratch, site) = (Scratch::new(), Site::new(GOOD));
    for source in ["nosuchdistro", ""] {
        let (code, error) = failed(&mut site.get(&scratch, source));
        assert_eq!(code, 2, "{error}");
    }
    let (code, error) = failed(site.get(&scratch, "arch:2099.01.01").arg("--quiet"));
    assert_eq!(code, 1, "{error}");
    assert!(error.contains("2099.01.01"), "{error}");
}
