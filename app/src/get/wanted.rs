//! What the user asks of the image, read and judged before anything goes online.

use super::GetArgs;
use crate::distributions;
use crate::exit::{Failure, Kind};
use engine::Fetcher;
use images::{
    Bases, Catalogue, Checks, GatherError, KeyChoice, KeyChoiceError, Location, Signature, Verified,
    read_document, signed_sums,
};
use std::path::Path;

/// A list of sums or a signature that a user names; the package's own limits are for those of sites.
const LONGEST_DOCUMENT: usize = 4 << 20;

/// Where a sum of the command line comes from.
const COMMAND_LINE: &str = "the command line";

/// What the user asks of the image.
pub(super) struct Wanted<'a> {
    args: &'a GetArgs,
    /// The distributions that have a name.
    pub(super) catalogue: Catalogue,
    /// Whose signature counts.
    pub(super) key: Option<KeyChoice>,
}

impl<'a> Wanted<'a> {
    /// Reads keys and tables. Blocks.
    pub(super) fn new(args: &'a GetArgs) -> Result<Self, Failure> {
        for (option, text) in [("--checksums", &args.checksums), ("--signature", &args.signature)] {
            if let Some(Location::File(path)) = text.as_deref().map(Location::new) {
                must_be_there(option, &path)?;
            }
        }
        if let Some(path) = &args.ca_file {
            must_be_there("--ca-file", path)?;
        }
        let key = args.key.as_deref().map(KeyChoice::parse).transpose().map_err(|error| {
            let kind = if matches!(error, KeyChoiceError::NoKey(_)) { Kind::Signature } else { Kind::Usage };
            Failure::new(kind, format_args!("--key: {error}"))
        })?;
        Ok(Self { args, catalogue: catalogue(args)?, key })
    }

    /// The checks that the command line asks for; `image` is the image's name. With `is_named` the key is that of
    /// a distribution, and a list of the user's need not be signed by it.
    pub(super) async fn checks(
        &self,
        fetcher: &Fetcher,
        image: &str,
        is_named: bool,
    ) -> Result<Checks, Failure> {
        let mut checks = Checks::default();
        for sum in [&self.args.sha256, &self.args.b2].into_iter().flatten() {
            checks.add_sum(sum.clone(), COMMAND_LINE);
        }
        let mut signature = match &self.args.signature {
            Some(text) => Some(self.signature(fetcher, &Location::new(text)).await?),
            None => None,
        };
        if let Some(text) = &self.args.checksums {
            let list = Location::new(text);
            self.add_list(fetcher, &list, (&mut checks, &mut signature), (image, is_named)).await?;
        }
        if let Some((signature, from)) = signature {
            let (keys, key_from) = self.key_file()?;
            checks.add_signature(vec![(signature, from.to_string())], keys.clone(), &key_from);
        }
        Ok(checks)
    }

    /// Adds a list of sums. A signature of the list is taken out of `signature`: it is not the image's then.
    async fn add_list(
        &self,
        fetcher: &Fetcher,
        list: &Location,
        (checks, signature): (&mut Checks, &mut Option<(Signature, Location)>),
        (image, is_named): (&str, bool),
    ) -> Result<(), Failure> {
        let bytes = read_document(fetcher, list, LONGEST_DOCUMENT).await;
        let bytes = bytes.map_err(|error| Failure::new(Kind::Failed, error))?;
        let keys = match &self.key {
            Some(KeyChoice::File { keys, .. }) => Some(keys),
            _ => None,
        };
        let (sums, signer) = signed_sums(&bytes, list, keys).map_err(|error| gather_failure(&error))?;
        let mut signed = signer.map(|signer| (signer, list.to_string()));
        if let (None, Some((detached, from)), Some(keys)) = (&signed, &*signature, keys)
            && let Ok(signer) = detached.verify_document(keys, &bytes)
        {
            signed = Some((signer, from.to_string()));
            *signature = None;
        }
        match signed {
            Some((signer, from)) => {
                let (_, key_from) = self.key_file()?;
                checks.establish(Verified::Signature { signer, from, key_from });
            }
            None if self.key.is_some() && signature.is_none() && !is_named => {
                let words = format_args!("{list} is not signed, and --key demands a signature");
                return Err(Failure::new(Kind::Signature, words));
            }
            None => {}
        }
        let added = checks.add_checksums(&sums, image, &list.to_string());
        added.map_err(|error| Failure::new(Kind::Checksum, format_args!("{list}: {error}")))
    }

    async fn signature(
        &self,
        fetcher: &Fetcher,
        location: &Location,
    ) -> Result<(Signature, Location), Failure> {
        let bytes = read_document(fetcher, location, LONGEST_DOCUMENT).await.map_err(|error| {
            let kind = if error.is_missing() { Kind::Signature } else { Kind::Failed };
            Failure::new(kind, format_args!("the signature is missing: {error}"))
        })?;
        let signature = Signature::parse(&bytes);
        let signature = signature.map_err(|error| {
            Failure::new(Kind::Signature, format_args!("the signature {location} {error}"))
        })?;
        Ok((signature, location.clone()))
    }

    /// The keys of `--key FILE`.
    pub(super) fn key_file(&self) -> Result<(&images::Keys, String), Failure> {
        if let Some(KeyChoice::File { path, keys }) = &self.key {
            return Ok((keys, path.display().to_string()));
        }
        let words = "--signature and signed --checksums need the file of a key: --key FILE; a fingerprint says which \
                     key it is, not where";
        Err(Failure::new(Kind::Usage, words))
    }
}

/// How a failure to gather what proves an image ends.
pub(super) fn gather_failure(error: &GatherError) -> Failure {
    let kind = match error {
        GatherError::Signature(_) => Kind::Signature,
        GatherError::Checksums { .. } => Kind::Checksum,
        GatherError::Document(_) => Kind::Failed,
    };
    Failure::new(kind, error)
}

fn must_be_there(option: &str, path: &Path) -> Result<(), Failure> {
    if path.is_file() {
        return Ok(());
    }
    Err(Failure::new(Kind::Usage, format_args!("{option} {}: there is no such file", path.display())))
}

/// The distributions that the options know.
fn catalogue(args: &GetArgs) -> Result<Catalogue, Failure> {
    let usage = |error| Failure::new(Kind::Usage, error);
    let mut bases = Bases::default();
    for base in &args.images_bases {
        let named = |error| Failure::new(Kind::Usage, format_args!("--images-base: {error}"));
        bases.add(base).map_err(named)?;
    }
    distributions::open(args.images_file.as_deref(), &bases).map_err(usage)
}
