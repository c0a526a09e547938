//! Certificates: a primary key, and what it says about itself (RFC 9580, section 10.1).
//!
//! Everything in a certificate comes from strangers until the primary key's own signature on it was verified; what
//! others signed about it is not looked at. Self-signatures may still use SHA-1: real keys of distributions are that
//! old, their fingerprints are pinned, and a collision helps only somebody whom the owner signs things for.

use super::key::PublicKey;
use super::packet::{self, Packet, packets};
use super::signature::{DetachedSignature, SignatureType};
use super::{Fingerprint, Malformed};
use crate::hash::Hasher;
use crate::limits::{MAX_CERTIFICATES, MAX_KEY_PARTS, MAX_SIGNATURES};

/// Bit of the key flags: this key may sign data.
const MAY_SIGN: u8 = 0x02;

/// A primary key with its user ids, subkeys, and the signatures of the primary key about them.
#[derive(Clone, Debug)]
pub(crate) struct Certificate {
    primary: PublicKey,
    about_key: Vec<DetachedSignature>,
    users: Vec<User>,
    subkeys: Vec<Subkey>,
}

#[derive(Clone, Debug)]
struct User {
    /// As it enters hashes: a mark, the length, the bytes.
    hashed: Vec<u8>,
    signatures: Vec<DetachedSignature>,
}

#[derive(Clone, Debug)]
struct Subkey {
    key: PublicKey,
    signatures: Vec<DetachedSignature>,
}

/// Why a key must not be believed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum KeyFault {
    /// Its owner revoked it.
    Revoked,
    /// Its time is over.
    Expired,
    /// It does not say, by its own signature, that it is to be used so.
    NotForSigning,
}

/// All certificates in some bytes, binary. Keys of other versions are left out.
pub(crate) fn certificates(bytes: &[u8]) -> Result<Vec<Certificate>, Malformed> {
    let mut found: Vec<Certificate> = Vec::new();
    // Whether the packets that come belong to a key that is understood.
    let mut known = false;
    for packet in packets(bytes) {
        let packet = packet?;
        match packet.tag {
            packet::PUBLIC_KEY if found.len() < MAX_CERTIFICATES => {
                let primary = PublicKey::parse(packet.body).ok();
                known = primary.is_some();
                found.extend(primary.map(Certificate::new));
            }
            packet::PUBLIC_KEY => known = false,
            packet::MARKER | packet::PADDING | packet::TRUST => {}
            _ => {
                if let Some(certificate) = found.last_mut().filter(|_| known) {
                    certificate.take(packet);
                }
            }
        }
    }
    if found.is_empty() { Err(Malformed) } else { Ok(found) }
}

impl Certificate {
    const fn new(primary: PublicKey) -> Self {
        Self { primary, about_key: Vec::new(), users: Vec::new(), subkeys: Vec::new() }
    }

    pub(crate) fn fingerprint(&self) -> Fingerprint {
        self.primary.fingerprint
    }

    /// Takes in the next packet that belongs to the certificate.
    fn take(&mut self, packet: Packet<'_>) {
        match packet.tag {
            packet::USER_ID | packet::USER_ATTRIBUTE if self.users.len() < MAX_KEY_PARTS => {
                let mark = if packet.tag == packet::USER_ID { 0xb4 } else { 0xd1 };
                let length = (packet.body.len() as u32).to_be_bytes();
                let hashed = [&[mark][..], &length, packet.body].concat();
                self.users.push(User { hashed, signatures: Vec::new() });
            }
            packet::PUBLIC_SUBKEY if self.subkeys.len() < MAX_KEY_PARTS => {
                if let Ok(key) = PublicKey::parse(packet.body) {
                    self.subkeys.push(Subkey { key, signatures: Vec::new() });
                }
            }
            packet::SIGNATURE => {
                let Ok(Some(signature)) = DetachedSignature::parse(packet.body) else { return };
                if !signature.may_be_by(&self.primary) {
                    return;
                }
                let place = if let Some(subkey) = self.subkeys.last_mut() {
                    &mut subkey.signatures
                } else if let Some(user) = self.users.last_mut() {
                    &mut user.signatures
                } else {
                    &mut self.about_key
                };
                if place.len() < MAX_SIGNATURES {
                    place.push(signature);
                }
            }
            _ => {}
        }
    }

    /// Every key in it, the primary first.
    pub(super) fn keys(&self) -> impl Iterator<Item = &PublicKey> {
        std::iter::once(&self.primary).chain(self.subkeys.iter().map(|subkey| &subkey.key))
    }

