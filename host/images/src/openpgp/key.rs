//! Public keys, and what one of them says to a signature.

use super::packet::Input;
use super::{Fingerprint, Malformed};
use crate::hash::{HashKind, Hasher};
use crate::limits::{MAX_RSA_BITS, MAX_RSA_EXPONENT_BITS, MIN_RSA_BITS};
use ed25519_compact::{PublicKey as Ed25519Key, Signature as Ed25519Signature};
use num_bigint::BigUint;

/// The curve Ed25519 by its object identifier (RFC 9580, section 9.2).
const ED25519_OID: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x0f, 0x01];

/// A version 4 public key or subkey.
#[derive(Clone, Debug)]
pub(crate) struct PublicKey {
    /// The packet's body, as it enters hashes.
    body: Vec<u8>,
    pub(super) fingerprint: Fingerprint,
    /// Seconds since 1970.
    pub(super) created: u64,
    material: Material,
}

#[derive(Clone, Debug)]
enum Material {
    Rsa {
        modulus: BigUint,
        exponent: BigUint,
    },
    Ed25519(Ed25519Key),
    /// An algorithm that is not calculated here.
    Other,
}

/// The numbers of a signature.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum SignatureValue {
    Rsa(Vec<u8>),
    Ed25519([u8; 64]),
    Other,
}

impl PublicKey {
    pub(super) fn parse(body: &[u8]) -> Result<Self, Malformed> {
        let mut input = Input(body);
        if input.byte()? != 4 {
            return Err(Malformed);
        }
        let created = u64::from(input.u32()?);
        let algorithm = input.byte()?;
        let material = match algorithm {
            1 | 3 => {
                let (modulus, exponent) = (input.integer()?, input.integer()?);
                let number = BigUint::from_bytes_be;
                Material::Rsa { modulus: number(modulus), exponent: number(exponent) }
            }
            22 => legacy_ed25519(&mut input)?,
            27 => Material::Ed25519(Ed25519Key::new(input.array()?)),
            _ => Material::Other,
        };
        let mut hasher = Hasher::new(HashKind::Sha1);
        hash_key(&mut hasher, body);
        let fingerprint = Fingerprint(hasher.finish().try_into().map_err(|_| Malformed)?);
        Ok(Self { body: body.to_vec(), fingerprint, created, material })
    }

    /// Puts the key into a hash, as signatures about keys do.
    pub(super) fn hash(&self, hasher: &mut Hasher) {
        hash_key(hasher, &self.body);
    }

    /// Whether this key made that signature over something with this hash.
    pub(super) fn verify(&self, kind: HashKind, digest: &[u8], value: &SignatureValue) -> bool {
        match (&self.material, value) {
            (Material::Rsa { modulus, exponent }, SignatureValue::Rsa(value)) => {
                rsa(modulus, exponent, value, kind, digest)
            }
            (Material::Ed25519(key), SignatureValue::Ed25519(value)) => {
                key.verify(digest, &Ed25519Signature::new(*value)).is_ok()
            }
            _ => false,
        }
    }

    /// Whether its signatures can be calculated, and are worth it.
    pub(super) fn is_usable(&self) -> bool {
        match &self.material {
            Material::Rsa { modulus, exponent } => {
                (MIN_RSA_BITS..=MAX_RSA_BITS).contains(&modulus.bits())
                    && (2..=MAX_RSA_EXPONENT_BITS).contains(&exponent.bits())
            }
            Material::Ed25519(_) => true,
            Material::Other => false,
        }
    }
}

fn hash_key(hasher: &mut Hasher, body: &[u8]) {
    let length = u16::try_from(body.len()).unwrap_or(u16::MAX);
    hasher.update(&[0x99]);
    hasher.update(&length.to_be_bytes());
    hasher.update(body);
}

/// EdDSA as GnuPG has long written it: a curve by name, and a point with a mark before it.
fn legacy_ed25519(input: &mut Input<'_>) -> Result<Material, Malformed> {
    let length = input.byte()?;
    if input.take(usize::from(length))? != ED25519_OID {
        return Ok(Material::Other);
    }
    let point = input.integer()?.strip_prefix(&[0x40]).ok_or(Malformed)?;
    Ok(Material::Ed25519(Ed25519Key::new(point.try_into().map_err(|_| Malformed)?)))
}

/// RSASSA-PKCS1-v1_5 (RFC 8017, section 8.2.2): what the signature opens to is compared as a whole with what it must
/// be, so that there is nothing to parse and nothing to be lenient about.
fn rsa(modulus: &BigUint, exponent: &BigUint, value: &[u8], kind: HashKind, digest: &[u8]) -> bool {
    let value = BigUint::from_bytes_be(value);
    let length = usize::try_from(modulus.bits().div_ceil(8)).unwrap_or(0);
    let Some(expected) = padded(kind, digest, length).filter(|_| value < *modulus) else { return false };
    value.modpow(exponent, modulus) == BigUint::from_bytes_be(&expected)
}

/// 00 01 FF … FF 00, the hash's name, the hash.
fn padded(kind: HashKind, digest: &[u8], length: usize) -> Option<Vec<u8>> {
    let name: &[u8] = match kind {
        HashKind::Sha1 => &[0x30, 0x21, 0x30, 0x09, 6, 5, 0x2b, 0x0e, 3, 2, 0x1a, 5, 0, 4, 0x14],
        HashKind::Sha224 => &sha2_name(0x2d, 4, 0x1c),
        HashKind::Sha256 => &sha2_name(0x31, 1, 0x20),
        HashKind::Sha384 => &sha2_name(0x41, 2, 0x30),
        HashKind::Sha512 => &sha2_name(0x51, 3, 0x40),
        HashKind::Blake2b => return None,
    };
    let filling = length.checked_sub(name.len() + digest.len() + 3).filter(|filling| *filling >= 8)?;
    Some([&[0, 1][..], &vec![0xff; filling], &[0], name, digest].concat())
}

const fn sha2_name(length: u8, variant: u8, digest_length: u8) -> [u8; 19] {
    let [a, b, c, d] = [0x30, length, 0x30, 0x0d];
    [a, b, c, d, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, variant, 5, 0, 4, digest_length]
}
