//! The distributions that have a name here: a table, and the user's own entries beside it.

use crate::document::read_file;
use crate::limits::MAX_CATALOGUE_BYTES;
use crate::listing::{Pattern, VERSION};
use crate::openpgp::Fingerprint;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;
use thiserror::Error;
use url::Url;

/// The built-in entries, each fact with its source.
const BUILT_IN: &str = include_str!("images.toml");

/// Why a table of distributions, or a base address, cannot be used.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum CatalogueError {
    /// Not TOML, or keys that mean nothing.
    #[error("{0}")]
    Syntax(String),
    /// An entry that does not hang together.
    #[error("[{name}]: {problem}")]
    Entry {
        /// The entry's name.
        name: String,
        /// What is wrong.
        problem: String,
    },
    /// A base address without a name before it, or that is no address.
    #[error("'{0}' is not NAME=URL, such as arch=https://mirror.example.org")]
    Base(String),
    /// A base address for something unknown.
    #[error("no distribution is called '{name}'; known are {known}")]
    UnknownName {
        /// What was asked for.
        name: String,
        /// The names there are.
        known: String,
    },
}

/// One distribution.
#[derive(Clone, Debug)]
pub struct Distribution {
    /// The name on the command line.
    pub name: String,
    /// The name for people.
    pub title: String,
    pub(crate) site: Url,
    pub(crate) aliases: Vec<Url>,
    /// The site is replaced as a whole, with every host that belongs to it.
    pub(crate) is_rebased: bool,
    pub(crate) source: Source,
    /// The address that the site itself offers for a release's torrent, with a place for the version.
    pub(crate) torrent_page: Option<String>,
}

/// How releases are found.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// archweb's list in JSON, at the first of these paths that is there.
    Releases(Vec<String>),
    /// Folders that a web server lists.
    Folders(Box<Folders>),
}

#[derive(Clone, Debug)]
pub(crate) struct Folders {
    /// A folder of folders, each named by a version.
    pub(crate) index: Option<String>,
    pub(crate) current: Vec<String>,
    pub(crate) of_version: Vec<String>,
    pub(crate) torrent: Pattern,
    pub(crate) proof: FolderProof,
    pub(crate) key: Url,
    pub(crate) fingerprints: Vec<Fingerprint>,
}

/// What proves an image of a folder.
#[derive(Clone, Debug)]
pub(crate) enum FolderProof {
    /// Sums files beside the torrent, each with a signature of this ending.
    Sums { files: Vec<String>, signature: String },
    /// A clearsigned sums file in the torrent, with a name of this ending.
    Inside(String),
    /// A signature of the image beside the torrent: the image's name with this ending.
    Image(String),
}

/// An entry as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    title: Option<String>,
    site: Url,
    #[serde(default)]
    aliases: Vec<Url>,
    releases: Option<Vec<String>>,
    torrent_page: Option<String>,
    index: Option<String>,
    #[serde(default)]
    folders: Vec<String>,
    #[serde(default)]
    version_folders: Vec<String>,
    torrent: Option<String>,
    sums: Option<Vec<String>>,
    signature: Option<String>,
    inside: Option<String>,
    key: Option<Url>,
    #[serde(default)]
    fingerprints: Vec<String>,
}

/// Addresses in the place of sites: for mirrors of a whole site, and for tests.
#[derive(Clone, Debug, Default)]
pub struct Bases(BTreeMap<String, Url>);

impl Bases {
    /// Takes in `NAME=URL`. A later one for the same name wins.
    pub fn add(&mut self, text: &str) -> Result<(), CatalogueError> {
        let wrong = || CatalogueError::Base(text.to_owned());
        let (name, url) = text.split_once('=').ok_or_else(wrong)?;
        let is_name =
            !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
        let url =
            Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        self.0.insert(name.to_owned(), url.filter(|_| is_name).ok_or_else(wrong)?);
        Ok(())
    }
}

/// All distributions that have a name.
#[derive(Clone, Debug)]
pub struct Catalogue(BTreeMap<String, Distribution>);

impl Catalogue {
    /// The built-in table.
    pub fn built_in() -> Result<Self, CatalogueError> {
        let mut catalogue = Self(BTreeMap::new());
        catalogue.add(BUILT_IN)?;
        Ok(catalogue)
    }

    /// Takes in further entries; one with a name that is there already replaces it.
    pub fn add(&mut self, toml: &str) -> Result<(), CatalogueError> {
        let entries: BTreeMap<String, Entry> =
            basic_toml::from_str(toml).map_err(|error| CatalogueError::Syntax(error.to_string()))?;
        for (name, entry) in entries {
            let distribution = entry
                .understood(&name)
                .map_err(|problem| CatalogueError::Entry { name: name.clone(), problem })?;
            self.0.insert(name, distribution);
        }
        Ok(())
    }

