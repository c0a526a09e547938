//! The calls: one function a method, each writing the members of its result.

mod actions;
mod adding;
mod blocklist;
mod diagnosis;
mod editing;
mod files;
mod follow;
mod groups;
mod places;
mod port_test;
mod session;
mod torrent_get;
mod web_seeds;

pub use blocklist::{BlocklistFault, BlocklistUpdate};
pub use follow::{Followed, Following};
pub(crate) use torrent_get::status_number;

use crate::access::scope::Scope;
use crate::args::Args;
use crate::error::{Kind, RpcError};
use crate::json::Json;
use crate::settings::SettingsFile;
use daemon::{Daemon, Number, QueueMove, StartMode};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a torrent counts as recently active.
const RECENT: Duration = Duration::from_mins(1);

/// Since when a torrent must have changed to count as recently active.
pub(crate) fn recently() -> Instant {
    let now = Instant::now();
    now.checked_sub(RECENT).unwrap_or(now)
}

/// What every call works on.
#[derive(Clone)]
pub(crate) struct Calls {
    pub(crate) daemon: Daemon,
    pub(crate) file: Arc<SettingsFile>,
    pub(crate) update_blocklist: Option<BlocklistUpdate>,
    pub(crate) following: Option<Following>,
    /// Tells the server that its settings may have changed.
    pub(crate) http_changed: Arc<tokio::sync::Notify>,
    pub(crate) session_id: Arc<dyn Fn() -> String + Send + Sync>,
}

/// What a call comes to: its result is written, or it failed.
pub(crate) type Outcome = Result<(), RpcError>;

impl Calls {
    /// Carries out a call, its method in our spelling. `out` is within an object that takes the result.
    pub(crate) async fn run(&self, method: &str, args: Args, scope: Scope, out: &mut Json) -> Outcome {
        if !scope.allows(method) && is_known(method) {
            return Err(Kind::Forbidden.into());
        }
        match method {
            "torrent_get" => self.torrent_get(&args, out).await,
            "torrent_add" => self.torrent_add(args, scope, out).await,
            "torrent_set" => self.torrent_set(&args).await,
            "torrent_start" => self.start(&args, StartMode::Queued).await,
            "torrent_start_now" => self.start(&args, StartMode::Now).await,
            "torrent_stop" => self.stop(&args).await,
            "torrent_verify" => self.verify(&args).await,
            "torrent_reannounce" => self.reannounce(&args).await,
            "torrent_remove" => self.remove(&args).await,
            "torrent_set_location" => self.set_location(&args).await,
            "torrent_rename_path" => self.rename_path(&args, out).await,
            "queue_move_top" => self.queue_move(&args, QueueMove::Top).await,
            "queue_move_up" => self.queue_move(&args, QueueMove::Up).await,
            "queue_move_down" => self.queue_move(&args, QueueMove::Down).await,
            "queue_move_bottom" => self.queue_move(&args, QueueMove::Bottom).await,
            "session_get" => self.session_get(&args, out).await,
            "session_set" => self.session_set(&args).await,
            "session_stats" => {
                self.session_stats(out);
                Ok(())
            }
            "session_close" => {
                self.session_close();
                Ok(())
            }
            "free_space" => self.free_space(&args, out).await,
            "port_test" => self.port_test(&args, out).await,
            "blocklist_update" => self.blocklist_update(out).await,
            "group_get" => {
                self.group_get(&args, out);
                Ok(())
            }
            "group_set" => self.group_set(&args).await,
            "follow_get" => {
                self.follow_get(out);
                Ok(())
            }
            "torrent_why" => self.torrent_why(&args, out).await,
            "torrent_doctor" => self.torrent_doctor(&args, out).await,
            "torrent_web_seeds" => self.torrent_web_seeds(&args, out).await,
            "torrent_web_seed_add" => self.torrent_web_seed_add(&args).await,
            "torrent_web_seed_remove" => self.torrent_web_seed_remove(&args).await,
            _ => Err(Kind::Method.into()),
        }
    }

    /// The torrents that a call is about.
    fn selected(&self, args: &Args) -> Vec<Number> {
        let selection = args.selection();
        self.daemon.view(|catalogue| selection.numbers(catalogue))
    }
}

/// Methods that change something; with those that only read, all there are.
const CHANGING: [&str; 20] = [
    "torrent_add",
    "torrent_set",
    "torrent_start",
    "torrent_start_now",
    "torrent_stop",
    "torrent_verify",
    "torrent_reannounce",
    "torrent_remove",
    "torrent_set_location",
    "torrent_rename_path",
    "queue_move_top",
    "queue_move_up",
    "queue_move_down",
    "queue_move_bottom",
    "session_set",
    "session_close",
    "blocklist_update",
    "group_set",
    "torrent_web_seed_add",
    "torrent_web_seed_remove",
];

fn is_known(method: &str) -> bool {
    CHANGING.contains(&method) || crate::access::scope::only_reads(method)
}
