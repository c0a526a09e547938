//! From SOURCE to what is fetched and what must be true of it.

use super::GetArgs;
use super::magnet::Met;
use super::source::{self, Source};
use super::wanted::{Wanted, gather_failure};
use crate::exit::{Failure, Kind};
use crate::{image, torrent_file};
use engine::{Answer, FetchError, Fetcher, NamedBy, Session, is_metalink, read_torrent, without_credentials};
use images::{
    Checks, Described, Location, Metalink, MirrorLinks, Mirrors, Release, Signature, Sum, gather, plain_name,
    read_document,
};
use metainfo::{FileIndex, Magnet, Metainfo};
use percent_encoding::percent_decode_str;
use std::sync::Arc;
use url::Url;

/// A metalink that an answer points to.
const LONGEST_METALINK: usize = 4 << 20;

/// What is fetched.
pub(super) enum Plan {
    /// A torrent.
    Torrent(TorrentPlan),
    /// A file that only mirrors have.
    Mirrored { fetcher: Fetcher, mirrors: Mirrors, checks: Checks },
}

/// A torrent, and what its image must be.
pub(super) struct TorrentPlan {
    pub(super) metainfo: Arc<Metainfo>,
    /// Where the torrent came from.
    pub(super) from: String,
    pub(super) selected: Option<Vec<FileIndex>>,
    /// Mirrors that the torrent does not name.
    pub(super) web_seeds: Vec<Url>,
    pub(super) checks: Checks,
    /// The session that found its metadata and has met peers.
    pub(super) session: Option<Session>,
}

/// What a document other than a torrent says about a file.
#[derive(Default)]
struct Description {
    name: String,
    size: Option<u64>,
    sums: Vec<(Sum, String)>,
    signature: Option<(Signature, String)>,
    mirrors: Vec<Url>,
    torrents: Vec<Url>,
}

/// Makes the plan: everything that is fetched before the image itself.
pub(super) struct Planner<'a> {
    args: &'a GetArgs,
    wanted: Wanted<'a>,
    fetcher: Fetcher,
}

impl<'a> Planner<'a> {
    pub(super) fn new(args: &'a GetArgs) -> Result<Self, Failure> {
        let wanted = Wanted::new(args)?;
        Ok(Self { args, wanted, fetcher: Fetcher::new(args.http()) })
    }

    /// The link, if SOURCE is one: its metadata is to be found before a plan can be made.
    pub(super) fn magnet(&self) -> Result<Option<Magnet>, Failure> {
        Ok(match Source::of(&self.args.source, &self.wanted.catalogue)? {
            Source::Magnet(magnet) => Some(*magnet),
            _ => None,
        })
    }

    /// `met`: what a magnet link led to.
    pub(super) async fn plan(&self, met: Option<Met>) -> Result<Plan, Failure> {
        if let Some(met) = met {
            return self.met(met).await;
        }
        match Source::of(&self.args.source, &self.wanted.catalogue)? {
            // Met before.
            Source::Magnet(_) => Err(Failure::new(Kind::Failed, "the metadata is missing")),
            Source::Named { name, version } => self.named(&name, version.as_deref()).await,
            Source::Remote(url) => self.remote(&url).await,
            Source::Local => {
                let bytes = source::read_local(&self.args.source).await?;
                let from = self.args.source.to_string_lossy();
                if is_metalink(&bytes) && !bytes.starts_with(b"d") {
                    return self.described(self.metalink(&bytes, &from)?).await;
                }
                let metainfo = torrent_file::parse(&self.args.source, &bytes)?;
                self.torrent(metainfo, &from, None, Description::default()).await
            }
        }
    }

    async fn met(&self, met: Met) -> Result<Plan, Failure> {
        let from = self.args.source.to_string_lossy();
        let metainfo = Metainfo::clone(&met.metainfo);
        let mut plan = self.torrent(metainfo, &from, None, Description::default()).await?;
        if let Plan::Torrent(torrent) = &mut plan {
            if torrent.selected.is_none() {
                torrent.selected = met.selected()?;
            }
            torrent.session = met.session;
        }
        Ok(plan)
    }

