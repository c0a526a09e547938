//! The two dialects of the RPC: the old one of Transmission 1.x to 4.0, and JSON-RPC 2.0 with names in `snake_case`.
//!
//! Everything else here speaks the new names. Requests are put into the old spelling at the last moment, and answers
//! into the new one at the first.

use serde_json::{Map, Value, json};

/// Names and values, as both dialects have them for parameters and results.
pub(super) type Object = Map<String, Value>;

/// A call.
#[derive(Clone, Debug)]
pub(super) struct Request {
    /// In `snake_case`.
    pub(super) method: &'static str,
    /// In `snake_case`.
    pub(super) params: Object,
}

/// How a daemon wants to be spoken to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Dialect {
    Legacy,
    JsonRpc,
}

/// What the daemon said of a call.
#[derive(PartialEq, Debug)]
pub(super) enum Said {
    /// It is done; names are in `snake_case`.
    Done(Object),
    /// It is not, and why.
    Failed(String),
    /// There is no such method.
    Unknown,
}

impl Request {
    /// A call with parameters.
    pub(super) fn new(method: &'static str, params: Object) -> Self {
        Self { method, params }
    }
}

impl Dialect {
    /// The body of a request; `number` goes with it to tell answers apart.
    pub(super) fn body(self, request: &Request, number: u64) -> String {
        let params =
            request.params.iter().map(|(key, value)| self.parameter(request.method, key, value.clone()));
        let params: Object = params.collect();
        let mut body = match self {
            Dialect::Legacy => json!({ "method": kebab(request.method), "tag": number }),
            // Always with a number: whoever orders something wants to hear that it was refused.
            Dialect::JsonRpc => json!({ "jsonrpc": "2.0", "method": request.method, "id": number }),
        };
        match self {
            Dialect::Legacy => body["arguments"] = Value::Object(params),
            Dialect::JsonRpc if params.is_empty() => {}
            Dialect::JsonRpc => body["params"] = Value::Object(params),
        }
        body.to_string()
    }

    /// One parameter as this dialect spells it.
    fn parameter(self, method: &str, key: &str, value: Value) -> (String, Value) {
        let value = match (self, key, value) {
            (Dialect::Legacy, "ids", Value::String(ids)) if ids == "recently_active" => {
                json!("recently-active")
            }
            (Dialect::Legacy, "fields", Value::Array(fields)) => fields
                .iter()
                .filter_map(Value::as_str)
                .map(|field| json!(legacy("torrent_get", field)))
                .collect(),
            (Dialect::JsonRpc, "encryption", Value::String(word)) if word == "tolerated" => json!("allowed"),
            (_, _, value) => value,
        };
        let key = match (self, key) {
            (Dialect::Legacy, key) => legacy(method, key),
            (Dialect::JsonRpc, "cache_size_mb") => "cache_size_mib".to_owned(),
            (Dialect::JsonRpc, key) => key.to_owned(),
        };
        (key, value)
    }
}

/// Reads the body of an answer; `None` if it is none.
pub(super) fn read(body: &[u8]) -> Option<Said> {
    let Value::Object(mut answer) = serde_json::from_slice(body).ok()? else { return None };
    if answer.contains_key("jsonrpc") {
        if let Some(error) = answer.get("error") {
            let detail = error["data"]["error_string"].as_str().filter(|text| !text.is_empty());
            let text = detail.or(error["message"].as_str()).unwrap_or("no reason given");
            let is_unknown = error["code"].as_i64() == Some(-32601);
            return Some(if is_unknown { Said::Unknown } else { Said::Failed(text.to_owned()) });
        }
        return Some(Said::Done(object(answer.remove("result"))));
    }
    match answer.get("result")?.as_str()? {
        "success" => Some(Said::Done(object(answer.remove("arguments")))),
        "no method name" | "method name not recognized" => Some(Said::Unknown),
        text => Some(Said::Failed(text.to_owned())),
    }
}

fn object(value: Option<Value>) -> Object {
    match value.map(in_snake_case) {
        Some(Value::Object(object)) => object,
        _ => Object::new(),
    }
}

/// Keys that only ever had their new spelling.
const NEW: [&str; 4] =
    ["sequential_download", "sequential_download_from_piece", "preferred_transports", "webseeds_ex"];

/// Keys of torrents that are spelled with hyphens where the others are in camel case.
const HYPHENATED: [&str; 11] = [
    "super_seeding",
    "delete_local_data",
    "file_count",
    "files_unwanted",
    "files_wanted",
    "peer_limit",
    "primary_mime_type",
    "priority_high",
    "priority_low",
    "priority_normal",
    "recently_active",
];

/// A name in the old spelling: with hyphens, in camel case or as it is, by rules that have grown.
fn legacy(method: &str, name: &str) -> String {
    let hyphenated = match method {
        "session_set" => !name.starts_with("seed_ratio_limit"),
        "torrent_add" => name == "download_dir",
        _ => false,
    };
    if NEW.contains(&name) {
        name.to_owned()
    } else if hyphenated || HYPHENATED.contains(&name) {
        kebab(name)
    } else {
        camel(name)
    }
}

/// A method's name as people and the old dialect write it.
pub(super) fn kebab(name: &str) -> String {
    name.replace('_', "-")
}

fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let mut camel = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        camel.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        camel.push_str(letters.as_str());
    }
    camel
}

