//! A small maker of OpenPGP keys and signatures (Ed25519, SHA-512), so that every rule can be broken at will.

use crate::openpgp::KeyId;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_compact::{KeyPair, Seed};
use sha1::{Digest, Sha1};
use sha2::Sha512;

/// When everything here is made, unless it says otherwise.
pub(crate) const THEN: u32 = 1_790_000_000;

/// A key and its packet's body.
pub(crate) struct Forged {
    pair: KeyPair,
    pub(crate) body: Vec<u8>,
}

impl Forged {
    pub(crate) fn new(seed: u8) -> Self {
        let pair = KeyPair::from_seed(Seed::new([seed; 32]));
        let oid = [9, 0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x0f, 0x01];
        let point = [&[0x01, 0x07, 0x40][..], pair.pk.as_ref()].concat();
        let body = [&[4][..], &THEN.to_be_bytes(), &[22], &oid, &point].concat();
        Self { pair, body }
    }

    pub(crate) fn id(&self) -> KeyId {
        KeyId(self.fingerprint()[12..].try_into().unwrap())
    }

    pub(crate) fn fingerprint(&self) -> [u8; 20] {
        Sha1::digest(self.hashed()).into()
    }

    /// As it enters hashes.
    pub(crate) fn hashed(&self) -> Vec<u8> {
        [&[0x99][..], &(self.body.len() as u16).to_be_bytes(), &self.body].concat()
    }

    /// A signature packet's body over `data`.
    pub(crate) fn sign(&self, order: &Order, data: &[u8]) -> Vec<u8> {
        let mut hashed_area = subpacket(2, &order.created.to_be_bytes());
        for (kind, body) in &order.subpackets {
            hashed_area.extend(subpacket(*kind, body));
        }
        let mut body = vec![4, order.kind, 22, order.hash];
        body.extend((hashed_area.len() as u16).to_be_bytes());
        body.extend(&hashed_area);
        let trailer = [&[4, 0xff][..], &(body.len() as u32).to_be_bytes()].concat();
        let digest = Sha512::digest([data, &body, &trailer].concat());
        let signature = self.pair.sk.sign(digest, None);
        let issuer = subpacket(16, &self.id().0);
        body.extend((issuer.len() as u16).to_be_bytes());
        body.extend(issuer);
        body.extend(&digest[..2]);
        for half in signature.chunks(32) {
            body.extend(256_u16.to_be_bytes());
            body.extend(half);
        }
        body
    }
}

/// What a signature is to say.
#[derive(Clone)]
pub(crate) struct Order {
    pub(crate) kind: u8,
    pub(crate) hash: u8,
    pub(crate) created: u32,
    pub(crate) subpackets: Vec<(u8, Vec<u8>)>,
}

impl Order {
    pub(crate) fn new(kind: u8) -> Self {
        Self { kind, hash: 10, created: THEN, subpackets: Vec::new() }
    }

    pub(crate) fn with(mut self, kind: u8, body: &[u8]) -> Self {
        self.subpackets.push((kind, body.to_vec()));
        self
    }

    pub(crate) fn at(mut self, created: u32) -> Self {
        self.created = created;
        self
    }
}

fn subpacket(kind: u8, body: &[u8]) -> Vec<u8> {
    [&long_length(body.len() + 1)[..], &[kind], body].concat()
}

fn long_length(length: usize) -> Vec<u8> {
    if length < 192 { vec![length as u8] } else { [&[255][..], &(length as u32).to_be_bytes()].concat() }
}

/// A packet.
pub(crate) fn packet(tag: u8, body: &[u8]) -> Vec<u8> {
    [&[0xc0 | tag][..], &long_length(body.len()), body].concat()
}

/// Armor around binary data.
pub(crate) fn armored(label: &str, bytes: &[u8]) -> String {
    let digits = STANDARD.encode(bytes);
    let lines: Vec<&str> =
        digits.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN PGP {label}-----\n\n{}\n-----END PGP {label}-----\n", lines.join("\n"))
}

/// A certificate with one user id. `direct` and `about_user` say what the primary key says about itself.
pub(crate) fn certificate(primary: &Forged, direct: &[Order], about_user: &[Order]) -> Vec<u8> {
    let user = b"A <a@example.org>";
    let user_hashed = [&primary.hashed()[..], &[0xb4], &(user.len() as u32).to_be_bytes(), user].concat();
    let mut bytes = packet(6, &primary.body);
    bytes.extend(direct.iter().flat_map(|order| packet(2, &primary.sign(order, &primary.hashed()))));
    bytes.extend(packet(13, user));
    bytes.extend(about_user.iter().flat_map(|order| packet(2, &primary.sign(order, &user_hashed))));
    bytes
}

/// A subkey with what the primary key says about it; `consent` is the subkey's own word.
pub(crate) fn subkey(
    primary: &Forged,
    subkey: &Forged,
    orders: &[Order],
    consent: Option<&Forged>,
) -> Vec<u8> {
    let both = [primary.hashed(), subkey.hashed()].concat();
    let mut bytes = packet(14, &subkey.body);
    for order in orders {
        let order = match consent {
            Some(signer) => order.clone().with(32, &signer.sign(&Order::new(0x19), &both)),
            None => order.clone(),
        };
        bytes.extend(packet(2, &primary.sign(&order, &both)));
    }
    bytes
}
