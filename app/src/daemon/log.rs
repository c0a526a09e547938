//! The daemon's log: to a file, to standard error, or to the system's log.

mod syslog;

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use syslog::Syslog;
use tracing::{Level, Metadata};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};

/// A wish in the syntax of `RUST_LOG` that beats `message-level`.
const VARIABLE: &str = "STARLING_LOG";

/// The target of what is told at every level but the silent one: that the daemon starts, reloads and ends.
pub(super) const LIFE: &str = "starling::life";

/// Where the log goes.
#[derive(Clone)]
pub(super) enum Destination {
    StandardError,
    File(LogFile),
    System(Arc<Syslog>),
    Nowhere,
}

/// The running log.
pub(super) struct Log {
    destination: Destination,
    change_level: Box<dyn Fn(EnvFilter) + Send + Sync>,
}

impl Destination {
    /// The file, if one is named; else standard error in the foreground and the system's log in the background.
    pub(super) fn choose(file: Option<&Path>, foreground: bool) -> io::Result<Self> {
        Ok(match file {
            Some(path) => Self::File(LogFile::open(std::path::absolute(path)?)?),
            None if foreground => Self::StandardError,
            None => Syslog::open().map_or(Self::Nowhere, |log| Self::System(Arc::new(log))),
        })
    }
}

impl Log {
    /// Starts logging at a level of `message-level`.
    pub(super) fn start(destination: Destination, level: u8) -> Self {
        let is_terminal = matches!(destination, Destination::StandardError) && io::stderr().is_terminal();
        let log = tracing_subscriber::fmt()
            .with_timer(Clock { is_silent: matches!(destination, Destination::System(_)) })
            .with_writer(destination.clone())
            .with_ansi(is_terminal)
            .with_env_filter(filter(level))
            .with_filter_reloading();
        let handle = log.reload_handle();
        log.init();
        // A level that cannot be changed is no reason to stop.
        Self { destination, change_level: Box::new(move |filter| drop(handle.reload(filter))) }
    }

    /// Opens the file anew, so that the old one may be moved away, and changes the level.
    pub(super) fn reload(&self, level: u8) {
        (self.change_level)(filter(level));
        if let Destination::File(file) = &self.destination
            && let Err(error) = file.reopen()
        {
            tracing::warn!(%error, "the log goes on in the file of before");
        }
    }
}

/// What is let through at a level of `message-level`: 0 nothing, 1 critical, 2 errors, 3 warnings, 4 information,
/// 5 debugging, 6 everything.
fn filter(level: u8) -> EnvFilter {
    if let Some(wish) = std::env::var(VARIABLE).ok().filter(|wish| !wish.is_empty()) {
        return EnvFilter::new(wish);
    }
    let ours = |level: &str| {
        let parts = ["starling", "rpc", "daemon", "engine", "storage", "swarm", "wire"];
        parts.map(|part| format!(",{part}={level}")).concat()
    };
    EnvFilter::new(match level {
        0 => "off".to_owned(),
        1 | 2 => format!("error,{LIFE}=info"),
        3 => format!("warn,{LIFE}=info"),
        4 => "info".to_owned(),
        5 => format!("info{}", ours("debug")),
        _ => format!("info{}", ours("trace")),
    })
}

/// The time before a line; the system's log writes it down itself.
struct Clock {
    is_silent: bool,
}

impl FormatTime for Clock {
    fn format_time(&self, writer: &mut Writer<'_>) -> std::fmt::Result {
        if self.is_silent { Ok(()) } else { SystemTime.format_time(writer) }
    }
}

/// A file that may be opened anew while others write to it.
#[derive(Clone)]
pub(super) struct LogFile {
    path: Arc<PathBuf>,
    file: Arc<Mutex<File>>,
}

impl LogFile {
    fn open(path: PathBuf) -> io::Result<Self> {
        let file = append(&path)?;
        Ok(Self { path: Arc::new(path), file: Arc::new(Mutex::new(file)) })
    }

    fn reopen(&self) -> io::Result<()> {
        let file = append(&self.path)?;
        *self.file.lock().unwrap_or_else(PoisonError::into_inner) = file;
        Ok(())
    }

    fn write(&self, line: &[u8]) -> io::Result<()> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner).write_all(line)
    }
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

/// One line on its way.
pub(super) struct Line<'a> {
    destination: &'a Destination,
    level: Level,
}

impl Write for Line<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match self.destination {
            Destination::StandardError => io::stderr().write_all(line)?,
            Destination::File(file) => file.write(line)?,
            Destination::System(log) => log.write(self.level, line)?,
            Destination::Nowhere => {}
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Destination {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line { destination: self, level: Level::INFO }
    }

    fn make_writer_for(&'a self, about: &Metadata<'_>) -> Line<'a> {
        Line { destination: self, level: *about.level() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_file_that_was_moved_away_is_begun_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let log = LogFile::open(path.clone()).unwrap();
        log.write(b"one\n").unwrap();
        std::fs::rename(&path, folder.path().join("log.1")).unwrap();
        log.write(b"two\n").unwrap();
        log.reopen().unwrap();
        log.write(b"three\n").unwrap();
        assert_eq!(std::fs::read_to_string(folder.path().join("log.1")).unwrap(), "one\ntwo\n");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "three\n");
    }

    #[test]
    fn every_level_but_silence_tells_of_the_daemons_life() {
        for level in 1..=3 {
            assert!(filter(level).to_string().contains("starling::life=info"), "level {level}");
        }
        assert_eq!(filter(0).to_string(), "off");
        assert!(filter(6).to_string().contains("wire=trace"));
    }
}
