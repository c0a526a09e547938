//! What a link names beside its hash: torrent files (`xs`, `as`) and peers by name (`x.pe`).

use crate::fetch_torrent::{FetchError, read_torrent};
use crate::fetcher::{Fetcher, NamedBy};
use crate::http::without_credentials;
use crate::limits::{DNS_TIMEOUT, SOURCE_RETRY, SOURCE_RETRY_LONGEST};
use crate::proxy::Exit;
use metainfo::{Magnet, Metainfo};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{sleep, timeout};
use url::Url;

/// A torrent file found, or why a URL brought none.
pub(super) struct Found {
    pub(super) name: String,
    pub(super) result: Result<(Arc<Metainfo>, Vec<u8>), String>,
    /// Nothing else will be asked.
    pub(super) is_last: bool,
}

/// The URLs where the torrent file may be, the exact ones first.
pub(super) fn urls(magnet: &Magnet) -> Vec<Url> {
    let named = magnet.exact_sources.iter().chain(&magnet.acceptable_sources);
    let urls = named.filter_map(|text| Url::parse(text).ok());
    urls.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host()).collect()
}

/// Asks one URL after the other, with `again` round after round, until nobody listens any more.
pub(super) async fn fetch(
    fetcher: Fetcher,
    magnet: Arc<Magnet>,
    urls: Vec<Url>,
    again: bool,
    found: mpsc::Sender<Found>,
) {
    let mut pause = SOURCE_RETRY;
    loop {
        for (number, url) in (1..).zip(&urls) {
            let name = without_credentials(url);
            let result = fetch_one(&fetcher, &magnet, url, &name).await;
            let is_last = !again && number == urls.len();
            if found.send(Found { name, result, is_last }).await.is_err() {
                return;
            }
        }
        if !again {
            return;
        }
        sleep(pause).await;
        pause = (pause * 2).min(SOURCE_RETRY_LONGEST);
    }
}

async fn fetch_one(
    fetcher: &Fetcher,
    magnet: &Arc<Magnet>,
    url: &Url,
    name: &str,
) -> Result<(Arc<Metainfo>, Vec<u8>), String> {
    let answer = fetcher.ask(url, NamedBy::Document).await;
    let answer = answer.map_err(|error| FetchError::explain(error, name).to_string())?;
    let bytes = read_torrent(answer, name).await.map_err(|error| error.to_string())?;
    let magnet = Arc::clone(magnet);
    let parsed = spawn_blocking(move || {
        let metainfo = Metainfo::parse(&bytes).map_err(|error| error.to_string())?;
        // The file's own trackers and web seeds are a stranger's word; those of the link are the user's.
        let info = Arc::clone(&metainfo.info_bytes);
        if !magnet.means(&metainfo) {
            return Err("it is another torrent than the link means".to_owned());
        }
        let mut magnet = Magnet::clone(&magnet);
        magnet.join(&metainfo);
        let file = magnet.torrent_file(&info);
        Ok((Arc::new(Metainfo::parse(&file).map_err(|error| error.to_string())?), file))
    });
    parsed.await.unwrap_or_else(|error| Err(error.to_string()))
}

/// The addresses of peers that a link names; those given by name are looked up.
pub(super) async fn resolve(exit: Exit, peers: Vec<(String, u16)>, found: mpsc::Sender<Vec<SocketAddr>>) {
    let mut lookups = JoinSet::new();
    for (host, port) in peers {
        let exit = exit.clone();
        lookups.spawn(async move {
            timeout(DNS_TIMEOUT, exit.look_up_peer(&host, port)).await.ok().and_then(Result::ok)
        });
    }
    while let Some(ended) = lookups.join_next().await {
        if let Ok(Some(addresses)) = ended
            && found.send(addresses).await.is_err()
        {
            return;
        }
    }
}
