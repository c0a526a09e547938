//! A detached signature of any of the three kinds, and what it says about a file.

use crate::checks::seconds_now;
use crate::hash::{HashKind, Hasher, Pass};
use crate::keys::Keys;
use crate::minisign::{MiniSignature, MiniVerdict, is_minisign};
use crate::openpgp::{self, Cleartext, DetachedSignature, Message, SignatureType, Verdict};
use thiserror::Error;

/// Why a signature does not count. Each text goes on after "the signature …".
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum SignatureError {
    /// It cannot be read as any kind of signature.
    #[error("is damaged, or no signature at all (OpenPGP, minisign and signify are known)")]
    Unreadable,
    /// A message with a signature in it, where a signature by itself is wanted.
    #[error("signs a text of its own, not this file")]
    Inline,
    /// It is of a version or kind that is not understood.
    #[error("is of a kind that is not supported")]
    Unsupported,
    /// It was made by somebody else.
    #[error("is by another key, {made_by}, not by {wanted}")]
    OtherKey {
        /// Who it says made it.
        made_by: String,
        /// Who should have.
        wanted: String,
    },
    /// It is not the key's signature of these bytes.
    #[error("is bad: key {0} did not sign these bytes")]
    Bad(String),
    /// The key was revoked by its owner.
    #[error("is by key {0}, which its owner revoked")]
    Revoked(String),
    /// The key's time is over.
    #[error("is by key {0}, which has expired")]
    KeyExpired(String),
    /// The key does not say that it is one for signing.
    #[error("is by key {0}, which is not valid for signing")]
    NotForSigning(String),
    /// The signature's own time.
    #[error("by key {0} has expired, or is dated wrongly")]
    OutOfTime(String),
    /// It rests on a hash function that can be forged.
    #[error("rests on a hash function that is too weak to believe")]
    WeakHash,
    /// A comment that was signed with it was changed.
    #[error("is bad: its trusted comment was changed")]
    BadComment,
    /// Somebody wrote something around the signed text.
    #[error("has unsigned text around the text that it signs")]
    TextAround,
}

/// A detached signature file; it may hold several signatures, of which one must hold.
#[derive(Clone, Debug)]
pub struct Signature(Kind);

#[derive(Clone, Debug)]
enum Kind {
    OpenPgp(Vec<DetachedSignature>),
    Mini(MiniSignature),
}

impl Signature {
    /// Reads an OpenPGP signature, binary or armoured, or one of minisign or signify.
    pub fn parse(bytes: &[u8]) -> Result<Self, SignatureError> {
        if is_minisign(bytes) {
            let text = std::str::from_utf8(bytes).map_err(|_| SignatureError::Unreadable)?;
            let signature = MiniSignature::parse(text).ok_or(SignatureError::Unreadable)?;
            return match signature.message {
                Some(_) => Err(SignatureError::Inline),
                None => Ok(Self(Kind::Mini(signature))),
            };
        }
        if openpgp::is_cleartext(bytes) {
            return Err(SignatureError::Inline);
        }
        if openpgp::is_armored(bytes) {
            let binary = openpgp::dearmored(bytes, "SIGNATURE").map_err(|_| SignatureError::Unreadable)?;
            return Self::openpgp(&binary);
        }
        Self::openpgp(bytes)
    }

    fn openpgp(binary: &[u8]) -> Result<Self, SignatureError> {
        let signatures = openpgp::detached(binary).map_err(|_| SignatureError::Unreadable)?;
        if signatures.is_empty() {
            Err(SignatureError::Unsupported)
        } else {
            Ok(Self(Kind::OpenPgp(signatures)))
        }
    }

    /// Asks a pass for what [`Signature::check`] needs.
    pub(crate) fn want(&self, keys: &Keys, pass: &mut Pass) {
        match &self.0 {
            Kind::OpenPgp(signatures) => {
                signatures.iter().filter_map(|signature| signature.hash).for_each(|kind| pass.want(kind));
            }
            Kind::Mini(signature) => {
                for key in &keys.ed25519 {
                    signature.want(key, pass);
                }
            }
        }
    }

    /// Judges it after a pass over the file. The answer is the signer: the fingerprint of a primary key, or the id
    /// of a minisign or signify key.
    pub(crate) fn check(&self, keys: &Keys, pass: &Pass, now: u64) -> Result<String, SignatureError> {
        self.judge(keys, &Passes { binary: pass, text: None }, now)
    }

    /// Judges it, now, as one of a short document.
    pub fn verify_document(&self, keys: &Keys, document: &[u8]) -> Result<String, SignatureError> {
        self.check_document(keys, document, seconds_now())
    }

    pub(crate) fn check_document(
        &self,
        keys: &Keys,
        document: &[u8],
        now: u64,
    ) -> Result<String, SignatureError> {
        let (mut binary, mut text) = (Pass::default(), Pass::default());
        self.want(keys, &mut binary);
        self.want(keys, &mut text);
        binary.update(document);
        text.update(&with_network_line_ends(document));
        self.judge(keys, &Passes { binary: &binary, text: Some(&text) }, now)
    }

