//! How a command ends: one number for the shell, one line for the person.

use std::fmt;
use std::process::ExitCode;

/// The table in `starling get --help`.
pub(crate) const TABLE: &str = "\
Exit codes:
  0  complete and verified (and the seeding goal reached, where one was asked for)
  1  failed in another way: the source could not be fetched, the port is taken, ...
  2  usage: the command line is wrong
  3  incomplete: no progress for --timeout, or nothing to fetch from; what was verified is kept
  4  bad torrent: not a torrent, damaged, unsafe, or of a kind that cannot be transferred yet
  5  disk: full, read-only, failing, or a file vanished; the message names the file
  6  checksum mismatch: the image is not the one that was published; it is kept as NAME.bad
  7  signature: bad, missing, or by a wrong, revoked or expired key; the image is kept as NAME.bad
  8  interrupted by Ctrl-C or SIGTERM before it was complete; the same command resumes";

/// The kinds of failure, by exit code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// Anything without a code of its own.
    Failed = 1,
    /// The command line asks for something that cannot be.
    Usage = 2,
    /// No progress for too long, or no source to make any.
    Incomplete = 3,
    /// The torrent cannot be used.
    BadTorrent = 4,
    /// The disk cannot be used.
    Disk = 5,
    /// The image has another sum than it must have.
    Checksum = 6,
    /// The image is not signed by whom it must be.
    Signature = 7,
    /// Somebody stopped us.
    Interrupted = 8,
}

/// A failure: its kind, and what to tell.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) kind: Kind,
    pub(crate) message: String,
}

impl Failure {
    pub(crate) fn new(kind: Kind, message: impl fmt::Display) -> Self {
        // One line that cannot steer a terminal, whatever a server or a library had to say.
        let message = without_error_numbers(message.to_string().trim());
        let message = message.replace("\r\n", "; ").replace(['\n', '\r'], "; ");
        Self { kind, message: message.replace(char::is_control, "?") }
    }

    /// Tells it on standard error; the answer is the exit code.
    pub(crate) fn told(&self) -> ExitCode {
        crate::log::line(&format!("starling: {}", self.message));
        ExitCode::from(self.kind as u8)
    }
}

/// `text` without the numbers that the standard library puts behind what the system says.
pub(crate) fn without_error_numbers(text: &str) -> String {
    let mut parts = text.split(" (os error ");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        plain.push_str(part.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start_matches(')'));
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_one_line_without_control_characters() {
        let failure = Failure::new(Kind::Failed, "a\r\nb\nc\x1b[2J\n");
        assert_eq!(failure.message, "a; b; c?[2J");
    }

    #[test]
    fn the_system_speaks_without_numbers() {
        let error = std::io::Error::from_raw_os_error(2);
        let failure = Failure::new(Kind::Failed, format_args!("a: {error}; try b"));
        assert_eq!(failure.message, "a: No such file or directory; try b");
        assert_eq!(without_error_numbers("plain"), "plain");
    }
}
