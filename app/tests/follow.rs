//! `starling follow`: a daemon that keeps the newest release of a distribution, and nothing that is not verified.

mod world;

use serde_json::{Value, json};
use std::process::Command;
use world::Scratch;
use world::arch::{GOOD, NAME, Published, SHA256_OF_NOTHING, Site, image, name};
use world::daemon::{Place, wait_for};
use world::rpc::{Daemon, Manners, Reply};
use world::run::{ended, failed};

const NEXT: &str = "2026.12.01";
const LAST: &str = "2027.01.01";

/// `starling follow` that speaks to the daemon of a place.
fn follow(place: &Place, options: &[&str]) -> Command {
    let mut follow = place.scratch.starling("follow");
    follow.args(options).arg("--unix-socket").arg(place.scratch.path("rpc"));
    follow
}

/// What the daemon says of arch.
fn state(place: &Place) -> Value {
    let (code, output, errors) = ended(&mut follow(place, &["--list", "--json"]));
    assert_eq!(code, 0, "{errors}");
    serde_json::from_str::<Value>(&output).expect("JSON")[0].take()
}

fn wait_for_state(place: &Place, latest: &str, wanted: &str) -> Value {
    let is_so = |state: &Value| state["latest"] == latest && state["state"] == wanted;
    wait_for(wanted, || Some(state(place)).filter(is_so))
}

/// The torrents by name, with status and error.
fn torrents(place: &Place) -> Value {
    let fields = ["name", "status", "errorString", "labels", "percentDone"];
    let mut torrents = place.call("torrent-get", &json!({ "fields": fields }))["torrents"].take();
    let list = torrents.as_array_mut().expect("a list");
    list.sort_by_key(|torrent| torrent["name"].to_string());
    torrents
}

fn is_there(place: &Place, version: &str) -> bool {
    std::fs::read(place.scratch.path("downloads").join(name(version))).is_ok_and(|bytes| bytes == image())
}

#[test]
fn a_new_release_takes_the_place_of_the_old_one_once_it_is_verified() {
    let (place, site) = (Place::new(), Site::new(GOOD));
    let daemon = place.serving();
    let (code, output, errors) = ended(&mut follow(&place, &["arch", "--images-base", &site.base()]));
    assert_eq!((code, output.as_str()), (0, "arch is followed; releases kept: 1\n"), "{errors}");
    wait_for_state(&place, GOOD.version, "verified");
    wait_for("the image under its name", || is_there(&place, GOOD.version).then_some(()));
    assert_eq!(torrents(&place)[0]["labels"], json!(["follow", "arch:2026.11.01", "verified"]));

    site.publish(Published { version: NEXT, sha256: SHA256_OF_NOTHING, ..GOOD });
    daemon.signal("HUP");
    let rejected = wait_for_state(&place, NEXT, "rejected");
    assert!(rejected["problem"].as_str().is_some_and(|it| it.contains("SHA-256")), "{rejected}");
    assert_eq!(rejected["verified"], json!([GOOD.version]));
    let both = torrents(&place);
    assert_eq!((&both[0]["errorString"], &both[0]["status"]), (&json!(""), &json!(6)), "{both}");
    assert!(both[1]["errorString"].as_str().is_some_and(|it| it.contains("rejected: ")), "{both}");
    assert_eq!(both[1]["status"], 0, "{both}");
    assert!(is_there(&place, GOOD.version) && !is_there(&place, NEXT));

    site.publish(Published { version: NEXT, ..GOOD });
    daemon.signal("HUP");
    wait_for_state(&place, NEXT, "verified");
    wait_for("the new image under its name", || is_there(&place, NEXT).then_some(()));
    wait_for("the end of the old one", || (!is_there(&place, GOOD.version)).then_some(()));
    let one = torrents(&place);
    assert_eq!((one.as_array().map(Vec::len), &one[0]["errorString"]), (Some(1), &json!("")), "{one}");

    let (code, output, _) = ended(&mut follow(&place, &["--remove", "arch"]));
    assert_eq!((code, output.as_str()), (0, "arch is followed no more\n"));
    assert!(ended(&mut follow(&place, &[])).1.contains("nothing is followed"));
    assert_eq!(place.read()["follow"], json!([]));
    assert!(is_there(&place, NEXT), "what is there stays");
}

#[test]
fn as_many_are_kept_as_are_asked_for_over_restarts() {
    let (place, site) = (Place::new(), Site::new(GOOD));
    let base = site.publisher.url("");
    place.change(&json!({ "follow": [{ "name": "arch", "keep": 2, "base": base }] }));
    for version in [GOOD.version, NEXT, LAST] {
        site.publish(Published { version, ..GOOD });
        let daemon = place.serving();
        wait_for_state(&place, version, "verified");
        wait_for("the image under its name", || is_there(&place, version).then_some(()));
        let unverified = place.scratch.path("downloads").join(format!(".{}.unverified", name(version)));
        wait_for("the end of the folder it was in", || (!unverified.exists()).then_some(()));
        daemon.signal("TERM");
        assert_eq!(daemon.end().0, Some(0));
        std::fs::remove_file(place.scratch.path("notify")).expect("the socket of the last run");
    }
    assert!(!is_there(&place, GOOD.version) && is_there(&place, NEXT) && is_there(&place, LAST));
    let left: Vec<_> =
        std::fs::read_dir(place.scratch.path("downloads")).expect("a folder").flatten().collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

#[test]
fn what_cannot_be_verified_is_not_fetched() {
    let (place, site) = (Place::new(), Site::new(Published { signature: None, ..GOOD }));
    let _daemon = place.serving();
    ended(&mut follow(&place, &["arch", "--images-base", &site.base()]));
    let missing = wait_for("a problem", || Some(state(&place)).filter(|it| it["problem"] != ""));
    assert_eq!(missing["state"], "missing");
    assert!(missing["problem"].as_str().is_some_and(|it| it.contains("signature")), "{missing}");
    assert_eq!(torrents(&place), json!([]));
}

#[test]
fn an_image_that_is_there_already_is_taken_as_it_is() {
    let (place, site) = (Place::new(), Site::new(GOOD));
    std::fs::write(place.scratch.path("downloads").join(NAME), image()).expect("written");
    let _daemon = place.serving();
    ended(&mut follow(&place, &["arch", "--images-base", &site.base()]));
    wait_for_state(&place, GOOD.version, "verified");
    let fetched = site.mirror.requests.load(std::sync::atomic::Ordering::Relaxed);
    assert_eq!(fetched, 0, "requests to the mirror");
}

#[test]
fn nobody_to_follow_it_is_told_as_it_is() {
    let scratch = Scratch::new();
    let follow = |daemon: &str, name: &str| {
        let mut follow = scratch.starling("follow");
        follow.args([name, "--daemon", daemon]);
        failed(&mut follow)
    };
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound");
    let (code, error) = follow(&nobody.to_string(), "arch");
    assert!(code == 1 && error.contains(&nobody.to_string()), "{error}");
    let theirs = Daemon::start(Manners::default(), |_, _| Reply::Refused(0, "method name not recognized"));
    let (code, error) = follow(&theirs.address.to_string(), "arch");
    assert!(code == 1 && error.contains("it takes a daemon of starling"), "{error}");
    let (code, error) = follow(&nobody.to_string(), "nosuch");
    assert!(code == 2 && error.contains("known are arch"), "{error}");
}
