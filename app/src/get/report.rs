//! What the person, or the program, at the other end sees.

mod json;
mod sources;
mod terminal;
mod words;

use super::GetArgs;
use crate::exit::{Failure, Kind};
use crate::{log, units};
use engine::{Event, Phase, Snapshot, Update};
use images::Verified;
use json::Line;
use metainfo::{Metainfo, hex};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use terminal::Terminal;

/// How often a line is printed where there is no terminal.
const PLAIN_EVERY: Duration = Duration::from_secs(5);

/// How often `--json` tells of progress.
const JSON_EVERY: Duration = Duration::from_secs(1);

/// How often `--json` tells of each web seed and each peer.
const JSON_SOURCES_EVERY: Duration = Duration::from_secs(10);

enum Style {
    Quiet,
    Json,
    Plain,
    Terminal(Terminal),
}

/// Tells what happens, in the style that was asked for. Lines for people go to standard error.
pub(crate) struct Report {
    style: Style,
    last: Option<Instant>,
    /// When each web seed and each peer was told of.
    sources_told: Option<Instant>,
    name: String,
    output: String,
    /// The command that gives back, for the last line.
    offer: Option<String>,
}

impl Report {
    pub(crate) fn new(args: &GetArgs) -> Self {
        let style = match (args.quiet, args.json) {
            (true, _) => Style::Quiet,
            (_, true) => Style::Json,
            _ if Terminal::is_there() => Style::Terminal(Terminal::new()),
            _ => Style::Plain,
        };
        Self {
            style,
            last: None,
            sources_told: None,
            name: String::new(),
            output: args.output.display().to_string(),
            offer: None,
        }
    }

    /// What to tell, at the end, about giving back.
    pub(crate) fn offer(&mut self, command: Option<String>) {
        self.offer = command;
    }

    /// The DHT is asked which torrent a link means.
    pub(super) fn asking(&mut self, name: &str) {
        self.look_for(name, "asking the DHT for the newest torrent");
    }

    /// The torrent that a link means is known.
    pub(super) fn resolved(&mut self, update: &Update) {
        let (info_hash, sequence) = (hex(&update.info_hash), update.sequence);
        match &mut self.style {
            Style::Quiet => {}
            Style::Json => json::print(&Line::Resolved { info_hash, sequence }),
            Style::Plain | Style::Terminal(_) => {
                log::line(&format!("the publisher's number {sequence} is the torrent {info_hash}"));
            }
        }
    }

    /// The metadata of a magnet link is looked for.
    pub(super) fn searching(&mut self, name: &str) {
        self.look_for(name, "looking for the metadata");
    }

    fn look_for(&mut self, name: &str, what: &str) {
        name.clone_into(&mut self.name);
        match &mut self.style {
            Style::Quiet | Style::Json => {}
            Style::Plain => log::line(&format!("{name}: {what}")),
            Style::Terminal(terminal) => terminal.begin(name),
        }
    }

    /// The metadata of a magnet link is here.
    pub(super) fn found(&mut self, metainfo: &Metainfo) {
        if let Style::Json = self.style {
            json::print(&Line::metadata(metainfo));
        }
    }

    /// The torrent was taken in.
    pub(super) fn added(&mut self, metainfo: &Metainfo, bytes_wanted: u64) {
        self.name.clone_from(&metainfo.name);
        match &mut self.style {
            Style::Quiet => {}
            Style::Json => json::print(&Line::added(metainfo, bytes_wanted, &self.output)),
            Style::Plain => {
                log::line(&format!("{}: {} to {}", self.name, units::size(bytes_wanted), self.output));
            }
            Style::Terminal(terminal) => terminal.begin(&metainfo.name),
        }
    }

    /// Files already present were looked at.
    pub(super) fn checked(&mut self, bytes_present: u64, bytes_wanted: u64) {
        if matches!(self.style, Style::Json) {
            let phase = Phase::Checking;
            let found = Snapshot { phase, bytes_done: bytes_present, bytes_wanted, ..Snapshot::default() };
            json::print(&Line::progress(&found));
        }
        if bytes_present > 0 && bytes_present < bytes_wanted {
            let (present, wanted) = (units::size(bytes_present), units::size(bytes_wanted));
            self.say(&format!("{}: {present} of {wanted} are here already", self.name));
        }
    }

