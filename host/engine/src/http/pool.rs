//! Connections kept for the next request to the same server.

use super::connection::Connection;
use crate::limits::{IDLE_CONNECTION_LIFE, MAX_IDLE_CONNECTIONS, MAX_IDLE_PER_SERVER};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::time::Instant;

/// What names a server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Server {
    pub(super) tls: bool,
    /// A name, or an address without brackets.
    pub(super) host: String,
    pub(super) port: u16,
}

struct Idle {
    server: Server,
    connection: Connection,
    since: Instant,
}

/// Connections in no use.
#[derive(Default)]
pub(super) struct Pool(Mutex<State>);

#[derive(Default)]
struct State {
    /// The oldest first.
    idle: Vec<Idle>,
    /// Somebody comes by to close what grows old.
    is_swept: bool,
}

impl Pool {
    /// The connection to `server` that was used last and whose address is allowed.
    pub(super) fn take(
        &self,
        server: &Server,
        allowed: impl Fn(std::net::IpAddr) -> bool,
    ) -> Option<Connection> {
        let idle = &mut self.state().idle;
        tidy(idle);
        let fits = |entry: &Idle| entry.server == *server && allowed(entry.connection.remote.ip());
        let position = idle.iter().rposition(fits)?;
        Some(idle.remove(position).connection)
    }

    /// Keeps a connection whose last answer was read to its end.
    pub(super) fn put(&self, server: Server, connection: Connection) {
        if connection.is_closed() {
            return;
        }
        let idle = &mut self.state().idle;
        tidy(idle);
        let same = |entry: &Idle| entry.server == server;
        let oldest = if idle.iter().filter(|entry| same(entry)).count() >= MAX_IDLE_PER_SERVER {
            idle.iter().position(same)
        } else {
            (idle.len() >= MAX_IDLE_CONNECTIONS).then_some(0)
        };
        if let Some(position) = oldest {
            idle.remove(position);
        }
        idle.push(Idle { server, connection, since: Instant::now() });
    }

    /// Whether a sweeper is wanted, which the caller then is: it calls [`Pool::sweep`] until that says false.
    pub(super) fn start_sweeping(&self) -> bool {
        let mut state = self.state();
        let is_wanted = !state.is_swept && !state.idle.is_empty();
        state.is_swept |= is_wanted;
        is_wanted
    }

    /// Closes what is too old to be tried. False when nothing is left, and no sweeper is wanted any more.
    pub(super) fn sweep(&self) -> bool {
        let mut state = self.state();
        tidy(&mut state.idle);
        state.is_swept = !state.idle.is_empty();
        state.is_swept
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn tidy(idle: &mut Vec<Idle>) {
    idle.retain(|entry| !entry.connection.is_closed() && entry.since.elapsed() < IDLE_CONNECTION_LIFE);
}
