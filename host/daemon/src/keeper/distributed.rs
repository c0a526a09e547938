//! The DHT: switched on and off, and what it knows kept between runs.

use super::{Keeper, News};
use crate::Config;
use crate::limits::{DHT_SAVE_INTERVAL, DHT_SAVE_TIMEOUT};
use engine::{DhtSettings, DhtTables};
use metainfo::{hex, unhex_bytes};
use std::collections::BTreeMap;
use std::sync::Arc;
use storage::Change;
use tokio::time::{Instant, timeout};

/// The names of the tables in the database.
const TABLES: [&str; 2] = ["dht-v4", "dht-v6"];

/// What the DHT starts from, if it is wanted.
pub(super) fn settings(config: &Config, values: &BTreeMap<String, String>) -> Option<DhtSettings> {
    let table = |name| values.get(name).and_then(|text| unhex_bytes(text)).unwrap_or_default();
    let [v4, v6] = TABLES.map(table);
    config.settings.dht.then(|| starting_from(config, DhtTables { v4, v6 }))
}

fn starting_from(config: &Config, tables: DhtTables) -> DhtSettings {
    let usual = DhtSettings { tables, ..DhtSettings::default() };
    let routers = config.dht_bootstrap.clone();
    if routers.is_empty() { usual } else { DhtSettings { routers, ..usual } }
}

impl Keeper {
    pub(super) fn switch_dht(&mut self, on: bool) {
        if on == self.config.settings.dht {
            return;
        }
        if on {
            let tables = std::mem::take(&mut self.dht_tables);
            self.session.set_dht(Some(&starting_from(&self.config, tables)));
        } else {
            self.session.set_dht(None);
        }
    }

    /// Has what the DHT knows saved now and then.
    pub(super) fn look_at_dht(&mut self) {
        if self.config.settings.dht && self.dht_saved_at.elapsed() >= DHT_SAVE_INTERVAL {
            self.dht_saved_at = Instant::now();
            let (session, news) = (Arc::clone(&self.session), self.news_sender.clone());
            tokio::spawn(async move {
                if let Some(tables) = session.dht_tables().await {
                    // An error means that the keeper has ended.
                    let _ = news.send(News::DhtTables(tables)).await;
                }
            });
        }
    }

    /// Keeps what the DHT knew last. A table without nodes is none.
    pub(super) async fn save_dht(&mut self) {
        if let Ok(Some(tables)) = timeout(DHT_SAVE_TIMEOUT, self.session.dht_tables()).await {
            self.keep_dht(tables);
        }
    }

    pub(super) fn keep_dht(&mut self, tables: DhtTables) {
        for (name, table) in TABLES.into_iter().zip([&tables.v4, &tables.v6]) {
            self.changes.push(Change::Set(name, hex(table)));
        }
        self.dht_tables = tables;
    }
}
