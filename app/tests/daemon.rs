//! `starling daemon` as a process: how it starts, what it refuses, what it hears, how it ends.

mod world;

use serde_json::{Value, json};
use std::fs;
use world::daemon::{Place, wait_for};
use world::run::{ended, failed};

#[test]
fn it_goes_into_the_background_and_ends_when_a_remote_says_so() {
    let place = Place::new();
    let pid_file = place.scratch.path("pid");
    let (code, output, errors) = ended(place.daemon().arg("-x").arg(&pid_file));
    assert_eq!((code, output.as_str(), errors.as_str()), (0, "", ""));
    let pid = fs::read_to_string(&pid_file).expect("it serves, so the file is there");
    assert!(pid.trim().parse::<u32>().is_ok(), "{pid}");
    assert!(place.remote(&["-l"]).contains("Sum:"));
    place.remote(&["--exit"]);
    wait_for("end of the background process", || (!pid_file.exists()).then_some(()));
}

#[test]
fn options_are_written_back_and_unknown_keys_stay() {
    let place = Place::new();
    let (code, output, _) = ended(place.daemon().args(["--dump-settings", "-L", "77"]));
    let dumped: Value = serde_json::from_str(&output).expect("JSON");
    assert_eq!((code, &dumped["peer-limit-global"], &dumped["mine"]), (0, &json!(77), &json!("stays")));
    assert!(place.read().get("peer-limit-global").is_none(), "a dump writes nothing");

    let mut running = place.serving();
    running.signal("TERM");
    running.hear("STOPPING=1");
    assert_eq!(wait_for("the end", || running.child.try_wait().expect("waited for")).code(), Some(0));
    let saved = place.read();
    assert_eq!(
        (&saved["mine"], &saved["peer-port"], &saved["umask"]),
        (&json!("stays"), &json!(0), &json!("022"))
    );
    assert!(!fs::read_to_string(place.scratch.path("log")).expect("a log").is_empty());
}

#[test]
fn a_hangup_reads_the_settings_again() {
    let place = Place::new();
    let running = place.serving();
    let mut settings = place.read();
    settings["alt-speed-up"] = json!(87);
    place.set(&settings);
    running.signal("HUP");
    running.hear("RELOADING=1");
    running.hear("READY=1");
    assert_eq!(place.session()["alt-speed-up"], 87);
    fs::write(place.settings(), "{ torn").expect("written");
    running.signal("HUP");
    running.hear("RELOADING=1");
    running.hear("READY=1");
    assert_eq!(fs::read_to_string(place.settings()).expect("read"), "{ torn", "it is not overwritten");
    place.remote(&["-si"]);
}

#[test]
fn a_directory_has_one_daemon() {
    let place = Place::new();
    let first = place.serving();
    let before = fs::read(place.settings()).expect("read");
    let (code, errors) = failed(place.daemon().args(["-f", "-L", "55"]));
    assert_eq!(code, 1);
    assert!(errors.contains("another daemon is using"), "{errors}");
    let (code, errors) = failed(&mut place.daemon());
    assert_eq!(code, 1, "also in the background: {errors}");
    assert_eq!(fs::read(place.settings()).expect("read"), before, "the second changes nothing");
    place.remote(&["--exit"]);
    assert_eq!(first.end(), (Some(0), String::new()));
}

#[test]
fn settings_that_cannot_be_read_are_pointed_at_and_kept() {
    let place = Place::new();
    let text = "{\n  \"rpc-port\": 9091,\n  oops\n}";
    fs::write(place.settings(), text).expect("written");
    for foreground in [true, false] {
        let (code, errors) = failed(place.daemon().args(foreground.then_some("-f")));
        assert_eq!(code, 1);
        assert!(errors.contains("settings.json:3:3: "), "{errors}");
    }
    assert_eq!(fs::read_to_string(place.settings()).expect("read"), text);
}

#[test]
fn wrong_command_lines_end_with_1_and_say_why() {
    let place = Place::new();
    for (option, words) in [("--no-such-option", "unknown option"), ("--log-level=loud", "is not critical")] {
        let (code, errors) = failed(place.daemon().arg(option));
        assert!(code == 1 && errors.contains(words), "{code}: {errors}");
    }
    let (code, output, _) = ended(place.daemon().arg("--help"));
    assert!(code == 0 && output.contains("--peerlimit-global"), "{output}");
}

#[test]
fn a_watched_folder_takes_torrents_in() {
    let place = Place::new();
    let (folder, content) = (place.scratch.path("watch"), world::bytes(7, 70_000));
    fs::create_dir(&folder).expect("a folder");
    let torrent = world::single("image.iso", &content).encode();
    fs::write(folder.join("early.torrent"), &torrent).expect("written");
    fs::write(folder.join("notes.txt"), "not a torrent").expect("written");
    let mut settings = place.read();
    settings["watch-dir"] = json!(folder);
    settings["watch-dir-enabled"] = json!(true);
    settings["start-added-torrents"] = json!(false);
    place.set(&settings);
    let _running = place.serving();
    wait_for("torrent added", || folder.join("early.torrent.added").exists().then_some(()));
    assert!(place.remote(&["-l"]).contains("image.iso"));
    let late = world::single("late.iso", &content[1..]).encode();
    fs::write(folder.join("part"), late).expect("written");
    fs::rename(folder.join("part"), folder.join("LATE.TORRENT")).expect("renamed");
    wait_for("late torrent added", || folder.join("LATE.TORRENT.added").exists().then_some(()));
    assert!(folder.join("notes.txt").exists());
}
