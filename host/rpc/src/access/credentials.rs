//! Passwords and tokens: hashed at rest as Transmission does, compared in constant time, told in an
//! `Authorization` header.

use crate::access::scope::{Scope, Token};
use crate::base64;
use metainfo::hex;
use rustix::rand::{GetRandomFlags, getrandom};
use sha1::{Digest, Sha1};

/// Hex digits of a SHA-1.
const DIGEST_DIGITS: usize = 40;
/// Characters of salt that follow them.
const SALT_LENGTH: usize = 8;

/// A password as it stands in `settings.json`: `{`, the SHA-1 of password and salt in hex, the salt. What is already
/// so is left alone.
pub(crate) fn salted(password: &str) -> String {
    if password.is_empty() || password.starts_with('{') {
        return password.to_owned();
    }
    let salt = random_text(SALT_LENGTH);
    format!("{{{}{salt}", digest(password, &salt))
}

/// Is `password` the one that was stored?
pub(crate) fn matches(password: &str, stored: &str) -> bool {
    let Some(rest) = stored.strip_prefix('{') else {
        return same(password.as_bytes(), stored.as_bytes());
    };
    match rest.split_at_checked(DIGEST_DIGITS) {
        Some((expected, salt)) => same(digest(password, salt).as_bytes(), expected.as_bytes()),
        None => false,
    }
}

/// Who an `Authorization` header names: the user with the password, or the holder of a token. A token comes as
/// `Bearer TOKEN`, or as the password beside its name, for clients that only know Basic.
pub(crate) fn authorize(header: &str, user: &str, password: &str, tokens: &[Token]) -> Option<Scope> {
    let (kind, value) = header.split_once(' ')?;
    let value = value.trim();
    if kind.eq_ignore_ascii_case("bearer") {
        return tokens.iter().find(|token| matches(value, &token.secret)).map(|token| token.scope);
    }
    if !kind.eq_ignore_ascii_case("basic") {
        return None;
    }
    let plain = String::from_utf8(base64::decode(value)?).ok()?;
    let (name, secret) = plain.split_once(':')?;
    // Both are compared in any case, so that time does not tell which was wrong.
    let (name_fits, password_fits) = (same(name.as_bytes(), user.as_bytes()), matches(secret, password));
    if name_fits & password_fits {
        return Some(Scope::All);
    }
    let token = tokens.iter().find(|token| token.name == name && matches(secret, &token.secret));
    token.map(|token| token.scope)
}

/// Letters and digits that nobody can foresee.
pub(crate) fn random_text(length: usize) -> String {
    const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut text = String::with_capacity(length);
    let mut bytes = [0u8; 64];
    while text.len() < length {
        // The kernel's generator fails only before the machine has finished booting; waiting is right then.
        let filled = getrandom(&mut bytes, GetRandomFlags::empty()).unwrap_or(0);
        // Bytes above the last whole multiple of 62 would prefer some letters.
        let fair = bytes[..filled].iter().filter(|byte| **byte < 248);
        text.extend(fair.map(|byte| char::from(LETTERS[usize::from(byte % 62)])));
    }
    text.truncate(length);
    text
}

/// Are two texts the same? The time it takes depends on their lengths only.
pub(crate) fn same(left: &[u8], right: &[u8]) -> bool {
    let difference = left.iter().zip(right).fold(0, |seen, (a, b)| seen | (a ^ b));
    std::hint::black_box(difference) == 0 && left.len() == right.len()
}

fn digest(password: &str, salt: &str) -> String {
    hex(&Sha1::new().chain_update(password).chain_update(salt).finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basic(plain: &str) -> String {
        let mut out = Vec::new();
        base64::encode(plain.as_bytes(), &mut out);
        format!("Basic {}", String::from_utf8(out).unwrap())
    }

    #[test]
    fn a_password_is_salted_once_and_still_fits() {
        let stored = salted("s3cret");
        assert_eq!(stored.len(), 1 + DIGEST_DIGITS + SALT_LENGTH);
        assert_ne!(salted("s3cret"), stored, "every salt is another");
        assert_eq!(salted(&stored), stored);
        assert!(matches("s3cret", &stored) && !matches("s3cre", &stored) && !matches(&stored, &stored));
    }

    #[test]
    fn transmissions_own_hashes_are_understood() {
        // SHA-1 of "test" + "abcdefgh".
        let stored = format!("{{{}abcdefgh", digest("test", "abcdefgh"));
        assert!(matches("test", &stored));
        assert!(!matches("", "{short") && !matches("x", "{"));
    }

    #[test]
    fn basic_headers() {
        let stored = salted("a:b");
        let scope = |header: &str| authorize(header, "ana", &stored, &[]);
        assert_eq!(scope(&basic("ana:a:b")), Some(Scope::All), "the password may hold colons");
        for wrong in ["ana:a", "bob:a:b", "ana", ":", ""] {
            assert_eq!(scope(&basic(wrong)), None, "{wrong}");
        }
        assert_eq!(scope("Basic ####"), None);
        assert_eq!(scope("Basic"), None);
        assert_eq!(scope("Digest x"), None);
    }

    #[test]
    fn tokens_come_in_both_forms() {
        let token = Token { name: "tv".into(), scope: Scope::AddOnly, secret: salted("t0k") };
        let scope = |header: &str| authorize(header, "ana", "{", std::slice::from_ref(&token));
        assert_eq!(scope("Bearer t0k"), Some(Scope::AddOnly));
        assert_eq!(scope(&basic("tv:t0k")), Some(Scope::AddOnly));
        assert_eq!(scope("Bearer t0"), None);
        assert_eq!(scope(&basic("other:t0k")), None);
    }
}
