//! What must be true of an image, and whether it is.

use crate::checksums::{AnyOf, Checksums, ChecksumsError};
use crate::document::read_file;
use crate::hash::Pass;
use crate::keys::Keys;
use crate::limits::MAX_CHECKSUMS_BYTES;
use crate::signature::{Signature, SignatureError, open_signed};
use crate::sum::Sum;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};
use thiserror::Error;

/// One link of the chain that held.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verified {
    /// The image has this sum.
    Sum {
        /// Which.
        sum: Sum,
        /// Who says so.
        from: String,
    },
    /// The image, or the list of its sums, is signed.
    Signature {
        /// The fingerprint of the primary key, or the id of a minisign or signify key.
        signer: String,
        /// Where the signature is.
        from: String,
        /// Where the key is.
        key_from: String,
    },
}

/// Why an image is not the published one.
#[derive(Debug, Error)]
pub enum CheckFailure {
    /// A sum does not hold.
    #[error("{0}")]
    Checksum(String),
    /// A signature does not hold, or is not there.
    #[error("{0}")]
    Signature(String),
    /// The image cannot be read.
    #[error("cannot read {path}: {error}")]
    Disk {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

/// What the checks came to: the links that held, and the first that did not.
#[derive(Debug, Default)]
pub struct CheckReport {
    /// In the order of their making.
    pub verified: Vec<Verified>,
    /// `None` if all held.
    pub failure: Option<CheckFailure>,
}

/// A torrent's data on disk, as the checks see it.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The image.
    pub image: PathBuf,
    /// Its name as sums files have it.
    pub name: String,
    /// Every file there is, the image too.
    pub files: Vec<PathBuf>,
}

/// Everything that must be true of one image. All of it must hold.
#[derive(Clone, Debug, Default)]
pub struct Checks {
    sums: Vec<(AnyOf, String)>,
    signatures: Vec<WantedSignature>,
    inside: Option<Inside>,
    established: Vec<Verified>,
}

/// A signature of the image itself.
#[derive(Clone, Debug)]
struct WantedSignature {
    /// One of these must hold; each with where it is.
    any_of: Vec<(Signature, String)>,
    keys: Keys,
    key_from: String,
}

/// A clearsigned sums file that comes with the image.
#[derive(Clone, Debug)]
struct Inside {
    ending: String,
    keys: Keys,
    key_from: String,
}

impl Checks {
    /// The image must have this sum.
    pub fn add_sum(&mut self, sum: Sum, from: &str) {
        self.sums.push((vec![sum], from.to_owned()));
    }

    /// The image must have the sums that are listed for its name, of which there must be some.
    pub fn add_checksums(
        &mut self,
        checksums: &Checksums,
        name: &str,
        from: &str,
    ) -> Result<(), ChecksumsError> {
        let demands = checksums.demands(name)?;
        self.sums.extend(demands.into_iter().map(|any_of| (any_of, from.to_owned())));
        Ok(())
    }

    /// One of these signatures of the image, each with where it is, must hold.
    pub fn add_signature(&mut self, any_of: Vec<(Signature, String)>, keys: Keys, key_from: &str) {
        self.signatures.push(WantedSignature { any_of, keys, key_from: key_from.to_owned() });
    }

    /// A file with a name that ends so must come with the image, list it, and be signed.
    pub fn add_inside(&mut self, ending: &str, keys: Keys, key_from: &str) {
        self.inside = Some(Inside { ending: ending.to_owned(), keys, key_from: key_from.to_owned() });
    }

    /// A link that holds already, to be told with the others.
    pub fn establish(&mut self, verified: Verified) {
        self.established.push(verified);
    }

    /// Takes over the checks of `other`.
    pub fn join(&mut self, other: Self) {
        self.sums.extend(other.sums);
        self.signatures.extend(other.signatures);
        self.established.extend(other.established);
        self.inside = self.inside.take().or(other.inside);
    }

    /// Whether nothing is asked of the image.
    pub fn is_empty(&self) -> bool {
        self.sums.is_empty() && self.signatures.is_empty() && self.inside.is_none()
    }

    /// Whether a signature is asked for, or was verified already.
    pub fn has_signature(&self) -> bool {
        let is_signature = |verified: &Verified| matches!(verified, Verified::Signature { .. });
        !self.signatures.is_empty() || self.inside.is_some() || self.established.iter().any(is_signature)
    }

