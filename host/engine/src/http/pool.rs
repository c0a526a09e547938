//! Connections kept for the next request to the same server.

use super::connection::Connection;
use crate::limits::{IDLE_CONNECTION_LIFE, MAX_IDLE_CONNECTIONS, MAX_IDLE_PER_SERVER};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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

/// Connections in no use, and how many there are to each host in all.
#[derive(Clone, Default)]
pub(super) struct Pool(Arc<Mutex<State>>);

/// The right to one connection to a host.
pub(super) struct Seat {
    pool: Pool,
    host: String,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let seats = &mut self.pool.state().seats;
        if let Some(taken) = seats.get_mut(&self.host) {
            *taken -= 1;
            if *taken == 0 {
                seats.remove(&self.host);
            }
        }
    }
}

#[derive(Default)]
struct State {
    /// Connections to each host, those in use too.
    seats: BTreeMap<String, usize>,
    /// The oldest first.
    idle: Vec<Idle>,
    /// Somebody comes by to close what grows old.
    is_swept: bool,
}

impl Pool {
    /// The connection to `server` that was used last, goes through the proxy or does not, and leads to no local address
    /// unless it may.
    pub(super) fn take(&self, server: &Server, is_proxied: bool, may_be_local: bool) -> Option<Connection> {
        let mut state = self.state();
        let old = tidy(&mut state.idle);
        let idle = &mut state.idle;
        let fits = |entry: &Idle| {
            let route = &entry.connection.route;
            entry.server == *server && route.is_proxied == is_proxied && (may_be_local || !route.is_local)
        };
        let found = idle.iter().rposition(fits).map(|position| idle.remove(position).connection);
        drop(state);
        drop(old);
        found
    }

    /// Keeps a connection whose last answer was read to its end.
    pub(super) fn put(&self, server: Server, connection: Connection) {
        if connection.is_closed() {
            return;
        }
        let mut state = self.state();
        let mut old = tidy(&mut state.idle);
        let idle = &mut state.idle;
        let same = |entry: &Idle| entry.server == server;
        let oldest = if idle.iter().filter(|entry| same(entry)).count() >= MAX_IDLE_PER_SERVER {
            idle.iter().position(same)
        } else {
            (idle.len() >= MAX_IDLE_CONNECTIONS).then_some(0)
        };
        old.extend(oldest.map(|position| idle.remove(position)));
        idle.push(Idle { server, connection, since: Instant::now() });
        drop(state);
        drop(old);
    }

    /// Closes every connection that is in no use.
    pub(super) fn clear(&self) {
        // Connections give up their seats as they go, which takes the lock again.
        let closed = std::mem::take(&mut self.state().idle);
        drop(closed);
    }

    /// The right to one more connection to `host`, if there are fewer than `most`. One in no use gives way.
    pub(super) fn seat(&self, host: &str, most: usize) -> Option<Seat> {
        let is_full = |state: &State| state.seats.get(host).is_some_and(|taken| *taken >= most);
        let idle = {
            let mut state = self.state();
            let position = state.idle.iter().position(|entry| entry.server.host == host);
            position.filter(|_| is_full(&state)).map(|position| state.idle.remove(position))
        };
        drop(idle);
        let mut state = self.state();
        if is_full(&state) {
            return None;
        }
        *state.seats.entry(host.to_owned()).or_default() += 1;
        Some(Seat { pool: self.clone(), host: host.to_owned() })
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
        let old = tidy(&mut state.idle);
        state.is_swept = !state.idle.is_empty();
        let is_swept = state.is_swept;
        drop(state);
        drop(old);
        is_swept
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes out what is closed or too old to be tried. It is to be dropped once the lock is let go: connections give up
/// their seats, which takes the lock again.
fn tidy(idle: &mut Vec<Idle>) -> Vec<Idle> {
    let is_old =
        |entry: &mut Idle| entry.connection.is_closed() || entry.since.elapsed() >= IDLE_CONNECTION_LIFE;
    idle.extract_if(.., is_old).collect()
}