    /// Takes in the entries of a user's file. Blocks.
    pub fn add_file(&mut self, path: &Path) -> Result<(), CatalogueError> {
        let wrong = |problem: &dyn std::fmt::Display| {
            CatalogueError::Syntax(format!("{}: {problem}", path.display()))
        };
        let bytes = read_file(path, MAX_CATALOGUE_BYTES).map_err(|error| wrong(&error))?;
        let text = String::from_utf8(bytes).map_err(|error| wrong(&error))?;
        self.add(&text).map_err(|error| wrong(&error))
    }

    /// Puts base addresses in the place of sites. `environment` is asked for `STARLING_IMAGES_BASE_NAME`, and loses
    /// against `bases`.
    pub fn rebase(
        &mut self,
        bases: &Bases,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<(), CatalogueError> {
        if let Some(name) = bases.0.keys().find(|name| !self.0.contains_key(*name)) {
            return Err(CatalogueError::UnknownName { name: name.clone(), known: self.names() });
        }
        for (name, distribution) in &mut self.0 {
            let variable = format!("STARLING_IMAGES_BASE_{}", name.to_ascii_uppercase().replace('-', "_"));
            let mut base = bases.0.get(name).cloned();
            if let (None, Some(text)) = (&base, environment(&variable).filter(|text| !text.is_empty())) {
                let mut from_environment = Bases::default();
                from_environment.add(&format!("{name}={text}"))?;
                base = from_environment.0.remove(name);
            }
            if let Some(base) = base {
                distribution.site = base;
                distribution.aliases.clear();
                distribution.is_rebased = true;
            }
        }
        Ok(())
    }

    /// The distribution of this name.
    pub fn get(&self, name: &str) -> Option<&Distribution> {
        self.0.get(name)
    }

    /// All names, for people.
    pub fn names(&self) -> String {
        self.0.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
    }

    /// The distribution and version whose torrent a site itself offers at this URL.
    pub fn of_torrent_page(&self, url: &Url) -> Option<(&Distribution, String)> {
        self.0.values().find_map(|distribution| Some((distribution, distribution.version_of_page(url)?)))
    }
}

impl Distribution {
    /// A path of the site, or of what stands in its place.
    pub(crate) fn url(&self, path: &str) -> Option<Url> {
        below(&self.site, path)
    }

    /// A URL of the site or of a host that belongs to it; with a base only its path counts.
    pub(crate) fn own(&self, url: &Url) -> Option<Url> {
        if !self.is_rebased {
            return Some(url.clone());
        }
        let mut own = below(&self.site, url.path())?;
        own.set_query(url.query());
        Some(own)
    }

    fn version_of_page(&self, url: &Url) -> Option<String> {
        let (before, after) = self.torrent_page.as_ref()?.split_once(VERSION)?;
        std::iter::once(&self.site).chain(&self.aliases).find_map(|site| {
            let path = (url.origin() == site.origin()).then(|| url.path())?;
            let path = path.strip_prefix(site.path().trim_end_matches('/'))?;
            let version = path.strip_prefix(before)?;
            let version =
                version.strip_suffix(after).or_else(|| version.strip_suffix(after.trim_end_matches('/')))?;
            is_version(version).then(|| version.to_owned())
        })
    }
}

impl Entry {
    fn understood(self, name: &str) -> Result<Distribution, String> {
        if !matches!(self.site.scheme(), "http" | "https") {
            return Err("site must be an http or https URL".to_owned());
        }
        let paths = [&self.folders, &self.version_folders].into_iter().flatten();
        let paths = paths.chain(self.releases.iter().flatten()).chain(&self.index).chain(&self.torrent_page);
        if let Some(path) = paths.into_iter().find(|path| !path.starts_with('/')) {
            return Err(format!("'{path}' must be a path that begins with a slash"));
        }
        Ok(Distribution {
            name: name.to_owned(),
            title: self.title.clone().unwrap_or_else(|| name.to_owned()),
            site: self.site.clone(),
            aliases: self.aliases.clone(),
            is_rebased: false,
            torrent_page: self.torrent_page.clone(),
            source: self.source()?,
        })
    }

