//! The session: its settings and its counters.

use crate::args::Args;
use crate::calls::{Calls, Outcome, places};
use crate::error::{Kind, RpcError};
use crate::identity;
use crate::json::Json;
use crate::names::{Dialect, canonical};
use crate::settings::AllSettings;
use crate::settings::keys::{KEYS, Key, Seen, find};
use crate::settings::value::Refusal;
use daemon::{Daemon, Encryption, Totals};
use serde_json::Value;
use std::collections::BTreeSet;

/// Members of `session-get` that are no settings.
const READ_ONLY: [&str; 9] = [
    "blocklist_size",
    "config_dir",
    "download_dir_free_space",
    "rpc_version",
    "rpc_version_minimum",
    "rpc_version_semver",
    "session_id",
    "units",
    "version",
];

/// Settings that name a folder, and what Transmission calls it.
const FOLDERS: [(&str, &str); 2] =
    [("download_dir", "download directory path"), ("incomplete_dir", "incomplete torrents directory path")];

impl Calls {
    pub(super) async fn session_get(&self, args: &Args, out: &mut Json) -> Outcome {
        let asked = args.list("fields").map(|fields| {
            fields.iter().filter_map(Value::as_str).map(canonical).collect::<BTreeSet<String>>()
        });
        let is_asked = |name: &str| asked.as_ref().is_none_or(|asked| asked.contains(name));
        let (all, dialect) = (self.settings(), out.dialect());
        for key in KEYS.iter().filter(|key| key.seen != Seen::File && is_asked(key.name)) {
            out.key(key.name).value(&shown(key, &all, dialect));
        }
        for name in READ_ONLY.into_iter().filter(|name| is_asked(name)) {
            out.key(name);
            self.read_only(name, out).await;
        }
        Ok(())
    }

    async fn read_only(&self, name: &str, out: &mut Json) {
        match name {
            "blocklist_size" => out.unsigned(self.daemon.address_filter().list().len() as u64),
            "config_dir" => out.string(&self.daemon.config_directory().to_string_lossy()),
            "download_dir_free_space" => {
                let folder = self.daemon.settings().download_directory.clone();
                let looked = tokio::task::spawn_blocking(move || Daemon::free_space(&folder)).await;
                let free = looked.ok().and_then(Result::ok).and_then(|space| i64::try_from(space.free).ok());
                out.integer(free.unwrap_or(-1));
            }
            "rpc_version" => out.unsigned(identity::RPC_VERSION.into()),
            "rpc_version_minimum" => out.unsigned(identity::RPC_VERSION_MINIMUM.into()),
            "rpc_version_semver" => out.string(identity::RPC_SEMVER),
            "session_id" => out.string(&(self.session_id)()),
            "units" => units(out),
            _ => out.string(identity::VERSION),
        }
    }

    /// The settings of now: those of the session as the daemon has them, the others as the file has them.
    fn settings(&self) -> AllSettings {
        let mut all = self.file.current();
        all.session = (*self.daemon.settings()).clone();
        if all.session.peer_port == 0 || all.session.peer_port_random_on_start {
            all.session.peer_port = self.daemon.port();
        }
        all
    }

    pub(super) async fn session_set(&self, args: &Args) -> Outcome {
        let before = self.settings();
        let mut after = before.clone();
        let mut error: Option<RpcError> = None;
        let mut taken: Vec<(&'static Key, Value)> = Vec::new();
        for (name, value) in args.iter() {
            let Some(key) = find(name).filter(|key| key.seen == Seen::Writing) else { continue };
            match take(key, &mut after, value) {
                Ok(true) => taken.push((key, value.clone())),
                Ok(false) => {}
                Err(refused) => error = error.or(Some(refused)),
            }
        }
        if after.http != before.http {
            let http = after.http.clone();
            let saved = self.in_background(move |calls| calls.file.change(|all| all.http = http)).await?;
            saved.map_err(|refused| RpcError::new(Kind::System, refused.to_string()))?;
            self.http_changed.notify_one();
        }
        if after.session != before.session {
            self.daemon
                .change_settings(move |session| {
                    let mut all = AllSettings { session: session.clone(), ..AllSettings::default() };
                    for (key, value) in &taken {
                        // Each value was taken once already.
                        let _ = (key.set)(&mut all, value);
                    }
                    *session = all.session;
                })
                .await?;
        }
        error.map_or(Ok(()), Err)
    }

    async fn in_background<R: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> R + Send + 'static,
    ) -> Result<R, RpcError> {
        let calls = self.clone();
        tokio::task::spawn_blocking(move || work(&calls)).await.map_err(|_| Kind::Internal.into())
    }

    pub(super) fn session_stats(&self, out: &mut Json) {
        let stats = self.daemon.stats();
        // Counted here and now: a torrent that was just added is one of them.
        let (torrents, paused) = self.daemon.view(|catalogue| (catalogue.len(), catalogue.stopped()));
        out.key("active_torrent_count").unsigned((torrents - paused) as u64);
        out.key("cumulative_stats").object(|out| totals(&stats.cumulative, out));
        out.key("current_stats").object(|out| totals(&stats.current, out));
        out.key("download_speed").unsigned(stats.down_rate);
        out.key("paused_torrent_count").unsigned(paused as u64);
        out.key("torrent_count").unsigned(torrents as u64);
        out.key("upload_speed").unsigned(stats.up_rate);
    }

    pub(super) fn session_close(&self) {
        self.daemon.request_exit();
    }
}

/// A setting's value over RPC.
fn shown(key: &Key, all: &AllSettings, dialect: Dialect) -> Value {
    if key.name == "encryption"
        && dialect == Dialect::JsonRpc
        && all.session.encryption == Encryption::Tolerated
    {
        return Value::from("allowed");
    }
    (key.get)(all)
}

/// Takes a value; false if it is of another type and passed over.
fn take(key: &Key, all: &mut AllSettings, value: &Value) -> Result<bool, RpcError> {
    if let Some((_, what)) = FOLDERS.iter().find(|(name, _)| *name == key.name)
        && let Some(path) = value.as_str()
    {
        places::absolute(path, what)?;
    }
    match (key.set)(all, value) {
        Ok(()) => Ok(true),
        Err(Refusal::WrongType) => Ok(false),
        Err(Refusal::Invalid) => Err(RpcError::params(format!("invalid value for {}: {value}", key.name))),
    }
}

fn totals(totals: &Totals, out: &mut Json) {
    out.key("downloaded_bytes").unsigned(totals.downloaded);
    out.key("files_added").unsigned(totals.torrents_added);
    out.key("seconds_active").unsigned(totals.active.as_secs());
    out.key("session_count").unsigned(totals.sessions);
    out.key("uploaded_bytes").unsigned(totals.uploaded);
}

fn units(out: &mut Json) {
    out.object(|out| {
        out.key("memory_bytes").unsigned(1024);
        out.key("memory_units").list(["B", "KiB", "MiB", "GiB", "TiB"], Json::string);
        out.key("size_bytes").unsigned(1000);
        out.key("size_units").list(["B", "kB", "MB", "GB", "TB"], Json::string);
        out.key("speed_bytes").unsigned(1000);
        out.key("speed_units").list(["B/s", "kB/s", "MB/s", "GB/s", "TB/s"], Json::string);
    });
}
