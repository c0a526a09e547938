//! Changes to a torrent at work, and a look at all of it.

use super::control::{Change, Report};
use super::{TorrentTask, now};
use crate::api::Phase;
use metainfo::FileIndex;
use swarm::CandidateSource;

impl TorrentTask {
    pub(super) fn obey(&mut self, change: Change) {
        let now = now();
        match change {
            Change::Select(selected) => self.select(selected),
            Change::Sequential(sequential) => {
                self.add.sequential = sequential;
                self.swarm.set_sequential(now, sequential);
            }
            Change::Priorities(priorities) => {
                self.add.tuning.priorities = priorities;
                self.swarm.set_priorities(now, self.add.piece_priorities());
            }
            Change::Trackers(tiers) => {
                if let Some(trackers) = &mut self.trackers {
                    trackers.set_tiers(now, tiers);
                }
            }
            Change::Reannounce => {
                if let Some(trackers) = &mut self.trackers {
                    trackers.hurry(now);
                }
            }
            Change::AddWebSeed(url) => self.web_seeds.add(url, &mut self.swarm),
            Change::RemoveWebSeed(url) => self.web_seeds.remove(&url, &mut self.swarm),
            Change::WebSeedPolicy(policy, connections) => {
                self.swarm.set_web_seed_policy(now, policy);
                self.web_seeds.set_most(connections, &mut self.swarm);
            }
            Change::AddPeers(peers) => {
                let allowed = self.shared.settings.address_filter.allowed(&peers);
                self.swarm.handle_candidates(now, CandidateSource::User, &allowed);
            }
            Change::MaxPeers(most) => self.swarm.set_max_peers(now, most),
            Change::UploadSlots(slots) => self.swarm.set_upload_slots(now, slots),
            Change::SuperSeed(on) => self.swarm.set_super_seeding(now, on),
        }
    }

    /// Other files are wanted from now on. What becomes complete by that is told as any completion.
    fn select(&mut self, selected: Option<Vec<FileIndex>>) {
        self.add.selected.clone_from(&selected);
        let wanted = self.add.wanted_pieces();
        self.rates.set_wanted(wanted.clone());
        let before = self.completed_at;
        self.files_finished = false;
        self.completed_at = None;
        self.swarm.set_wanted(now(), wanted);
        // A piece that an unwanted file shares counts with its other files.
        self.swarm.set_priorities(now(), self.add.piece_priorities());
        self.pieces_complete = self.swarm.is_complete();
        if self.pieces_complete && before.is_some() {
            // Fewer files are wanted and all of them were here: nothing new to tell.
            self.completed_at = before;
        } else {
            self.phase = if self.pieces_complete { Phase::Finishing } else { Phase::Downloading };
        }
        let store = self.store.clone();
        tokio::spawn(async move {
            if let Err(error) = store.set_selected(selected).await {
                tracing::warn!(%error, "the files to fetch could not be changed on disk");
            }
        });
    }

    pub(super) fn report(&self) -> Report {
        let now = now();
        Report {
            at: now,
            peers: self.swarm.peers(now).map(|peer| self.peers.report(peer)).collect(),
            trackers: self.trackers.as_ref().map(super::Trackers::snapshots).unwrap_or_default(),
            web_seeds: self.web_seeds.reports(now, &self.swarm),
            have: self.swarm.have().clone(),
            availability: self.swarm.availability(),
        }
    }
}
