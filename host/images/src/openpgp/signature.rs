//! Signature packets (RFC 9580, section 5.2): who signed what kind of thing, when, and for how long.

use super::key::{PublicKey, SignatureValue};
use super::packet::{self, Input, packets};
use super::{Fingerprint, KeyId, Malformed};
use crate::hash::{HashKind, Hasher};
use crate::limits::MAX_SIGNATURES;

/// What a signature is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum SignatureType {
    /// A file as it is.
    Binary,
    /// A text, its line ends made the same everywhere.
    Text,
    /// A user id belongs to a key.
    Certification,
    /// A subkey belongs to a key.
    SubkeyBinding,
    /// A signing subkey agrees to belong to a key.
    PrimaryBinding,
    /// Something about a key itself.
    DirectKey,
    /// A key is no longer to be used.
    KeyRevocation,
    /// A subkey is no longer to be used.
    SubkeyRevocation,
    /// A user id no longer belongs to a key.
    CertificationRevocation,
    /// Anything else.
    Other,
}

/// A version 4 signature.
#[derive(Clone, Debug)]
pub(crate) struct DetachedSignature {
    pub(crate) kind: SignatureType,
    /// `None` for hash functions that are not calculated here.
    pub(crate) hash: Option<HashKind>,
    /// What the signature adds to the hash: everything up to the unhashed part.
    hashed_part: Vec<u8>,
    /// The first two bytes of the hash.
    hash_start: [u8; 2],
    pub(super) value: SignatureValue,
    pub(super) fields: Fields,
}

/// What a signature says in its subpackets.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields {
    /// Seconds since 1970.
    pub(super) created: u64,
    /// Seconds after its making that the signature counts; 0 for ever.
    pub(super) lifetime: u64,
    /// Seconds after the key's making that the key counts; 0 for ever.
    pub(super) key_lifetime: u64,
    pub(super) key_flags: Option<u8>,
    pub(super) issuer: Option<KeyId>,
    pub(super) issuer_fingerprint: Option<Fingerprint>,
    /// A signature by the subkey inside the one that binds it.
    pub(super) embedded: Option<Box<DetachedSignature>>,
    /// Something critical that is not understood: the signature must not be believed.
    has_unknown_critical: bool,
}

/// The signatures of a detached signature file, binary. Those of other versions are left out; anything but
/// signatures makes it something else.
pub(crate) fn detached(bytes: &[u8]) -> Result<Vec<DetachedSignature>, Malformed> {
    let mut signatures = Vec::new();
    for packet in packets(bytes) {
        let packet = packet?;
        match packet.tag {
            packet::SIGNATURE if signatures.len() < MAX_SIGNATURES => {
                signatures.extend(DetachedSignature::parse(packet.body)?);
            }
            packet::MARKER | packet::PADDING => {}
            _ => return Err(Malformed),
        }
    }
    Ok(signatures)
}

impl DetachedSignature {
    /// `None` for a version that is not understood.
    pub(super) fn parse(body: &[u8]) -> Result<Option<Self>, Malformed> {
        Self::parse_nested(body, true)
    }

    fn parse_nested(body: &[u8], may_embed: bool) -> Result<Option<Self>, Malformed> {
        let mut input = Input(body);
        if input.byte()? != 4 {
            return Ok(None);
        }
        let [kind, key_algorithm, hash] = input.array()?;
        let hashed_length = usize::from(input.u16()?);
        let hashed = input.take(hashed_length)?;
        let unhashed_length = usize::from(input.u16()?);
        let unhashed = input.take(unhashed_length)?;
        let hash_start = input.array()?;
        let value = match key_algorithm {
            1 | 3 => SignatureValue::Rsa(input.integer()?.to_vec()),
            22 => SignatureValue::Ed25519(legacy_ed25519(&mut input)?),
            27 => SignatureValue::Ed25519(input.array()?),
            _ => SignatureValue::Other,
        };
        let mut fields = Fields::default();
        fields.read_hashed(hashed, may_embed)?;
        fields.read_unhashed(unhashed, may_embed)?;
        Ok(Some(Self {
            kind: signature_type(kind),
            hash: hash_kind(hash),
            hashed_part: body.get(..6 + hashed_length).ok_or(Malformed)?.to_vec(),
            hash_start,
            value,
            fields,
        }))
    }

    /// Whether `key` made it over what is in `hasher` already.
    pub(super) fn is_by(&self, key: &PublicKey, mut hasher: Hasher) -> bool {
        let Some(kind) = self.hash else { return false };
        hasher.update(&self.hashed_part);
        hasher.update(&[4, 0xff]);
        hasher.update(&(self.hashed_part.len() as u32).to_be_bytes());
        let digest = hasher.finish();
        // Cheaper than the arithmetic, and enough for what is not meant for this key.
        digest.starts_with(&self.hash_start)
            && key.is_usable()
            && !self.fields.has_unknown_critical
            && key.verify(kind, &digest, &self.value)
    }

