//! The RPC server: an open port, connections with limits, and requests answered on them.

pub(crate) mod listen;
mod self_signed;
pub(crate) mod tls;
mod watched;

use crate::access::places::Places;
use crate::calls::{BlocklistUpdate, Calls, Following};
use crate::http::gate::{Caller, Gate};
use crate::limits::{
    ACCEPT_PAUSE, BIND_ATTEMPTS, BIND_PAUSE, BIND_PAUSE_MOST, CLOSING_TIME, CONNECTIONS, HEADER_BYTES,
    HEADER_LINES, HEADER_TIME, PLACE_TIME, STRANGERS, TLS_TIME, WAITING,
};
use crate::pages::Pages;
use crate::settings::SettingsFile;
use crate::site::Site;
use daemon::Daemon;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use listen::{Connection, Listener, Place};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use tls::TlsError;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Notify, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use watched::Watched;

/// Names the folder of a web client, as it does for Transmission.
const WEB_HOME: &str = "TRANSMISSION_WEB_HOME";

/// What a server starts from.
pub struct ServerConfig {
    /// The daemon that calls are about.
    pub daemon: Daemon,
    /// The settings; `session-set` writes to them.
    pub settings: Arc<SettingsFile>,
    /// What `blocklist-update` does.
    pub update_blocklist: Option<BlocklistUpdate>,
    /// What `follow-get` tells of a distribution.
    pub following: Option<Following>,
    /// A socket that was handed in (socket activation), in place of the one that the settings name.
    pub handed_in: Option<Listener>,
}

