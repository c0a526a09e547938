//! The file itself. Others write it too: what we do not know is kept, and a file that cannot be read is never
//! overwritten.

use crate::access::credentials::salted;
use crate::access::scope::Token;
use crate::names::canonical;
use crate::settings::AllSettings;
use crate::settings::keys::{self, KEYS, Key};
use crate::settings::value::{Refusal, Setting};
use serde_json::{Map, Value};
use std::fs::{File, OpenOptions};
use std::io::{Error as IoError, ErrorKind, Result as IoResult, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use thiserror::Error;

/// The one setting that is a list of which each item may be wrong by itself.
const TOKENS: &str = "rpc_tokens";

/// Why `settings.json` cannot be used.
#[derive(Debug, Error)]
pub enum SettingsError {
    /// It is no JSON.
    #[error("{}:{line}:{column}: {reason}; correct it or move it away", .path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line of the mistake, from 1.
        line: usize,
        /// The column of the mistake, from 1.
        column: usize,
        /// What is wrong.
        reason: String,
    },
    /// It cannot be read.
    #[error("cannot read {}: {source}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// What saves the settings of a session.
pub type Saver = Arc<dyn Fn(&daemon::Settings) -> IoResult<()> + Send + Sync>;

/// `settings.json` and what it sets.
pub struct SettingsFile {
    path: PathBuf,
    held: Mutex<Held>,
}

struct Held {
    /// Every member as it stands in the file.
    members: Map<String, Value>,
    all: AllSettings,
    refused: Vec<Refused>,
}

/// A setting of the file that makes no sense. It stays in the file as it is while nobody sets another.
struct Refused {
    key: &'static Key,
    /// What counts in its place.
    instead: Value,
}

impl SettingsFile {
    /// Reads the file; one that is not there is as good as an empty one. Nothing is written.
    pub fn open(path: PathBuf) -> Result<Self, SettingsError> {
        let held = Mutex::new(read(&path)?);
        Ok(Self { path, held })
    }

    /// Reads the file again; on an error everything stays as it was.
    pub fn reload(&self) -> Result<AllSettings, SettingsError> {
        *self.held() = read(&self.path)?;
        self.warn();
        Ok(self.current())
    }

    /// Logs what the file says that makes no sense. The log is set up by what the file says: reading cannot do it.
    pub fn warn(&self) {
        for Refused { key, .. } in &self.held().refused {
            tracing::warn!(key = key.disk_name(), "a setting that makes no sense is passed over");
        }
    }

    /// The settings of now.
    pub fn current(&self) -> AllSettings {
        self.held().all.clone()
    }

    /// Changes settings and saves them: written beside the file, synced, and renamed into its place. Nothing changes
    /// while the file is one that cannot be read: somebody is at work on it.
    pub fn change(&self, change: impl FnOnce(&mut AllSettings)) -> IoResult<()> {
        let mut held = self.held();
        members(&self.path).map_err(IoError::other)?;
        change(&mut held.all);
        held.all.http.password = salted(&held.all.http.password);
        let text = held.text();
        write(&self.path, &text)
    }

    /// Changes settings for this run; nothing is saved.
    pub fn adjust(&self, change: impl FnOnce(&mut AllSettings)) {
        change(&mut self.held().all);
    }

    /// What a daemon calls to have its settings saved; see [`daemon::Config::save_settings`].
    pub fn saver(self: &Arc<Self>) -> Saver {
        let file = Arc::clone(self);
        Arc::new(move |session| file.change(|all| all.session = session.clone()))
    }

    /// The text that would be saved.
    pub fn text(&self) -> String {
        self.held().text()
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// The members with the values of now, under the names they have in the file.
    fn text(&mut self) -> String {
        for key in KEYS {
            let value = key.disk_value(&self.all);
            if self.refused.iter().any(|refused| refused.key.name == key.name && refused.instead == value) {
                continue;
            }
            let mut is_there = false;
            for (name, member) in &mut self.members {
                if keys::find(&canonical(name)).is_some_and(|found| found.name == key.name) {
                    *member = value.clone();
                    is_there = true;
                }
            }
            if !is_there {
                self.members.insert(key.disk_name(), value);
            }
        }
        for (name, value) in keys::kept() {
            let is_there = self.members.keys().any(|member| canonical(member) == canonical(name));
            if !is_there {
                self.members.insert(name.to_owned(), value);
            }
        }
        let mut text = format!("{:#}", Value::Object(self.members.clone()));
        text.push('\n');
        text
    }
}

fn members(path: &Path) -> Result<Map<String, Value>, SettingsError> {
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => b"{}".to_vec(),
        Err(source) => return Err(SettingsError::Unreadable { path: path.to_path_buf(), source }),
    };
    serde_json::from_slice(&text).map_err(|error| SettingsError::Syntax {
        path: path.to_path_buf(),
        line: error.line(),
        column: error.column(),
        // The place is told before the reason, as compilers do.
        reason: error.to_string().split(" at line ").next().unwrap_or_default().to_owned(),
    })
}

fn read(path: &Path) -> Result<Held, SettingsError> {
    let mut members = members(path)?;
    let mut all = AllSettings::default();
    let mut refused = Vec::new();
    for (name, value) in &mut members {
        let Some(key) = keys::find(&canonical(name)) else { continue };
        let taken =
            if key.name == TOKENS { take_tokens(&mut all, value) } else { (key.set)(&mut all, value) };
        if taken.is_err() {
            refused.push(key);
        }
    }
    all.http.password = salted(&all.http.password);
    let refused = refused.into_iter().map(|key| Refused { key, instead: key.disk_value(&all) }).collect();
    Ok(Held { members, all, refused })
}

/// Takes every token that makes sense, also beside one that makes none, and hashes the secrets of all of them.
fn take_tokens(all: &mut AllSettings, value: &mut Value) -> Result<(), Refusal> {
    let tokens = value.as_array_mut().ok_or(Refusal::WrongType)?;
    for secret in tokens.iter_mut().filter_map(|token| token.get_mut("token")) {
        if let Some(text) = secret.as_str() {
            *secret = salted(text).into();
        }
    }
    all.http.tokens = tokens.iter().filter_map(|token| Token::of(token).ok()).collect();
    if all.http.tokens.len() == tokens.len() { Ok(()) } else { Err(Refusal::Invalid) }
}

/// Puts the text in place of the file so that at any moment the whole old or the whole new one is there. Nobody else
/// may read it: it holds the password's hash, and perhaps passwords in URLs.
fn write(path: &Path, text: &str) -> IoResult<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let temporary = path.with_extension(format!("json.{}.tmp", std::process::id()));
    let written = (|| {
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&temporary, path)?;
        File::open(folder)?.sync_all()
    })();
    if written.is_err() {
        // The error that is told is the one that matters.
        let _ = std::fs::remove_file(&temporary);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;
    use daemon::Encryption;
    use serde_json::json;
    use std::os::unix::fs::PermissionsExt;

    fn with(text: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings.json");
        std::fs::write(&path, text).unwrap();
        (folder, path)
    }

    fn saved(path: &Path) -> Value {
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    }

    #[test]
    fn both_spellings_are_read_and_kept() {
        let (_folder, path) = with(
            r#"{"alt_speed_up": 87, "ratio-limit": 3, "encryption": 2, "umask": 18, "mine": {"x": [1]}, "cache-size-mb": 9}"#,
        );
        let file = SettingsFile::open(path.clone()).unwrap();
        let all = file.current();
        assert_eq!((all.session.alt_speed.up, all.session.ratio_limit, all.process.umask), (87, 3.0, 0o22));
        assert_eq!((all.session.encryption, all.session.cache_size_mib), (Encryption::Required, 9));
        file.change(|all| all.session.alt_speed.up = 5).unwrap();
        let disk = saved(&path);
        assert_eq!(disk["alt_speed_up"], 5);
        assert_eq!(disk.get("alt-speed-up"), None, "a setting has one name in a file");
        assert_eq!(disk["ratio-limit"], 3);
        assert_eq!(disk["encryption"], 2);
        assert_eq!(disk["mine"], json!({"x": [1]}));
        assert_eq!(disk["rpc-whitelist"], "127.0.0.1,::1");
    }

    #[test]
    fn a_new_file_holds_every_key_and_nobody_else_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings.json");
        let file = SettingsFile::open(path.clone()).unwrap();
        file.change(|_| {}).unwrap();
        let disk = saved(&path);
        for key in ["alt-speed-up", "umask", "start-added-torrents", "rpc-enabled", "peer-socket-tos", "reqq"]
        {
            assert!(disk.get(key).is_some(), "{key}");
        }
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file is left");
        assert_eq!(SettingsFile::open(path).unwrap().current(), file.current());
    }

    #[test]
    fn a_mistake_is_told_with_its_place() {
        let (_folder, path) = with("{\n  \"a\": 1,\n  oops\n}");
        let error = SettingsFile::open(path.clone()).err().unwrap();
        assert!(matches!(error, SettingsError::Syntax { line: 3, column: 3, .. }), "{error}");
        assert!(error.to_string().contains("settings.json:3:3: key must be a string"), "{error}");
        let (_folder, path) = with("[]");
        assert!(SettingsFile::open(path).is_err());
    }

    #[test]
    fn a_file_that_went_bad_changes_nothing() {
        let (_folder, path) = with(r#"{"alt-speed-up": 1}"#);
        let file = SettingsFile::open(path.clone()).unwrap();
        std::fs::write(&path, "{").unwrap();
        assert!(file.reload().is_err());
        assert_eq!(file.current().session.alt_speed.up, 1);
        let error = file.change(|all| all.session.alt_speed.up = 7).unwrap_err();
        assert!(error.to_string().contains("settings.json:1:1"), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "{", "it is not overwritten");
        assert_eq!(file.current().session.alt_speed.up, 1);
        std::fs::write(&path, r#"{"alt-speed-up": 2, "new": true}"#).unwrap();
        assert_eq!(file.reload().unwrap().session.alt_speed.up, 2);
        file.change(|_| {}).unwrap();
        assert_eq!(saved(&path)["new"], true);
    }

    #[test]
    fn what_makes_no_sense_stays_in_the_file_until_it_is_set() {
        let (_folder, path) = with(r#"{"alt-speed-up": "fast", "encryption": 9, "dht-enabled": "false"}"#);
        let file = SettingsFile::open(path.clone()).unwrap();
        file.change(|all| all.session.alt_speed.down = 3).unwrap();
        let disk = saved(&path);
        assert_eq!((&disk["alt-speed-up"], &disk["encryption"]), (&json!("fast"), &json!(9)));
        assert_eq!((&disk["alt-speed-down"], &disk["dht-enabled"]), (&json!(3), &json!(false)));
        file.change(|all| all.session.alt_speed.up = 4).unwrap();
        assert_eq!(saved(&path)["alt-speed-up"], 4);
        assert_eq!(saved(&path)["encryption"], 9);
    }

    #[test]
    fn a_wrong_token_takes_no_other_with_it() {
        let (_folder, path) = with(
            r#"{"rpc-tokens": [{"name": "a", "scope": "root", "token": "s1"}, {"name": "b", "scope": "all", "token": "s2"}]}"#,
        );
        let file = SettingsFile::open(path.clone()).unwrap();
        let names: Vec<String> = file.current().http.tokens.into_iter().map(|token| token.name).collect();
        assert_eq!(names, ["b"]);
        file.change(|_| {}).unwrap();
        let disk = saved(&path);
        assert_eq!(
            (&disk["rpc-tokens"][0]["scope"], &disk["rpc-tokens"][1]["name"]),
            (&json!("root"), &json!("b"))
        );
        assert!(
            disk["rpc-tokens"]
                .as_array()
                .unwrap()
                .iter()
                .all(|it| it["token"].as_str().unwrap().starts_with('{'))
        );
    }

    #[test]
    fn passwords_and_tokens_are_hashed_at_once() {
        let (_folder, path) = with(
            r#"{"rpc-password": "pw", "rpc-tokens": [{"name": "a", "scope": "all", "token": "tok"}], "umask": []}"#,
        );
        let file = SettingsFile::open(path.clone()).unwrap();
        file.change(|_| {}).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!text.contains("\"pw\"") && !text.contains("\"tok\""));
        let again = SettingsFile::open(path).unwrap().current();
        assert_eq!(again, file.current());
        file.change(|all| all.http.password = "other".into()).unwrap();
        assert!(file.current().http.password.starts_with('{'));
    }
}
