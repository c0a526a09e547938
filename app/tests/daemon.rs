//! `starling daemon` as a process: how it starts, what it refuses, what it hears, how it ends.

mod world;

use serde_json::{Value, json};
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use world::daemon::{PATIENCE, Place, wait_for};
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
fn a_setting_that_makes_no_sense_is_told_and_kept() {
    let place = Place::new();
    let mut settings = place.read();
    settings["alt-speed-up"] = json!("fast");
    settings["alt-speed-enabled"] = json!("true");
    place.set(&settings);
    let running = place.serving();
    assert_eq!(place.session()["alt-speed-enabled"], true);
    place.call("session-set", &json!({ "alt-speed-down": 9 }));
    let saved = place.read();
    assert_eq!((&saved["alt-speed-up"], &saved["alt-speed-down"]), (&json!("fast"), &json!(9)));
    let log = fs::read_to_string(place.scratch.path("log")).expect("a log");
    assert!(log.contains("makes no sense") && log.contains("alt-speed-up"), "{log}");
    place.remote(&["--exit"]);
    running.end();
}

#[test]
fn an_interface_that_is_not_there_is_not_a_port_that_is_taken() {
    let place = Place::new();
    let mut settings = place.read();
    settings["bind-interface"] = json!("absent0");
    settings["peer-port"] = json!(51_413);
    place.set(&settings);
    let (code, errors) = failed(place.daemon().arg("-f"));
    assert_eq!(code, 1);
    assert!(errors.contains("there is no interface absent0") && !errors.contains("taken"), "{errors}");
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

#[test]
fn scripts_are_told_of_their_torrent() {
    let place = Place::new();
    let (script, told) = (place.scratch.path("script"), place.scratch.path("told"));
    let text = format!(
        "#!/bin/sh\n{{ pwd; env | grep ^TR_ | sort; }} > '{0}.new' && mv '{0}.new' '{0}'\n",
        told.display()
    );
    fs::write(&script, text).expect("written");
    fs::set_permissions(&script, PermissionsExt::from_mode(0o755)).expect("executable");
    place.change(&json!({ "script-torrent-added-enabled": true, "script-torrent-added-filename": script }));
    let _running = place.serving();
    let torrent = place.scratch.path("image.torrent");
    fs::write(&torrent, world::single("an image.iso", &world::bytes(9, 70_000)).encode()).expect("written");
    let torrent = torrent.to_str().expect("UTF-8");
    place.remote(&["-a", torrent, "-S", "-L", "a,b", "-Bh"]);
    let text = wait_for("word of the script", || fs::read_to_string(&told).ok());
    let lines: Vec<&str> = text.lines().collect();
    let fields = place.torrent(&["hashString", "downloadDir"]);
    let hash = format!("TR_TORRENT_HASH={}", fields["hashString"].as_str().expect("a hash"));
    let folder = format!("TR_TORRENT_DIR={}", fields["downloadDir"].as_str().expect("a folder"));
    for line in [
        "TR_TORRENT_BYTES_DOWNLOADED=0",
        "TR_TORRENT_ID=1",
        "TR_TORRENT_LABELS=a,b",
        "TR_TORRENT_NAME=an image.iso",
        "TR_TORRENT_PRIORITY=1",
        &hash,
        &folder,
    ] {
        assert!(lines.contains(&line), "no {line} in {text}");
    }
    assert_eq!(lines[0], "/");
    assert!(
        text.contains("TR_APP_VERSION=4.1.0 (starling)\n") && text.contains("TR_TIME_LOCALTIME="),
        "{text}"
    );
}

#[test]
fn the_schedule_turns_the_other_limits_on_and_off() {
    let place = Place::new();
    // A span that ends where it begins is a whole day.
    place.change(
        &json!({ "alt-speed-time-enabled": true, "alt-speed-time-begin": 60, "alt-speed-time-end": 60 }),
    );
    let _running = place.serving();
    wait_for("the other limits", || place.session()["alt-speed-enabled"].as_bool().filter(|on| *on));
    place.call("session-set", &json!({ "alt-speed-time-day": 0 }));
    wait_for("their end", || place.session()["alt-speed-enabled"].as_bool().filter(|on| !*on));
}

#[test]
fn a_socket_that_is_handed_in_is_the_port_of_the_rpc() {
    let place = Place::new();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    rustix::io::fcntl_setfd(&listener, rustix::io::FdFlags::empty()).expect("it outlives exec");
    let daemon = place.daemon();
    let line = format!(
        "exec 3<&{}; LISTEN_FDS=1 LISTEN_PID=$$ exec \"$0\" \"$@\" -f",
        std::os::fd::AsRawFd::as_raw_fd(&listener)
    );
    let mut shell = Command::new("bash");
    shell.arg("-c").arg(line).arg(daemon.get_program()).args(daemon.get_args()).stderr(Stdio::null());
    shell.envs(daemon.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let mut child = shell.spawn().expect("bash is there");
    let address = listener.local_addr().expect("an address");
    // Connections wait in the socket until the daemon takes them.
    let mut stream = TcpStream::connect(address).expect("somebody listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time limit");
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    child.kill().expect("it runs");
    child.wait().expect("waited for");
}
