//! A certificate (RFC 5280) for a server that has none: a P-256 key that signs itself.

use crate::base64;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use std::net::IpAddr;

/// Object identifiers, as they are encoded.
const ECDSA_WITH_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];

/// Tags of DER.
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const OBJECT_IDENTIFIER: u8 = 0x06;
const UTF8_STRING: u8 = 0x0c;
const UTC_TIME: u8 = 0x17;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;

/// It holds for any time that a machine without a clock may think it is.
const VALID: [&[u8]; 2] = [b"200101000000Z", b"491231235959Z"];

/// Characters in a line of PEM.
const PEM_LINE: usize = 64;

/// A certificate and its key.
pub(crate) struct SelfSigned {
    /// X.509, in DER.
    pub(crate) certificate: Vec<u8>,
    /// PKCS #8, in DER.
    pub(crate) key: Vec<u8>,
}

impl SelfSigned {
    /// A new key, and a certificate for these names and addresses; `None` if the system gives no random bytes.
    pub(crate) fn new(names: &[String]) -> Option<Self> {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_ASN1_SIGNING;
        let key = EcdsaKeyPair::generate_pkcs8(algorithm, &random).ok()?;
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, key.as_ref(), &random).ok()?;
        let mut serial = [0; 16];
        ring::rand::SecureRandom::fill(&random, &mut serial).ok()?;
        // Positive, and without a leading zero.
        serial[0] = serial[0] & 0x3f | 0x40;
        let body = to_be_signed(&serial, pair.public_key().as_ref(), names);
        let signature = pair.sign(&random, &body).ok()?;
        let certificate = sequence(&[body, signature_algorithm(), bits(signature.as_ref())]);
        Some(Self { certificate, key: key.as_ref().to_vec() })
    }
}

fn to_be_signed(serial: &[u8], public_key: &[u8], names: &[String]) -> Vec<u8> {
    let version = element(0xa0, &element(INTEGER, &[2]));
    let common = [identifier(COMMON_NAME), element(UTF8_STRING, b"starling")];
    let name = sequence(&[element(SET, &sequence(&common))]);
    let curve = sequence(&[identifier(EC_PUBLIC_KEY), identifier(P256)]);
    let names: Vec<Vec<u8>> = names.iter().map(|name| general_name(name)).collect();
    let extension = [identifier(SUBJECT_ALT_NAME), element(OCTET_STRING, &sequence(&names))];
    sequence(&[
        version,
        element(INTEGER, serial),
        signature_algorithm(),
        name.clone(),
        sequence(&VALID.map(|time| element(UTC_TIME, time))),
        name,
        sequence(&[curve, bits(public_key)]),
        element(0xa3, &sequence(&[sequence(&extension)])),
    ])
}

fn signature_algorithm() -> Vec<u8> {
    sequence(&[identifier(ECDSA_WITH_SHA256)])
}

/// A name of a host, or an address.
fn general_name(name: &str) -> Vec<u8> {
    match name.parse() {
        Ok(IpAddr::V4(ip)) => element(0x87, &ip.octets()),
        Ok(IpAddr::V6(ip)) => element(0x87, &ip.octets()),
        Err(_) => element(0x82, name.as_bytes()),
    }
}

fn identifier(bytes: &[u8]) -> Vec<u8> {
    element(OBJECT_IDENTIFIER, bytes)
}

/// Whole bytes of bits.
fn bits(bytes: &[u8]) -> Vec<u8> {
    element(BIT_STRING, &[&[0], bytes].concat())
}

fn sequence(elements: &[Vec<u8>]) -> Vec<u8> {
    element(SEQUENCE, &elements.concat())
}

/// A tag, a length, a value.
fn element(tag: u8, value: &[u8]) -> Vec<u8> {
    let length = value.len().to_be_bytes();
    let first = length.iter().position(|byte| *byte != 0).unwrap_or(length.len() - 1);
    let length = &length[first..];
    let mut out = vec![tag];
    if value.len() >= 0x80 {
        out.push(0x80 | length.len() as u8);
    }
    out.extend_from_slice(length);
    out.extend_from_slice(value);
    out
}

/// DER as text (RFC 7468).
pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    let mut encoded = Vec::new();
    base64::encode(der, &mut encoded);
    let mut lines = format!("-----BEGIN {label}-----\n");
    for line in encoded.chunks(PEM_LINE) {
        lines.extend(line.iter().copied().map(char::from));
        lines.push('\n');
    }
    lines + "-----END " + label + "-----\n"
}
