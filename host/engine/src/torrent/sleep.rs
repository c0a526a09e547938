//! Falling asleep and getting up again, see [`crate::dormitory`].

use super::{Change, Command, Inbox, TorrentTask, now};
use crate::dht::{self, DhtSearch};
use crate::dormitory::Sleeper;
use crate::limits::SLEEP_AFTER;
use crate::magnet::Handover;
use crate::torrent::trackers::Trackers;
use swarm::CandidateSource;
use tokio::time::Instant;

impl TorrentTask {
    /// When to look whether it is tired.
    pub(super) fn bedtime(&self) -> Option<Instant> {
        let may_sleep = self.add.tuning.may_sleep && self.trackers.is_some();
        self.idle_since.filter(|_| may_sleep).map(|since| since + SLEEP_AFTER)
    }

    /// From when a torrent counts as idle that is so now. One that gave and took nothing was idle all the time.
    pub(super) fn idle_from(&self, now: Instant) -> Instant {
        let progress = self.rates.progress(&self.swarm);
        let is_fresh = progress.downloaded == 0 && progress.uploaded == 0;
        now.checked_sub(SLEEP_AFTER).filter(|_| is_fresh).unwrap_or(now)
    }

    /// Nobody has wanted anything of it for a while.
    pub(super) fn is_tired(&self) -> bool {
        self.bedtime().is_some_and(|bedtime| bedtime <= Instant::now())
    }

    /// Begins with what was left of it while it slept, with whom the fetch of its metadata met, or from nothing.
    pub(super) fn get_up(
        &mut self,
        sleeper: Option<Sleeper>,
        handover: Option<Handover>,
    ) -> Option<DhtSearch> {
        let Some(sleeper) = sleeper else { return self.go_on(handover) };
        self.rates.tracker_word = sleeper.trackers.word().cloned();
        self.trackers = Some(sleeper.trackers);
        for (source, peers) in &sleeper.found {
            self.swarm.handle_candidates(now(), *source, peers);
        }
        for visitor in sleeper.visitors {
            self.peers.admit(now(), &mut self.swarm, visitor);
        }
        sleeper.dht.map(DhtSearch::wake)
    }

    fn go_on(&mut self, handover: Option<Handover>) -> Option<DhtSearch> {
        if !self.add.use_peers {
            return None;
        }
        let progress = self.rates.progress(&self.swarm);
        let mut handover = handover.unwrap_or_default();
        let mut known = handover.trackers.take();
        if let Some(trackers) = &mut known {
            trackers.learn(&self.add, progress);
        }
        self.trackers = known.or_else(|| Some(Trackers::of(&self.add, progress, &self.shared)));
        if handover.moves != self.shared.exit.moves() {
            handover.part();
        }
        let search = handover.dht.take();
        self.peers.take_over(now(), &mut self.swarm, handover);
        search.or_else(|| dht::find(&self.add, &self.shared))
    }

    /// Leaves its announces to the dormitory, and ends.
    pub(super) async fn fall_asleep(mut self, mut inbox: Inbox) {
        let progress = self.rates.progress(&self.swarm);
        self.peers.clear();
        self.web_seeds.clear();
        if let Err(error) = self.store.close().await {
            tracing::warn!(%error, "a seed cannot be left in order; it is checked when it is wanted");
        }
        self.show();
        let Some(mut trackers) = self.trackers.take() else { return self.teller.finish().await };
        trackers.rest(progress);
        let is_private = self.add.metainfo.private;
        let mut sleeper = Sleeper::of(trackers, inbox.dht.take().map(DhtSearch::sleep), is_private);
        let mut replies = Vec::new();
        inbox.commands.close();
        while let Some(command) = inbox.commands.recv().await {
            match command {
                Command::Change(Change::AddPeers(peers)) => {
                    sleeper.found.push((CandidateSource::User, peers));
                }
                Command::Change(Change::Trackers(tiers)) => sleeper.trackers.set_tiers(now(), tiers),
                Command::Change(Change::Reannounce) => sleeper.trackers.hurry(now()),
                // The owner knows the rest, and says so when the torrent is added again.
                Command::Change(_) | Command::Report(_) => {}
                Command::Stop(reply) => replies.push(reply),
            }
        }
        self.dormitory.take_in(self.add.metainfo.wire_info_hash(), sleeper);
        // Whoever came meanwhile is not turned away.
        inbox.incoming.close();
        while let Some(incoming) = inbox.incoming.recv().await {
            self.dormitory.visit(incoming);
        }
        self.teller.finish().await;
    }
}
