//! JSON straight into a byte buffer. A list of ten thousand torrents never becomes a tree of values: fields are
//! written where they are read.

use crate::base64;
use crate::names::{Dialect, legacy};
use serde_json::Value;
use std::collections::BTreeMap;

/// A JSON text being written. Commas are put by themselves: a value or key that follows another is parted from it.
pub(crate) struct Json {
    buffer: Vec<u8>,
    dialect: Dialect,
    /// Keys already spelled for this dialect, quoted and with their colon.
    keys: BTreeMap<&'static str, Vec<u8>>,
}

impl Json {
    /// An empty text.
    pub(crate) fn new(dialect: Dialect) -> Self {
        Self { buffer: Vec::with_capacity(512), dialect, keys: BTreeMap::new() }
    }

    /// The dialect that keys are spelled in.
    pub(crate) fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// What was written.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.buffer
    }

    /// Forgets everything written after the text was `length` bytes long.
    pub(crate) fn truncate(&mut self, length: usize) {
        self.buffer.truncate(length);
    }

    /// A copy of what was written from there on.
    pub(crate) fn since(&self, start: usize) -> Vec<u8> {
        self.buffer.get(start..).unwrap_or_default().to_vec()
    }

    /// Writes a value that is JSON already.
    pub(crate) fn written(&mut self, json: &[u8]) {
        self.part();
        self.buffer.extend_from_slice(json);
    }

    /// Bytes written.
    pub(crate) fn len(&self) -> usize {
        self.buffer.len()
    }

    /// Writes an object whose members `body` writes.
    pub(crate) fn object(&mut self, body: impl FnOnce(&mut Self)) {
        self.open_object();
        body(self);
        self.close_object();
    }

    /// Begins an object, where its members are not written in one go.
    pub(crate) fn open_object(&mut self) {
        self.part();
        self.buffer.push(b'{');
    }

    /// Ends an object.
    pub(crate) fn close_object(&mut self) {
        self.buffer.push(b'}');
    }

    /// Begins an array, where its items are not written in one go.
    pub(crate) fn open_array(&mut self) {
        self.part();
        self.buffer.push(b'[');
    }

    /// Ends an array.
    pub(crate) fn close_array(&mut self) {
        self.buffer.push(b']');
    }

    /// Writes an array with one value for each item.
    pub(crate) fn list<T>(&mut self, items: impl IntoIterator<Item = T>, mut each: impl FnMut(&mut Self, T)) {
        self.open_array();
        items.into_iter().for_each(|item| each(self, item));
        self.close_array();
    }

    /// Writes a key given in our spelling, in the spelling of the dialect.
    pub(crate) fn key(&mut self, snake: &'static str) -> &mut Self {
        self.part();
        let dialect = self.dialect;
        let spelled = self.keys.entry(snake).or_insert_with(|| match dialect {
            Dialect::Legacy => spell(&legacy(snake)),
            Dialect::JsonRpc => spell(snake),
        });
        self.buffer.extend_from_slice(spelled);
        self
    }

    /// Writes a key as it is.
    pub(crate) fn raw_key(&mut self, name: &str) -> &mut Self {
        self.string(name);
        self.buffer.push(b':');
        self
    }

    /// Writes a key that [`spell`] prepared.
    pub(crate) fn spelled_key(&mut self, spelled: &[u8]) {
        self.part();
        self.buffer.extend_from_slice(spelled);
    }

    /// Writes a string.
    pub(crate) fn string(&mut self, text: &str) {
        self.part();
        quote(text, &mut self.buffer);
    }

    /// Writes a whole number.
    pub(crate) fn integer(&mut self, number: impl Into<i64>) {
        self.part();
        let number = number.into();
        if number < 0 {
            self.buffer.push(b'-');
        }
        self.digits(number.unsigned_abs());
    }

    /// Writes a whole number that is not negative.
    pub(crate) fn unsigned(&mut self, number: u64) {
        self.part();
        self.digits(number);
    }

    /// Writes a number; whole ones without a point. What is not finite becomes 0: JSON has no word for it.
    pub(crate) fn number(&mut self, number: f64) {
        self.part();
        let number = if number.is_finite() { number } else { 0.0 };
        self.buffer.extend_from_slice(format!("{number}").as_bytes());
    }

    /// Writes a part of a whole, cut to four decimals so that it is 1 only when nothing is missing.
    pub(crate) fn fraction(&mut self, part: u64, whole: u64) {
        self.part();
        if part >= whole {
            return self.buffer.push(if whole == 0 { b'0' } else { b'1' });
        }
        let decimals = u128::from(part) * 10_000 / u128::from(whole);
        if decimals == 0 {
            return self.buffer.push(b'0');
        }
        let text = format!("0.{decimals:04}");
        self.buffer.extend_from_slice(text.trim_end_matches('0').as_bytes());
    }

    /// Writes `true` or `false`.
    pub(crate) fn boolean(&mut self, value: bool) {
        self.part();
        self.buffer.extend_from_slice(if value { b"true" } else { b"false" });
    }

    /// Writes `null`.
    pub(crate) fn null(&mut self) {
        self.part();
        self.buffer.extend_from_slice(b"null");
    }

    /// Writes bytes as base64.
    pub(crate) fn base64(&mut self, bytes: &[u8]) {
        self.part();
        self.buffer.push(b'"');
        base64::encode(bytes, &mut self.buffer);
        self.buffer.push(b'"');
    }

    /// Writes a value whose keys are spelled as they shall be.
    pub(crate) fn value(&mut self, value: &Value) {
        match value {
            Value::Null => self.null(),
            Value::Bool(value) => self.boolean(*value),
            Value::Number(number) => {
                self.part();
                self.buffer.extend_from_slice(number.to_string().as_bytes());
            }
            Value::String(text) => self.string(text),
            Value::Array(items) => self.list(items, Self::value),
            Value::Object(members) => self.object(|out| {
                for (name, value) in members {
                    out.raw_key(name).value(value);
                }
            }),
        }
    }

    /// Parts what follows from what is there. A string ends in a quote, so an opening bracket or a colon at the end
    /// of the text is always one of the grammar.
    fn part(&mut self) {
        if !matches!(self.buffer.last(), None | Some(b'{' | b'[' | b':')) {
            self.buffer.push(b',');
        }
    }

    fn digits(&mut self, mut number: u64) {
        let mut text = [0; 20];
        let mut start = text.len();
        loop {
            start -= 1;
            text[start] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                break;
            }
        }
        self.buffer.extend_from_slice(&text[start..]);
    }
}