    async fn named(&self, name: &str, version: Option<&str>) -> Result<Plan, Failure> {
        let distribution = self.wanted.catalogue.get(name);
        let distribution = distribution.ok_or_else(|| Failure::new(Kind::Usage, name))?;
        let release = distribution.resolve(&self.fetcher, version).await;
        let release = release.map_err(|error| Failure::new(Kind::Failed, error))?;
        tracing::info!(version = release.version, torrent = %release.torrent, "the release was found");
        let metainfo = source::fetch(&self.fetcher, &release.torrent, NamedBy::User).await?;
        let from = release.torrent.to_string();
        self.torrent(metainfo, &from, Some(&release), Description::default()).await
    }

    async fn remote(&self, url: &Url) -> Result<Plan, Failure> {
        let name = without_credentials(url);
        let failed = |error| source::fetch_failure(&FetchError::explain(error, &name));
        let answer = self.fetcher.open(url, NamedBy::User, None).await.map_err(failed)?;
        let links = MirrorLinks::of(&answer, url);
        // A mirror that the server redirects to may be dead; the others are named beside it.
        let is_there = answer.status() == 200 || !links.duplicates.is_empty();
        if is_there && !links.is_empty() && !is_about_a_file(&answer) {
            return self.described(self.linked(url, &answer, links).await?).await;
        }
        let answer = self.fetcher.patiently(answer, url, NamedBy::User).await.map_err(failed)?;
        match read_torrent(answer, &name).await {
            Ok(bytes) => {
                let metainfo = torrent_file::parse(name.as_ref(), &bytes)?;
                self.torrent(metainfo, &name, None, Description::default()).await
            }
            Err(FetchError::Metalink(bytes)) => self.described(self.metalink(&bytes, &name)?).await,
            Err(error) => Err(source::fetch_failure(&error)),
        }
    }

    /// A torrent with the checks of everybody who has a say.
    async fn torrent(
        &self,
        metainfo: Metainfo,
        from: &str,
        release: Option<&Release>,
        description: Description,
    ) -> Result<Plan, Failure> {
        let selected = self.args.select.as_ref().map(|selection| selection.files(&metainfo)).transpose()?;
        let image = image::find(&metainfo, selected.as_deref());
        let name = image.map(|index| image::file_name(&metainfo, index)).unwrap_or_default();
        let mut checks = self.wanted.checks(&self.fetcher, &name, release.is_some()).await?;
        if let Some(release) = release {
            let mirrors: Vec<Url> =
                metainfo.web_seeds.iter().filter_map(|url| Url::parse(url).ok()).collect();
            let own = gather(&self.fetcher, release, self.wanted.key.as_ref(), &name, &mirrors).await;
            let mut own = own.map_err(|error| gather_failure(&error))?;
            own.join(checks);
            checks = own;
        }
        self.add_described(&mut checks, &description)?;
        if self.wanted.key.is_some() && !checks.has_signature() {
            return Err(Failure::new(
                Kind::Signature,
                "--key demands a signature, and nothing here is signed",
            ));
        }
        Ok(Plan::Torrent(TorrentPlan {
            metainfo: Arc::new(metainfo),
            from: from.to_owned(),
            selected,
            web_seeds: description.mirrors,
            checks,
            session: None,
        }))
    }

    /// What a metalink or the fields of an answer describe: by its torrent if it has one, else from its mirrors.
    async fn described(&self, mut description: Description) -> Result<Plan, Failure> {
        for url in std::mem::take(&mut description.torrents) {
            match source::fetch(&self.fetcher, &url, NamedBy::Document).await {
                Ok(metainfo) => return self.torrent(metainfo, url.as_str(), None, description).await,
                Err(failure) => tracing::warn!("{}; the mirrors are used without it", failure.message),
            }
        }
        let mut checks = self.wanted.checks(&self.fetcher, &description.name, false).await?;
        self.add_described(&mut checks, &description)?;
        if checks.is_empty() {
            let words = format_args!("nothing proves {}: no SHA-256, SHA-512 or signature", description.name);
            return Err(Failure::new(Kind::Checksum, words));
        }
        let Description { name, size, mirrors, .. } = description;
        let mirrors = Mirrors { name, size, urls: mirrors };
        Ok(Plan::Mirrored { fetcher: self.fetcher.clone(), mirrors, checks })
    }

