//! `starling daemon` as a process, in folders of its own.

use super::Scratch;
use super::run::ended;
use serde_json::{Value, json};
use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Nothing here takes longer, even on a busy machine.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// A daemon's folder, with RPC on a socket in it: no port is taken.
pub struct Place {
    pub scratch: Scratch,
}

impl Place {
    pub fn new() -> Self {
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

    pub fn settings(&self) -> PathBuf {
        self.scratch.path("config/settings.json")
    }

    pub fn set(&self, settings: &Value) {
        fs::write(self.settings(), settings.to_string()).expect("written");
    }

    pub fn read(&self) -> Value {
        serde_json::from_slice(&fs::read(self.settings()).expect("read")).expect("JSON")
    }

    pub fn daemon(&self) -> Command {
        let mut daemon = self.scratch.starling("daemon");
        daemon.arg("-g").arg(self.scratch.path("config"));
        daemon
    }

    /// A daemon in the foreground that serves, and what it tells systemd.
    pub fn serving(&self) -> Running {
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
    pub fn remote(&self, options: &[&str]) -> String {
        let mut remote = self.scratch.starling("remote");
        let (code, output, errors) =
            ended(remote.arg("--unix-socket").arg(self.scratch.path("rpc")).args(options));
        assert_eq!(code, 0, "{output}{errors}");
        output
    }

    /// Changes settings for the next start.
    pub fn change(&self, changes: &Value) {
        let mut settings = self.read();
        for (key, value) in changes.as_object().expect("an object") {
            settings[key] = value.clone();
        }
        self.set(&settings);
    }

    /// Calls a method in the old dialect and gives its arguments, if it succeeds.
    pub fn call(&self, method: &str, arguments: &Value) -> Value {
        let body = json!({ "method": method, "arguments": arguments }).to_string();
        let first = self.post(&body, "");
        let id = first.lines().find_map(|line| line.strip_prefix("x-transmission-session-id: "));
        let answer = self.post(&body, id.unwrap_or_else(|| panic!("no session id: {first}")));
        let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
        let mut answer: Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {body}"));
        assert_eq!(answer["result"], "success", "{method} {arguments}");
        answer["arguments"].take()
    }

    fn post(&self, body: &str, session_id: &str) -> String {
        let mut stream = UnixStream::connect(self.scratch.path("rpc")).expect("it serves");
        let length = body.len();
        let head = "POST /transmission/rpc HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n";
        let request = format!(
            "{head}X-Transmission-Session-Id: {session_id}\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer
    }

    /// Fields of the first torrent.
    pub fn torrent(&self, fields: &[&str]) -> Value {
        self.call("torrent-get", &json!({ "fields": fields }))["torrents"][0].take()
    }

    pub fn session(&self) -> Value {
        self.call("session-get", &json!({}))
    }
}

/// A daemon; it is killed when dropped.
pub struct Running {
    pub child: Child,
    systemd: UnixDatagram,
}

impl Running {
    /// Waits until systemd is told so.
    pub fn hear(&self, word: &str) {
        loop {
            let mut bytes = [0; 512];
            let length = self.systemd.recv(&mut bytes).unwrap_or_else(|error| panic!("no {word}: {error}"));
            if bytes[..length].starts_with(word.as_bytes()) {
                return;
            }
        }
    }

    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status();
        assert!(sent.expect("kill is there").success());
    }

    /// Waits for the end: exit code and standard error.
    pub fn end(mut self) -> (Option<i32>, String) {
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

pub fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "no {what}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}
