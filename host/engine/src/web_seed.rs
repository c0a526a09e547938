//! One web seed: files of the torrent on an HTTP server (BEP 19).
//!
//! A task takes ranges from the swarm one at a time and asks the server for the parts of files in them. The body
//! is copied into blocks while it is warm; each block needs a buffer of the pool before its first byte is read, so a
//! disk that is slow closes the server's window, as it does a peer's.

mod answer;
mod cutter;
mod fault;
mod location;
#[cfg(test)]
mod tests;

use crate::http::{Body, Client, Get, HttpError, Origin, Purpose, Response, Via, without_credentials};
use crate::limits::{MAX_REMEMBERED_REDIRECTS, REDIRECTS};
use crate::rate_limit::RateLimit;
use answer::{Answer, judge};
use cutter::{Cutter, zeros};
use metainfo::{FileIndex, Metainfo, Segment};
use std::collections::BTreeMap;
use std::sync::Arc;
use storage::{BlockPool, TorrentStore};
use swarm::{Fault, FetchEnd, SourceKey, WebSeedFact, WebSeedKey, WebSeedOrder};
use tokio::sync::mpsc;
use tracing::debug;
use url::Url;

/// What a web seed's task is made of.
pub(crate) struct WebSeedConfig {
    /// What the swarm calls it.
    pub(crate) key: WebSeedKey,
    /// Where it is, as the torrent or the user has it.
    pub(crate) url: Url,
    /// Who named it.
    pub(crate) origin: Origin,
    /// The torrent.
    pub(crate) metainfo: Arc<Metainfo>,
    /// Where blocks go.
    pub(crate) store: TorrentStore,
    /// Buffers for blocks.
    pub(crate) pool: BlockPool,
    /// Limit of bytes coming in.
    pub(crate) limit: Arc<RateLimit>,
    /// The way out.
    pub(crate) http: Client,
}

/// Starts the task of one web seed. It ends when the order channel closes.
pub(crate) fn spawn(
    config: WebSeedConfig,
    orders: mpsc::Receiver<WebSeedOrder>,
    facts: mpsc::Sender<(WebSeedKey, Vec<WebSeedFact>)>,
) {
    let task = WebSeed { config, facts, batch: Vec::new(), form: None, redirects: BTreeMap::new() };
    tokio::spawn(task.run(orders));
}

/// The task.
struct WebSeed {
    config: WebSeedConfig,
    facts: mpsc::Sender<(WebSeedKey, Vec<WebSeedFact>)>,
    /// Facts not yet told.
    batch: Vec<WebSeedFact>,
    /// The form of URL that this server has files at, once one was found.
    form: Option<usize>,
    /// Where files were found behind a redirect.
    redirects: BTreeMap<FileIndex, Known>,
}

/// A URL that a redirect led to.
struct Known {
    url: Url,
    via: Via,
}

/// A body that can be used.
struct Opened {
    body: Body,
    answer: Answer,
}

impl WebSeed {
    async fn run(mut self, mut orders: mpsc::Receiver<WebSeedOrder>) {
        let mut next = orders.recv().await;
        while let Some(order) = next.take() {
            let WebSeedOrder::Fetch { offset, length } = order else {
                // The range it meant was over already.
                next = orders.recv().await;
                continue;
            };
            let mut is_over = false;
            let end = tokio::select! {
                end = self.fetch(offset, length) => end,
                order = orders.recv() => {
                    is_over = order.is_none();
                    next = order.filter(|order| *order != WebSeedOrder::Cancel);
                    FetchEnd::Cancelled
                }
            };
            self.batch.push(WebSeedFact::Ended(end));
            self.tell().await;
            if next.is_none() && !is_over {
                next = orders.recv().await;
            }
        }
    }

    /// Tells what is in the batch. Dropping the future loses nothing.
    async fn tell(&mut self) {
        // Without a listener there is nobody to tell; the order channel ends the task.
        if let Ok(permit) = self.facts.reserve().await {
            permit.send((self.config.key, std::mem::take(&mut self.batch)));
        }
    }

