//! Following one transfer to its outcome.

use super::{GetArgs, Report, Taken};
use crate::exit::{Failure, Kind};
use crate::signals::StopSignals;
use engine::{Event, Phase, Snapshot, Torrent};
use metainfo::Metainfo;
use std::time::{Duration, Instant};
use tokio::time::{MissedTickBehavior, interval, timeout};

/// How often the torrent is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// How long the torrent may take to tell of its peers: without them the line of `--json` is left out.
const DETAILS_WITHIN: Duration = Duration::from_secs(1);

/// What completion means for a transfer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Completion {
    /// The end of fetching: it is told, and seeding may follow.
    Final,
    /// The data still has to be checked: nothing is told, and the transfer ends.
    Unchecked,
    /// It was told before; the transfer is for seeding.
    Told,
}

/// One transfer being followed.
pub(super) struct Follow<'a> {
    args: &'a GetArgs,
    taken: &'a Taken,
    metainfo: &'a Metainfo,
    bytes_wanted: u64,
    port: u16,
    started: Instant,
    completed_after: Option<Duration>,
    watch: Watch,
}

impl<'a> Follow<'a> {
    pub(super) fn new(args: &'a GetArgs, taken: &'a Taken, started: Instant) -> Self {
        Self {
            args,
            taken,
            metainfo: &taken.metainfo,
            bytes_wanted: taken.bytes_wanted,
            port: taken.session.port(),
            started,
            completed_after: None,
            watch: Watch::new(args.timeout, Instant::now()),
        }
    }

    /// How long it took to completion.
    pub(super) fn time(&self) -> Duration {
        self.completed_after.unwrap_or_else(|| self.started.elapsed())
    }

    /// Reports what happens until there is an outcome.
    pub(super) async fn run(
        &mut self,
        torrent: &mut Torrent,
        report: &mut Report,
        stop: &mut StopSignals,
    ) -> Result<(), Failure> {
        let mut looks = interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let outcome = tokio::select! {
                event = torrent.next_event() => self.handle_event(event, torrent, report),
                _ = looks.tick() => self.look(torrent, report).await,
                () = stop.wait() => Some(self.interrupted()),
            };
            if let Some(outcome) = outcome {
                return outcome;
            }
        }
    }

    fn handle_event(
        &mut self,
        event: Option<Event>,
        torrent: &Torrent,
        report: &mut Report,
    ) -> Option<Result<(), Failure>> {
        match event {
            Some(Event::Checked { bytes_present }) => {
                report.checked(bytes_present, self.bytes_wanted);
                return self.nothing_to_fetch_from(bytes_present).map(Err);
            }
            Some(Event::Complete) => {
                self.completed_after = Some(self.started.elapsed());
                if self.taken.completion == Completion::Final {
                    report.pieces(&self.taken.from);
                    report.complete(&self.taken.path, &torrent.snapshot(), self.started.elapsed());
                }
                if !self.args.seeds() || self.taken.completion == Completion::Unchecked {
                    return Some(Ok(()));
                }
                report.seeding(self.port);
            }
            Some(Event::SeedingDone) => return Some(Ok(())),
            Some(Event::Failed(error)) => {
                let words = format_args!("{error}; what was verified is kept, and the same command resumes");
                return Some(Err(Failure::new(Kind::Disk, words)));
            }
            Some(event @ (Event::PieceFailed { .. } | Event::Source { .. })) => report.event(&event),
            // It is known since before.
            Some(Event::Metadata { .. }) => {}
            None if self.completed_after.is_some() => return Some(Ok(())),
            None => return Some(Err(Failure::new(Kind::Failed, "the transfer ended without a reason"))),
        }
        None
    }

    async fn look(&mut self, torrent: &Torrent, report: &mut Report) -> Option<Result<(), Failure>> {
        let snapshot = &torrent.snapshot();
        if report.progress(snapshot) {
            let details = timeout(DETAILS_WITHIN, torrent.control().report()).await;
            report.sources(snapshot, details.ok().flatten().as_ref());
        }
        let late = self.completed_after.is_none() && self.watch.expired(snapshot, Instant::now());
        late.then(|| Err(Failure::new(Kind::Incomplete, self.watch.words(snapshot))))
    }

    /// Waiting would be in vain.
    fn nothing_to_fetch_from(&self, bytes_present: u64) -> Option<Failure> {
        let web_seeds = self.metainfo.web_seeds.len() + self.args.web_seeds.len();
        (bytes_present < self.bytes_wanted && self.args.no_peers && web_seeds == 0).then(|| {
            let words = "nothing to fetch from: the torrent names no web seed and --no-peers rules out the rest; \
                         add one with --web-seed URL";
            Failure::new(Kind::Incomplete, words)
        })
    }

    /// Somebody wants us to end: well if it is complete.
    fn interrupted(&self) -> Result<(), Failure> {
        if self.completed_after.is_some() {
            return Ok(());
        }
        let words = "interrupted; what was verified is kept, and the same command resumes";
        Err(Failure::new(Kind::Interrupted, words))
    }
}

