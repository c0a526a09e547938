//! The arguments of a call. Callers send all kinds of things: an argument of another type than expected is as good
//! as none, and unknown ones are passed over.

use crate::names::canonical;
use crate::settings::value::{Setting, whole};
use daemon::{Catalogue, Number};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// Arguments by name in our spelling.
#[derive(Default)]
pub(crate) struct Args(Map<String, Value>);

impl Args {
    /// Arguments in any spelling.
    pub(crate) fn new(members: Map<String, Value>) -> Self {
        Self(members.into_iter().map(|(name, value)| (canonical(&name), value)).collect())
    }

    /// Every argument.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// An argument as it is.
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// An argument taken out, for those that are large.
    pub(crate) fn take_text(&mut self, name: &str) -> Option<String> {
        match self.0.remove(name)? {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// A text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_str()
    }

    /// A yes or no.
    pub(crate) fn boolean(&self, name: &str) -> Option<bool> {
        bool::of(self.get(name)?).ok()
    }

    /// A whole number.
    pub(crate) fn integer(&self, name: &str) -> Option<i64> {
        whole(self.get(name)?).ok()
    }

    /// A whole number from 0 on.
    pub(crate) fn count(&self, name: &str) -> Option<u32> {
        self.integer(name)?.try_into().ok()
    }

    /// A number.
    pub(crate) fn number(&self, name: &str) -> Option<f64> {
        f64::of(self.get(name)?).ok()
    }

    /// A list.
    pub(crate) fn list(&self, name: &str) -> Option<&[Value]> {
        self.get(name)?.as_array().map(Vec::as_slice)
    }

    /// Which torrents the call is about.
    pub(crate) fn selection(&self) -> Selection {
        let Some(ids) = self.get("ids").or_else(|| self.get("id")).filter(|ids| !ids.is_null()) else {
            return Selection::All;
        };
        match ids {
            Value::String(text) if canonical(text) == "recently_active" => Selection::Recent,
            Value::Array(ids) => Selection::These(ids.iter().filter_map(Id::of).collect()),
            // What is no id at all names no torrent: better none than all.
            one => Selection::These(Id::of(one).into_iter().collect()),
        }
    }
}

/// Which torrents.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Selection {
    /// Every one.
    All,
    /// Those that changed lately.
    Recent,
    /// These, as far as they are there.
    These(Vec<Id>),
}

/// One torrent as callers name it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Id {
    /// By its number.
    Number(Number),
    /// By its info-hash in hex.
    Hash(String),
}

impl Id {
    fn of(value: &Value) -> Option<Self> {
        match value {
            Value::String(text) => Some(Self::Hash(text.clone())),
            Value::Number(_) => Some(Self::Number(Number(whole(value).ok()?.try_into().ok()?))),
            _ => None,
        }
    }

    fn find(&self, catalogue: &Catalogue) -> Option<Number> {
        match self {
            Self::Number(number) => catalogue.get(*number).map(|_| *number),
            Self::Hash(hex) => catalogue.find_hex(hex),
        }
    }
}

impl Selection {
    /// The numbers of those that are there, each once, in the order in which they were named.
    pub(crate) fn numbers(&self, catalogue: &Catalogue) -> Vec<Number> {
        match self {
            Self::All => catalogue.iter().map(daemon::Entry::number).collect(),
            Self::Recent => {
                catalogue.changed_at_or_after(crate::calls::recently()).map(daemon::Entry::number).collect()
            }
            Self::These(ids) => {
                let mut seen = BTreeSet::new();
                ids.iter().filter_map(|id| id.find(catalogue)).filter(|number| seen.insert(*number)).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn args(value: Value) -> Args {
        let Value::Object(members) = value else { panic!("arguments are an object") };
        Args::new(members)
    }

    #[test]
    fn every_spelling_and_lenient_kinds() {
        let args = args(
            json!({"download-dir": "/x", "peerLimit": true, "files-wanted": [1], "paused": 1, "n": "7"}),
        );
        assert_eq!(args.text("download_dir"), Some("/x"));
        assert_eq!(args.count("peer_limit"), Some(1));
        assert_eq!(args.list("files_wanted").map(<[Value]>::len), Some(1));
        assert_eq!(args.boolean("paused"), Some(true));
        assert_eq!(args.integer("n"), None);
        assert_eq!(args.text("paused"), None);
    }

    #[test]
    fn forms_of_ids() {
        let hash = |text: &str| Id::Hash(text.into());
        for (value, expected) in [
            (json!({}), Selection::All),
            (json!({"ids": null}), Selection::All),
            (json!({"ids": 7}), Selection::These(vec![Id::Number(Number(7))])),
            (json!({"id": 7}), Selection::These(vec![Id::Number(Number(7))])),
            (json!({"ids": "AB"}), Selection::These(vec![hash("AB")])),
            (json!({"ids": [1, "cd", -4, true]}), Selection::These(vec![Id::Number(Number(1)), hash("cd")])),
            (json!({"ids": []}), Selection::These(vec![])),
            (json!({"ids": {"a": 1}}), Selection::These(vec![])),
            (json!({"ids": "recently-active"}), Selection::Recent),
            (json!({"ids": "recently_active"}), Selection::Recent),
        ] {
            assert_eq!(args(value.clone()).selection(), expected, "{value}");
        }
    }
}