    /// Where the transfer stands, as often as the style wants it. True if [`Self::sources`] are to be told of as well.
    pub(super) fn progress(&mut self, snapshot: &Snapshot) -> bool {
        let every = match self.style {
            Style::Quiet => return false,
            Style::Json => JSON_EVERY,
            Style::Plain => PLAIN_EVERY,
            Style::Terminal(_) => Duration::ZERO,
        };
        // The first look comes before there is anything to tell.
        let last = *self.last.get_or_insert_with(Instant::now);
        if last.elapsed() < every {
            return false;
        }
        self.last = Some(Instant::now());
        match &mut self.style {
            Style::Quiet => {}
            Style::Json => {
                json::print(&Line::progress(snapshot));
                return self.sources_told.is_none_or(|at| at.elapsed() >= JSON_SOURCES_EVERY);
            }
            Style::Plain => log::line(&format!("{}: {}", self.name, words::summary(snapshot))),
            Style::Terminal(terminal) => terminal.progress(snapshot),
        }
        false
    }

    /// Each web seed and each peer.
    pub(super) fn sources(&mut self, snapshot: &Snapshot, details: Option<&engine::Report>) {
        self.sources_told = Some(Instant::now());
        json::print_web_seeds(snapshot);
        if let Some(line) = details.and_then(Line::peers) {
            json::print(&line);
        }
    }

    /// Something happened that does not end the transfer.
    pub(super) fn event(&mut self, event: &Event) {
        if let Style::Json = self.style {
            if let Some(line) = Line::of(event) {
                json::print(&line);
            }
        } else if let Event::PieceFailed { piece } = event {
            self.say(&format!("{}: piece {piece} failed its hash and is fetched again", self.name));
        }
    }

    /// A file without a torrent is fetched.
    pub(super) fn mirrored(&mut self, name: &str, size: Option<u64>) {
        name.clone_into(&mut self.name);
        let size = size.map_or_else(|| "a file".to_owned(), units::size);
        self.say(&format!("{name}: {size} to {}, from mirrors", self.output));
    }

    /// Every piece matches the torrent that came from `from`.
    pub(super) fn pieces(&mut self, from: &str) {
        if let Style::Json = self.style {
            json::print(&Line::Verified {
                what: "pieces",
                value: None,
                fingerprint: None,
                from,
                key_from: None,
            });
        }
    }

    /// A link of the chain from the publisher to the image holds.
    pub(super) fn verified(&mut self, verified: &Verified) {
        if let Style::Json = self.style {
            json::print_verified(verified);
            return;
        }
        match verified {
            Verified::Sum { sum, from } => {
                self.say(&format!("{} {} holds, from {from}", sum.algorithm, sum.hex()));
            }
            Verified::Signature { signer, from, key_from } => {
                self.say(&format!("signed by {signer}, signature from {from}, key from {key_from}"));
            }
        }
    }

    /// Every selected file is verified and has its final name.
    pub(super) fn complete(&mut self, path: &Path, snapshot: &Snapshot, time: Duration) {
        if let Style::Json = self.style {
            json::print_web_seeds(snapshot);
            json::print(&Line::complete(path, snapshot));
        } else {
            let how = words::how_it_came(snapshot, time);
            self.say(&format!("{} is complete and verified: {how}", path.display()));
        }
    }

    /// It goes on giving.
    pub(super) fn seeding(&mut self, port: u16) {
        match &self.style {
            Style::Json => json::print(&Line::Seeding { port }),
            _ => self.say(&format!("seeding on port {port}; Ctrl-C ends it")),
        }
    }

    /// The end begins, by a signal or not: nothing is drawn any more.
    pub(crate) fn stopping(&mut self, interrupted: bool) {
        if let Style::Terminal(terminal) = &mut self.style {
            if interrupted { terminal.freeze() } else { terminal.end() }
        }
    }

    /// It is over, and well.
    pub(super) fn ended(&mut self, snapshot: &Snapshot, seeded: bool) {
        if seeded {
            let (given, ratio) = (units::size(snapshot.bytes_uploaded), words::ratio(snapshot));
            self.say(&format!("gave back {given} (ratio {ratio:.2})"));
        } else if let Some(command) = &self.offer {
            self.say(&format!("To give back: {command}"));
        }
    }

    /// It is over, and not well.
    pub(super) fn failed(&mut self, failure: &Failure) -> ExitCode {
        self.stopping(false);
        if matches!(self.style, Style::Json) && failure.kind != Kind::Usage {
            json::print(&Line::Error { message: &failure.message, code: failure.kind as u8 });
        }
        failure.told()
    }

    /// A line for a person.
    fn say(&self, text: &str) {
        if matches!(self.style, Style::Plain | Style::Terminal(_)) {
            log::line(text);
        }
    }
}
