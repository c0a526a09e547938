//! Changing the settings of torrents.

use crate::catalogue::entry::Priority;
use crate::{FileChoice, WebSeedPolicy};
use url::Url;

/// Which limit counts for a torrent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
pub enum LimitMode {
    /// The session's.
    #[default]
    Session,
    /// Its own.
    Own,
    /// None.
    Unlimited,
}

/// Changes to one or many torrents. `None` and empty lists leave things as they are. See [`Options`](crate::Options) for the meaning
/// of each.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct TorrentEdit {
    /// [`Options::bandwidth_priority`](crate::Options::bandwidth_priority).
    pub bandwidth_priority: Option<Priority>,
    /// [`Options::down_limit`](crate::Options::down_limit), its rate in kB/s.
    pub down_limit: Option<u32>,
    /// [`Options::down_limit`](crate::Options::down_limit), whether it counts.
    pub down_limited: Option<bool>,
    /// [`Options::up_limit`](crate::Options::up_limit), its rate in kB/s.
    pub up_limit: Option<u32>,
    /// [`Options::up_limit`](crate::Options::up_limit), whether it counts.
    pub up_limited: Option<bool>,
    /// [`Options::honors_session_limits`](crate::Options::honors_session_limits).
    pub honors_session_limits: Option<bool>,
    /// [`Options::peer_limit`](crate::Options::peer_limit).
    pub peer_limit: Option<u32>,
    /// [`Options::ratio_limit`](crate::Options::ratio_limit).
    pub ratio_limit: Option<f64>,
    /// [`Options::ratio_mode`](crate::Options::ratio_mode).
    pub ratio_mode: Option<LimitMode>,
    /// [`Options::idle_limit_minutes`](crate::Options::idle_limit_minutes).
    pub idle_limit_minutes: Option<u32>,
    /// [`Options::idle_mode`](crate::Options::idle_mode).
    pub idle_mode: Option<LimitMode>,
    /// A place in the queue, from 0.
    pub queue_position: Option<u32>,
    /// [`Options::labels`](crate::Options::labels).
    pub labels: Option<Vec<String>>,
    /// [`Options::group`](crate::Options::group); empty for none.
    pub group: Option<String>,
    /// [`Options::sequential`](crate::Options::sequential).
    pub sequential: Option<bool>,
    /// [`Options::sequential_from_piece`](crate::Options::sequential_from_piece).
    pub sequential_from_piece: Option<u32>,
    /// [`Options::super_seeding`](crate::Options::super_seeding).
    pub super_seeding: Option<bool>,
    /// [`Options::web_seed_policy`](crate::Options::web_seed_policy).
    pub web_seed_policy: Option<Option<WebSeedPolicy>>,
    /// [`Options::web_seed_connections`](crate::Options::web_seed_connections).
    pub web_seed_connections: Option<Option<u32>>,
    /// Changes to the files, in order.
    pub files: Vec<FileChoice>,
    /// Changes to the trackers, in order.
    pub trackers: Vec<TrackerChange>,
    /// Changes to the web seeds, in order.
    pub web_seeds: Vec<WebSeedChange>,
}

/// A change to a torrent's trackers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TrackerChange {
    /// One more, as a tier of its own.
    Add(String),
    /// The tracker with this [`Tracker::id`](crate::Tracker::id) goes.
    Remove(u32),
    /// The tracker with this id gets another announce URL and keeps its tier.
    Replace(u32, String),
    /// All of them, by tier.
    List(Vec<Vec<String>>),
}

/// A change to a torrent's web seeds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum WebSeedChange {
    /// One more.
    Add(Url),
    /// The one with this URL, as told in [`WebSeedDetails`](crate::WebSeedDetails), goes.
    Remove(String),
}
