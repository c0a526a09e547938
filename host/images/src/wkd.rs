//! Web Key Directory: where a mail domain publishes its users' OpenPGP keys (draft-koch-openpgp-webkey-service).

use sha1::{Digest, Sha1};
use url::Url;

/// The alphabet of Z-Base-32 (RFC 6189, section 5.1.6).
const ALPHABET: &[u8; 32] = b"ybndrfg8ejkmcpqxot1uwisza345h769";

/// The places of one mail address's key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WkdAddress {
    local: String,
    domain: String,
    hash: String,
}

impl WkdAddress {
    /// `None` if `mail` is not a plain address.
    pub fn new(mail: &str) -> Option<Self> {
        let (local, domain) = mail.rsplit_once('@')?;
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
        if local.is_empty() || local.len() > 128 || domain.is_empty() || !domain.chars().all(is_name) {
            return None;
        }
        let lower = local.to_ascii_lowercase();
        let hash = z_base_32(&Sha1::digest(lower.as_bytes()));
        Some(Self { local: local.to_owned(), domain: domain.to_ascii_lowercase(), hash })
    }

    /// The mail domain.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The key's URLs, the advanced form first. `base` stands for the directory's host and the domain's own alike;
    /// without it they are `openpgpkey.DOMAIN` and `DOMAIN`, over https.
    pub fn urls(&self, base: Option<&Url>) -> Vec<Url> {
        let hash = &self.hash;
        let advanced = format!("/.well-known/openpgpkey/{}/hu/{hash}", self.domain);
        let direct = format!("/.well-known/openpgpkey/hu/{hash}");
        let forms = [(format!("openpgpkey.{}", self.domain), advanced), (self.domain.clone(), direct)];
        let url = |(host, path): (String, String)| {
            let mut url = match base {
                Some(base) => crate::catalogue::below(base, &path)?,
                None => Url::parse(&format!("https://{host}{path}")).ok()?,
            };
            url.query_pairs_mut().append_pair("l", &self.local);
            Some(url)
        };
        forms.into_iter().filter_map(url).collect()
    }
}

/// Five bits a letter, the last ones filled up with zeros.
fn z_base_32(bytes: &[u8]) -> String {
    let (mut text, mut bits, mut count) = (String::new(), 0_u32, 0_u32);
    for byte in bytes {
        bits = bits << 8 | u32::from(*byte);
        count += 8;
        while count >= 5 {
            count -= 5;
            text.push(letter(bits >> count));
        }
        bits &= (1 << count) - 1;
    }
    if count > 0 {
        text.push(letter(bits << (5 - count)));
    }
    text
}

fn letter(bits: u32) -> char {
    ALPHABET.get((bits & 31) as usize).map_or('?', |letter| char::from(*letter))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_drafts_own_example() {
        let address = WkdAddress::new("Joe.Doe@Example.ORG").unwrap();
        let urls: Vec<String> = address.urls(None).into_iter().map(Into::into).collect();
        assert_eq!(
            urls,
            [
                "https://openpgpkey.example.org/.well-known/openpgpkey/example.org/hu/iy9q119eutrkn8s1mk4r39qejnbu3n5q?l=Joe.Doe",
                "https://example.org/.well-known/openpgpkey/hu/iy9q119eutrkn8s1mk4r39qejnbu3n5q?l=Joe.Doe",
            ]
        );
    }

    #[test]
    fn a_base_stands_for_every_host() {
        let base = Url::parse("https://127.0.0.1:8443/x/").unwrap();
        let urls = WkdAddress::new("pierre@archlinux.org").unwrap().urls(Some(&base));
        let all = urls.iter().all(|url| url.as_str().starts_with("https://127.0.0.1:8443/x/.well-known/"));
        assert!(all && urls.len() == 2, "{urls:?}");
    }

    #[test]
    fn what_is_no_address_has_no_place() {
        for wrong in ["", "pierre", "@archlinux.org", "pierre@", "pierre@arch/linux", "a@b:80"] {
            assert_eq!(WkdAddress::new(wrong), None, "{wrong}");
        }
    }
}
