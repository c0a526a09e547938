//! minisign and signify: one Ed25519 key, one short text file a signature.
//!
//! Both write two bytes for the algorithm, eight for the key's id, and the signature, in Base64 below a comment that
//! nobody signed. signify signs the bytes themselves; minisign their BLAKE2b hash, and then its signature together
//! with a comment that is to be trusted.

#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::indexing_slicing))]

use crate::hash::{HashKind, Hasher, Pass};
use crate::sum::to_hex;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_compact::{PublicKey, Signature};

const COMMENT: &str = "untrusted comment:";
const TRUSTED: &str = "trusted comment: ";

/// A public key of either program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Key {
    id: [u8; 8],
    key: PublicKey,
}

/// A signature of either program.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct MiniSignature {
    /// The bytes were hashed first.
    is_prehashed: bool,
    id: [u8; 8],
    signature: Signature,
    /// The comment to be trusted and its signature; minisign only.
    trusted: Option<(String, Signature)>,
    /// What follows in the same file: signify's way of signing a list of sums.
    pub(crate) message: Option<String>,
}

/// What a signature came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum MiniVerdict {
    Good,
    OtherKey,
    Bad,
    /// It holds, but the comment was changed.
    BadComment,
}

/// Whether the bytes look like a file of one of these programs.
pub(crate) fn is_minisign(bytes: &[u8]) -> bool {
    bytes.starts_with(COMMENT.as_bytes())
}

impl Key {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (algorithm, id, key) = decoded::<32>(text.lines().nth(1)?)?;
        (algorithm == *b"Ed").then(|| Self { id, key: PublicKey::new(key) })
    }

    /// The id as minisign shows it.
    pub(crate) fn id(&self) -> String {
        shown(self.id)
    }
}

impl MiniSignature {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut lines = text.split_inclusive('\n');
        lines.next()?.strip_prefix(COMMENT)?;
        let (algorithm, id, signature) = decoded::<64>(lines.next()?.trim_end())?;
        let is_prehashed = match &algorithm {
            b"ED" => true,
            b"Ed" => false,
            _ => return None,
        };
        let rest: Vec<&str> = lines.collect();
        let comment = rest.first().and_then(|line| line.trim_end_matches(['\r', '\n']).strip_prefix(TRUSTED));
        let trusted = match comment {
            Some(comment) => {
                let bytes: [u8; 64] = STANDARD.decode(rest.get(1)?.trim_end()).ok()?.try_into().ok()?;
                Some((comment.to_owned(), Signature::new(bytes)))
            }
            // Only signify signs the bytes themselves and no comment.
            None if is_prehashed => return None,
            None => None,
        };
        let message = trusted.is_none().then(|| rest.concat()).filter(|message| !message.is_empty());
        Some(Self { is_prehashed, id, signature: Signature::new(signature), trusted, message })
    }

    /// Asks a pass for what [`MiniSignature::verify`] needs.
    pub(crate) fn want(&self, key: &Key, pass: &mut Pass) {
        if self.is_prehashed {
            pass.want(HashKind::Blake2b);
        } else {
            pass.want_whole(key.key, self.signature);
        }
    }

    /// Judges it after the pass.
    pub(crate) fn verify(&self, key: &Key, pass: &Pass) -> MiniVerdict {
        if key.id != self.id {
            return MiniVerdict::OtherKey;
        }
        let holds = if self.is_prehashed {
            let hash = pass.hasher(HashKind::Blake2b).map(Hasher::finish);
            hash.is_some_and(|hash| key.key.verify(hash, &self.signature).is_ok())
        } else {
            pass.holds_whole(key.key, self.signature)
        };
        let comment_holds = self.trusted.as_ref().is_none_or(|(comment, signature)| {
            let signed = [self.signature.as_ref(), comment.as_bytes()].concat();
            key.key.verify(signed, signature).is_ok()
        });
        match (holds, comment_holds) {
            (false, _) => MiniVerdict::Bad,
            (true, false) => MiniVerdict::BadComment,
            (true, true) => MiniVerdict::Good,
        }
    }

    /// The id of the key that it says made it.
    pub(crate) fn id(&self) -> String {
        shown(self.id)
    }
}

