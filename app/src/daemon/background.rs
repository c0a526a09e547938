//! Into the background and out of the terminal's sight.
//!
//! The program starts itself once more and waits until that child serves or fails. Threads do not survive a fork, so
//! none is made: the child is a whole new process that knows by a variable what it is for. What it has to say until
//! it serves goes to the terminal; its standard output is the line on which it reports.

use crate::exit::{Failure, Kind};
use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, Stdio};

/// Tells the child that it is one.
pub(super) const VARIABLE: &str = "STARLING_DAEMON_CHILD";

/// What the child reports once it serves.
const SERVES: &[u8] = b"serves\n";

/// Whether this process is the child.
pub(super) fn is_child() -> bool {
    std::env::var_os(VARIABLE).is_some()
}

/// Starts the child and waits until it serves or fails.
pub(super) fn start() -> Result<ExitCode, Failure> {
    let failed = |error: io::Error| {
        Failure::new(Kind::Failed, format_args!("cannot start in the background: {error}; -f stays in front"))
    };
    let program = std::env::current_exe().map_err(failed)?;
    let mut arguments = std::env::args_os();
    let name = arguments.next().unwrap_or_else(|| program.clone().into_os_string());
    let mut child = Command::new(program)
        .arg0(name)
        .args(arguments)
        .env(VARIABLE, "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let mut report = Vec::new();
    if let Some(pipe) = child.stdout.take() {
        pipe.take(SERVES.len() as u64).read_to_end(&mut report).map_err(failed)?;
    }
    if report == SERVES {
        return Ok(ExitCode::SUCCESS);
    }
    // It told why on standard error, which is ours.
    let status = child.wait().map_err(failed)?;
    Ok(status.code().filter(|code| *code != 0).map_or(ExitCode::FAILURE, |code| ExitCode::from(code as u8)))
}

/// In the child: leaves the session of the terminal, so that closing it ends nothing here.
pub(super) fn leave_terminal() {
    // It fails for the leader of a session, which has nothing to leave.
    let _ = rustix::process::setsid();
}

/// In the child: lets the parent go, and the terminal with it.
pub(super) fn report() -> io::Result<()> {
    let mut stdout = io::stdout();
    // A parent that was killed meanwhile does not listen any more.
    let _ = stdout.write_all(SERVES).and_then(|()| stdout.flush());
    let null = OpenOptions::new().read(true).write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdout(&null)?;
    rustix::stdio::dup2_stderr(&null)?;
    Ok(())
}
