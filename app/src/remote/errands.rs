//! The command line, obeyed from left to right.
//!
//! Settings are gathered into one request for each place that they may go to: the torrent being added, the current
//! torrents, the session. What is gathered is sent before anything that might depend on it, and at the end.

use super::client::{Answer, CallError, Client};
use super::dialect::{Object, Request};
use super::figures::tame;
use super::filter::Filter;
use super::limits::MAX_MESSAGE_LETTERS;
use super::options::{Effect, Listing, Places};
use super::show;
use super::style::Style;
use super::torrent_file;
use super::values;
use crate::exit::without_error_numbers;
use crate::log;
use crate::options::Item;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use std::ffi::OsStr;
use std::io::{self, Write};

/// The state of a command line that is being obeyed.
pub(super) struct Errands<'a> {
    pub(super) client: &'a mut Client,
    /// Answers are printed as they come.
    pub(super) json: bool,
    pub(super) style: Style,
    /// Listings are noted instead of printed, to be printed again and again.
    pub(super) watch: Option<Vec<(Listing, Request)>>,
    /// The current torrents, as `-t` has them.
    ids: Option<String>,
    add: Option<Object>,
    torrent: Option<Object>,
    session: Option<Object>,
    /// What `--path` named.
    path: String,
    failed: bool,
}

/// The command line cannot be obeyed any further; it was said why.
pub(super) struct GaveUp;

impl<'a> Errands<'a> {
    /// Nothing done yet.
    pub(super) fn new(client: &'a mut Client, json: bool, style: Style) -> Self {
        Self {
            client,
            json,
            style,
            watch: None,
            ids: None,
            add: None,
            torrent: None,
            session: None,
            path: String::new(),
            failed: false,
        }
    }

    /// Obeys a command line; the answer is whether all went well.
    pub(super) fn run(&mut self, items: Vec<Item<'_, Effect>>) -> bool {
        for item in items {
            let obeyed = match item {
                Item::Option(option, value) => self.obey(option.effect, value.as_deref()),
                Item::Malformed(option) => {
                    let (names, value) = (option.names(), option.value.shown());
                    Err(told(&format!("Not a good use of {names} {value}; -h tells more.")))
                }
                Item::Word(word) => {
                    self.word(word);
                    Ok(())
                }
            };
            if obeyed.is_err() {
                return false;
            }
        }
        self.flush();
        !self.failed
    }

    fn obey(&mut self, effect: Effect, value: Option<&str>) -> Result<(), GaveUp> {
        let text = value.unwrap_or_default();
        match effect {
            // These are obeyed before there is a connection.
            Effect::Setup(_) | Effect::Version | Effect::Completion | Effect::Manual => {}
            Effect::Add => {
                self.flush();
                self.add = Some(Object::new());
            }
            Effect::Select => {
                self.flush();
                self.ids = Some(text.to_owned()).filter(|ids| !ids.is_empty());
            }
            Effect::Filter => self.filter(text)?,
            Effect::PrintIds => self.say(&format!("{}\n", self.ids.as_deref().unwrap_or("all"))),
            Effect::Set(places) => self.set(places, value)?,
            Effect::Run { stopped } => match &mut self.add {
                Some(add) => _ = add.insert("paused".to_owned(), json!(stopped)),
                None => self.act(if stopped { "torrent_stop" } else { "torrent_start" }, Object::new())?,
            },
            Effect::Find => match &mut self.add {
                Some(add) => _ = add.insert("download_dir".to_owned(), json!(text)),
                None => self.set_location(text, false)?,
            },
            Effect::Move => self.set_location(text, true)?,
            Effect::Path => text.clone_into(&mut self.path),
            Effect::Rename => {
                let path = std::mem::take(&mut self.path);
                self.act("torrent_rename_path", params([("path", json!(path)), ("name", json!(text))]))?;
            }
            Effect::Remove { with_data } => {
                self.act("torrent_remove", params([("delete_local_data", json!(with_data))]))?;
            }
            Effect::Act(method) => self.act(method, Object::new())?,
            Effect::WebSeed(method) => self.act(method, params([("url", json!(text))]))?,
            Effect::Order(method) => {
                self.flush();
                self.order(&Request::new(method, Object::new()));
            }
            Effect::Show(listing) => self.list(listing)?,
        }
        Ok(())
    }

