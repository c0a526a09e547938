//! What came from where.

use super::swarm::Given;
use crate::get::Outcome;
use crate::units;
use metainfo::hex;
use std::fmt::Write;
use std::io::Write as _;

/// Prints the table to standard output: what each peer gave by its own count, and the web seed by ours.
pub(super) fn print(outcome: &Outcome, given: &[Given], made: &[u8; 32], fetched: &[u8; 32]) {
    let text = table(outcome, given) + &sums(made, fetched);
    // A reader that went away has seen enough.
    let _ = std::io::stdout().write_all(text.as_bytes());
}

fn table(outcome: &Outcome, given: &[Given]) -> String {
    let snapshot = &outcome.snapshot;
    let peers = given.iter().map(|given| (format!("peer {}", given.peer), given.bytes));
    let web_seed = ("web seed".to_owned(), snapshot.bytes_from_web_seeds);
    let rows: Vec<(String, u64)> = peers.chain([web_seed]).collect();
    let all: u64 = rows.iter().map(|(_, bytes)| bytes).sum();
    let mut text = format!("\n{:>12}  {:>5}  from\n", "received", "share");
    for (name, bytes) in rows {
        let share = bytes as f64 / all.max(1) as f64 * 100.0;
        // Writing to a string does not fail.
        let _ = writeln!(text, "{:>12}  {share:>4.0}%  {name}", units::size(bytes));
    }
    let seconds = outcome.time.as_secs_f64();
    let rate = (snapshot.bytes_wanted as f64 / seconds.max(f64::EPSILON)) as u64;
    let (all, rate, wasted) = (units::size(all), units::size(rate), units::size(snapshot.bytes_wasted));
    let _ = writeln!(text, "{all:>12}  in {seconds:.1} s, {rate}/s; {wasted} of it came twice or in vain\n");
    text
}

fn sums(made: &[u8; 32], fetched: &[u8; 32]) -> String {
    let verdict = if made == fetched { "the same" } else { "DIFFERENT" };
    format!("SHA-256 of the image\n  made     {}\n  fetched  {}\n  {verdict}\n", hex(made), hex(fetched))
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::Snapshot;
    use std::time::Duration;

    #[test]
    fn each_source_has_its_share() {
        let snapshot =
            Snapshot { bytes_wanted: 4 << 20, bytes_from_web_seeds: 1 << 20, ..Snapshot::default() };
        let outcome = Outcome { snapshot, time: Duration::from_secs(2) };
        let given = [Given { peer: "127.0.0.1:7".to_owned(), bytes: 3 << 20 }];
        let text = table(&outcome, &given);
        for expected in
            ["3.0 MiB    75%  peer 127.0.0.1:7", "1.0 MiB    25%  web seed", "4.0 MiB  in 2.0 s, 2.0 MiB/s"]
        {
            assert!(text.contains(expected), "no {expected:?} in\n{text}");
        }
        assert!(sums(&[1; 32], &[1; 32]).contains("the same"));
        assert!(sums(&[1; 32], &[2; 32]).contains("DIFFERENT"));
    }
}