    /// Holds an image against all of it, reading it once. Blocks for as long as that takes.
    pub fn run(&self, subject: &Subject) -> CheckReport {
        let mut report = CheckReport { verified: self.established.clone(), failure: None };
        report.failure = self.all_hold(subject, &mut report.verified).err();
        report
    }

    fn all_hold(&self, subject: &Subject, verified: &mut Vec<Verified>) -> Result<(), CheckFailure> {
        let now = seconds_now();
        let mut sums = self.sums.clone();
        if let Some(inside) = &self.inside {
            sums.extend(inside.open(subject, now, verified)?);
        }
        let mut pass = Pass::default();
        sums.iter().flat_map(|(any_of, _)| any_of).for_each(|sum| pass.want(sum.algorithm.into()));
        for wanted in &self.signatures {
            wanted.any_of.iter().for_each(|(signature, _)| signature.want(&wanted.keys, &mut pass));
        }
        pass.read(&subject.image)
            .map_err(|error| CheckFailure::Disk { path: subject.image.clone(), error })?;
        for (any_of, from) in &sums {
            verified.push(sum_holds(&pass, any_of, from, &subject.name)?);
        }
        for wanted in &self.signatures {
            verified.push(wanted.holds(&pass, &subject.name, now)?);
        }
        Ok(())
    }
}

fn sum_holds(pass: &Pass, any_of: &AnyOf, from: &str, name: &str) -> Result<Verified, CheckFailure> {
    let found = |sum: &Sum| pass.sum(sum.algorithm);
    if let Some(sum) = any_of.iter().find(|sum| found(sum).as_ref() == Some(*sum)) {
        return Ok(Verified::Sum { sum: sum.clone(), from: from.to_owned() });
    }
    let kinds: Vec<String> = any_of.iter().map(|sum| sum.algorithm.to_string()).collect();
    let short = |sum: Option<Sum>| sum.map(|sum| sum.hex().chars().take(16).collect::<String>());
    let (wanted, is) = (any_of.first().cloned(), any_of.first().and_then(found));
    Err(CheckFailure::Checksum(format!(
        "checksum: the {} of {name} is {}… and not {}… as {from} says",
        kinds.join(" or "),
        short(is).unwrap_or_default(),
        short(wanted).unwrap_or_default(),
    )))
}

impl WantedSignature {
    fn holds(&self, pass: &Pass, name: &str, now: u64) -> Result<Verified, CheckFailure> {
        let mut first: Option<(SignatureError, &str)> = None;
        for (signature, from) in &self.any_of {
            match signature.check(&self.keys, pass, now) {
                Ok(signer) => {
                    let (from, key_from) = (from.clone(), self.key_from.clone());
                    return Ok(Verified::Signature { signer, from, key_from });
                }
                Err(error) => first = first.or(Some((error, from))),
            }
        }
        let (error, from) = first.map_or((SignatureError::Unreadable, ""), |first| first);
        Err(CheckFailure::Signature(format!("the signature of {name}, {from}, {error}")))
    }
}

impl Inside {
    /// The demands of the sums file, once its signature was verified.
    fn open(
        &self,
        subject: &Subject,
        now: u64,
        verified: &mut Vec<Verified>,
    ) -> Result<Vec<(AnyOf, String)>, CheckFailure> {
        let ending = &self.ending;
        let has_name = |path: &&PathBuf| file_name(path).ends_with(ending);
        let path = subject.files.iter().find(has_name).ok_or_else(|| {
            CheckFailure::Signature(format!("no signed list of sums (*{ending}) came with {}", subject.name))
        })?;
        let bytes = read_file(path, MAX_CHECKSUMS_BYTES)
            .map_err(|error| CheckFailure::Disk { path: path.clone(), error })?;
        let name = file_name(path);
        let bad = |error| CheckFailure::Signature(format!("the signature of {name} {error}"));
        let opened = open_signed(&bytes, &self.keys, now).unwrap_or(Err(SignatureError::Unreadable));
        let (text, signer) = opened.map_err(bad)?;
        verified.push(Verified::Signature { signer, from: name.clone(), key_from: self.key_from.clone() });
        let demands = Checksums::parse(&text, &name).demands(&subject.name);
        let demands = demands.map_err(|error| CheckFailure::Checksum(format!("{name}: {error}")))?;
        Ok(demands.into_iter().map(|any_of| (any_of, name.clone())).collect())
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Seconds since 1970.
pub(crate) fn seconds_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