    /// Fetches a range of the torrent. What came is with storage and told, or in the batch, wherever the future
    /// is dropped. A server that sends whole files is read to the end of the torrent: another request would begin
    /// at the front again.
    async fn fetch(&mut self, offset: u64, length: u64) -> FetchEnd {
        let metainfo = Arc::clone(&self.config.metainfo);
        let geometry = &metainfo.geometry;
        let source = SourceKey::WebSeed(self.config.key).to_tag();
        let mut cutter = Cutter::new(Arc::clone(geometry), offset, source);
        let (mut position, mut end) = (offset, offset + length);
        while let Some(segment) = geometry.segments(position, end.saturating_sub(position)).next() {
            let is_pad = metainfo.files.get(segment.file.as_usize()).is_some_and(|file| file.pad);
            let came = if is_pad {
                self.pad(segment.length, &mut cutter).await;
                Ok(segment.length)
            } else {
                self.fetch_segment(segment, &mut cutter).await
            };
            match came {
                Ok(came) => {
                    position += came;
                    if came > segment.length {
                        end = geometry.total_length();
                    }
                }
                Err(end) => return end,
            }
        }
        FetchEnd::Complete
    }

    async fn pad(&mut self, mut length: u64, cutter: &mut Cutter) {
        while length > 0 {
            let bytes = zeros(length);
            length -= bytes.len() as u64;
            self.take(bytes, cutter).await;
        }
    }