    fn source(self) -> Result<Source, String> {
        if let Some(paths) = self.releases {
            return if paths.is_empty() {
                Err("releases is empty".to_owned())
            } else {
                Ok(Source::Releases(paths))
            };
        }
        let torrent = self.torrent.filter(|torrent| torrent.contains(VERSION));
        let torrent = torrent.ok_or("torrent must be a name with {version} in it")?;
        if self.folders.is_empty() {
            return Err("folders is missing".to_owned());
        }
        let proof = match (self.sums, self.inside, self.signature) {
            (Some(files), None, Some(signature)) if !files.is_empty() => {
                FolderProof::Sums { files, signature }
            }
            (None, Some(ending), None) => FolderProof::Inside(ending),
            (None, None, Some(ending)) => FolderProof::Image(ending),
            _ => return Err("give sums and signature, or inside, or signature alone".to_owned()),
        };
        let fingerprint = |text: &String| {
            Fingerprint::parse(text).ok_or_else(|| format!("'{text}' is not a fingerprint of 40 hex digits"))
        };
        let fingerprints: Vec<_> = self.fingerprints.iter().map(fingerprint).collect::<Result<_, _>>()?;
        if fingerprints.is_empty() {
            return Err("fingerprints is missing: without one any key would do".to_owned());
        }
        Ok(Source::Folders(Box::new(Folders {
            index: self.index,
            current: self.folders,
            of_version: self.version_folders,
            torrent: Pattern::new(&torrent),
            proof,
            key: self.key.ok_or("key is missing: the URL of the key")?,
            fingerprints,
        })))
    }
}

/// Whether a version can stand in a URL without leading elsewhere.
pub(crate) fn is_version(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    !text.is_empty() && text.len() <= 64 && text.chars().all(is_plain) && !text.contains("..")
}

/// The URL of a path below a base.
pub(crate) fn below(base: &Url, path: &str) -> Option<Url> {
    let text = format!("{}{path}", base.path().trim_end_matches('/'));
    let mut url = base.clone();
    url.set_fragment(None);
    url.set_query(None);
    url.set_path(&text);
    // What the path does to itself (`..`) must not lead above the base.
    url.path().starts_with(base.path().trim_end_matches('/')).then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = r#"
        [myos]
        site = "https://myos.example"
        folders = ["/iso/"]
        torrent = "myos-{version}.iso.torrent"
        signature = ".asc"
        key = "https://myos.example/key.asc"
        fingerprints = ["3E80 CA1A 8B89 F69C BA57  D98A 76A5 EF90 5444 9A5C"]
    "#;

    #[test]
    fn the_built_in_table_hangs_together() {
        let catalogue = Catalogue::built_in().unwrap();
        assert_eq!(catalogue.names(), "arch, debian, fedora, ubuntu");
    }

    #[test]
    fn users_add_their_own() {
        let mut catalogue = Catalogue::built_in().unwrap();
        catalogue.add(OWN).unwrap();
        assert!(catalogue.get("myos").is_some());
        for (change, problem) in [
            (("folders = [\"/iso/\"]", ""), "folders is missing"),
            (("/iso/", "iso/"), "begins with a slash"),
            (("{version}", "1"), "{version}"),
            (("signature = \".asc\"", ""), "give sums"),
            (("9A5C", "9A5"), "40 hex digits"),
            (("site = \"https", "site = \"ftp"), "http or https"),
            (("torrent =", "torent ="), "torent"),
        ] {
            let error = catalogue.add(&OWN.replace(change.0, change.1)).unwrap_err();
            assert!(error.to_string().contains(problem), "{change:?}: {error}");
        }
    }

    #[test]
    fn bases_replace_sites() {
        let mut bases = Bases::default();
        bases.add("arch=https://127.0.0.1:1/x/").unwrap();
        for wrong in ["https://127.0.0.1", "=https://h", "arch=", "arch=ftp://h", "a b=https://h"] {
            assert!(bases.clone().add(wrong).is_err(), "{wrong}");
        }
        let mut catalogue = Catalogue::built_in().unwrap();
        let environment = |name: &str| match name {
            "STARLING_IMAGES_BASE_ARCH" => Some("https://loses".to_owned()),
            "STARLING_IMAGES_BASE_DEBIAN" => Some("https://wins".to_owned()),
            _ => None,
        };
        catalogue.rebase(&bases, environment).unwrap();
        let url = |name: &str| catalogue.get(name).unwrap().url("/y").unwrap().to_string();
        assert_eq!(url("arch"), "https://127.0.0.1:1/x/y");
        assert_eq!(url("debian"), "https://wins/y");
        assert_eq!(url("fedora"), "https://torrent.fedoraproject.org/y");
        bases.add("nosuch=https://h").unwrap();
        assert!(matches!(catalogue.rebase(&bases, |_| None), Err(CatalogueError::UnknownName { .. })));
    }

    #[test]
    fn a_torrent_page_is_known_by_its_address() {
        let catalogue = Catalogue::built_in().unwrap();
        let found = |text: &str| {
            let (distribution, version) = catalogue.of_torrent_page(&Url::parse(text).unwrap())?;
            Some((distribution.name.clone(), version))
        };
        let arch = Some(("arch".to_owned(), "2026.11.01".to_owned()));
        assert_eq!(found("https://archlinux.org/releng/releases/2026.11.01/torrent/"), arch);
        assert_eq!(found("https://www.archlinux.org/releng/releases/2026.11.01/torrent"), arch);
        for other in [
            "https://archlinux.org/releng/releases/2026.11.01/",
            "https://archlinux.org/releng/releases/a/b/torrent/",
            "https://archlinux.example/releng/releases/2026.11.01/torrent/",
            "http://archlinux.org/releng/releases/2026.11.01/torrent/",
        ] {
            assert_eq!(found(other), None, "{other}");
        }
    }
}