    /// Whether `key`, one of [`Certificate::keys`], may sign data at `now`.
    pub(super) fn may_sign(&self, key: &PublicKey, now: u64) -> Result<(), KeyFault> {
        let primary_flags = self.primary_flags(now)?;
        if key.fingerprint == self.primary.fingerprint {
            // A key that says nothing about its uses may do everything.
            let allowed = primary_flags.is_none_or(|flags| flags & MAY_SIGN != 0);
            return if allowed { Ok(()) } else { Err(KeyFault::NotForSigning) };
        }
        let subkey = self.subkeys.iter().find(|subkey| subkey.key.fingerprint == key.fingerprint);
        self.subkey_may_sign(subkey.ok_or(KeyFault::NotForSigning)?, now)
    }

    /// The uses of the primary key, if it is good at all.
    fn primary_flags(&self, now: u64) -> Result<Option<u8>, KeyFault> {
        let about_key = |kind: SignatureType| {
            let ours = self.about_key.iter().filter(move |signature| signature.kind == kind);
            ours.filter(|signature| self.holds(signature, |_| {}))
        };
        if about_key(SignatureType::KeyRevocation).next().is_some() {
            return Err(KeyFault::Revoked);
        }
        let users = self.users.iter().filter_map(|user| self.newest_certification(user, now));
        let direct = about_key(SignatureType::DirectKey).filter(|signature| signature.fields.is_live(now));
        let mut says: Vec<&DetachedSignature> = direct.chain(users).collect();
        says.sort_by_key(|signature| std::cmp::Reverse(signature.fields.created));
        let newest = says.first().ok_or(KeyFault::NotForSigning)?;
        if is_over(&self.primary, newest.fields.key_lifetime, now) {
            return Err(KeyFault::Expired);
        }
        Ok(says.iter().find_map(|signature| signature.fields.key_flags))
    }

    /// The last word of the primary key about a user id, unless that is a revocation.
    fn newest_certification<'a>(&self, user: &'a User, now: u64) -> Option<&'a DetachedSignature> {
        let holds =
            |signature: &&DetachedSignature| self.holds(signature, |hasher| hasher.update(&user.hashed));
        let of_kind = |kind| user.signatures.iter().filter(move |signature| signature.kind == kind);
        let newest = of_kind(SignatureType::Certification)
            .filter(|signature| signature.fields.is_live(now))
            .filter(holds)
            .max_by_key(|signature| signature.fields.created)?;
        let revoked = of_kind(SignatureType::CertificationRevocation)
            .filter(holds)
            .any(|signature| signature.fields.created >= newest.fields.created);
        (!revoked).then_some(newest)
    }

    fn subkey_may_sign(&self, subkey: &Subkey, now: u64) -> Result<(), KeyFault> {
        let holds = |signature: &&DetachedSignature| self.holds(signature, |hasher| subkey.key.hash(hasher));
        let of_kind = |kind| subkey.signatures.iter().filter(move |signature| signature.kind == kind);
        if of_kind(SignatureType::SubkeyRevocation).any(|signature| holds(&signature)) {
            return Err(KeyFault::Revoked);
        }
        let binding = of_kind(SignatureType::SubkeyBinding)
            .filter(|signature| signature.fields.is_live(now))
            .filter(holds)
            .max_by_key(|signature| signature.fields.created)
            .ok_or(KeyFault::NotForSigning)?;
        if is_over(&subkey.key, binding.fields.key_lifetime, now) {
            return Err(KeyFault::Expired);
        }
        let flagged = binding.fields.key_flags.is_some_and(|flags| flags & MAY_SIGN != 0);
        // Without the subkey's consent anybody could bind a stranger's signing key to their own.
        let consents = binding.fields.embedded.as_deref().is_some_and(|consent| {
            consent.kind == SignatureType::PrimaryBinding
                && self
                    .hashed(consent, |hasher| subkey.key.hash(hasher))
                    .is_some_and(|hasher| consent.is_by(&subkey.key, hasher))
        });
        if flagged && consents { Ok(()) } else { Err(KeyFault::NotForSigning) }
    }

    /// Whether a signature about this key, and about what `add` puts into the hash, is the primary key's.
    fn holds(&self, signature: &DetachedSignature, add: impl Fn(&mut Hasher)) -> bool {
        self.hashed(signature, add).is_some_and(|hasher| signature.is_by(&self.primary, hasher))
    }

    fn hashed(&self, signature: &DetachedSignature, add: impl Fn(&mut Hasher)) -> Option<Hasher> {
        let mut hasher = Hasher::new(signature.hash?);
        self.primary.hash(&mut hasher);
        add(&mut hasher);
        Some(hasher)
    }
}

fn is_over(key: &PublicKey, lifetime: u64, now: u64) -> bool {
    lifetime != 0 && now >= key.created.saturating_add(lifetime)
}
