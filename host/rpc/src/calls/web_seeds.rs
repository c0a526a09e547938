//! The web seeds of a live torrent: looked at, added, removed.

use crate::args::Args;
use crate::calls::{Calls, Outcome};
use crate::error::RpcError;
use crate::json::Json;
use daemon::{TorrentEdit, Wanted, WebSeedChange, WebSeedDetails};
use serde_json::Value;
use url::Url;

impl Calls {
    /// For each torrent its web seeds with state, speed, bytes and last error.
    pub(super) async fn torrent_web_seeds(&self, args: &Args, out: &mut Json) -> Outcome {
        let numbers = self.selected(args);
        let wanted = Wanted { web_seeds: true, ..Wanted::default() };
        let details = self.daemon.details(numbers.clone(), wanted).await;
        let known = numbers.into_iter().zip(details).filter_map(|(number, details)| Some((number, details?)));
        out.key("torrents").list(known, |out, (number, details)| {
            out.object(|out| {
                self.name(number, out);
                out.key("web_seeds").list(&details.web_seeds, web_seed);
            });
        });
        Ok(())
    }

    pub(super) async fn torrent_web_seed_add(&self, args: &Args) -> Outcome {
        let add = |url: String| match Url::parse(&url) {
            Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(WebSeedChange::Add(url)),
            Ok(_) | Err(_) => Err(RpcError::params(format!("invalid web seed URL: {url}"))),
        };
        let changes = urls(args)?.into_iter().map(add).collect::<Result<_, _>>()?;
        self.change_web_seeds(args, changes).await
    }

    pub(super) async fn torrent_web_seed_remove(&self, args: &Args) -> Outcome {
        let changes = urls(args)?.into_iter().map(WebSeedChange::Remove).collect();
        self.change_web_seeds(args, changes).await
    }

    async fn change_web_seeds(&self, args: &Args, web_seeds: Vec<WebSeedChange>) -> Outcome {
        let edit = TorrentEdit { web_seeds, ..TorrentEdit::default() };
        Ok(self.daemon.edit(self.selected(args), edit).await?)
    }
}

/// `url`, a text or a list, or `urls`.
fn urls(args: &Args) -> Result<Vec<String>, RpcError> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let urls: Vec<String> = match args.get("urls").or_else(|| args.get("url")) {
        Some(Value::Array(urls)) => urls.iter().filter_map(text).collect(),
        Some(url) => text(url).into_iter().collect(),
        None => Vec::new(),
    };
    if urls.is_empty() { Err(RpcError::params("no url specified")) } else { Ok(urls) }
}

fn web_seed(out: &mut Json, seed: &WebSeedDetails) {
    out.object(|out| {
        out.key("url").string(&seed.url);
        out.key("is_own").boolean(seed.is_own);
        out.key("state").string(seed.state);
        out.key("is_downloading").boolean(seed.is_downloading);
        out.key("download_bytes_per_second").unsigned(seed.down_rate);
        out.key("downloaded_bytes").unsigned(seed.bytes_down);
        if !seed.last_error.is_empty() {
            out.key("last_error").string(&seed.last_error);
        }
    });
}
