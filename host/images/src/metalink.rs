//! Metalink v4 (RFC 5854): a file's name, size, hashes, signature and mirrors, in XML.

use crate::limits::{MAX_METALINK_BYTES, MAX_MIRRORS};
use crate::sum::{Algorithm, Sum};
use roxmltree::{Document, Node};
use thiserror::Error;
use url::Url;

const NAME_SPACE: &str = "urn:ietf:params:xml:ns:metalink";

/// Why a metalink cannot be used.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum MetalinkError {
    /// It is not XML, or not a metalink.
    #[error("not a metalink: {0}")]
    NotAMetalink(String),
    /// Not one file.
    #[error("the metalink describes {0} files; one is supported")]
    FileCount(usize),
    /// A name that leads out of the folder, or into another.
    #[error("the metalink names its file '{0}', which is not a plain file name")]
    UnsafeName(String),
    /// A hash that cannot be one.
    #[error("the metalink's {0} hash is malformed")]
    BadHash(Algorithm),
}

/// What a metalink says about its file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Metalink {
    /// A plain file name.
    pub name: String,
    /// Bytes of the file.
    pub size: Option<u64>,
    /// All hashes that prove something.
    pub sums: Vec<Sum>,
    /// An OpenPGP signature of the file, armoured.
    pub signature: Option<String>,
    /// Where the file is, the best first.
    pub mirrors: Vec<Url>,
    /// Where torrents of it are, the best first.
    pub torrents: Vec<Url>,
}

impl Metalink {
    /// Reads a metalink of one file.
    pub fn parse(bytes: &[u8]) -> Result<Self, MetalinkError> {
        let wrong = |reason: &dyn std::fmt::Display| MetalinkError::NotAMetalink(reason.to_string());
        if bytes.len() > MAX_METALINK_BYTES {
            return Err(wrong(&"it is too large"));
        }
        let text = std::str::from_utf8(bytes).map_err(|error| wrong(&error))?;
        let document = Document::parse(text).map_err(|error| wrong(&error))?;
        let root = document.root_element();
        if !root.has_tag_name((NAME_SPACE, "metalink")) {
            return Err(wrong(&"its root is another element"));
        }
        let files: Vec<_> = children(root, "file").collect();
        let [file] = files.as_slice() else { return Err(MetalinkError::FileCount(files.len())) };
        Self::of_file(*file)
    }

    fn of_file(file: Node<'_, '_>) -> Result<Self, MetalinkError> {
        let name = file.attribute("name").unwrap_or_default();
        let plain = plain_name(name);
        let name = plain.ok_or_else(|| MetalinkError::UnsafeName(name.chars().take(200).collect()))?;
        let mut sums = Vec::new();
        for hash in children(file, "hash") {
            // Other hashes are no reason to refuse the file; a hash that we know must be whole.
            if let Some(algorithm) = hash.attribute("type").and_then(Algorithm::named) {
                let text = hash.text().unwrap_or_default().trim();
                sums.push(Sum::parse(algorithm, text).map_err(|_| MetalinkError::BadHash(algorithm))?);
            }
        }
        let is_openpgp =
            |node: &Node<'_, '_>| node.attribute("mediatype") == Some("application/pgp-signature");
        let signature = children(file, "signature").find(is_openpgp).and_then(|node| node.text());
        let is_torrent = |node: &Node<'_, '_>| node.attribute("mediatype") == Some("torrent");
        Ok(Self {
            name: name.to_owned(),
            size: children(file, "size").next().and_then(|node| node.text()?.trim().parse().ok()),
            sums,
            signature: signature.map(str::to_owned),
            mirrors: by_priority(children(file, "url")),
            torrents: by_priority(children(file, "metaurl").filter(is_torrent)),
        })
    }
}

fn children<'a, 'input>(
    node: Node<'a, 'input>,
    name: &'static str,
) -> impl Iterator<Item = Node<'a, 'input>> {
    node.children().filter(move |child| child.has_tag_name((NAME_SPACE, name)))
}

/// The http and https URLs of some elements; 1 is the best priority, and none at all the worst.
fn by_priority<'a, 'input: 'a>(nodes: impl Iterator<Item = Node<'a, 'input>>) -> Vec<Url> {
    let mut urls: Vec<(u32, Url)> = nodes
        .filter_map(|node| {
            let url = Url::parse(node.text()?.trim()).ok()?;
            let priority = node.attribute("priority").and_then(|text| text.parse().ok());
            matches!(url.scheme(), "http" | "https").then_some((priority.unwrap_or(999_999), url))
        })
        .take(MAX_MIRRORS)
        .collect();
    urls.sort_by_key(|(priority, _)| *priority);
    urls.into_iter().map(|(_, url)| url).collect()
}

/// The name, if it is that of a file right in a folder, and one that is seen there.
pub fn plain_name(name: &str) -> Option<&str> {
    let is_plain = !name.is_empty()
        && name.len() <= 200
        && !name.starts_with('.')
        && !name.contains(['/', '\\'])
        && !name.chars().any(char::is_control);
    is_plain.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn document(name: &str, inside: &str) -> String {
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<metalink xmlns=\"{NAME_SPACE}\">\
             <file name=\"{name}\"><size>14</size>{inside}</file></metalink>"
        )
    }

    #[test]
    fn a_file_is_read() {
        let text = document(
            "a.iso",
            &format!(
                "<hash type=\"md5\">00</hash><hash type=\"sha-256\">{SHA256}</hash>\
                 <url priority=\"2\">https://b/a.iso</url><url priority=\"1\">http://a/a.iso</url>\
                 <url>ftp://c/a.iso</url><metaurl mediatype=\"torrent\">https://t/a.torrent</metaurl>\
                 <signature mediatype=\"application/pgp-signature\">-----BEGIN</signature>"
            ),
        );
        let metalink = Metalink::parse(text.as_bytes()).unwrap();
        let urls: Vec<_> = metalink.mirrors.iter().map(Url::as_str).collect();
        assert_eq!(urls, ["http://a/a.iso", "https://b/a.iso"]);
        assert_eq!((metalink.size, metalink.sums.len(), metalink.torrents.len()), (Some(14), 1, 1));
        assert_eq!(metalink.signature.as_deref(), Some("-----BEGIN"));
    }

    #[test]
    fn names_stay_in_the_folder() {
        for name in ["../a.iso", "/a.iso", "a/../../b.iso", "a/b.iso", "", "..", ".a", "a\\b"] {
            let error = Metalink::parse(document(name, "").as_bytes()).unwrap_err();
            assert_eq!(error, MetalinkError::UnsafeName(name.to_owned()));
        }
    }

    #[test]
    fn other_documents_are_refused() {
        let two = document("a", "").replace("</metalink>", "<file name=\"b\"/></metalink>");
        assert_eq!(Metalink::parse(two.as_bytes()), Err(MetalinkError::FileCount(2)));
        let bad = document("a", "<hash type=\"sha-256\">12</hash>");
        assert_eq!(Metalink::parse(bad.as_bytes()), Err(MetalinkError::BadHash(Algorithm::Sha256)));
        let bomb = "<!DOCTYPE x [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><metalink>&b;</metalink>";
        for text in ["", "<html/>", "<metalink/>", "not xml", bomb] {
            let error = Metalink::parse(text.as_bytes()).unwrap_err();
            assert!(matches!(error, MetalinkError::NotAMetalink(_)), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn no_document_is_too_strange(text in "(?s).{0,200}", name in ".{0,20}") {
            let _ = Metalink::parse(text.as_bytes());
            let _ = Metalink::parse(document(&name, &text).as_bytes());
        }
    }
}