    /// Fetches a part of a file, or all of it from there on where the server cannot do less. Says how much came.
    async fn fetch_segment(&mut self, segment: Segment, cutter: &mut Cutter) -> Result<u64, FetchEnd> {
        // The buffer of the first block comes before the request, so that no answer waits for it.
        self.begin(cutter).await;
        let Opened { mut body, answer } = self.open(segment).await.map_err(FetchEnd::Failed)?;
        let length = match answer {
            Answer::Range => segment.length,
            Answer::Whole => self.note_whole(segment).await?,
        };
        let mut left = length;
        while left > 0 {
            self.begin(cutter).await;
            let mut bytes = match body.next().await {
                Ok(Some(bytes)) => bytes,
                Ok(None) => return Err(FetchEnd::Failed(Fault::CutOff)),
                Err(error) => return Err(FetchEnd::Failed(self.failed(&error))),
            };
            bytes.truncate(bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX)));
            left -= bytes.len() as u64;
            let step = self.config.limit.quantum().unwrap_or(bytes.len()).max(1);
            for part in bytes.chunks(step) {
                self.take(part, cutter).await;
                self.config.limit.pace(part.len()).await;
            }
        }
        body.finish().await;
        Ok(length)
    }

    /// The server sends the whole file; its length, if that is of use. That is as good if the whole file is wanted;
    /// else the swarm must know.
    async fn note_whole(&mut self, segment: Segment) -> Result<u64, FetchEnd> {
        let (_, length) = self.config.metainfo.geometry.file_range(segment.file);
        if segment.length < length {
            self.batch.push(WebSeedFact::NoRanges);
            self.tell().await;
        }
        // From the middle of a file nothing can be had: the swarm asks again from a start.
        if segment.offset > 0 { Err(FetchEnd::Cancelled) } else { Ok(length) }
    }

    /// Finds the URL that has the file, and its body.
    async fn open(&mut self, segment: Segment) -> Result<Opened, Fault> {
        if let Some(known) = self.redirects.remove(&segment.file) {
            // Where a redirect led yesterday need not be right today.
            if let Ok(opened) = self.ask(&known.url, known.via, segment).await {
                return Ok(opened);
            }
        }
        let via = Via::Named(self.config.origin);
        let forms = location::forms(&self.config.url, &self.config.metainfo, segment.file);
        if let Some(url) = self.form.and_then(|form| forms.get(form)) {
            return self.ask(url, via, segment).await;
        }
        let mut fault = Fault::ForbiddenAddress;
        for (form, url) in forms.iter().enumerate() {
            match self.ask(url, via, segment).await {
                Err(missing @ (Fault::NotThere(_) | Fault::OtherFile)) => fault = missing,
                Ok(opened) => {
                    self.form = Some(form);
                    return Ok(opened);
                }
                Err(fault) => return Err(fault),
            }
        }
        Err(fault)
    }

    /// One request for the segment at one URL.
    async fn ask(&mut self, url: &Url, via: Via, segment: Segment) -> Result<Opened, Fault> {
        let range = segment.offset..segment.offset + segment.length;
        let (_, length) = self.config.metainfo.geometry.file_range(segment.file);
        let file = self.config.metainfo.files.get(segment.file.as_usize());
        let file_name = file.and_then(|file| file.raw_path.last()).cloned().unwrap_or_default();
        let is_page = file_name.ends_with(b".html") || file_name.ends_with(b".htm");
        let purpose = Purpose::WebSeed { file_name };
        let get = Get {
            url,
            via,
            purpose: &purpose,
            range: Some(range.clone()),
            gzip: false,
            redirects: REDIRECTS,
        };
        let response = match self.config.http.get(&get).await {
            Ok(response) => response,
            Err(error) => return Err(self.failed(&error)),
        };
        match judge(&response, &range, length, is_page) {
            Ok(answer) => {
                self.remember(segment.file, &response);
                let redirected =
                    response.url.host_str().filter(|host| Some(*host) != self.config.url.host_str());
                self.batch.push(WebSeedFact::Answered { redirected: redirected.map(str::to_owned) });
                self.tell().await;
                Ok(Opened { body: response.body, answer })
            }
            Err(fault) => {
                debug!(url = %without_credentials(url), status = response.status, %fault, "refused by a web seed");
                response.body.discard().await;
                Err(fault)
            }
        }
    }

    fn remember(&mut self, file: FileIndex, response: &Response) {
        if matches!(response.via, Via::Redirect { .. }) {
            if self.redirects.len() >= MAX_REMEMBERED_REDIRECTS {
                self.redirects.clear();
            }
            self.redirects.insert(file, Known { url: response.url.clone(), via: response.via });
        }
    }

    /// What a request that got no usable answer means for the range.
    fn failed(&self, error: &HttpError) -> Fault {
        let url = without_credentials(&self.config.url);
        if self.config.origin == Origin::User {
            tracing::warn!(%url, %error, "a web seed failed");
        } else {
            debug!(%url, %error, "a web seed failed");
        }
        fault::fault(error)
    }

    /// Gets a buffer for the next block, if one is due.
    async fn begin(&mut self, cutter: &mut Cutter) {
        if cutter.wants_buffer() {
            cutter.begin(self.config.pool.acquire().await);
        }
    }

    /// Hands bytes on to storage, block by block, and tells the swarm of those that are whole.
    async fn take(&mut self, mut bytes: &[u8], cutter: &mut Cutter) {
        let mut blocks = Vec::new();
        while !bytes.is_empty() {
            if cutter.wants_buffer() {
                // Blocks held back here could be the very ones that the pool is out of.
                let buffer = if let Some(buffer) = self.config.pool.try_acquire() {
                    buffer
                } else {
                    self.store(&mut blocks);
                    self.config.pool.acquire().await
                };
                cutter.begin(buffer);
                if cutter.wants_buffer() {
                    // The torrent ends here.
                    break;
                }
            }
            blocks.extend(cutter.push(&mut bytes));
        }
        self.store(&mut blocks);
        if !self.batch.is_empty() {
            self.tell().await;
        }
    }

    /// What is to be told goes before what is to be stored, where there is room: whoever hears that a piece is stored
    /// has heard of its blocks.
    fn store(&mut self, blocks: &mut Vec<storage::Block>) {
        self.batch.extend(blocks.iter().map(|block| WebSeedFact::BlockReceived(block.request)));
        if !self.batch.is_empty()
            && let Ok(permit) = self.facts.try_reserve()
        {
            permit.send((self.config.key, std::mem::take(&mut self.batch)));
        }
        self.config.store.write_all(blocks);
    }
}
