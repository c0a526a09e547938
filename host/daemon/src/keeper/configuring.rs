//! The settings of the session, while it runs.

use super::command::Done;
use super::{Keeper, opening, waking};
use crate::Settings;
use crate::api::command::CommandError;
use crate::catalogue::entry::{Number, Options};
use crate::schedule;
use engine::Change;
use std::sync::{Arc, PoisonError};

impl Keeper {
    pub(super) fn change_settings(&mut self, change: Box<dyn FnOnce(&mut Settings) + Send>, done: Done) {
        let mut new = self.config.settings.clone();
        change(&mut new);
        for path in [&new.download_directory, &new.incomplete_directory] {
            if !path.is_absolute() {
                return drop(done.send(Err(CommandError::RelativePath(path.clone()))));
            }
        }
        let mut problem = None;
        if new.peer_port != self.config.settings.peer_port {
            match self.session.set_port(new.peer_port) {
                Ok(port) => {
                    self.shared.port.send_replace(port);
                    // Trackers are told where peers reach us now.
                    self.send_all(|_, _| Change::Reannounce);
                }
                Err(error) => {
                    new.peer_port = self.config.settings.peer_port;
                    problem = Some(CommandError::Invalid(error.to_string()));
                }
            }
        }
        if let Err(error) = self.adopt(new) {
            problem = problem.or(Some(CommandError::Invalid(error.to_string())));
        }
        let settings = self.config.settings.clone();
        let save = self.config.save_settings.clone();
        self.admit();
        tokio::spawn(async move {
            let saved = match save {
                Some(save) => tokio::task::spawn_blocking(move || save(&settings)).await,
                None => Ok(Ok(())),
            };
            let result = match (saved, problem) {
                (Ok(Ok(())), None) => Ok(()),
                (Ok(Ok(())), Some(problem)) => Err(problem),
                (Ok(Err(error)), _) => Err(CommandError::NotSaved(error.to_string())),
                (Err(error), _) => Err(CommandError::NotSaved(error.to_string())),
            };
            // Whoever asked may have stopped waiting.
            let _ = done.send(result);
        });
    }

    /// Takes on settings, which count from now on.
    fn adopt(&mut self, new: Settings) -> Result<(), engine::StartError> {
        let slots = (new.upload_slots_per_torrent != self.config.settings.upload_slots_per_torrent)
            .then_some(new.upload_slots_per_torrent as usize);
        let policy = |settings: &Settings| (settings.web_seed_policy, settings.web_seed_connections);
        let changes_policy = policy(&new) != policy(&self.config.settings);
        // Before anything else begins that a proxy is to hide.
        let moved = self.session.set_proxy(new.proxy.clone(), new.proxy_for);
        self.shared.port.send_replace(self.session.port());
        self.session.set_peer_limit(Some(new.peer_limit_global as usize));
        self.session.set_lsd(new.lpd);
        self.session.set_port_mapping(new.port_forwarding);
        self.switch_dht(new.dht);
        let ways = waking::ways(&new);
        let met =
            if ways == waking::ways(&self.config.settings) { Ok(()) } else { self.session.set_ways(ways) };
        self.session.set_web_seed_connections(new.web_seed_connections as usize);
        self.config.settings = new;
        self.publish();
        self.apply_settings();
        if changes_policy {
            self.send_all(|options, settings| {
                let (policy, connections) = opening::web_seed_policy(options, settings);
                Change::WebSeedPolicy(policy, connections)
            });
        }
        if let Some(slots) = slots {
            self.send_all(|_, _| Change::UploadSlots(slots));
        }
        met.and(moved)
    }

    /// Has every torrent change, as its options and the settings say.
    fn send_all(&mut self, change: impl Fn(&Options, &Settings) -> Change) {
        let changes: Vec<(Number, Change)> = {
            let catalogue = self.shared.catalogue.read().unwrap_or_else(PoisonError::into_inner);
            let settings = &self.config.settings;
            catalogue.iter().map(|entry| (entry.number, change(&entry.options, settings))).collect()
        };
        for (number, change) in changes {
            self.send(number, change);
        }
    }

    fn publish(&self) {
        let settings = Arc::new(self.config.settings.clone());
        self.shared.settings.send_replace(settings);
    }

    pub(super) fn apply_settings(&mut self) {
        self.follow_schedule();
        self.set_session_limits();
        self.set_group_limits();
    }

    /// Turns the other limits on and off at the times of their schedule; in between the user may do otherwise.
    pub(super) fn follow_schedule(&mut self) {
        let alt = self.config.settings.alt_speed;
        if !alt.scheduled {
            self.scheduled = None;
            return;
        }
        let is_on = schedule::is_on(&alt, schedule::local_now());
        if self.scheduled.replace(is_on) != Some(is_on) && alt.enabled != is_on {
            self.config.settings.alt_speed.enabled = is_on;
            self.publish();
            self.set_session_limits();
        }
    }
}