fn shown(id: [u8; 8]) -> String {
    to_hex(&u64::from_le_bytes(id).to_be_bytes()).to_uppercase()
}

/// Algorithm, key id, and a number of so many bytes.
fn decoded<const N: usize>(line: &str) -> Option<([u8; 2], [u8; 8], [u8; N])> {
    let bytes = STANDARD.decode(line.trim()).ok()?;
    let (algorithm, rest) = bytes.split_first_chunk()?;
    let (id, rest) = rest.split_first_chunk()?;
    Some((*algorithm, *id, rest.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use blake2::{Blake2b512, Digest};
    use ed25519_compact::{KeyPair, Seed};
    use proptest::prelude::*;

    const ID: [u8; 8] = [1, 2, 3, 4, 5, 6, 7, 8];

    fn pair() -> KeyPair {
        KeyPair::from_seed(Seed::new([3; 32]))
    }

    fn key() -> Key {
        let line = STANDARD.encode([&b"Ed"[..], &ID, pair().pk.as_ref()].concat());
        Key::parse(&format!("untrusted comment: a key\n{line}\n")).unwrap()
    }

    fn file(algorithm: &[u8], signature: &Signature) -> String {
        let line = STANDARD.encode([algorithm, &ID, signature.as_ref()].concat());
        format!("{COMMENT} x\n{line}\n")
    }

    fn minisign(data: &[u8], comment: &str) -> String {
        let signature = pair().sk.sign(Blake2b512::digest(data), None);
        let global = pair().sk.sign([signature.as_ref(), comment.as_bytes()].concat(), None);
        format!("{}{TRUSTED}{comment}\n{}\n", file(b"ED", &signature), STANDARD.encode(global.as_ref()))
    }

    fn verdict(text: &str, key: &Key, data: &[u8]) -> MiniVerdict {
        let signature = MiniSignature::parse(text).unwrap();
        let mut pass = Pass::default();
        signature.want(key, &mut pass);
        pass.update(data);
        signature.verify(key, &pass)
    }

    #[test]
    fn minisign_signs_hash_and_comment() {
        let text = minisign(b"data", "file:a");
        assert_eq!(verdict(&text, &key(), b"data"), MiniVerdict::Good);
        assert_eq!(verdict(&text, &key(), b"Data"), MiniVerdict::Bad);
        assert_eq!(verdict(&text.replace("file:a", "file:b"), &key(), b"data"), MiniVerdict::BadComment);
        let other = Key { id: [0; 8], ..key() };
        assert_eq!(verdict(&text, &other, b"data"), MiniVerdict::OtherKey);
        let cut: String = text.split_inclusive('\n').take(2).collect();
        assert_eq!(MiniSignature::parse(&cut), None, "a hashed one has its comment");
        assert_eq!(key().id(), "0807060504030201");
    }

    #[test]
    fn signify_signs_the_bytes_themselves() {
        let text = file(b"Ed", &pair().sk.sign(b"data", None));
        assert_eq!(verdict(&text, &key(), b"data"), MiniVerdict::Good);
        assert_eq!(verdict(&text, &key(), b"datb"), MiniVerdict::Bad);
        let embedded = MiniSignature::parse(&format!("{text}SHA256 (a) = 00\nb\n")).unwrap();
        assert_eq!(embedded.message.as_deref(), Some("SHA256 (a) = 00\nb\n"));
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange(text in "(?s).{0,200}") {
            let _ = MiniSignature::parse(&text);
            let _ = MiniSignature::parse(&format!("{COMMENT}{text}"));
            let _ = Key::parse(&format!("{COMMENT}\n{text}"));
        }
    }
}
