//! Collecting what a release must be held against: its signature, the signer's key, its signed sums.

use crate::checks::{Checks, Verified, seconds_now};
use crate::checksums::{Checksums, ChecksumsError};
use crate::document::{DocumentError, Location, fetch};
use crate::keys::{KeyChoice, Keys};
use crate::limits::{
    MAX_CHECKSUMS_BYTES, MAX_KEY_BYTES, MAX_SIGNATURE_BYTES, SIGNATURE_MIRROR_TIMEOUT, SIGNATURE_MIRRORS,
};
use crate::openpgp::Fingerprint;
use crate::release::{Proof, Release};
use crate::signature::{Signature, SignatureError, open_signed, unverified_text};
use engine::{Fetcher, NamedBy};
use thiserror::Error;
use tokio::time::timeout;
use url::Url;

/// Why there is nothing to hold an image against.
#[derive(Debug, Error)]
pub enum GatherError {
    /// A signature that does not hold, or that is not there, or has no key.
    #[error("{0}")]
    Signature(String),
    /// A list of sums that says nothing about the image.
    #[error("{from}: {error}")]
    Checksums {
        /// The list.
        from: String,
        /// What is wrong with it.
        error: ChecksumsError,
    },
    /// Something that cannot be fetched or read.
    #[error("{0}")]
    Document(#[from] DocumentError),
}

/// Fetches everything that `release` is to be held against. `image` is the image's name in the torrent, `mirrors` are
/// the torrent's web seeds: what they have is believed as far as it proves itself.
pub async fn gather(
    fetcher: &Fetcher,
    release: &Release,
    choice: Option<&KeyChoice>,
    image: &str,
    mirrors: &[Url],
) -> Result<Checks, GatherError> {
    let mut checks = Checks::default();
    for (sum, from) in &release.sums {
        checks.add_sum(sum.clone(), from.as_str());
    }
    let (keys, key_from) = keys(fetcher, release, choice).await?;
    match &release.proof {
        Proof::Inside(ending) => checks.add_inside(ending, keys, &key_from),
        Proof::Image(url) => {
            let signatures = image_signatures(fetcher, url, image, mirrors).await?;
            checks.add_signature(signatures, keys, &key_from);
        }
        Proof::Sums(pairs) => {
            let (sums, from, verified) = signed_list(fetcher, pairs, &keys, &key_from).await?;
            checks.establish(verified);
            let added = checks.add_checksums(&sums, image, &from);
            added.map_err(|error| GatherError::Checksums { from, error })?;
        }
    }
    Ok(checks)
}

/// The keys that count, and where they came from.
async fn keys(
    fetcher: &Fetcher,
    release: &Release,
    choice: Option<&KeyChoice>,
) -> Result<(Keys, String), GatherError> {
    let signers: Vec<Fingerprint> = match choice {
        Some(KeyChoice::File { path, keys }) => return Ok((keys.clone(), path.display().to_string())),
        Some(KeyChoice::Fingerprint(fingerprint)) => vec![*fingerprint],
        None => release.signers.clone(),
    };
    let named: Vec<String> = signers.iter().map(Fingerprint::to_string).collect();
    let named = named.join(" or ");
    if signers.is_empty() {
        let words = format!("the site names no key for the signature of release {}", release.version);
        return Err(GatherError::Signature(words));
    }
    // A wrong key says more than one that is not there.
    let (mut missing, mut wrong) = (None, None);
    for url in &release.keys {
        let bytes = match fetch(fetcher, url, NamedBy::User, MAX_KEY_BYTES).await {
            Ok(bytes) => bytes,
            Err(error) => {
                missing = missing.or(Some(error.to_string()));
                continue;
            }
        };
        match Keys::parse(&bytes).map(|keys| keys.only(&signers)) {
            Ok(keys) if !keys.is_empty() => return Ok((keys, url.to_string())),
            Ok(_) => wrong = Some(format!("{url} has a key with another fingerprint")),
            Err(error) => wrong = Some(format!("{url} {error}")),
        }
    }
    let problem = wrong.or(missing).unwrap_or_else(|| "the site names no place of it".to_owned());
    Err(GatherError::Signature(format!("no key to check the signature with ({named}): {problem}")))
}

/// The site's signature of the image, or what mirrors have in its place.
async fn image_signatures(
    fetcher: &Fetcher,
    url: &Url,
    image: &str,
    mirrors: &[Url],
) -> Result<Vec<(Signature, String)>, GatherError> {
    match fetch(fetcher, url, NamedBy::User, MAX_SIGNATURE_BYTES).await {
        Ok(bytes) => {
            let signature = Signature::parse(&bytes).map_err(|error| unreadable(url.as_str(), &error))?;
            return Ok(vec![(signature, url.to_string())]);
        }
        Err(error) if !error.is_missing() => return Err(error.into()),
        Err(_) => {}
    }
    let mut signatures = Vec::new();
    for mirror in mirrors.iter().take(SIGNATURE_MIRRORS) {
        let Some(place) = beside_image(mirror, image, url) else { continue };
        let fetched = fetch(fetcher, &place, NamedBy::Document, MAX_SIGNATURE_BYTES);
        let Ok(Ok(bytes)) = timeout(SIGNATURE_MIRROR_TIMEOUT, fetched).await else { continue };
        if let Ok(signature) = Signature::parse(&bytes) {
            signatures.push((signature, place.to_string()));
        }
    }
    if signatures.is_empty() {
        let words = format!("the signature of {image} is missing: neither {url} nor a mirror has it");
        return Err(GatherError::Signature(words));
    }
    Ok(signatures)
}

/// Where a mirror has the image's signature: beside the image, with the ending that it has at the site.
fn beside_image(mirror: &Url, image: &str, signature: &Url) -> Option<Url> {
    let ending = signature.path().rsplit('.').next()?;
    let path = mirror.path();
    let image_path = if path.ends_with('/') { format!("{path}{image}") } else { path.to_owned() };
    let mut url = mirror.clone();
    url.set_query(None);
    url.set_path(&format!("{image_path}.{ending}"));
    Some(url)
}

fn unreadable(from: &str, error: &SignatureError) -> GatherError {
    GatherError::Signature(format!("the signature {from} {error}"))
}

/// The first list of sums that is there, its signature verified.
async fn signed_list(
    fetcher: &Fetcher,
    pairs: &[(Url, Url)],
    keys: &Keys,
    key_from: &str,
) -> Result<(Checksums, String, Verified), GatherError> {
    let mut missing = None;
    for (list, signature) in pairs {
        let bytes = match fetch(fetcher, list, NamedBy::User, MAX_CHECKSUMS_BYTES).await {
            Err(error) if error.is_missing() => {
                missing = missing.or(Some(error));
                continue;
            }
            bytes => bytes?,
        };
        let signed = fetch(fetcher, signature, NamedBy::User, MAX_SIGNATURE_BYTES).await;
        let signed = signed.map_err(|error| {
            if error.is_missing() {
                GatherError::Signature(format!("the signature of {list} is missing: {error}"))
            } else {
                error.into()
            }
        })?;
        let from = signature.as_str();
        let checked = Signature::parse(&signed)
            .and_then(|signature| signature.check_document(keys, &bytes, seconds_now()));
        let signer = checked.map_err(|error| unreadable(from, &error))?;
        let verified = Verified::Signature { signer, from: from.to_owned(), key_from: key_from.to_owned() };
        let sums = Checksums::parse(&String::from_utf8_lossy(&bytes), list.path());
        return Ok((sums, list.to_string(), verified));
    }
    Err(missing.map_or_else(
        || GatherError::Signature("the site names no list of sums".to_owned()),
        GatherError::Document,
    ))
}

/// A list of sums that may be signed in itself. With keys it must be, and only what is signed counts; without keys
/// it is as good as whoever gave it to us. The signer is `None` where nobody signed.
pub fn signed_sums(
    bytes: &[u8],
    from: &Location,
    keys: Option<&Keys>,
) -> Result<(Checksums, Option<String>), GatherError> {
    let name = from.to_string();
    let failed = |error: SignatureError| GatherError::Signature(format!("the signature in {name} {error}"));
    let opened = keys.and_then(|keys| open_signed(bytes, keys, seconds_now())).transpose().map_err(failed)?;
    match opened {
        Some((text, signer)) => Ok((Checksums::parse(&text, &name), Some(signer))),
        None => Ok((Checksums::parse(&unverified_text(bytes).map_err(failed)?, &name), None)),
    }
}
