//! Who brings how much, and what keeps web seeds from it.

use crate::units;
use engine::{Snapshot, SourceKind, SourceSnapshot, WebSeedState};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use url::Url;

/// Sources that have a line of their own in the live display.
const LINES: usize = 4;

/// Faults of web seeds that are told of.
const FAULTS: usize = 3;

/// Characters of a source's name, so that a line fits into 80 columns.
const NAME: usize = 48;

/// The name of what a web seed is doing, for people and for JSON.
pub(super) const fn state(state: WebSeedState) -> &'static str {
    match state {
        WebSeedState::Idle => "idle",
        WebSeedState::Fetching => "fetching",
        WebSeedState::Waiting => "waiting",
        WebSeedState::Dropped => "dropped",
    }
}

/// The web seeds among the sources.
pub(super) fn web_seeds(snapshot: &Snapshot) -> impl Iterator<Item = &SourceSnapshot> {
    snapshot.sources.iter().filter(|source| source.kind == SourceKind::WebSeed)
}

/// A line for each of the sources that bring most, and one for what went wrong with web seeds.
pub(super) fn lines(snapshot: &Snapshot) -> Vec<String> {
    let mut busy: Vec<_> = snapshot.sources.iter().filter(|source| source.down_rate > 0).collect();
    busy.sort_by_key(|source| Reverse(source.down_rate));
    let mut lines: Vec<_> = busy.iter().take(LINES).map(|source| line(source)).collect();
    lines.extend(faults(snapshot));
    lines
}

fn line(source: &SourceSnapshot) -> String {
    let (rate, bytes) = (format!("{}/s", units::size(source.down_rate)), units::size(source.bytes_down));
    let mut name = match (&source.client, source.kind) {
        (Some(client), _) => format!("{} ({client})", source.name),
        (None, SourceKind::WebSeed) => host(&source.name),
        (None, _) => source.name.clone(),
    };
    if name.chars().count() > NAME {
        name = name.chars().take(NAME - 1).chain(['…']).collect();
    }
    format!("{rate:>14}  {bytes:>10}  {name}")
}

fn host(url: &str) -> String {
    let host = Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned));
    host.unwrap_or_else(|| url.to_owned())
}

/// How many web seeds rest for which reason, the most common ones.
fn faults(snapshot: &Snapshot) -> Option<String> {
    let resting = web_seeds(snapshot)
        .filter(|source| matches!(source.state, Some(WebSeedState::Waiting | WebSeedState::Dropped)));
    let mut counts = BTreeMap::<&str, u32>::new();
    for source in resting {
        *counts.entry(source.reason.as_deref().unwrap_or("resting")).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| Reverse(*count));
    let more = counts.iter().skip(FAULTS).map(|(_, count)| count).sum::<u32>();
    let mut words: Vec<_> =
        counts.iter().take(FAULTS).map(|(reason, count)| format!("{count} × {reason}")).collect();
    if more > 0 {
        words.push(format!("{more} more"));
    }
    (!words.is_empty()).then(|| format!("web seeds at rest: {}", words.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn web_seed(name: &str, down_rate: u64, state: WebSeedState, reason: Option<&str>) -> SourceSnapshot {
        SourceSnapshot {
            kind: SourceKind::WebSeed,
            name: name.to_owned(),
            client: None,
            bytes_down: down_rate * 10,
            bytes_up: 0,
            down_rate,
            state: Some(state),
            reason: reason.map(str::to_owned),
        }
    }

    #[test]
    fn the_busiest_and_the_commonest_faults() {
        let fetching = (1..=9).map(|rate| {
            web_seed(&format!("https://m{rate}.example/iso"), rate << 20, WebSeedState::Fetching, None)
        });
        let resting = [
            ("HTTP 404", WebSeedState::Dropped),
            ("HTTP 404", WebSeedState::Dropped),
            ("a", WebSeedState::Waiting),
        ]
        .map(|(reason, state)| web_seed("https://x.example/iso", 0, state, Some(reason)));
        let snapshot = Snapshot { sources: fetching.chain(resting).collect(), ..Snapshot::default() };
        let lines = lines(&snapshot);
        assert_eq!(lines.len(), LINES + 1);
        assert_eq!(lines[0], "     9.0 MiB/s    90.0 MiB  m9.example");
        assert_eq!(lines[LINES], "web seeds at rest: 2 × HTTP 404, 1 × a");
    }
}