    /// Whether the signature names this key as its maker, or names none.
    pub(super) fn may_be_by(&self, key: &PublicKey) -> bool {
        match (self.fields.issuer_fingerprint, self.fields.issuer) {
            (Some(fingerprint), _) => fingerprint == key.fingerprint,
            (None, Some(issuer)) => issuer == key.fingerprint.key_id(),
            (None, None) => true,
        }
    }

    /// Who it says made it, for people.
    pub(super) fn issuer(&self) -> String {
        let Fields { issuer_fingerprint, issuer, .. } = &self.fields;
        let fingerprint = issuer_fingerprint.map(|fingerprint| fingerprint.to_string());
        fingerprint.or_else(|| issuer.map(|id| id.to_string())).unwrap_or_else(|| "nobody".to_owned())
    }
}

impl Fields {
    fn read_hashed(&mut self, bytes: &[u8], may_embed: bool) -> Result<(), Malformed> {
        let mut input = Input(bytes);
        while !input.0.is_empty() {
            let (kind, body) = input.subpacket()?;
            let mut body = Input(body);
            match kind & 0x7f {
                2 => self.created = u64::from(body.u32()?),
                3 => self.lifetime = u64::from(body.u32()?),
                9 => self.key_lifetime = u64::from(body.u32()?),
                27 => self.key_flags = Some(body.byte().unwrap_or(0)),
                16 | 32 | 33 => self.read_hint(kind & 0x7f, body, may_embed)?,
                // Preferences, notices and features: nothing that changes whether a signature holds.
                4 | 5 | 7 | 11 | 21..=26 | 28..=31 | 34 | 39 => {}
                // Notations may be critical, and then mean something that only their inventor knows.
                _ => self.has_unknown_critical |= kind & 0x80 != 0,
            }
        }
        Ok(())
    }

    /// Outside the hash anybody may write: only hints, and signatures that prove themselves.
    fn read_unhashed(&mut self, bytes: &[u8], may_embed: bool) -> Result<(), Malformed> {
        let mut input = Input(bytes);
        while !input.0.is_empty() {
            let (kind, body) = input.subpacket()?;
            self.read_hint(kind & 0x7f, Input(body), may_embed)?;
        }
        Ok(())
    }

    fn read_hint(&mut self, kind: u8, mut body: Input<'_>, may_embed: bool) -> Result<(), Malformed> {
        match kind {
            16 if self.issuer.is_none() => self.issuer = Some(KeyId(body.array()?)),
            33 if self.issuer_fingerprint.is_none() && body.byte()? == 4 => {
                self.issuer_fingerprint = Some(Fingerprint(body.array()?));
            }
            32 if may_embed && self.embedded.is_none() => {
                self.embedded = DetachedSignature::parse_nested(body.0, false)?.map(Box::new);
            }
            _ => {}
        }
        Ok(())
    }

    /// Whether the signature counts at `now`: made, and not over.
    pub(super) fn is_live(&self, now: u64) -> bool {
        self.created <= now && (self.lifetime == 0 || now < self.created.saturating_add(self.lifetime))
    }
}

/// Two numbers of up to 32 bytes, written without leading zeros.
fn legacy_ed25519(input: &mut Input<'_>) -> Result<[u8; 64], Malformed> {
    let mut value = [0; 64];
    for half in value.chunks_mut(32) {
        let number = input.integer()?;
        let start = half.len().checked_sub(number.len()).ok_or(Malformed)?;
        half.get_mut(start..).ok_or(Malformed)?.copy_from_slice(number);
    }
    Ok(value)
}

const fn signature_type(code: u8) -> SignatureType {
    match code {
        0x00 => SignatureType::Binary,
        0x01 => SignatureType::Text,
        0x10..=0x13 => SignatureType::Certification,
        0x18 => SignatureType::SubkeyBinding,
        0x19 => SignatureType::PrimaryBinding,
        0x1f => SignatureType::DirectKey,
        0x20 => SignatureType::KeyRevocation,
        0x28 => SignatureType::SubkeyRevocation,
        0x30 => SignatureType::CertificationRevocation,
        _ => SignatureType::Other,
    }
}

const fn hash_kind(code: u8) -> Option<HashKind> {
    match code {
        2 => Some(HashKind::Sha1),
        8 => Some(HashKind::Sha256),
        9 => Some(HashKind::Sha384),
        10 => Some(HashKind::Sha512),
        11 => Some(HashKind::Sha224),
        _ => None,
    }
}
