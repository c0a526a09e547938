//! `GET /events`: what happens to torrents, as server-sent events that can be resumed.

use crate::http::gate::Caller;
use crate::http::reply::{self, Reply};
use crate::json::Json;
use crate::limits::{EVENT_PULSE, EVENT_QUEUE};
use crate::names::Dialect;
use crate::pages::Pages;
use bytes::Bytes;
use daemon::{Daemon, Event, EventKind, Events, Missed, Revision};
use hyper::StatusCode;
use hyper::http::request::Parts;
use tokio::sync::mpsc;
use tokio::time::timeout;

impl Pages {
    /// A stream of events, from those after `Last-Event-ID` on.
    pub(crate) fn events(&self, daemon: &Daemon, head: &Parts, caller: Caller) -> Reply {
        let Some(place) = self.listeners.try_take(caller) else {
            return reply::page(StatusCode::SERVICE_UNAVAILABLE, "Too many listen already.");
        };
        let told = head.headers.get("last-event-id").and_then(|value| value.to_str().ok());
        let (after, is_foreign) = match told.map(|told| self.revision(told)) {
            None => (None, false),
            Some(Some(after)) => (Some(after), false),
            Some(None) => (None, true),
        };
        let (sender, parts) = mpsc::channel(EVENT_QUEUE);
        let stream = Stream { daemon: daemon.clone(), run: self.run.clone(), sender };
        let events = daemon.events(after);
        tokio::spawn(async move {
            stream.run(events, is_foreign).await;
            drop(place);
        });
        reply::stream(parts)
    }

    /// The revision that an id of this run names.
    fn revision(&self, id: &str) -> Option<Revision> {
        let (run, revision) = id.trim().split_once('-')?;
        (run == self.run).then_some(Revision(revision.parse().ok()?))
    }
}

/// A listener. It is served as fast as it reads; what it misses by that it is told it missed.
struct Stream {
    daemon: Daemon,
    run: String,
    sender: mpsc::Sender<Bytes>,
}

impl Stream {
    async fn run(self, mut events: Events, is_foreign: bool) {
        if is_foreign && self.sender.send(Bytes::from("event: missed\ndata: {}\n\n")).await.is_err() {
            return;
        }
        // The first bytes tell the listener that it is heard.
        let mut part = Bytes::from(": starling\n\n");
        while self.sender.send(part).await.is_ok() {
            part = match timeout(EVENT_PULSE, events.next()).await {
                Ok(Some(Ok(event))) => self.event(&event),
                Ok(Some(Err(missed))) => self.missed(missed),
                Ok(None) => return,
                // A line that says nothing keeps the connection open, and finds out that it is closed.
                Err(_) => Bytes::from(":\n\n"),
            };
        }
    }

    fn event(&self, event: &Event) -> Bytes {
        let name = match event.kind {
            EventKind::Added => "added",
            EventKind::Progress => "progress",
            EventKind::Complete => "complete",
            EventKind::SeedingDone => "seeding-done",
            EventKind::Failed(_) => "error",
            EventKind::Removed => "removed",
        };
        let mut out = Json::new(Dialect::JsonRpc);
        out.object(|out| self.write(event, out));
        let data = String::from_utf8_lossy(&out.into_bytes()).into_owned();
        format!("id: {}-{}\nevent: {name}\ndata: {data}\n\n", self.run, event.revision.0).into()
    }

    /// What an event tells of its torrent: how it is at this moment.
    fn write(&self, event: &Event, out: &mut Json) {
        out.key("id").unsigned(event.number.0.into());
        out.key("hash_string").string(&event.info_hash.to_string());
        if let EventKind::Failed(text) = &event.kind {
            out.key("error_string").string(text);
        }
        self.daemon.view(|catalogue| {
            let Some(entry) = catalogue.get(event.number) else { return };
            let progress = entry.progress();
            out.key("name").string(entry.name());
            out.key("status").unsigned(crate::calls::status_number(entry.status()));
            out.key("percent_done").fraction(progress.bytes_done, progress.bytes_wanted);
            out.key("rate_download").unsigned(progress.down_rate);
            out.key("rate_upload").unsigned(progress.up_rate);
        });
    }

    fn missed(&self, missed: Missed) -> Bytes {
        format!("id: {}-{}\nevent: missed\ndata: {{}}\n\n", self.run, missed.latest.0).into()
    }
}
