//! What came from where.

use crate::get::{Outcome, Source};
use crate::units;
use engine::SourceKind;
use std::fmt::Write;
use std::io::Write as _;

/// Prints the table to standard output.
pub(super) fn print(outcome: &Outcome, made: &[u8; 32], fetched: &[u8; 32]) {
    let text = table(outcome) + &sums(made, fetched);
    // A reader that went away has seen enough.
    let _ = std::io::stdout().write_all(text.as_bytes());
}

fn table(outcome: &Outcome) -> String {
    let mut rows: Vec<(&str, &Source)> = outcome.tally.iter().collect();
    rows.sort_by_key(|(name, source)| {
        (source.kind == SourceKind::WebSeed, std::cmp::Reverse(source.bytes), *name)
    });
    let all: u64 = rows.iter().map(|(_, source)| source.bytes).sum();
    let mut text = format!("\n{:>12}  {:>5}  from\n", "received", "share");
    for (name, source) in rows {
        let kind = if source.kind == SourceKind::WebSeed { "web seed" } else { "peer" };
        let share = source.bytes as f64 / all.max(1) as f64 * 100.0;
        // Writing to a string does not fail.
        let _ = writeln!(text, "{:>12}  {share:>4.0}%  {kind} {name}", units::size(source.bytes));
    }
    let seconds = outcome.time.as_secs_f64();
    let wanted = outcome.snapshot.bytes_wanted;
    let rate = (wanted as f64 / seconds.max(f64::EPSILON)) as u64;
    let _ = writeln!(
        text,
        "{:>12}  in {seconds:.1} s, {}/s; {} of it came twice or in vain\n",
        units::size(all),
        units::size(rate),
        units::size(outcome.snapshot.bytes_wasted)
    );
    text
}

fn sums(made: &[u8; 32], fetched: &[u8; 32]) -> String {
    let verdict = if made == fetched { "the same" } else { "DIFFERENT" };
    format!("SHA-256 made     {}\nSHA-256 fetched  {}  {verdict}\n", hex(made), hex(fetched))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
