//! `starling daemon` as a process: how it starts, what it refuses, what it hears, how it ends.

mod world;

use serde_json::{Value, json};
use std::fs;
use std::io::Read;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use world::Scratch;
use world::run::{ended, failed};

/// Nothing here takes longer, even on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// A daemon's folder, with RPC on a socket in it: no port is taken.
struct Place {
    scratch: Scratch,
}

impl Place {
    fn new() -> Self {
        let scratch = Scratch::new();
        for folder in ["config", "downloads", "home"] {
            fs::create_dir(scratch.path(folder)).expect("a folder");
        }
        let place = Self { scratch };
        place.set(&json!({
            "rpc-bind-address": format!("unix:{}", place.scratch.path("rpc").display()),
            "bind-address-ipv4": "127.0.0.1", "bind-address-ipv6": "::1", "peer-port": 0,
            "download-dir": place.scratch.path("downloads"),
            "dht-enabled": false, "lpd-enabled": false, "port-forwarding-enabled": false,
            "mine": "stays",
        }));
        place
    }

    fn settings(&self) -> PathBuf {
        self.scratch.path("config/settings.json")
    }

    fn set(&self, settings: &Value) {
        fs::write(self.settings(), settings.to_string()).expect("written");
    }

    fn read(&self) -> Value {
        serde_json::from_slice(&fs::read(self.settings()).expect("read")).expect("JSON")
    }

    fn daemon(&self) -> Command {
        let mut daemon = self.scratch.starling("daemon");
        daemon.arg("-g").arg(self.scratch.path("config"));
        daemon
    }

    /// A daemon in the foreground that serves, and what it tells systemd.
    fn serving(&self) -> Running {
        let systemd = UnixDatagram::bind(self.scratch.path("notify")).expect("a socket");
        systemd.set_read_timeout(Some(PATIENCE)).expect("a time limit");
        let mut daemon = self.daemon();
        daemon.arg("-f").arg("-e").arg(self.scratch.path("log"));
        daemon.env("NOTIFY_SOCKET", self.scratch.path("notify")).stderr(Stdio::piped());
        let running = Running { child: daemon.spawn().expect("started"), systemd };
        running.hear("READY=1");
        running
    }

    /// What the remote prints.
    fn remote(&self, options: &[&str]) -> String {
        let mut remote = self.scratch.starling("remote");
        let (code, output, errors) =
            ended(remote.arg("--unix-socket").arg(self.scratch.path("rpc")).args(options));
        assert_eq!(code, 0, "{output}{errors}");
        output
    }

    fn session(&self) -> Value {
        let answer: Value = serde_json::from_str(&self.remote(&["--json", "-si"])).expect("JSON");
        answer.get("result").filter(|result| result.is_object()).unwrap_or(&answer["arguments"]).clone()
    }
}

/// A daemon; it is killed when dropped.
struct Running {
    child: Child,
    systemd: UnixDatagram,
}

impl Running {
    /// Waits until systemd is told so.
    fn hear(&self, word: &str) {
        loop {
            let mut bytes = [0; 512];
            let length = self.systemd.recv(&mut bytes).unwrap_or_else(|error| panic!("no {word}: {error}"));
            if bytes[..length].starts_with(word.as_bytes()) {
                return;
            }
        }
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status();
        assert!(sent.expect("kill is there").success());
    }

    /// Waits for the end: exit code and standard error.
    fn end(mut self) -> (Option<i32>, String) {
        let code = wait_for("the end", || self.child.try_wait().expect("waited for")).code();
        let mut errors = String::new();
        self.child.stderr.take().expect("piped").read_to_string(&mut errors).expect("UTF-8");
        (code, errors)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "no {what}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

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
    assert_eq!(
        place.session()["alt_speed_up"].as_u64().or(place.session()["alt-speed-up"].as_u64()),
        Some(87)
    );
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
