//! Images that are checked: a small imitation of Arch's site, and what goes wrong there.

mod world;

use serde_json::Value;
use sha1::{Digest, Sha1};
use std::path::{Path, PathBuf};
use world::Scratch;
use world::arch::{
    GOOD, KEY, NAME, OTHER_KEY, Published, SHA256, SHA256_OF_NOTHING, SIGNATURE, SIGNER, Site, VERSION, image,
};
use world::run::{Running, ended, failed};

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
    let torrent = scratch.write("a.torrent", &site.torrent());
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
    let torrent = path("a.torrent", &site.torrent());
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
