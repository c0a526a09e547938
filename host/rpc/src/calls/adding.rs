//! `torrent-add`.

use crate::access::scope::Scope;
use crate::args::Args;
use crate::base64;
use crate::calls::{Calls, Outcome, files, places};
use crate::error::{Kind, RpcError};
use crate::json::Json;
use daemon::{AddRequest, FileChoice, Source};
use std::path::Path;

/// Hex digits of an info-hash.
const HASH_DIGITS: usize = 40;

impl Calls {
    pub(super) async fn torrent_add(&self, mut args: Args, scope: Scope, out: &mut Json) -> Outcome {
        let source = source(&mut args)?;
        if scope != Scope::All && matches!(source, Source::File(_)) {
            return Err(Kind::Forbidden.into());
        }
        let request = request(source, &args)?;
        if scope != Scope::All && !self.is_at_home(&request) {
            return Err(Kind::Forbidden.into());
        }
        let added = self.daemon.add(request).await?;
        out.key(if added.duplicate { "torrent_duplicate" } else { "torrent_added" });
        out.object(|out| {
            out.key("hash_string").string(&added.info_hash.to_string());
            out.key("id").unsigned(u64::from(added.number.0));
            out.key("name").string(&added.name);
        });
        Ok(())
    }

    /// Does its data come to lie where the session keeps data? Elsewhere files could be planted that something runs.
    fn is_at_home(&self, request: &AddRequest) -> bool {
        let folder = request.download_directory.as_ref();
        folder.is_none_or(|folder| places::is_within(folder, &self.daemon.settings().download_directory))
    }
}

fn source(args: &mut Args) -> Result<Source, RpcError> {
    if let Some(metainfo) = args.take_text("metainfo").filter(|text| !text.is_empty()) {
        return base64::decode(&metainfo).map(Source::Metainfo).ok_or_else(|| Kind::Unrecognized.into());
    }
    let filename = args.take_text("filename").filter(|text| !text.is_empty());
    let filename = filename.ok_or_else(|| RpcError::params("no filename or metainfo specified"))?;
    let begins =
        |scheme: &str| filename.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    if begins("http://") || begins("https://") {
        let cookies = args.text("cookies").filter(|cookies| !cookies.is_empty()).map(str::to_owned);
        return Ok(Source::Url { url: filename, cookies });
    }
    let is_hash = filename.len() == HASH_DIGITS && filename.bytes().all(|byte| byte.is_ascii_hexdigit());
    if begins("magnet:") || is_hash {
        return Ok(Source::Magnet(filename));
    }
    // A path that is not absolute would depend on where the daemon happens to have been started.
    let path = filename.strip_prefix("file://").unwrap_or(&filename);
    if Path::new(path).is_absolute() { Ok(Source::File(path.into())) } else { Err(Kind::Unrecognized.into()) }
}

fn request(source: Source, args: &Args) -> Result<AddRequest, RpcError> {
    let mut request = AddRequest::new(source);
    if let Some(folder) = args.text("download_dir").filter(|folder| !folder.is_empty()) {
        request.download_directory = Some(places::absolute(folder, "download directory path")?);
    }
    let (choices, error) = files::choices(args);
    if let Some(error) = error {
        return Err(error);
    }
    // Other than in a later change, an empty list is no list.
    request.files = choices.into_iter().filter(|choice| !is_empty(choice)).collect();
    request.labels = args.list("labels").map_or(Ok(Vec::new()), files::labels)?;
    request.paused = args.boolean("paused");
    request.bandwidth_priority = args.integer("bandwidth_priority").and_then(files::priority);
    request.peer_limit = args.count("peer_limit");
    request.sequential = args.boolean("sequential_download");
    request.sequential_from_piece = args.count("sequential_download_from_piece");
    Ok(request)
}

fn is_empty(choice: &FileChoice) -> bool {
    match choice {
        FileChoice::Wanted(files) | FileChoice::Unwanted(files) | FileChoice::Priority(_, files) => {
            files.is_empty()
        }
    }
}
