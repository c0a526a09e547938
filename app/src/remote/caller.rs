//! Calls to a daemon for commands other than `remote`.

use super::client::Client;
use super::dialect::{Object, Request};
use super::server::{self, Server};
use std::io;
use std::path::{Path, PathBuf};

/// A daemon that can be called.
pub(crate) struct Caller(Client);

impl Caller {
    /// The daemon that `word` names as the first word of `starling remote` does, or the one at a socket.
    /// `credentials` are `user:password`; without them those of `$TR_AUTH` or of `~/.netrc` count.
    pub(crate) fn new(
        word: &str,
        unix_socket: Option<PathBuf>,
        credentials: Option<String>,
    ) -> io::Result<Self> {
        let mut server =
            Server::named(word).map_err(|reason| io::Error::new(io::ErrorKind::InvalidInput, reason))?;
        server.unix_socket = unix_socket;
        let known = || std::env::var("TR_AUTH").ok();
        let home = || std::env::var_os("HOME").map(|home| Path::new(&home).join(".netrc"));
        let netrc = || home().and_then(|path| server::netrc(&path, &server.host));
        server.credentials = credentials.or(server.credentials.clone()).or_else(known).or_else(netrc);
        Ok(Self(Client::new(server, false)?))
    }

    /// Calls a method, its name and parameters in `snake_case`; an error is one line.
    pub(crate) fn call(&mut self, method: &'static str, params: Object) -> Result<Object, String> {
        let answer = self.0.call(&Request::new(method, params)).map_err(|error| error.to_string())?;
        Ok(answer.result.unwrap_or_default())
    }
}