/// A value with all its names in `snake_case`.
fn in_snake_case(value: Value) -> Value {
    match value {
        Value::Object(object) => {
            object.into_iter().map(|(key, value)| (snake(key), in_snake_case(value))).collect()
        }
        Value::Array(values) => values.into_iter().map(in_snake_case).collect(),
        value => value,
    }
}

fn snake(name: String) -> String {
    if !name.contains(|c: char| c == '-' || c.is_ascii_uppercase()) {
        return name;
    }
    let mut snake = String::with_capacity(name.len() + 4);
    let mut before = '_';
    for c in name.chars() {
        // A run of capitals (`isUTP`) is one word.
        if c.is_ascii_uppercase() && (before.is_ascii_lowercase() || before.is_ascii_digit()) {
            snake.push('_');
        }
        snake.push(if c == '-' { '_' } else { c.to_ascii_lowercase() });
        before = c;
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(dialect: Dialect, method: &'static str, params: Value) -> Value {
        let Value::Object(params) = params else { panic!("parameters are an object") };
        serde_json::from_str(&dialect.body(&Request::new(method, params), 7)).expect("JSON")
    }

    #[test]
    fn the_old_dialect_has_its_spellings() {
        let torrent = json!({ "ids": [1], "download_limit": 5, "seed_ratio_mode": 1, "files_wanted": [], "peer_limit": 3,
            "sequential_download": true, "honors_session_limits": true, "tracker_add": ["x"] });
        assert_eq!(
            body(Dialect::Legacy, "torrent_set", torrent),
            json!({ "method": "torrent-set", "tag": 7, "arguments": { "ids": [1], "downloadLimit": 5, "seedRatioMode": 1,
                "files-wanted": [], "peer-limit": 3, "sequential_download": true, "honorsSessionLimits": true,
                "trackerAdd": ["x"] } })
        );
        let session = json!({ "download_dir": "/", "seed_ratio_limit": 2, "seed_ratio_limited": true,
            "alt_speed_time_day": 3, "preferred_transports": ["utp"], "encryption": "tolerated", "cache_size_mb": 1 });
        assert_eq!(
            body(Dialect::Legacy, "session_set", session.clone())["arguments"],
            json!({ "download-dir": "/", "seedRatioLimit": 2, "seedRatioLimited": true, "alt-speed-time-day": 3,
                "preferred_transports": ["utp"], "encryption": "tolerated", "cache-size-mb": 1 })
        );
        let new = &body(Dialect::JsonRpc, "session_set", session)["params"];
        assert_eq!((&new["encryption"], &new["cache_size_mib"]), (&json!("allowed"), &json!(1)));
        let add = json!({ "download_dir": "/", "bandwidth_priority": 1, "priority_high": [0] });
        assert_eq!(
            body(Dialect::Legacy, "torrent_add", add)["arguments"],
            json!({ "download-dir": "/", "bandwidthPriority": 1, "priority-high": [0] })
        );
        let get = json!({ "fields": ["download_dir", "peer_limit", "id"], "ids": "recently_active" });
        assert_eq!(
            body(Dialect::Legacy, "torrent_get", get)["arguments"],
            json!({ "fields": ["downloadDir", "peer-limit", "id"], "ids": "recently-active" })
        );
    }

    #[test]
    fn every_order_of_the_new_dialect_wants_an_answer() {
        let get = body(Dialect::JsonRpc, "torrent_get", json!({ "fields": ["download_dir"] }));
        assert_eq!(
            get,
            json!({ "jsonrpc": "2.0", "method": "torrent_get", "params": { "fields": ["download_dir"] }, "id": 7 })
        );
        let close = body(Dialect::JsonRpc, "session_close", json!({}));
        assert_eq!(close, json!({ "jsonrpc": "2.0", "method": "session_close", "id": 7 }));
    }

    #[test]
    fn answers_of_both_dialects_are_one() {
        let torrents = json!({ "torrents": [{ "hash_string": "ab", "peer_limit": 5, "is_utp": true }] });
        let old = json!({ "result": "success", "tag": 7,
            "arguments": { "torrents": [{ "hashString": "ab", "peer-limit": 5, "isUTP": true }] } });
        let new = json!({ "jsonrpc": "2.0", "id": 7, "result": torrents });
        for answer in [old, new] {
            assert_eq!(read(answer.to_string().as_bytes()), Some(Said::Done(object(Some(torrents.clone())))));
        }
        let failed = |text: &str| Some(Said::Failed(text.to_owned()));
        assert_eq!(read(br#"{"result":"no location","arguments":{}}"#), failed("no location"));
        assert_eq!(
            read(br#"{"jsonrpc":"2.0","error":{"code":5,"message":"m","data":{"error_string":"s"}}}"#),
            failed("s")
        );
        assert_eq!(read(br#"{"jsonrpc":"2.0","error":{"code":5,"message":"m"}}"#), failed("m"));
        assert_eq!(read(br#"{"jsonrpc":"2.0","error":{"code":-32601,"message":"m"}}"#), Some(Said::Unknown));
        assert_eq!(read(br#"{"result":"method name not recognized"}"#), Some(Said::Unknown));
        for nonsense in ["", "[]", "{}", "<html>", r#"{"result":1}"#] {
            assert_eq!(read(nonsense.as_bytes()), None, "{nonsense}");
        }
    }
}
