//! Keys that are believed, and the user's choice of them.

use crate::minisign::{self, is_minisign};
use crate::openpgp::{self, Certificate, Fingerprint};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Keys that signatures are held against.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    pub(crate) certificates: Vec<Certificate>,
    pub(crate) ed25519: Vec<minisign::Key>,
}

/// Why there is no key in some bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("holds no public key (OpenPGP version 4, minisign and signify are known)")]
pub struct KeysError;

impl Keys {
    /// Reads OpenPGP keys, binary or armoured, or one key of minisign or signify.
    pub fn parse(bytes: &[u8]) -> Result<Self, KeysError> {
        if is_minisign(bytes) {
            let text = std::str::from_utf8(bytes).map_err(|_| KeysError)?;
            let key = minisign::Key::parse(text).ok_or(KeysError)?;
            return Ok(Self { ed25519: vec![key], ..Self::default() });
        }
        let certificates = if openpgp::is_armored(bytes) {
            let binary = openpgp::dearmored(bytes, "PUBLIC KEY BLOCK").map_err(|_| KeysError)?;
            openpgp::certificates(&binary)
        } else {
            openpgp::certificates(bytes)
        };
        Ok(Self { certificates: certificates.map_err(|_| KeysError)?, ..Self::default() })
    }

    /// Only the OpenPGP keys with one of these fingerprints: whoever handed them to us may have added others.
    #[must_use]
    pub fn only(mut self, fingerprints: &[Fingerprint]) -> Self {
        self.certificates.retain(|certificate| fingerprints.contains(&certificate.fingerprint()));
        self.ed25519.clear();
        self
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.certificates.is_empty() && self.ed25519.is_empty()
    }

    /// The keys for people: fingerprints and ids, the first few.
    pub(crate) fn names(&self) -> String {
        let all = self.certificates.iter().map(|certificate| certificate.fingerprint().to_string());
        let all: Vec<String> = all.chain(self.ed25519.iter().map(minisign::Key::id)).collect();
        match all.as_slice() {
            [] => "any known key".to_owned(),
            [one] => one.clone(),
            [one, rest @ ..] => format!("{one} or one of {} more", rest.len()),
        }
    }
}

/// What the user says about keys: `--key FILE|FINGERPRINT`.
#[derive(Clone, Debug)]
pub enum KeyChoice {
    /// These and no others.
    File {
        /// Where they came from.
        path: PathBuf,
        /// What was in it.
        keys: Keys,
    },
    /// The key with this fingerprint, wherever it is found.
    Fingerprint(Fingerprint),
}

/// Why a text chooses no key.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum KeyChoiceError {
    /// A key id: anybody can make a key with a given one.
    #[error("{0} is a short key id, which anybody can imitate; give the whole fingerprint, 40 hex digits")]
    ShortId(String),
    /// Neither a file nor a fingerprint.
    #[error("{0} is neither a fingerprint of 40 hex digits nor a file that is there")]
    NoFile(String),
    /// The file cannot be read.
    #[error("the key file {path} cannot be read: {reason}")]
    Unreadable {
        /// The file.
        path: String,
        /// What the system said.
        reason: String,
    },
    /// The file is something else.
    #[error("the key file {0} {KeysError}")]
    NoKey(String),
}

impl KeyChoice {
    /// Reads a file of this name, or else takes the text for a fingerprint. Blocks.
    pub fn parse(text: &str) -> Result<Self, KeyChoiceError> {
        let path = Path::new(text);
        if !path.is_file() {
            return match Fingerprint::parse(text) {
                Some(fingerprint) => Ok(Self::Fingerprint(fingerprint)),
                None if is_short_id(text) => Err(KeyChoiceError::ShortId(text.to_owned())),
                None => Err(KeyChoiceError::NoFile(text.to_owned())),
            };
        }
        let bytes = crate::document::read_file(path, crate::limits::MAX_KEY_BYTES).map_err(|error| {
            KeyChoiceError::Unreadable { path: text.to_owned(), reason: error.to_string() }
        })?;
        let keys = Keys::parse(&bytes).map_err(|_| KeyChoiceError::NoKey(text.to_owned()))?;
        Ok(Self::File { path: path.to_owned(), keys })
    }
}

fn is_short_id(text: &str) -> bool {
    let plain: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let digits = plain.strip_prefix("0x").or_else(|| plain.strip_prefix("0X")).unwrap_or(&plain);
    matches!(digits.len(), 8 | 16 | 32) && digits.chars().all(|c| c.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_is_a_file_or_a_whole_fingerprint() {
        let fingerprint = "3E80CA1A8B89F69CBA57D98A76A5EF9054449A5C";
        let spaced = "3E80 CA1A 8B89 F69C BA57  D98A 76A5 EF90 5444 9A5C";
        for text in [fingerprint, &fingerprint.to_lowercase(), spaced, &format!("0x{fingerprint}")] {
            let Ok(KeyChoice::Fingerprint(found)) = KeyChoice::parse(text) else { panic!("{text}") };
            assert_eq!(found.to_string(), fingerprint);
        }
        for text in ["0x54449A5C", "76A5EF9054449A5C", "54449a5c"] {
            assert!(matches!(KeyChoice::parse(text), Err(KeyChoiceError::ShortId(_))), "{text}");
        }
        for text in ["no/such/file.asc", "", "76A5EF9054449A5", &format!("{fingerprint}00")] {
            assert!(matches!(KeyChoice::parse(text), Err(KeyChoiceError::NoFile(_))), "{text}");
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, "hello").unwrap();
        let error = KeyChoice::parse(&file.path().to_string_lossy()).unwrap_err();
        assert!(matches!(error, KeyChoiceError::NoKey(_)));
    }
}