/// A running server. It ends with [`Server::shutdown`], or at once when it is dropped.
pub struct Server {
    gate: Arc<Gate>,
    file: Arc<SettingsFile>,
    changed: Arc<Notify>,
    address: watch::Receiver<Option<SocketAddr>>,
    tried: watch::Receiver<bool>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Server {
    /// Starts serving. A port that cannot be opened is tried again for some minutes; meanwhile there is no RPC and
    /// everything else goes on. Certificates that cannot be used are an error: HTTP in their place would tell
    /// passwords to the network.
    pub fn start(config: ServerConfig) -> Result<Self, TlsError> {
        let http = config.settings.current().http;
        let tls = tls::acceptor(&http, config.daemon.config_directory())?;
        let gate = Arc::new(Gate::new(http));
        let changed = Arc::new(Notify::new());
        let id_of = Arc::clone(&gate);
        let calls = Calls {
            daemon: config.daemon,
            file: Arc::clone(&config.settings),
            update_blocklist: config.update_blocklist,
            following: config.following,
            http_changed: Arc::clone(&changed),
            session_id: Arc::new(move || id_of.session_id()),
        };
        let web_home = std::env::var_os(WEB_HOME).filter(|home| !home.is_empty()).map(PathBuf::from);
        let site = Arc::new(Site { gate: Arc::clone(&gate), calls, pages: Pages::new(), web_home });
        let (stop, stopped) = watch::channel(false);
        let (told, address) = watch::channel(None);
        let (tried_sender, tried) = watch::channel(false);
        let door = Door {
            site,
            file: Arc::clone(&config.settings),
            changed: Arc::clone(&changed),
            stopped,
            address: told,
            tried: tried_sender,
            tls,
            connections: Arc::new(Places::new(CONNECTIONS)),
            strangers: Arc::new(Places::new(STRANGERS)),
        };
        let task = tokio::spawn(door.run(config.handed_in));
        Ok(Self { gate, file: config.settings, changed, address, tried, stop, task })
    }

    /// The settings were read anew: they count from now on. The port is opened anew if it is another.
    pub fn settings_changed(&self) {
        self.gate.set(self.file.current().http);
        self.changed.notify_one();
    }

    /// The address it listens at; waits until there is one. `None` for a unix socket, or if there will be none.
    pub async fn address(&self) -> Option<SocketAddr> {
        let mut address = self.address.clone();
        let found = address.wait_for(Option::is_some).await.ok()?;
        *found
    }

    /// Waits until the port is open, or could not be opened at the first try.
    pub async fn tried(&self) {
        // An error means that the server has ended, and there is nothing to wait for.
        let _ = self.tried.clone().wait_for(|tried| *tried).await;
    }

    /// Lets requests under way end, briefly, and closes the port.
    pub async fn shutdown(mut self) {
        self.stop.send_replace(true);
        // An error means that it has ended already.
        let _ = (&mut self.task).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What opens the port and lets callers in.
struct Door {
    site: Arc<Site>,
    file: Arc<SettingsFile>,
    changed: Arc<Notify>,
    stopped: watch::Receiver<bool>,
    address: watch::Sender<Option<SocketAddr>>,
    tried: watch::Sender<bool>,
    tls: Option<TlsAcceptor>,
    connections: Arc<Places>,
    strangers: Arc<Places>,
}

/// Why nobody is let in any more.
#[derive(PartialEq, Eq)]
enum Closed {
    /// For good.
    Stopped,
    /// The port is another now.
    Moved,
}

impl Door {
    async fn run(mut self, mut handed_in: Option<Listener>) {
        let mut tasks = JoinSet::new();
        loop {
            let (listener, place) = match handed_in.take() {
                Some(listener) => (Some(listener), None),
                None => self.open().await,
            };
            self.tried.send_replace(true);
            if let Some(listener) = &listener {
                self.address.send_replace(listener.address());
                tracing::info!(address = ?listener.address(), "serving RPC");
            }
            if self.serve(listener, place, &mut tasks).await == Closed::Stopped {
                break;
            }
        }
        let ended = async { while tasks.join_next().await.is_some() {} };
        // Those that do not end in time are cut off when the set is dropped.
        let _ = timeout(CLOSING_TIME, ended).await;
    }

    /// Opens the port where the settings say, and tells where that is. Nothing is opened if there shall be no
    /// server, or if it is to end, or if no attempt was good.
    async fn open(&mut self) -> (Option<Listener>, Option<Place>) {
        let (mut pause, mut attempt) = (BIND_PAUSE, 0);
        loop {
            let http = self.file.current().http;
            let place = Place::of(&http);
            if !http.enabled {
                return (None, Some(place));
            }
            match Listener::open(&place) {
                Ok(listener) => return (Some(listener), Some(place)),
                Err(error) => tracing::warn!(?place, %error, attempt, "cannot open the RPC port"),
            }
            self.tried.send_replace(true);
            if attempt == BIND_ATTEMPTS {
                tracing::error!(
                    ?place,
                    "the RPC port stays closed; correct rpc-port or rpc-bind-address and reload"
                );
                return (None, Some(place));
            }
            attempt += 1;
            tokio::select! {
                () = sleep(pause) => pause = (pause + BIND_PAUSE).min(BIND_PAUSE_MOST),
                () = stop(&mut self.stopped) => return (None, Some(place)),
                // Other settings deserve as many attempts as the first.
                () = self.changed.notified() => (pause, attempt) = (BIND_PAUSE, 0),
            }
        }
    }

    /// Lets callers in until the server stops or has to listen elsewhere. `place` is `None` for a socket handed in,
    /// which stays.
    async fn serve(
        &mut self,
        listener: Option<Listener>,
        place: Option<Place>,
        tasks: &mut JoinSet<()>,
    ) -> Closed {
        let mut stopped = self.stopped.clone();
        loop {
            let accepted = async {
                match &listener {
                    Some(listener) => listener.accept().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = stop(&mut stopped) => return Closed::Stopped,
                () = self.changed.notified() => {
                    let http = self.file.current().http;
                    let moved = place.as_ref().is_some_and(|place| *place != Place::of(&http));
                    let toggled = place.is_some() && http.enabled != listener.is_some();
                    self.site.gate.set(http.clone());
                    match tls::acceptor(&http, self.site.calls.daemon.config_directory()) {
                        Ok(tls) => self.tls = tls,
                        Err(error) => tracing::error!(%error, "the certificate of before stays"),
                    }
                    if moved || toggled {
                        return Closed::Moved;
                    }
                }
                Some(_) = tasks.join_next() => {}
                connection = accepted => match connection {
                    Ok((connection, caller)) => self.let_in(connection, caller, tasks),
                    Err(error) => {
                        tracing::debug!(%error, "a caller could not be let in");
                        sleep(ACCEPT_PAUSE).await;
                    }
                },
            }
        }
    }

    /// Serves a connection, if there is a place for it. Strangers have places of their own: all of them together
    /// cannot keep out one who may ask.
    fn let_in(&self, connection: Connection, caller: Caller, tasks: &mut JoinSet<()>) {
        let places = if self.site.gate.expects(caller) { &self.connections } else { &self.strangers };
        let place = places.try_take(caller);
        let is_full = || Arc::ptr_eq(places, &self.strangers) || tasks.len() >= CONNECTIONS.all + WAITING;
        if place.is_none() && is_full() {
            tracing::debug!(?caller, "no place for another RPC connection");
            return;
        }
        let places = Arc::clone(places);
        let (site, tls, stopped) = (Arc::clone(&self.site), self.tls.clone(), self.stopped.clone());
        tasks.spawn(async move {
            let place = match place {
                Some(place) => place,
                // Many at once are many that end at once: most places are given back in a moment.
                None => match timeout(PLACE_TIME, places.take(caller)).await {
                    Ok(Some(place)) => place,
                    Ok(None) | Err(_) => return,
                },
            };
            match (connection, tls) {
                (Connection::Unix(stream), _) => converse(site, Watched::new(stream), caller, stopped).await,
                (Connection::Tcp(stream), None) => {
                    converse(site, Watched::new(stream), caller, stopped).await;
                }
                (Connection::Tcp(stream), Some(tls)) => {
                    if let Ok(Ok(stream)) = timeout(TLS_TIME, tls.accept(stream)).await {
                        converse(site, Watched::new(stream), caller, stopped).await;
                    }
                }
            }
            drop(place);
        });
    }
}

/// Answers the requests of one connection.
async fn converse<S>(site: Arc<Site>, stream: S, caller: Caller, mut stopped: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let answer = service_fn(move |request| {
        let site = Arc::clone(&site);
        async move { Ok::<_, Infallible>(site.answer(request, caller).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIME)
        .max_headers(HEADER_LINES)
        .max_buf_size(HEADER_BYTES)
        .serve_connection(TokioIo::new(stream), answer);
    tokio::pin!(connection);
    tokio::select! {
        ended = connection.as_mut() => return tell(ended),
        () = stop(&mut stopped) => connection.as_mut().graceful_shutdown(),
    }
    tell(connection.await);
}

/// Waits for the end of the server.
async fn stop(stopped: &mut watch::Receiver<bool>) {
    // An error means that the server is gone, which is an end as well.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

fn tell(ended: hyper::Result<()>) {
    if let Err(error) = ended {
        tracing::debug!(%error, "an RPC connection broke");
    }
}
