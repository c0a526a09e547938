//! What the program says on standard error beside its results: plain lines, warnings, and logs when asked for.
//!
//! A live display owns the last lines of the terminal; whatever else is printed goes above it.

use crate::exit::{Failure, Kind};
use indicatif::ProgressBar;
use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::fmt::{FmtContext, MakeWriter};
use tracing_subscriber::registry::LookupSpan;

/// The variable that asks for logs, in the syntax of `RUST_LOG`.
const VARIABLE: &str = "STARLING_LOG";

/// The live display, while there is one.
static LIVE: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// Lines printed from now on go above `bar`, or simply out if there is none.
pub(crate) fn keep_above(bar: Option<&ProgressBar>) {
    *LIVE.lock().unwrap_or_else(PoisonError::into_inner) = bar.cloned();
}

/// Prints one line to standard error.
pub(crate) fn line(text: &str) {
    // Where standard error is closed, nobody reads; that is no reason to stop.
    let _ = Stderr.write_all(format!("{text}\n").as_bytes());
}

/// Prints a result and a line's end on standard output.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    print_bytes(format!("{text}\n").as_bytes())
}

/// Writes bytes to standard output as they are. A reader that has had enough is no failure.
pub(crate) fn print_bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            let words = format_args!("cannot write to standard output: {error}");
            Err(Failure::new(Kind::Failed, words))
        }
        _ => Ok(()),
    }
}

/// Starts the log. Without a wish only warnings are shown, and none at all if `quiet`.
pub(crate) fn start(verbosity: u8, quiet: bool) {
    let wish = std::env::var(VARIABLE).ok().filter(|wish| !wish.is_empty()).or(match verbosity {
        0 => None,
        1 => Some("info".to_owned()),
        2 => Some("info,starling=debug,engine=debug,storage=debug,swarm=debug,wire=debug".to_owned()),
        _ => Some("info,starling=trace,engine=trace,storage=trace,swarm=trace,wire=trace".to_owned()),
    });
    let log = tracing_subscriber::fmt().with_writer(Stderr).with_ansi(io::stderr().is_terminal());
    if let Some(wish) = wish {
        log.with_env_filter(EnvFilter::new(wish)).init();
    } else {
        let level = if quiet { "off" } else { "warn" };
        log.with_env_filter(EnvFilter::new(level)).event_format(ForPeople).init();
    }
}

/// A warning as a person reads it: no time, no module.
struct ForPeople;

impl<S, N> FormatEvent<S, N> for ForPeople
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        write!(writer, "starling: warning: ")?;
        context.field_format().format_fields(writer.by_ref(), event)?;
        writeln!(writer)
    }
}

/// Standard error, above the live display.
#[derive(Clone, Copy)]
struct Stderr;

impl Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // The lock is not held while printing: the display's own lock must not be taken inside it.
        let live = LIVE.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match live {
            Some(bar) => bar.suspend(|| io::stderr().write(bytes)),
            None => io::stderr().write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

impl MakeWriter<'_> for Stderr {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        *self
    }
}