    /// A word that is no option: a torrent after `-a`, a mistake elsewhere.
    fn word(&mut self, word: &OsStr) {
        let Some(mut add) = self.add.take() else {
            log::line(&format!("Unknown option: {}", word.to_string_lossy()));
            self.failed = true;
            return;
        };
        // One word more is one torrent more, with the same settings.
        if add.contains_key("metainfo") || add.contains_key("filename") {
            let mut next = add.clone();
            next.remove("metainfo");
            next.remove("filename");
            self.add = Some(add);
            self.flush();
            add = next;
        }
        match torrent_file::read(word) {
            Some(Ok(torrent)) => _ = add.insert("metainfo".to_owned(), json!(BASE64.encode(&torrent))),
            Some(Err(error)) => {
                log::line(&one_line(&format!("Cannot read {}: {error}", word.to_string_lossy())));
                self.failed = true;
                return;
            }
            None => _ = add.insert("filename".to_owned(), json!(word.to_string_lossy())),
        }
        self.add = Some(add);
    }

    /// Notes a setting where it belongs.
    fn set(&mut self, places: Places, value: Option<&str>) -> Result<(), GaveUp> {
        let fits_torrent = !places.torrent.is_empty() && (self.ids.is_some() || places.session.is_empty());
        let (fields, params) = match &mut self.add {
            Some(add) if !places.add.is_empty() => (places.add, add),
            _ if fits_torrent => (places.torrent, self.torrent.get_or_insert_default()),
            _ => (places.session, self.session.get_or_insert_default()),
        };
        values::set(fields, value, params).map_err(|reason| told(&reason))
    }

    /// Sends what was gathered.
    fn flush(&mut self) {
        if let Some(params) = self.session.take() {
            self.order(&Request::new("session_set", params));
        }
        if let Some(params) = self.add.take() {
            if params.contains_key("metainfo") || params.contains_key("filename") {
                self.add(params);
            } else {
                log::line("No torrent follows -a.");
                self.failed = true;
            }
        }
        if let Some(params) = self.torrent.take() {
            // What stands wrong in -t is told where it is used.
            _ = self.send_for_torrents("torrent_set", params);
        }
    }

    /// Adds a torrent, which becomes the current one.
    fn add(&mut self, params: Object) {
        let Some(answer) = self.order(&Request::new("torrent_add", params)) else { return };
        let result = answer.result.unwrap_or_default();
        let torrent = result.get("torrent_added").or(result.get("torrent_duplicate"));
        if let Some(id) = torrent.and_then(|torrent| torrent["id"].as_i64()) {
            self.ids = Some(id.to_string());
        }
    }

    fn set_location(&mut self, location: &str, moves: bool) -> Result<(), GaveUp> {
        self.act("torrent_set_location", params([("location", json!(location)), ("move", json!(moves))]))
    }

    /// Calls a method for the current torrents, after what was gathered.
    fn act(&mut self, method: &'static str, params: Object) -> Result<(), GaveUp> {
        self.flush();
        self.send_for_torrents(method, params)
    }

    fn send_for_torrents(&mut self, method: &'static str, mut params: Object) -> Result<(), GaveUp> {
        self.add_ids(&mut params, None)?;
        self.order(&Request::new(method, params));
        Ok(())
    }

    /// Puts the current torrents into the parameters; without any, those of `otherwise`, or none.
    fn add_ids(&self, params: &mut Object, otherwise: Option<&str>) -> Result<(), GaveUp> {
        let ids = match (self.ids.as_deref(), otherwise) {
            (Some(text), _) | (None, Some(text)) => values::ids(text).map_err(|reason| told(&reason))?,
            (None, None) => {
                log::line("No torrent specified!  Please use the -t option first.");
                // No torrent has this id, so nothing will happen.
                Some(json!(-1))
            }
        };
        if let Some(ids) = ids {
            params.insert("ids".to_owned(), ids);
        }
        Ok(())
    }

