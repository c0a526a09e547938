//! The live display at the bottom of the terminal: three lines, and below them those who bring most.
//!
//! ```text
//! archlinux-2026.11.01-x86_64.iso
//!  42.3% ━━━━━━━━━━━━━━━━━━╸───────────────────────── 598.2 MiB of 1.4 GiB
//! downloading  ↓ 23.4 MiB/s  ↑ 1.2 MiB/s  1m 05s left  peers 4/12  web seeds 3/35
//!      12.1 MiB/s   240.5 MiB  mirror.one.example
//!       8.0 MiB/s    98.0 MiB  192.0.2.7:51413 (Transmission 4.0)
//! web seeds at rest: 4 × HTTP 404, 2 × connection refused
//! ```

use super::{sources, words};
use crate::{log, units};
use engine::{Phase, Snapshot};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use std::fmt::Write;
use std::io::IsTerminal;

/// Redraws per second at most.
const REDRAWS: u8 = 10;

/// The live display, drawn on standard error.
pub(super) struct Terminal {
    bar: ProgressBar,
    arrows: (&'static str, &'static str),
}

impl Terminal {
    /// Whether there is a terminal that can be drawn on.
    pub(super) fn is_there() -> bool {
        std::io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|name| name != "dumb")
    }

    pub(super) fn new() -> Self {
        let bar = ProgressBar::with_draw_target(Some(1), ProgressDrawTarget::hidden());
        let (bars, arrows) =
            if has_unicode() { ("━╸─", ("↓", "↑")) } else { ("=>-", ("down", "up")) };
        // The bar is drawn even if the template does not parse, though plainly.
        let style =
            ProgressStyle::with_template("{prefix:.bold}\n{percentage} {wide_bar:.cyan/dim} {amount}\n{msg}")
                .unwrap_or_else(|_| ProgressStyle::default_bar())
                .progress_chars(bars)
                .with_key("percentage", |state: &ProgressState, out: &mut dyn Write| {
                    // There is nothing to do about an error: the target is a string.
                    let _ = write!(out, "{:5.1}%", (state.fraction() * 100.0).min(100.0));
                })
                .with_key("amount", |state: &ProgressState, out: &mut dyn Write| {
                    let (done, all) =
                        (units::size(state.pos()), units::size(state.len().unwrap_or_default()));
                    let _ = write!(out, "{done} of {all}");
                });
        bar.set_style(style);
        Self { bar, arrows }
    }

    /// Begins to draw.
    pub(super) fn begin(&mut self, name: &str) {
        self.bar.set_prefix(name.to_owned());
        self.bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(REDRAWS));
        log::keep_above(Some(&self.bar));
    }

    pub(super) fn progress(&mut self, snapshot: &Snapshot) {
        let wanted = words::bytes_to_come(snapshot);
        self.bar.set_length(wanted.max(1));
        self.bar.set_position(words::bytes_shown(snapshot).min(wanted));
        self.bar.set_message(self.details(snapshot));
    }

    /// Takes the display away.
    pub(super) fn end(&mut self) {
        log::keep_above(None);
        self.bar.finish_and_clear();
    }

    /// Leaves the display as it is. After Ctrl-C the terminal's echo has moved the cursor, so that clearing would
    /// miss a line.
    pub(super) fn freeze(&mut self) {
        log::keep_above(None);
        if !self.bar.is_hidden() {
            self.bar.set_draw_target(ProgressDrawTarget::hidden());
            log::line("");
        }
    }

    /// What stands below the bar.
    fn details(&self, snapshot: &Snapshot) -> String {
        let phase = words::phase(snapshot.phase);
        let (down_arrow, up_arrow) = self.arrows;
        let (down, up) = (units::size(snapshot.down_rate), units::size(snapshot.up_rate));
        match snapshot.phase {
            Phase::Metadata => format!("looking for the {phase}  peers {}", snapshot.peers_connected),
            Phase::Checking => format!("{phase} files that are here already"),
            Phase::Finishing => format!("{phase}: every piece is verified, the files are being synced"),
            Phase::Stopped | Phase::Failed => phase.to_owned(),
            Phase::Seeding => {
                let (given, ratio) = (units::size(snapshot.bytes_uploaded), words::ratio(snapshot));
                let peers = snapshot.peers_connected;
                format!("{phase}  {up_arrow} {up}/s  gave {given} (ratio {ratio:.2})  peers {peers}")
            }
            Phase::Downloading => {
                let left = snapshot.eta_seconds().map_or_else(|| "--".to_owned(), units::duration);
                let used = words::sources(snapshot).replace(", ", "  ");
                let totals =
                    format!("{phase}  {down_arrow} {down}/s  {up_arrow} {up}/s  {left} left  {used}");
                let mut lines = vec![totals];
                lines.extend(sources::lines(snapshot));
                lines.join("\n")
            }
        }
    }
}

/// Whether the terminal's locale has the characters of the bar.
fn has_unicode() -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
        .unwrap_or_default()
        .to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}