    fn add_described(&self, checks: &mut Checks, description: &Description) -> Result<(), Failure> {
        for (sum, from) in &description.sums {
            checks.add_sum(sum.clone(), from);
        }
        // Without a key of the user's a signature that came along proves nothing.
        if let (Some(signature), true) = (&description.signature, self.wanted.key.is_some()) {
            let (keys, key_from) = self.wanted.key_file()?;
            checks.add_signature(vec![signature.clone()], keys.clone(), &key_from);
        }
        Ok(())
    }

    fn metalink(&self, bytes: &[u8], from: &str) -> Result<Description, Failure> {
        let bad =
            |error: &dyn std::fmt::Display| Failure::new(Kind::BadTorrent, format_args!("{from}: {error}"));
        let metalink = Metalink::parse(bytes).map_err(|error| bad(&error))?;
        let signature = match metalink.signature.filter(|_| self.wanted.key.is_some()) {
            Some(text) => {
                let words =
                    |error| Failure::new(Kind::Signature, format_args!("the signature in {from} {error}"));
                Some((Signature::parse(text.trim().as_bytes()).map_err(words)?, from.to_owned()))
            }
            None => None,
        };
        Ok(Description {
            name: metalink.name,
            size: metalink.size,
            sums: metalink.sums.into_iter().map(|sum| (sum, from.to_owned())).collect(),
            signature,
            mirrors: metalink.mirrors,
            torrents: metalink.torrents,
        })
    }

    /// What an answer's fields say (RFC 6249), and the documents that they point to.
    async fn linked(&self, url: &Url, answer: &Answer, links: MirrorLinks) -> Result<Description, Failure> {
        let from = without_credentials(url);
        let last = url.path().rsplit('/').next().unwrap_or_default();
        let name = percent_decode_str(last).decode_utf8_lossy().into_owned();
        let is_there = answer.status() == 200;
        // A mirror is believed about the size as little as about sums.
        let size = answer.length().filter(|_| is_there && answer.url().origin() == url.origin());
        let mut all = Description { size, ..Description::default() };
        all.sums = links.sums.into_iter().map(|sum| (sum, from.clone())).collect();
        all.mirrors = links.duplicates;
        for (place, kind) in links.described_by {
            let document =
                read_document(&self.fetcher, &Location::Url(place.clone()), LONGEST_METALINK).await;
            let Ok(bytes) = document else {
                tracing::info!(%place, "what describes the file is not there");
                continue;
            };
            match kind {
                Described::Metalink => {
                    let more = self.metalink(&bytes, place.as_str())?;
                    all.sums.extend(more.sums);
                    all.mirrors.extend(more.mirrors);
                    all.torrents.extend(more.torrents);
                    all.size = more.size.or(all.size);
                    all.signature = all.signature.or(more.signature);
                }
                Described::Signature => {
                    all.signature =
                        Signature::parse(&bytes).ok().map(|it| (it, place.to_string())).or(all.signature);
                }
            }
        }
        // The address itself is a source like any other, after those that were named.
        all.mirrors.extend(Some(answer.url().clone()).filter(|_| is_there));
        all.name = plain_name(&name).map_or_else(|| "download".to_owned(), str::to_owned);
        Ok(all)
    }
}

/// Whether an answer is a torrent or metalink, and not the file that one describes.
fn is_about_a_file(answer: &Answer) -> bool {
    let kind = answer.content_type();
    let ending = answer.url().path().rsplit('.').next().unwrap_or_default();
    kind.contains("bittorrent")
        || kind.contains("metalink")
        || matches!(ending, "torrent" | "meta4" | "metalink")
}