/// A key in quotes with its colon.
pub(crate) fn spell(name: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(name.len() + 3);
    quote(name, &mut out);
    out.push(b':');
    out
}

fn quote(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut plain = 0;
    for (index, byte) in bytes.iter().enumerate() {
        if !matches!(byte, b'"' | b'\\' | 0..=0x1f | 0x7f) {
            continue;
        }
        out.extend_from_slice(&bytes[plain..index]);
        plain = index + 1;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            other => out.extend_from_slice(format!("\\u{other:04x}").as_bytes()),
        }
    }
    out.extend_from_slice(&bytes[plain..]);
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(dialect: Dialect, body: impl FnOnce(&mut Json)) -> String {
        let mut out = Json::new(dialect);
        body(&mut out);
        String::from_utf8(out.into_bytes()).unwrap()
    }

    #[test]
    fn commas_come_by_themselves_and_keys_follow_the_dialect() {
        let body = |out: &mut Json| {
            out.object(|out| {
                out.key("total_size").unsigned(7);
                out.key("file_stats").list([1, 2], super::Json::integer);
                out.key("session_id").string("a:[");
                out.key("files").list([false, true], |out, named| {
                    out.object(|out| {
                        if named {
                            out.key("name").null();
                        }
                    });
                });
            });
        };
        assert_eq!(
            written(Dialect::Legacy, body),
            r#"{"totalSize":7,"fileStats":[1,2],"session-id":"a:[","files":[{},{"name":null}]}"#
        );
        assert!(written(Dialect::JsonRpc, body).starts_with(r#"{"total_size":7,"file_stats""#));
    }

    #[test]
    fn numbers_are_whole_where_they_can_be() {
        assert_eq!(written(Dialect::Legacy, |out| out.number(2.0)), "2");
        assert_eq!(written(Dialect::Legacy, |out| out.number(-0.25)), "-0.25");
        assert_eq!(written(Dialect::Legacy, |out| out.number(f64::INFINITY)), "0");
        assert_eq!(written(Dialect::Legacy, |out| out.integer(i64::MIN)), i64::MIN.to_string());
        assert_eq!(written(Dialect::Legacy, |out| out.unsigned(u64::MAX)), u64::MAX.to_string());
    }

    #[test]
    fn a_fraction_is_one_only_when_nothing_is_missing() {
        for (part, whole, text) in [
            (0, 0, "0"),
            (0, 9, "0"),
            (9, 9, "1"),
            (u64::MAX - 1, u64::MAX, "0.9999"),
            (1, 2, "0.5"),
            (1, 20_000, "0"),
            (1, 1000, "0.001"),
        ] {
            assert_eq!(written(Dialect::Legacy, |out| out.fraction(part, whole)), text);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_back_as_it_was(text: String, more: Vec<String>) {
            let out = written(Dialect::JsonRpc, |out| {
                out.object(|out| {
                    out.raw_key(&text).string(&text);
                    out.key("list").list(&more, |out, item| out.string(item));
                });
            });
            let value: Value = serde_json::from_str(&out).unwrap();
            if text != "list" {
                prop_assert_eq!(&value[&text], &Value::String(text.clone()));
            }
            prop_assert_eq!(value["list"].as_array().unwrap().len(), more.len());
        }
    }
}
