//! A signature over data, against the keys that are believed.

use super::certificate::{Certificate, KeyFault};
use super::key::PublicKey;
use super::signature::DetachedSignature;
use super::{Fingerprint, SignatureType};
use crate::hash::{HashKind, Hasher};
use crate::limits::CLOCK_SKEW_SECONDS;

/// What one signature came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    /// It holds; the fingerprint is the primary key's.
    Good(Fingerprint),
    /// It is by a key that is not among those believed.
    OtherKey(String),
    /// It is not a signature of this data.
    Bad(Fingerprint),
    /// The key was revoked.
    Revoked(Fingerprint),
    /// The key has expired.
    KeyExpired(Fingerprint),
    /// The key is not one for signing.
    NotForSigning(Fingerprint),
    /// The signature's own time is over, or has not come.
    OutOfTime(Fingerprint),
    /// A hash function that can be forged, or none that is known.
    WeakHash,
    /// A signature of a kind that does not belong to data.
    NotOfData,
}

/// Data to be verified: its hash of each kind, as a file and as a text.
pub(crate) trait Message {
    /// The hash of the data, without what the signature adds; `None` if it was not calculated.
    fn hasher(&self, kind: HashKind, of: SignatureType) -> Option<Hasher>;
}

/// Judges one signature. `now` is seconds since 1970.
pub(crate) fn verify(
    signature: &DetachedSignature,
    message: &dyn Message,
    certificates: &[Certificate],
    now: u64,
) -> Verdict {
    let Some(kind @ (HashKind::Sha256 | HashKind::Sha384 | HashKind::Sha512)) = signature.hash else {
        return Verdict::WeakHash;
    };
    let Some(hasher) = message.hasher(kind, signature.kind) else { return Verdict::NotOfData };
    let mut verdict = Verdict::OtherKey(signature.issuer());
    for certificate in certificates {
        for key in certificate.keys().filter(|key| signature.may_be_by(key)) {
            match with_key(signature, hasher.clone(), (certificate, key), now) {
                good @ Verdict::Good(_) => return good,
                other => verdict = other,
            }
        }
    }
    verdict
}

fn with_key(
    signature: &DetachedSignature,
    hasher: Hasher,
    (certificate, key): (&Certificate, &PublicKey),
    now: u64,
) -> Verdict {
    let signer = certificate.fingerprint();
    if !signature.is_by(key, hasher) {
        return Verdict::Bad(signer);
    }
    match certificate.may_sign(key, now) {
        Err(KeyFault::Revoked) => return Verdict::Revoked(signer),
        Err(KeyFault::Expired) => return Verdict::KeyExpired(signer),
        Err(KeyFault::NotForSigning) => return Verdict::NotForSigning(signer),
        Ok(()) => {}
    }
    let fields = &signature.fields;
    let made_before_key = fields.created.saturating_add(CLOCK_SKEW_SECONDS) < key.created;
    let from_future = fields.created > now.saturating_add(CLOCK_SKEW_SECONDS);
    if made_before_key || from_future || !fields.is_live(now.max(fields.created)) {
        return Verdict::OutOfTime(signer);
    }
    Verdict::Good(signer)
}
