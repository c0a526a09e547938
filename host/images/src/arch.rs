//! Arch Linux: archweb's list of releases, in JSON over https, which the site itself is trusted for.

use crate::catalogue::Distribution;
use crate::document::{DocumentError, fetch};
use crate::limits::MAX_LISTING_BYTES;
use crate::openpgp::Fingerprint;
use crate::release::{Proof, Release, ResolveError};
use crate::sum::{Algorithm, Sum};
use crate::wkd::WkdAddress;
use engine::{Fetcher, NamedBy};
use serde::Deserialize;
use url::Url;

/// The list, in both of its forms: of what differs between them nothing is needed.
#[derive(Deserialize)]
struct List {
    releases: Vec<Entry>,
    latest_version: Option<String>,
}

/// One release. What the site has not filled in is null.
#[derive(Deserialize)]
struct Entry {
    version: String,
    iso_url: Option<String>,
    torrent_url: Option<String>,
    magnet_uri: Option<String>,
    sha256_sum: Option<String>,
    b2_sum: Option<String>,
    pgp_fingerprint: Option<String>,
    wkd_email: Option<String>,
}

/// Finds a release, or the one that the site calls the latest.
pub(crate) async fn resolve(
    distribution: &Distribution,
    fetcher: &Fetcher,
    paths: &[String],
    wanted: Option<&str>,
) -> Result<Release, ResolveError> {
    let (url, list) = list(distribution, fetcher, paths).await?;
    let version = match wanted {
        Some(version) => version.to_owned(),
        None => list.latest_version.clone().ok_or(ResolveError::NoLatest(Box::new(url.clone())))?,
    };
    let entry = list.releases.into_iter().find(|entry| entry.version == version);
    let entry = entry.ok_or_else(|| distribution.no_such_release(Some(&version)))?;
    entry.release(distribution, &url)
}

async fn list(
    distribution: &Distribution,
    fetcher: &Fetcher,
    paths: &[String],
) -> Result<(Url, List), ResolveError> {
    let mut missing: Option<DocumentError> = None;
    for path in paths {
        let url = distribution.path(path)?;
        match fetch(fetcher, &url, NamedBy::User, MAX_LISTING_BYTES).await {
            Err(error) if error.is_missing() => missing = missing.or(Some(error)),
            bytes => {
                let list = serde_json::from_slice(&bytes?);
                let reason = |error: serde_json::Error| error.to_string();
                let list = list.map_err(|error| ResolveError::NotAList {
                    url: Box::new(url.clone()),
                    reason: format!("not the JSON that was expected ({})", reason(error)),
                })?;
                return Ok((url, list));
            }
        }
    }
    Err(missing.map_or_else(|| distribution.no_such_release(None), ResolveError::Document))
}

impl Entry {
    fn release(self, distribution: &Distribution, list: &Url) -> Result<Release, ResolveError> {
        let broken = |reason: String| ResolveError::NotAList { url: Box::new(list.clone()), reason };
        let own = |path: &str| {
            // A URL of another host would be somebody else's word.
            let url =
                list.join(path).ok().filter(|url| url.origin() == list.origin() || distribution.is_rebased);
            let url = if path.starts_with('/') { distribution.url(path) } else { url };
            url.ok_or_else(|| broken(format!("'{path}' does not belong to the site")))
        };
        // A magnet link without a hash is how the site says that there is no torrent.
        let has_torrent = self.magnet_uri.as_ref().is_none_or(|magnet| magnet.contains("xt=urn:bt"));
        let torrent = self.torrent_url.as_ref().filter(|_| has_torrent);
        let torrent = torrent.ok_or_else(|| ResolveError::NoTorrent {
            distribution: distribution.name.clone(),
            version: self.version.clone(),
        })?;
        let iso = self.iso_url.clone().ok_or_else(|| broken("a release without iso_url".to_owned()))?;
        let mut sums = Vec::new();
        for (algorithm, text) in [(Algorithm::Sha256, &self.sha256_sum), (Algorithm::Blake2b, &self.b2_sum)] {
            if let Some(text) = text.as_ref().filter(|text| !text.is_empty()) {
                let sum = Sum::parse(algorithm, text).map_err(|error| broken(error.to_string()))?;
                sums.push((sum, list.clone()));
            }
        }
        let signer = self.pgp_fingerprint.as_deref().and_then(Fingerprint::parse);
        let address = self.wkd_email.as_deref().and_then(WkdAddress::new);
        let base = distribution.is_rebased.then_some(&distribution.site);
        Ok(Release {
            distribution: distribution.name.clone(),
            torrent: own(torrent)?,
            proof: Proof::Image(own(&format!("{iso}.sig"))?),
            version: self.version,
            sums,
            signers: signer.into_iter().collect(),
            keys: address.map(|address| address.urls(base)).unwrap_or_default(),
        })
    }
}
