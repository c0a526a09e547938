//! Mirrors and hashes in the header fields of an answer (RFC 6249): `Link` and `Digest`.

use crate::limits::MAX_MIRRORS;
use crate::sum::{Algorithm, Sum};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use engine::Answer;
use url::Url;

/// What an answer's fields say about the file.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct MirrorLinks {
    /// Where else the file is, the best first (`rel=duplicate`, by `pri`).
    pub duplicates: Vec<Url>,
    /// Documents about it (`rel=describedby`).
    pub described_by: Vec<(Url, Described)>,
    /// What the server that the user named says it comes to (`Digest`, `Repr-Digest`).
    pub sums: Vec<Sum>,
}

/// The kinds of document that describe a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Described {
    /// A metalink.
    Metalink,
    /// An OpenPGP signature.
    Signature,
}

impl MirrorLinks {
    /// Reads the fields of an answer and of the redirects before it. Digests count only from `origin`'s own server:
    /// a mirror is not believed about sums.
    pub fn of(answer: &Answer, origin: &Url) -> Self {
        let mut links = Self::default();
        let mut duplicates = Vec::new();
        for (base, value) in answer.field("link") {
            for link in split_quoted(&value, ',') {
                links.take(&base, &link, &mut duplicates);
            }
        }
        duplicates.sort_by_key(|(priority, _)| *priority);
        duplicates.truncate(MAX_MIRRORS);
        for (_, url) in duplicates {
            if !links.duplicates.contains(&url) {
                links.duplicates.push(url);
            }
        }
        for name in ["digest", "repr-digest"] {
            let own = answer.field(name).into_iter().filter(|(url, _)| url.origin() == origin.origin());
            links.sums.extend(own.flat_map(|(_, value)| digests(&value)));
        }
        links
    }

    /// Whether there is nothing that makes a file of it.
    pub fn is_empty(&self) -> bool {
        self.sums.is_empty() && !self.described_by.iter().any(|(_, kind)| *kind == Described::Metalink)
    }

    fn take(&mut self, base: &Url, link: &str, duplicates: &mut Vec<(u32, Url)>) {
        let Some((target, parameters)) = link.trim().strip_prefix('<').and_then(|rest| rest.split_once('>'))
        else {
            return;
        };
        let Some(url) = base.join(target.trim()).ok().filter(|url| matches!(url.scheme(), "http" | "https"))
        else {
            return;
        };
        let parameters = split_quoted(parameters, ';');
        let parameter = |name: &str| {
            parameters.iter().find_map(|parameter| {
                let (key, value) = parameter.split_once('=')?;
                let value = value.trim().trim_matches('"');
                key.trim().eq_ignore_ascii_case(name).then(|| value.to_ascii_lowercase())
            })
        };
        let relations = parameter("rel").unwrap_or_default();
        let has = |relation| relations.split_ascii_whitespace().any(|word| word == relation);
        if has("duplicate") {
            let priority = parameter("pri").and_then(|text| text.parse().ok()).unwrap_or(u32::MAX);
            duplicates.push((priority, url));
        } else if has("describedby") {
            let kind = match parameter("type").as_deref() {
                Some("application/metalink4+xml") => Described::Metalink,
                Some("application/pgp-signature") => Described::Signature,
                _ => return,
            };
            self.described_by.push((url, kind));
        }
    }
}

/// The parts of a field between separators that do not stand in quotes or in a URL's brackets.
fn split_quoted(text: &str, separator: char) -> Vec<String> {
    let (mut parts, mut quoted, mut bracketed) = (vec![String::new()], false, false);
    for c in text.chars() {
        match c {
            '"' if !bracketed => quoted = !quoted,
            '<' if !quoted => bracketed = true,
            '>' if !quoted => bracketed = false,
            _ => {}
        }
        if c == separator && !quoted && !bracketed {
            parts.push(String::new());
        } else if let Some(part) = parts.last_mut() {
            part.push(c);
        }
    }
    parts
}

/// `SHA-256=base64` (RFC 3230) and `sha-256=:base64:` (RFC 9530).
fn digests(value: &str) -> Vec<Sum> {
    let sum = |part: &str| {
        let (name, value) = part.trim().split_once('=')?;
        let value = STANDARD.decode(value.trim().trim_matches(':')).ok()?;
        let algorithm = Algorithm::named(name)?;
        (value.len() == algorithm.length()).then_some(Sum { algorithm, value })
    };
    value.split(',').filter_map(sum).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn links_are_told_apart_by_relation_and_type() {
        let base = Url::parse("https://example.org/a/image.iso").unwrap();
        let (mut links, mut duplicates) = (MirrorLinks::default(), Vec::new());
        let field = "<image.iso.meta4>; rel=describedby; type=\"application/metalink4+xml\", \
                     <https://b/x,y.iso>; rel=duplicate; pri=2; geo=de, <http://a/x.iso>; REL=\"duplicate\"; pri=1, \
                     <ftp://c/x>; rel=duplicate, <x>; rel=next";
        for link in split_quoted(field, ',') {
            links.take(&base, &link, &mut duplicates);
        }
        assert_eq!(links.described_by.len(), 1);
        assert_eq!(links.described_by[0].0.as_str(), "https://example.org/a/image.iso.meta4");
        duplicates.sort_by_key(|(priority, _)| *priority);
        let found: Vec<_> = duplicates.iter().map(|(_, url)| url.as_str()).collect();
        assert_eq!(found, ["http://a/x.iso", "https://b/x,y.iso"]);
    }

    #[test]
    fn digests_in_both_forms() {
        let base64 = STANDARD.encode([7; 32]);
        for value in [format!("SHA-256={base64}"), format!("md5=xx, sha-256=:{base64}:")] {
            let sums = digests(&value);
            assert_eq!(sums, [Sum { algorithm: Algorithm::Sha256, value: vec![7; 32] }], "{value}");
        }
        assert_eq!(digests("SHA-256=AAAA, SHA-512=, =, x"), []);
    }

    proptest! {
        #[test]
        fn no_field_is_too_strange(text in ".{0,200}") {
            let base = Url::parse("https://example.org/").unwrap();
            for link in split_quoted(&text, ',') {
                MirrorLinks::default().take(&base, &link, &mut Vec::new());
            }
            let _ = digests(&text);
        }
    }
}
