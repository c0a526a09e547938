//! One peer of a torrent whose metadata is not known: a task that owns the socket and the connection behind it, until
//! it is handed over to the torrent.

use crate::limits::{EARLY_READ, FACT_BATCH};
use crate::rate_limit::RateLimit;
use crate::transport::Stream;
use std::net::SocketAddr;
use std::sync::Arc;
use swarm::{Direction, PeerKey};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use wire::{Close, Connection, Fact, Order};

/// A connection that goes on in another task.
pub(crate) struct Acquaintance {
    pub(crate) address: SocketAddr,
    pub(crate) direction: Direction,
    pub(crate) stream: Stream,
    pub(crate) connection: Connection,
    /// Bytes that the socket did not take yet, sealed.
    pub(crate) unsent: Vec<u8>,
}

/// What a peer's task is told.
pub(super) enum Call {
    Orders(Vec<Order>),
    /// End, and give the connection back.
    HandOver,
}

/// One peer's task.
pub(super) struct EarlyPeer {
    pub(super) key: PeerKey,
    pub(super) acquaintance: Acquaintance,
    pub(super) calls: mpsc::Receiver<Call>,
    pub(super) facts: mpsc::Sender<(PeerKey, Vec<Fact>)>,
    pub(super) down: Arc<RateLimit>,
    pub(super) up: Arc<RateLimit>,
}

impl EarlyPeer {
    /// Runs until the connection is closed, or is asked for.
    pub(super) async fn run(self) -> Option<Acquaintance> {
        let Self { key, mut acquaintance, mut calls, facts, down, up } = self;
        let (mut told, mut read_from) = (Vec::new(), None);
        loop {
            acquaintance.write(&up);
            while let Some(fact) = acquaintance.connection.poll_fact() {
                told.push(fact);
            }
            if acquaintance.connection.is_closed() {
                // An error means that nobody is interested any more.
                let _ = facts.send((key, told)).await;
                return None;
            }
            let Acquaintance { stream, connection, unsent, .. } = &mut acquaintance;
            let wait = read_from.filter(|when| *when > Instant::now());
            let deadline = connection.poll_timeout().map(Instant::from_std);
            let wake = [deadline, wait].into_iter().flatten().min();
            tokio::select! {
                biased;
                call = calls.recv() => match call {
                    Some(Call::Orders(orders)) => {
                        for order in orders {
                            connection.handle_order(now(), order);
                        }
                    }
                    Some(Call::HandOver) => return Some(acquaintance),
                    None => connection.handle_order(now(), Order::Close(Close::Stopped)),
                },
                slot = facts.reserve(), if !told.is_empty() => match slot {
                    Ok(slot) => slot.send((key, std::mem::take(&mut told))),
                    Err(_) => return None,
                },
                () = stream.readable(), if told.len() < FACT_BATCH && wait.is_none() => {
                    read_from = acquaintance.read(&down);
                }
                () = stream.writable(), if !unsent.is_empty() => {}
                () = sleep_until(wake.unwrap_or_else(Instant::now)), if wake.is_some() => {
                    connection.handle_timeout(now());
                }
            }
        }
    }
}

impl Acquaintance {
    /// Reads once; the answer is when to go on, if that is not at once.
    fn read(&mut self, limit: &RateLimit) -> Option<Instant> {
        let mut bytes = [0; EARLY_READ];
        match self.stream.try_read(&mut bytes) {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => None,
            Ok(0) | Err(_) => {
                self.connection.handle_order(now(), Order::Close(Close::Remote));
                None
            }
            Ok(n) => {
                feed(&mut self.connection, &bytes[..n]);
                limit.charge(Instant::now(), n)
            }
        }
    }

    fn write(&mut self, limit: &RateLimit) {
        let sealed = self.unsent.len();
        self.connection.poll_transmit(&mut self.unsent);
        self.stream.seal(&mut self.unsent[sealed..]);
        if self.unsent.is_empty() {
            return;
        }
        match self.stream.try_write(&self.unsent) {
            Ok(n) => {
                self.unsent.drain(..n);
                self.connection.handle_written(now(), n);
                // What is said here is little; whoever sends much more pays for it.
                let _ = limit.charge(Instant::now(), n);
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => self.connection.handle_order(now(), Order::Close(Close::Remote)),
        }
    }
}

/// Hands bytes to the connection; blocks, which nobody asked for, are thrown away.
fn feed(connection: &mut Connection, mut bytes: &[u8]) {
    while !bytes.is_empty() && !connection.is_closed() {
        let used = match connection.payload() {
            Some(payload) => {
                let missing = (payload.request.length - payload.received) as usize;
                let part = missing.min(bytes.len());
                connection.handle_payload(now(), part as u32);
                part
            }
            None => connection.handle_bytes(now(), bytes),
        };
        bytes = &bytes[used.min(bytes.len())..];
    }
}

fn now() -> std::time::Instant {
    Instant::now().into_std()
}
