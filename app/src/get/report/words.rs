//! A transfer in words.

use crate::units;
use engine::{Phase, Snapshot};
use std::time::Duration;

/// The name of a phase, for people and for JSON.
pub(super) const fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Metadata => "metadata",
        Phase::Checking => "checking",
        Phase::Downloading => "downloading",
        Phase::Finishing => "finishing",
        Phase::Seeding => "seeding",
        Phase::Stopped => "stopped",
        Phase::Failed => "failed",
    }
}

/// The bytes that the phase is about.
pub(super) const fn bytes_shown(snapshot: &Snapshot) -> u64 {
    match snapshot.phase {
        Phase::Metadata => snapshot.metadata_bytes,
        Phase::Checking => snapshot.bytes_checked,
        _ => snapshot.bytes_done,
    }
}

/// Bytes that are here: of the metadata while that is looked for, else of the selected files.
pub(super) const fn bytes_done(snapshot: &Snapshot) -> u64 {
    match snapshot.phase {
        Phase::Metadata => snapshot.metadata_bytes,
        _ => snapshot.bytes_done,
    }
}

/// How many of them there are to come to.
pub(super) const fn bytes_to_come(snapshot: &Snapshot) -> u64 {
    match snapshot.phase {
        Phase::Metadata => snapshot.metadata_size,
        _ => snapshot.bytes_wanted,
    }
}

/// Bytes given for each byte of the selected files.
pub(super) fn ratio(snapshot: &Snapshot) -> f64 {
    snapshot.bytes_uploaded as f64 / snapshot.bytes_wanted.max(1) as f64
}

/// One line about where a transfer stands.
pub(super) fn summary(snapshot: &Snapshot) -> String {
    let phase = phase(snapshot.phase);
    let (done, wanted) = (bytes_shown(snapshot), bytes_to_come(snapshot));
    let percent = if wanted == 0 { 100.0 } else { (done as f64 / wanted as f64 * 100.0).min(100.0) };
    let (done, total) = (units::size(done), units::size(wanted));
    let (down, up) = (units::size(snapshot.down_rate), units::size(snapshot.up_rate));
    match snapshot.phase {
        Phase::Metadata if wanted == 0 => {
            format!("looking for the metadata, {} peers", snapshot.peers_connected)
        }
        Phase::Metadata | Phase::Checking | Phase::Finishing | Phase::Stopped | Phase::Failed => {
            format!("{phase} {percent:.1}% ({done} of {total})")
        }
        Phase::Downloading => {
            let left = snapshot
                .eta_seconds()
                .map_or(String::new(), |eta| format!("{} left, ", units::duration(eta)));
            format!(
                "{phase} {percent:.1}% ({done} of {total}), down {down}/s, up {up}/s, {left}{}",
                sources(snapshot)
            )
        }
        Phase::Seeding => {
            let (given, ratio) = (units::size(snapshot.bytes_uploaded), ratio(snapshot));
            format!("{phase}, up {up}/s, gave {given} (ratio {ratio:.2}), {} peers", snapshot.peers_connected)
        }
    }
}

/// Sources in use, of those known.
pub(super) fn sources(snapshot: &Snapshot) -> String {
    let Snapshot { peers_active, peers_connected, web_seeds_active, web_seeds_known, .. } = snapshot;
    format!("peers {peers_active}/{peers_connected}, web seeds {web_seeds_active}/{web_seeds_known}")
}

/// How a complete download came about.
pub(super) fn how_it_came(snapshot: &Snapshot, time: Duration) -> String {
    let (peers, web) = (snapshot.bytes_from_peers, snapshot.bytes_from_web_seeds);
    let size = units::size(snapshot.bytes_wanted);
    if peers + web == 0 {
        return format!("{size}, all of it was here already");
    }
    let seconds = time.as_secs_f64();
    let time = if seconds < 60.0 { format!("{seconds:.1} s") } else { units::duration(time.as_secs()) };
    let from = |bytes: u64, what: &str| (bytes > 0).then(|| format!("{} from {what}", units::size(bytes)));
    let parts: Vec<String> = [from(peers, "peers"), from(web, "web seeds")].into_iter().flatten().collect();
    format!("{size} in {time}, {}", parts.join(" and "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_download_in_one_line() {
        let snapshot = Snapshot {
            phase: Phase::Downloading,
            bytes_wanted: 4 << 20,
            bytes_done: 1 << 20,
            down_rate: 1 << 20,
            peers_connected: 3,
            peers_active: 2,
            web_seeds_known: 1,
            ..Snapshot::default()
        };
        assert_eq!(
            summary(&snapshot),
            "downloading 25.0% (1.0 MiB of 4.0 MiB), down 1.0 MiB/s, up 0 B/s, 3s left, peers 2/3, web seeds 0/1"
        );
        assert_eq!(how_it_came(&snapshot, Duration::ZERO), "4.0 MiB, all of it was here already");
        let fetched = Snapshot { bytes_from_peers: 1 << 20, ..snapshot.clone() };
        assert_eq!(how_it_came(&fetched, Duration::from_secs(2)), "4.0 MiB in 2.0 s, 1.0 MiB from peers");
        let fetched = Snapshot { bytes_from_web_seeds: 1 << 20, ..fetched };
        assert!(
            how_it_came(&fetched, Duration::ZERO).ends_with("1.0 MiB from peers and 1.0 MiB from web seeds")
        );
        assert_eq!(ratio(&Snapshot::default()).to_bits(), 0.0_f64.to_bits(), "nothing selected is no fault");
    }
}
