//! `torrent-set`.

use crate::args::Args;
use crate::calls::{Calls, Outcome, files};
use crate::error::{Kind, RpcError};
use crate::settings::value::{Setting, tiers, whole};
use daemon::{LimitMode, TorrentEdit, TrackerChange, WebSeedPolicy};
use serde_json::Value;

impl Calls {
    /// What can be set is set; the first failure is told.
    pub(super) async fn torrent_set(&self, args: &Args) -> Outcome {
        let mut errors = Vec::new();
        let mut edit = options(args);
        let (choices, error) = files::choices(args);
        edit.files = choices;
        errors.extend(error);
        match args.list("labels").map(files::labels).transpose() {
            Ok(labels) => edit.labels = labels,
            Err(error) => errors.push(error),
        }
        match trackers(args) {
            Ok(changes) => edit.trackers = changes,
            Err(error) => errors.push(error),
        }
        errors.extend(set_web_seed_policy(&mut edit, args).err());
        let done = self.daemon.edit(self.selected(args), edit).await;
        match errors.into_iter().next() {
            Some(error) => Err(error),
            None => Ok(done?),
        }
    }
}

/// What is simply set.
fn options(args: &Args) -> TorrentEdit {
    TorrentEdit {
        bandwidth_priority: args.integer("bandwidth_priority").and_then(files::priority),
        down_limit: args.count("download_limit"),
        down_limited: args.boolean("download_limited"),
        up_limit: args.count("upload_limit"),
        up_limited: args.boolean("upload_limited"),
        honors_session_limits: args.boolean("honors_session_limits"),
        peer_limit: args.count("peer_limit"),
        ratio_limit: args.number("seed_ratio_limit").filter(|ratio| *ratio >= 0.0),
        ratio_mode: args.integer("seed_ratio_mode").and_then(mode),
        idle_limit_minutes: args.count("seed_idle_limit"),
        idle_mode: args.integer("seed_idle_mode").and_then(mode),
        queue_position: args.count("queue_position"),
        group: args.text("group").map(str::to_owned),
        sequential: args.boolean("sequential_download"),
        sequential_from_piece: args.count("sequential_download_from_piece"),
        super_seeding: args.boolean("super_seeding"),
        web_seed_connections: args.count("web_seed_connections").map(|most| (most > 0).then_some(most)),
        ..TorrentEdit::default()
    }
}

/// What web seeds are for; `session` stands for what the session says.
fn set_web_seed_policy(edit: &mut TorrentEdit, args: &Args) -> Outcome {
    let Some(word) = args.text("web_seed_policy") else { return Ok(()) };
    let policy = (word != "session").then(|| WebSeedPolicy::of(&Value::from(word))).transpose();
    let policy =
        policy.map_err(|_| RpcError::params(format!("invalid value for web_seed_policy: {word}")))?;
    edit.web_seed_policy = Some(policy);
    Ok(())
}

fn mode(number: i64) -> Option<LimitMode> {
    match number {
        0 => Some(LimitMode::Session),
        1 => Some(LimitMode::Own),
        2 => Some(LimitMode::Unlimited),
        _ => None,
    }
}

/// Changes to the trackers: a whole list first, then what is added, removed and replaced.
fn trackers(args: &Args) -> Result<Vec<TrackerChange>, RpcError> {
    let mut changes = Vec::new();
    if let Some(text) = args.text("tracker_list") {
        changes.push(TrackerChange::List(tiers(text)));
    }
    let id = |value: &Value| whole(value).ok().and_then(|id| u32::try_from(id).ok());
    if let Some(urls) = args.list("tracker_add") {
        changes.extend(urls.iter().filter_map(Value::as_str).map(|url| TrackerChange::Add(url.to_owned())));
    }
    if let Some(ids) = args.list("tracker_remove") {
        for value in ids {
            changes.push(TrackerChange::Remove(id(value).ok_or(Kind::AnnounceList)?));
        }
    }
    if let Some(pairs) = args.list("tracker_replace") {
        for pair in pairs.chunks(2) {
            let [old, Value::String(url)] = pair else { return Err(Kind::AnnounceList.into()) };
            changes.push(TrackerChange::Replace(id(old).ok_or(Kind::AnnounceList)?, url.clone()));
        }
    }
    Ok(changes)
}
