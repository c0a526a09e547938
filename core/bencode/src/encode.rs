//! Canonical encoding: dict keys sorted, no key twice, numbers without leading zeros.

use std::collections::BTreeMap;

/// Builds a dict; keys may come in any order, the last value of a key counts.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct DictWriter {
    /// Each value is encoded already, so that nesting needs no recursion.
    entries: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl DictWriter {
    /// An empty dict.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a key to a number.
    pub fn integer(&mut self, key: impl AsRef<[u8]>, value: i64) -> &mut Self {
        self.raw(key, encode_integer(value))
    }

    /// Sets a key to a string.
    pub fn bytes(&mut self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> &mut Self {
        self.raw(key, encode_bytes(value.as_ref()))
    }

    /// Sets a key to a list.
    pub fn list(&mut self, key: impl AsRef<[u8]>, value: &ListWriter) -> &mut Self {
        self.raw(key, value.encode())
    }

    /// Sets a key to a dict.
    pub fn dict(&mut self, key: impl AsRef<[u8]>, value: &DictWriter) -> &mut Self {
        self.raw(key, value.encode())
    }

    /// Sets a key to a value that is bencode already.
    pub fn raw(&mut self, key: impl AsRef<[u8]>, encoded: impl Into<Vec<u8>>) -> &mut Self {
        self.entries.insert(key.as_ref().to_vec(), encoded.into());
        self
    }

    /// The bencode.
    pub fn encode(&self) -> Vec<u8> {
        let size: usize = self.entries.iter().map(|(key, value)| key.len() + value.len() + 12).sum();
        let mut out = Vec::with_capacity(size + 2);
        out.push(b'd');
        for (key, value) in &self.entries {
            append_bytes(&mut out, key);
            out.extend_from_slice(value);
        }
        out.push(b'e');
        out
    }
}

/// Builds a list.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ListWriter {
    items: Vec<u8>,
}

impl ListWriter {
    /// An empty list.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a number.
    pub fn integer(&mut self, value: i64) -> &mut Self {
        self.raw(encode_integer(value))
    }

    /// Appends a string.
    pub fn bytes(&mut self, value: impl AsRef<[u8]>) -> &mut Self {
        append_bytes(&mut self.items, value.as_ref());
        self
    }

    /// Appends a list.
    pub fn list(&mut self, value: &ListWriter) -> &mut Self {
        self.raw(value.encode())
    }

    /// Appends a dict.
    pub fn dict(&mut self, value: &DictWriter) -> &mut Self {
        self.raw(value.encode())
    }

    /// Appends a value that is bencode already.
    pub fn raw(&mut self, encoded: impl AsRef<[u8]>) -> &mut Self {
        self.items.extend_from_slice(encoded.as_ref());
        self
    }

    /// The bencode.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.items.len() + 2);
        out.push(b'l');
        out.extend_from_slice(&self.items);
        out.push(b'e');
        out
    }
}

fn encode_integer(value: i64) -> Vec<u8> {
    format!("i{value}e").into_bytes()
}

fn encode_bytes(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len() + 10);
    append_bytes(&mut out, value);
    out
}

fn append_bytes(out: &mut Vec<u8>, value: &[u8]) {
    out.extend_from_slice(value.len().to_string().as_bytes());
    out.push(b':');
    out.extend_from_slice(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_out_sorted_and_once() {
        let mut inner = ListWriter::new();
        inner.integer(-7).bytes(b"").list(&ListWriter::new());
        let mut dict = DictWriter::new();
        dict.bytes("b", b"x").list("a", &inner).bytes("b", b"yz").dict("aa", &DictWriter::new());
        assert_eq!(dict.encode(), b"d1:ali-7e0:lee2:aade1:b2:yze");
    }
}
