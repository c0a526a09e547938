//! Names of nodes become addresses, again and again until one does.

use super::Command;
use crate::bind::Bind;
use crate::limits::{DHT_GREETING_PAUSE, DHT_NAMES_PAUSE, DHT_NAMES_TRIES, DHT_NAMES_WAIT, MAX_DHT_NAMES};
use crate::proxy::{Place, Relay, UdpWay};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Looks all names up at once and sends each that is found to the task, which is asked for no longer than it lives.
/// Where datagrams go through a proxy, only that looks names up.
pub(super) fn resolve(
    way: &UdpWay,
    names: Vec<(String, u16)>,
    commands: mpsc::WeakSender<Command>,
    command: fn(Vec<SocketAddr>) -> Command,
) {
    let bind = match way {
        UdpWay::Straight(bind) => *bind,
        UdpWay::Relayed(relay) => {
            return drop(tokio::spawn(greet(Arc::clone(relay), names, commands, command)));
        }
        UdpWay::None => return,
    };
    tokio::spawn(async move {
        for _ in 0..DHT_NAMES_TRIES {
            if resolve_once(bind, &names, &commands, command).await {
                return;
            }
            sleep(DHT_NAMES_PAUSE).await;
        }
    });
}

/// Has the task greet nodes by their names, again and again until one of them has answered, which the task knows.
async fn greet(
    relay: Arc<Relay>,
    names: Vec<(String, u16)>,
    commands: mpsc::WeakSender<Command>,
    command: fn(Vec<SocketAddr>) -> Command,
) {
    let mut pause = DHT_GREETING_PAUSE;
    let places = names.iter().take(MAX_DHT_NAMES).filter_map(|(host, port)| Place::new(host, *port));
    let (mut known, mut named) = (Vec::new(), Vec::new());
    for place in places {
        match place {
            Place::Address(address) => known.push(address),
            Place::Named(..) => named.push(place),
        }
    }
    for _ in 0..DHT_NAMES_TRIES {
        // Who holds the relay here does not keep the task alive, and the task ends with the session.
        relay.up().await;
        let Some(commands) = commands.upgrade() else { return };
        if !known.is_empty() && commands.send(command(std::mem::take(&mut known))).await.is_err() {
            return;
        }
        if named.is_empty() || commands.send(Command::Greet(named.clone())).await.is_err() {
            return;
        }
        drop(commands);
        sleep(pause).await;
        pause = (pause * 2).min(DHT_NAMES_PAUSE);
    }
}

/// True if anything was found, or nobody wants to know any more.
async fn resolve_once(
    bind: Bind,
    names: &[(String, u16)],
    commands: &mpsc::WeakSender<Command>,
    command: fn(Vec<SocketAddr>) -> Command,
) -> bool {
    let mut lookups = look_ups(bind, names);
    let mut found = false;
    while let Some(ended) = lookups.join_next().await {
        let Some(commands) = commands.upgrade() else { return true };
        if let Ok(Ok(addresses)) = ended {
            found |= !addresses.is_empty();
            if commands.send(command(addresses)).await.is_err() {
                return true;
            }
        }
    }
    found
}

/// The addresses that names have, as far as they are found within [`DHT_NAMES_WAIT`]; what was said of one of them if
/// none has any.
pub(super) async fn addresses(bind: Bind, names: &[(String, u16)]) -> Result<Vec<SocketAddr>, String> {
    let mut lookups = look_ups(bind, names);
    let (mut found, mut trouble) = (Vec::new(), None);
    let look_up = async {
        while let Some(ended) = lookups.join_next().await {
            match ended {
                Ok(Ok(addresses)) => found.extend(addresses),
                Ok(Err(error)) => trouble = Some(error.to_string()),
                Err(_) => {}
            }
        }
    };
    let in_time = timeout(DHT_NAMES_WAIT, look_up).await.is_ok();
    match trouble {
        _ if names.is_empty() || !found.is_empty() => Ok(found),
        Some(error) => Err(error),
        None if in_time => Err("their addresses cannot be reached from here".to_owned()),
        None => Err("no name server answers".to_owned()),
    }
}

fn look_ups(bind: Bind, names: &[(String, u16)]) -> JoinSet<io::Result<Vec<SocketAddr>>> {
    let mut lookups = JoinSet::new();
    for (host, port) in names.iter().take(MAX_DHT_NAMES).cloned() {
        lookups.spawn(async move { bind.look_up(&host, port).await });
    }
    lookups
}
