//! Programs that the user has run when something happens to a torrent. No shell stands between, they start in `/`,
//! and nothing waits for them.

use daemon::{Daemon, Entry, EventKind, Events, Number, Priority, Scripts};
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use tokio::process::Command;
use tokio::sync::Semaphore;

/// Scripts at once; more wait. A thousand torrents added together must not be a thousand processes.
const AT_ONCE: usize = 8;

/// Runs scripts on events, as long as the daemon lives.
pub(super) async fn run(daemon: Daemon, mut events: Events) {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    while let Some(event) = events.next().await {
        let event = match event {
            Ok(event) => event,
            Err(missed) => {
                tracing::warn!(?missed, "too much happened at once: some scripts were not run");
                continue;
            }
        };
        let scripts = &daemon.settings().scripts;
        if let Some(program) = wanted(scripts, &event.kind)
            && let Some(environment) = daemon.view(|catalogue| catalogue.get(event.number).map(describe))
        {
            let places = Arc::clone(&places);
            tokio::spawn(async move {
                // The semaphore is never closed.
                let _place = places.acquire().await;
                start(program, environment, event.number).await;
            });
        }
    }
}

/// The program to run for such an event.
fn wanted(scripts: &Scripts, kind: &EventKind) -> Option<PathBuf> {
    let script = match kind {
        EventKind::Added => &scripts.added,
        EventKind::Complete => &scripts.done,
        EventKind::SeedingDone => &scripts.done_seeding,
        _ => return None,
    };
    (script.enabled && !script.path.as_os_str().is_empty()).then(|| script.path.clone())
}

/// What a script is told about its torrent.
fn describe(entry: &Entry) -> Vec<(&'static str, OsString)> {
    let trackers: Vec<&str> = entry.trackers().iter().map(|tracker| tracker.announce.as_str()).collect();
    let options = entry.options();
    let priority = match options.bandwidth_priority {
        Priority::Low => "-1",
        Priority::Normal => "0",
        Priority::High => "1",
    };
    vec![
        ("TR_APP_VERSION", rpc::VERSION.into()),
        ("TR_TIME_LOCALTIME", local_time().into()),
        ("TR_TORRENT_DIR", options.download_directory.clone().into()),
        ("TR_TORRENT_HASH", entry.hash_hex().into()),
        ("TR_TORRENT_ID", entry.number().0.to_string().into()),
        ("TR_TORRENT_NAME", entry.name().into()),
        ("TR_TORRENT_LABELS", options.labels.join(",").into()),
        ("TR_TORRENT_BYTES_DOWNLOADED", entry.progress().downloaded.to_string().into()),
        ("TR_TORRENT_PRIORITY", priority.into()),
        ("TR_TORRENT_TRACKERS", trackers.join(",").into()),
    ]
}

/// The time of now where the daemon runs, as `asctime(3)` has it.
fn local_time() -> String {
    let zone = jiff::tz::TimeZone::system();
    zone.to_datetime(jiff::Timestamp::now()).strftime("%a %b %e %H:%M:%S %Y").to_string()
}

async fn start(program: PathBuf, environment: Vec<(&'static str, OsString)>, number: Number) {
    let mut command = Command::new(&program);
    // What concerns this process alone is nothing to its children.
    for name in ["NOTIFY_SOCKET", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", super::background::VARIABLE] {
        command.env_remove(name);
    }
    let child = command
        .envs(environment)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    match child {
        Ok(mut child) => match child.wait().await {
            Ok(status) if status.success() => {}
            ended => {
                tracing::warn!(program = %program.display(), torrent = number.0, ?ended, "a script failed");
            }
        },
        Err(error) => {
            tracing::warn!(program = %program.display(), %error, "a script cannot be run; is it executable?");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use daemon::Script;

    #[test]
    fn only_scripts_that_are_switched_on_and_named_are_run() {
        let on = |path: &str| Script { enabled: true, path: path.into() };
        let scripts = Scripts {
            added: on("/bin/true"),
            done: Script { enabled: false, path: "/bin/true".into() },
            done_seeding: on(""),
        };
        assert_eq!(wanted(&scripts, &EventKind::Added), Some("/bin/true".into()));
        for kind in [EventKind::Complete, EventKind::SeedingDone, EventKind::Removed, EventKind::Progress] {
            assert_eq!(wanted(&scripts, &kind), None);
        }
    }

    #[tokio::test]
    async fn a_script_starts_in_the_root_with_its_environment_and_no_shell() {
        let folder = tempfile::tempdir().unwrap();
        let (script, out) = (folder.path().join("a script; echo"), folder.path().join("out"));
        let text = format!("#!/bin/sh\n{{ pwd; echo \"$TR_TORRENT_NAME\"; }} > '{}'\n", out.display());
        std::fs::write(&script, text).unwrap();
        let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&script, executable).unwrap();
        start(script, vec![("TR_TORRENT_NAME", "$(touch x) `y`".into())], Number(1)).await;
        assert_eq!(std::fs::read_to_string(&out).unwrap(), "/\n$(touch x) `y`\n");
    }

    #[tokio::test]
    async fn a_script_that_is_not_there_is_no_disaster() {
        start("/nowhere/script".into(), Vec::new(), Number(1)).await;
    }
}
