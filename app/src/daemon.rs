//! `starling daemon`, also as `transmission-daemon`: serves until it is told to end.
//!
//! `options` is the table of what there is and `command_line` reads it; `background` leaves the terminal; `serve` is the
//! life of the process. The torrents are the business of the package `daemon`, the port that of `rpc`.

mod activation;
mod background;
mod blocklists;
mod command_line;
pub(crate) mod config_directory;
mod follow;
mod log;
mod memory;
mod notify;
mod options;
mod pid_file;
mod resume_files;
mod scripts;
mod serve;
mod watch;

use crate::exit::{Failure, Kind};
use crate::options::sheet::Sheet;
use command_line::{CommandLine, Wish};
use rpc::SettingsFile;
use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

/// What it takes, for completions and manual pages.
pub(crate) fn sheet() -> Sheet {
    Sheet::of_program(&options::PROGRAM)
}

/// Runs with the arguments after the program's name.
pub(crate) fn run(arguments: &[OsString]) -> ExitCode {
    obey(arguments).unwrap_or_else(|failure| failure.told())
}

fn obey(arguments: &[OsString]) -> Result<ExitCode, Failure> {
    match command_line::read(arguments).map_err(|words| Failure::new(Kind::Failed, words))? {
        Wish::Tell(text) => print(&text),
        Wish::DumpSettings(line) => {
            let home = Home::find(&line)?;
            home.settings.adjust(|all| line.apply(all));
            print(&home.settings.text())
        }
        Wish::Serve(line) if line.foreground || background::is_child() => serve::run(&line),
        Wish::Serve(_) => background::start(),
    }
}

/// Prints a text. A reader that has had enough is no failure.
fn print(text: &str) -> Result<ExitCode, Failure> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::new(Kind::Failed, error))
        }
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// Where the daemon lives.
struct Home {
    directory: PathBuf,
    settings: Arc<SettingsFile>,
}

impl Home {
    /// Finds the config directory and reads its settings; writes nothing.
    fn find(line: &CommandLine) -> Result<Self, Failure> {
        let directory = config_directory::find(line.config_directory.as_ref()).ok_or_else(|| {
            Failure::new(
                Kind::Failed,
                "there is no HOME to keep settings in; name a folder with --config-dir",
            )
        })?;
        let settings = SettingsFile::open(directory.join("settings.json"))
            .map_err(|error| Failure::new(Kind::Failed, error))?;
        Ok(Self { directory, settings: Arc::new(settings) })
    }
}
