//! From a name such as `arch:latest` to a torrent and what must be true of its image.

use crate::arch;
use crate::catalogue::{Distribution, FolderProof, Folders, Source, is_version};
use crate::document::{DocumentError, fetch};
use crate::limits::{MAX_LISTING_BYTES, VERSION_FOLDERS};
use crate::listing::{VERSION, Version, names};
use crate::openpgp::Fingerprint;
use crate::sum::Sum;
use engine::{Fetcher, NamedBy};
use thiserror::Error;
use url::Url;

/// A release: where its torrent is, and what proves its image.
#[derive(Clone, Debug)]
pub struct Release {
    /// The distribution's name.
    pub distribution: String,
    /// The release's version.
    pub version: String,
    /// Its torrent.
    pub torrent: Url,
    /// What the site itself says the image comes to, and where it says so.
    pub sums: Vec<(Sum, Url)>,
    /// What is signed.
    pub proof: Proof,
    /// Whose signature counts.
    pub signers: Vec<Fingerprint>,
    /// Where the signer's key is, the likeliest first.
    pub keys: Vec<Url>,
}

/// What proves an image to be the published one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Proof {
    /// A detached signature of the image. Mirrors may have it where the site does not: it proves itself.
    Image(Url),
    /// Sums files and the signature of each, of which the first that is there counts.
    Sums(Vec<(Url, Url)>),
    /// A clearsigned sums file in the torrent, with a name that ends so.
    Inside(String),
}

/// Why a name led to no release.
#[derive(Debug, Error)]
pub enum ResolveError {
    /// The site cannot be asked.
    #[error("{0}")]
    Document(#[from] DocumentError),
    /// The site answers something else.
    #[error("{url} is not a list of releases: {reason}")]
    NotAList {
        /// What was asked.
        url: Box<Url>,
        /// What is wrong with the answer.
        reason: String,
    },
    /// The site does not say which one is the latest.
    #[error("{0} names no latest release that is available")]
    NoLatest(Box<Url>),
    /// There is no such release.
    #[error("{distribution} has no release {version} at {site}")]
    NoSuchRelease {
        /// The distribution's name.
        distribution: String,
        /// What was asked for.
        version: String,
        /// Where it was looked for.
        site: Box<Url>,
    },
    /// The release has no torrent.
    #[error("release {version} of {distribution} has no torrent")]
    NoTorrent {
        /// The distribution's name.
        distribution: String,
        /// The release.
        version: String,
    },
    /// An address that cannot be made.
    #[error("{0} cannot be asked for '{1}'")]
    BadPath(Box<Url>, String),
}

impl Distribution {
    /// Finds a release by its version, or the latest one (`None`). What `get NAME` does first, and what a watcher
    /// for new releases asks again and again.
    pub async fn resolve(&self, fetcher: &Fetcher, version: Option<&str>) -> Result<Release, ResolveError> {
        if let Some(version) = version.filter(|version| !is_version(version)) {
            return Err(self.no_such_release(Some(version)));
        }
        match &self.source {
            Source::Releases(paths) => arch::resolve(self, fetcher, paths, version).await,
            Source::Folders(folders) => self.resolve_folders(fetcher, folders, version).await,
        }
    }

    async fn resolve_folders(
        &self,
        fetcher: &Fetcher,
        folders: &Folders,
        version: Option<&str>,
    ) -> Result<Release, ResolveError> {
        for folder in self.folders(fetcher, folders, version).await? {
            let folder_url = self.path(&folder)?;
            let found = match list(fetcher, &folder_url).await {
                Err(error) if error.is_missing() => continue,
                found => found?,
            };
            // In a release's own folder lies that release, or the last point release of it.
            let exactly = version.filter(|_| folders.index.is_none());
            if let Some((version, name)) = folders.torrent.newest(&found, exactly) {
                return self.folder_release(folders, &folder, (version.text, &name));
            }
        }
        Err(self.no_such_release(version))
    }

    /// The folders to look into, the likeliest first.
    async fn folders(
        &self,
        fetcher: &Fetcher,
        folders: &Folders,
        wanted: Option<&str>,
    ) -> Result<Vec<String>, ResolveError> {
        let filled = |templates: &[String], version: &str| {
            templates.iter().map(|path| path.replace(VERSION, version)).collect::<Vec<_>>()
        };
        let Some(index) = &folders.index else {
            let of_version = wanted.map(|version| filled(&folders.of_version, version)).unwrap_or_default();
            return Ok(folders.current.iter().cloned().chain(of_version).collect());
        };
        if let Some(version) = wanted {
            return Ok(filled(&folders.current, version));
        }
        let found = list(fetcher, &self.path(index)?).await?;
        let versions = found.iter().filter_map(|name| Version::parse(name.strip_suffix('/')?));
        let mut versions: Vec<Version> = versions.collect();
        versions.sort_by(|one, other| other.cmp(one));
        versions.truncate(VERSION_FOLDERS);
        Ok(versions.iter().flat_map(|version| filled(&folders.current, &version.text)).collect())
    }

    fn folder_release(
        &self,
        folders: &Folders,
        folder: &str,
        (version, torrent): (String, &str),
    ) -> Result<Release, ResolveError> {
        let beside = |name: &str| self.path(&format!("{folder}{name}"));
        let image = torrent.strip_suffix(".torrent").unwrap_or(torrent);
        let proof = match &folders.proof {
            FolderProof::Sums { files, signature } => {
                let pair = |file: &String| Ok((beside(file)?, beside(&format!("{file}{signature}"))?));
                Proof::Sums(files.iter().map(pair).collect::<Result<_, ResolveError>>()?)
            }
            FolderProof::Inside(ending) => Proof::Inside(ending.clone()),
            FolderProof::Image(ending) => Proof::Image(beside(&format!("{image}{ending}"))?),
        };
        Ok(Release {
            distribution: self.name.clone(),
            version,
            torrent: beside(torrent)?,
            sums: Vec::new(),
            proof,
            signers: folders.fingerprints.clone(),
            keys: self.own(&folders.key).into_iter().collect(),
        })
    }

    pub(crate) fn path(&self, path: &str) -> Result<Url, ResolveError> {
        self.url(path).ok_or_else(|| ResolveError::BadPath(Box::new(self.site.clone()), path.to_owned()))
    }

    pub(crate) fn no_such_release(&self, version: Option<&str>) -> ResolveError {
        match version {
            None => ResolveError::NoLatest(Box::new(self.site.clone())),
            Some(version) => ResolveError::NoSuchRelease {
                distribution: self.name.clone(),
                version: version.chars().take(64).collect(),
                site: Box::new(self.site.clone()),
            },
        }
    }
}

async fn list(fetcher: &Fetcher, url: &Url) -> Result<Vec<String>, DocumentError> {
    let page = fetch(fetcher, url, NamedBy::User, MAX_LISTING_BYTES).await?;
    Ok(names(&String::from_utf8_lossy(&page)))
}