/// `--timeout`: for how long nothing has moved.
pub(super) struct Watch {
    limit: Option<Duration>,
    /// Bytes checked or of the metadata, and bytes received that were good for something so far.
    mark: (u64, u64),
    since: Instant,
    waited: Duration,
}

impl Watch {
    pub(super) const fn new(limit: Option<Duration>, now: Instant) -> Self {
        Self { limit, mark: (0, 0), since: now, waited: Duration::ZERO }
    }

    /// Bytes count as they come in, not when their piece is whole: a piece may take long. Those that turn out bad
    /// are taken off again, so that a liar cannot keep us waiting for ever.
    pub(super) fn expired(&mut self, snapshot: &Snapshot, now: Instant) -> bool {
        let received = snapshot.bytes_from_peers + snapshot.bytes_from_web_seeds;
        let looked_at = snapshot.bytes_checked + snapshot.metadata_bytes;
        let mark = (looked_at, received.saturating_sub(snapshot.bytes_wasted));
        let moved = mark.0 > self.mark.0 || mark.1 > self.mark.1;
        if moved || snapshot.phase == Phase::Finishing {
            self.mark = (self.mark.0.max(mark.0), self.mark.1.max(mark.1));
            self.since = now;
        }
        self.waited = now.duration_since(self.since);
        self.limit.is_some_and(|limit| self.waited >= limit)
    }

    /// For how long nothing has moved.
    pub(super) const fn waited(&self) -> Duration {
        self.waited
    }

    fn words(&self, snapshot: &Snapshot) -> String {
        let Snapshot { peers_connected, web_seeds_known, .. } = snapshot;
        format!(
            "incomplete: no progress for {} with {peers_connected} peers and {web_seeds_known} web seeds; \
             what was verified is kept, and the same command resumes",
            crate::units::duration(self.waited.as_secs())
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_good_bytes_count_as_progress() {
        let start = Instant::now();
        let second = |n: u64| start + Duration::from_secs(n);
        let snapshot = |received, wasted| Snapshot {
            phase: Phase::Downloading,
            bytes_from_peers: received,
            bytes_wasted: wasted,
            ..Snapshot::default()
        };
        let mut watch = Watch::new(Some(Duration::from_secs(10)), start);
        assert!(!watch.expired(&snapshot(0, 0), second(9)));
        assert!(!watch.expired(&snapshot(100, 0), second(9)), "bytes came");
        assert!(!watch.expired(&snapshot(100, 100), second(15)));
        assert!(
            !watch.expired(&snapshot(200, 100), second(18)),
            "no more good bytes than before, but in time"
        );
        assert!(watch.expired(&snapshot(200, 200), second(19)), "bad bytes are no progress");
        let mut patient = Watch::new(None, start);
        assert!(!patient.expired(&snapshot(0, 0), second(100_000)));
    }
}