    /// Prints a listing, or notes it to be watched.
    fn list(&mut self, listing: Listing) -> Result<(), GaveUp> {
        self.flush();
        let mut params = Object::new();
        if let Some(fields) = listing.fields() {
            params.insert("fields".to_owned(), json!(fields));
        }
        if listing.is_about_torrents() {
            self.add_ids(&mut params, (listing == Listing::Torrents).then_some("all"))?;
        }
        let request = Request::new(listing.method(), params);
        if let Some(watch) = &mut self.watch {
            watch.push((listing, request));
            return Ok(());
        }
        if let Some(text) = self.listed(listing, &request) {
            self.say(&text);
        }
        Ok(())
    }

    /// A listing's text; nothing if there is no answer, which is told.
    pub(super) fn listed(&mut self, listing: Listing, request: &Request) -> Option<String> {
        let answer = self.call(request)?;
        let result = answer.result.unwrap_or_default();
        Some(if self.json { answer.text + "\n" } else { listing.text(&result, self.style) })
    }

    /// Narrows the current torrents to those that the criterion fits.
    fn filter(&mut self, criterion: &str) -> Result<(), GaveUp> {
        self.flush();
        let filter = Filter::parse(criterion).map_err(|reason| told(&reason))?;
        let mut params = params([("fields", json!(show::FILTER))]);
        self.add_ids(&mut params, Some("all"))?;
        let answer = self.call(&Request::new("torrent_get", params)).ok_or(GaveUp)?;
        let result = answer.result.unwrap_or_default();
        let ids: Vec<String> = filter.matching(&result).into_iter().map(|id| id.to_string()).collect();
        // A comma alone stands for no torrent.
        self.ids = Some(if ids.is_empty() { ",".to_owned() } else { ids.join(",") });
        Ok(())
    }

    /// Sends a request whose answer is only that it was done.
    fn order(&mut self, request: &Request) -> Option<Answer> {
        let answer = self.call(request)?;
        let server = self.client.server.shown();
        let said = if self.json { &answer.text } else { &format!("{server} returned a successful response") };
        self.say(&format!("{said}\n"));
        Some(answer)
    }

    /// Calls the daemon, and tells what goes wrong.
    fn call(&mut self, request: &Request) -> Option<Answer> {
        let error = match self.client.call(request) {
            Ok(answer) => return Some(answer),
            Err(error) => error,
        };
        self.failed = true;
        self.tell(&error);
        None
    }

    fn tell(&mut self, error: &CallError) {
        let line = one_line(&error.to_string());
        match error.json() {
            Some(text) if self.json => self.say(&format!("{text}\n")),
            _ if error.is_answer() => self.say(&format!("{line}\n")),
            _ => log::line(&line),
        }
    }

    /// Prints an answer. That nobody reads on is no reason to leave the rest undone.
    fn say(&mut self, text: &str) {
        if let Err(error) = print(text)
            && error.kind() != io::ErrorKind::BrokenPipe
        {
            log::line(&one_line(&format!("Cannot write to standard output: {error}")));
            self.failed = true;
        }
    }

    /// Did something go wrong so far?
    pub(super) fn has_failed(&self) -> bool {
        self.failed
    }
}

/// Prints on standard output.
pub(super) fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush())
}

/// A message on one line of bearable length, whatever a server put into it.
fn one_line(message: &str) -> String {
    let message = without_error_numbers(message);
    let words: Vec<&str> = message.split_whitespace().collect();
    let line: String = words.join(" ").chars().take(MAX_MESSAGE_LETTERS).collect();
    tame(&line)
}

fn told(reason: &str) -> GaveUp {
    log::line(reason);
    GaveUp
}

fn params<const N: usize>(pairs: [(&str, Value); N]) -> Object {
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}