    fn judge(&self, keys: &Keys, passes: &Passes<'_>, now: u64) -> Result<String, SignatureError> {
        match &self.0 {
            Kind::OpenPgp(signatures) => judge_openpgp(signatures, passes, keys, now),
            Kind::Mini(signature) => judge_mini(signature, passes.binary, keys),
        }
    }
}

/// A signed text, or a signify file with its message in it: the text, once it is verified. `None` if the bytes are
/// neither; then nobody signed them here.
pub(crate) fn open_signed(
    bytes: &[u8],
    keys: &Keys,
    now: u64,
) -> Option<Result<(String, String), SignatureError>> {
    let embedded =
        || MiniSignature::parse(std::str::from_utf8(bytes).ok()?).filter(|it| it.message.is_some());
    if openpgp::is_cleartext(bytes) {
        Some(open_cleartext(bytes, keys, now))
    } else if is_minisign(bytes) {
        embedded().map(|mut signature| {
            let text = signature.message.take().unwrap_or_default();
            let signer = Signature(Kind::Mini(signature)).check_document(keys, text.as_bytes(), now)?;
            Ok((text, signer))
        })
    } else {
        None
    }
}

/// The text of a signed document, unverified; the bytes themselves where nothing is signed.
pub(crate) fn unverified_text(bytes: &[u8]) -> Result<String, SignatureError> {
    if openpgp::is_cleartext(bytes) {
        let message = Cleartext::parse(bytes).map_err(|_| SignatureError::Unreadable)?;
        return if message.has_text_around { Err(SignatureError::TextAround) } else { Ok(message.text) };
    }
    Ok(String::from_utf8_lossy(bytes).into_owned())
}

fn open_cleartext(bytes: &[u8], keys: &Keys, now: u64) -> Result<(String, String), SignatureError> {
    let message = Cleartext::parse(bytes).map_err(|_| SignatureError::Unreadable)?;
    if message.has_text_around {
        return Err(SignatureError::TextAround);
    }
    let mut signatures = openpgp::detached(&message.signature).map_err(|_| SignatureError::Unreadable)?;
    signatures.retain(|signature| signature.kind == SignatureType::Text);
    if signatures.is_empty() {
        return Err(SignatureError::Unsupported);
    }
    let mut pass = Pass::default();
    signatures.iter().filter_map(|signature| signature.hash).for_each(|kind| pass.want(kind));
    pass.update(&message.signed_bytes());
    let signer = judge_openpgp(&signatures, &Passes { binary: &pass, text: Some(&pass) }, keys, now)?;
    Ok((message.text, signer))
}

/// The document as signatures of texts see it.
fn with_network_line_ends(document: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(document.len());
    let mut last = 0;
    for byte in document {
        if *byte == b'\n' && last != b'\r' {
            text.push(b'\r');
        }
        text.push(*byte);
        last = *byte;
    }
    text
}

/// The data as a file, and as a text where it is one.
struct Passes<'a> {
    binary: &'a Pass,
    text: Option<&'a Pass>,
}

impl Message for Passes<'_> {
    fn hasher(&self, kind: HashKind, of: SignatureType) -> Option<Hasher> {
        match of {
            SignatureType::Binary => self.binary.hasher(kind),
            SignatureType::Text => self.text?.hasher(kind),
            _ => None,
        }
    }
}

/// One good signature is enough; otherwise the verdict that says most is told.
fn judge_openpgp(
    signatures: &[DetachedSignature],
    passes: &Passes<'_>,
    keys: &Keys,
    now: u64,
) -> Result<String, SignatureError> {
    let mut worst = SignatureError::Unsupported;
    for signature in signatures {
        let error = match openpgp::verify(signature, passes, &keys.certificates, now) {
            Verdict::Good(signer) => return Ok(signer.to_string()),
            Verdict::OtherKey(made_by) => SignatureError::OtherKey { made_by, wanted: keys.names() },
            Verdict::Bad(signer) => SignatureError::Bad(signer.to_string()),
            Verdict::Revoked(signer) => SignatureError::Revoked(signer.to_string()),
            Verdict::KeyExpired(signer) => SignatureError::KeyExpired(signer.to_string()),
            Verdict::NotForSigning(signer) => SignatureError::NotForSigning(signer.to_string()),
            Verdict::OutOfTime(signer) => SignatureError::OutOfTime(signer.to_string()),
            Verdict::WeakHash => SignatureError::WeakHash,
            Verdict::NotOfData => SignatureError::Unsupported,
        };
        // What concerns a key that we have says more than that there are others.
        let is_about_others = matches!(error, SignatureError::OtherKey { .. } | SignatureError::Unsupported);
        if worst == SignatureError::Unsupported || !is_about_others {
            worst = error;
        }
    }
    Err(worst)
}

fn judge_mini(signature: &MiniSignature, pass: &Pass, keys: &Keys) -> Result<String, SignatureError> {
    let mut error = SignatureError::OtherKey { made_by: signature.id(), wanted: keys.names() };
    for key in &keys.ed25519 {
        match signature.verify(key, pass) {
            MiniVerdict::Good => return Ok(key.id()),
            MiniVerdict::OtherKey => {}
            MiniVerdict::Bad => error = SignatureError::Bad(key.id()),
            MiniVerdict::BadComment => error = SignatureError::BadComment,
        }
    }
    Err(error)
}
