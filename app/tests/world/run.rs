//! Running the program and reading what it says.

use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

/// Nothing here takes longer, even on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// Runs to the end: exit code, standard output, standard error.
pub fn ended(command: &mut Command) -> (i32, String, String) {
    let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().expect("started");
    let (id, (sender, output)) = (child.id(), channel());
    thread::spawn(move || sender.send(child.wait_with_output()));
    let Ok(output) = output.recv_timeout(PATIENCE) else {
        signal(id, "KILL");
        panic!("it does not end: {command:?}");
    };
    let Output { status, stdout, stderr } = output.expect("waited for");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (status.code().expect("an exit code, not a signal"), text(stdout), text(stderr))
}

/// The exit code, and the one line on standard error that goes with it.
pub fn failed(command: &mut Command) -> (i32, String) {
    let (code, _, errors) = ended(command);
    assert_eq!(errors.lines().count(), 1, "one line on standard error, not:\n{errors}");
    assert!(errors.starts_with("starling: "), "{errors}");
    (code, errors)
}

/// A running `starling get --json`; it is killed when dropped.
pub struct Running {
    child: Child,
    events: Receiver<Value>,
    /// Everything it told so far.
    pub seen: Vec<Value>,
}

impl Running {
    pub fn start(command: &mut Command) -> Self {
        let command = command.arg("--json").stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("started");
        let (sender, events) = channel();
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        thread::spawn(move || {
            for line in stdout.lines() {
                let Ok(line) = line else { return };
                let event = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
                if sender.send(event).is_err() {
                    return;
                }
            }
        });
        Self { child, events, seen: Vec::new() }
    }

    /// The first event from now on that `is_it`.
    pub fn wait_for(&mut self, what: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        let end = Instant::now() + PATIENCE;
        loop {
            match self.events.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(event) => {
                    self.seen.push(event.clone());
                    if is_it(&event) {
                        return event;
                    }
                }
                Err(RecvTimeoutError::Timeout) => panic!("no {what}; there was {:#?}", self.seen),
                Err(RecvTimeoutError::Disconnected) => panic!("ended without {what}: {:#?}", self.seen),
            }
        }
    }

    /// The first event of a kind.
    pub fn event(&mut self, kind: &str) -> Value {
        self.wait_for(kind, |event| event["event"] == kind)
    }

    /// Sends a signal by name, such as `TERM`.
    pub fn signal(&self, name: &str) {
        signal(self.child.id(), name);
    }

    /// Waits for the end; the exit code, and all that was told.
    pub fn end(mut self) -> (i32, Vec<Value>) {
        let end = Instant::now() + PATIENCE;
        while let Ok(event) = self.events.recv_timeout(end.saturating_duration_since(Instant::now())) {
            self.seen.push(event);
        }
        assert!(Instant::now() < end, "it does not end: {:#?}", self.seen);
        let status = self.child.wait().expect("waited for");
        (status.code().expect("an exit code, not a signal"), std::mem::take(&mut self.seen))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn signal(process: u32, name: &str) {
    let sent = Command::new("kill").arg(format!("-{name}")).arg(process.to_string()).status();
    assert!(sent.expect("kill is there").success());
}

/// The last event of a kind.
pub fn last<'a>(events: &'a [Value], kind: &str) -> &'a Value {
    let found = events.iter().rev().find(|event| event["event"] == kind);
    found.unwrap_or_else(|| panic!("no {kind} in {events:#?}"))
}
