//! `starling dht`: the distributed hash table by hand.

mod ask;
mod items;
mod key_file;
mod options;

pub(crate) use options::DhtArgs;

use crate::exit::{Failure, Kind};
use crate::get::block_on;
use crate::signals::StopSignals;
use crate::{log, units};
use engine::{DhtError, DhtNode, DhtSettings};
use options::{Network, What};
use serde_json::Value;
use std::process::ExitCode;
use tokio::time::timeout;

/// Runs `starling dht`.
pub(crate) fn run(args: &DhtArgs) -> ExitCode {
    let network = &args.network;
    let outcome = match &args.what {
        What::Ping { node } => block_on(ask::ping(network, node)),
        What::Peers { info_hash } => block_on(ask::peers(network, *info_hash)),
        What::Get(get) => block_on(items::get(network, get)),
        What::Put(put) => items::put(network, put),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.told(),
    }
}

/// A node that only asks (BEP 43): it will be gone soon.
async fn start(network: &Network) -> Result<DhtNode, DhtError> {
    let usual = DhtSettings { read_only: true, ..DhtSettings::default() };
    let routers = network.dht_bootstrap.clone();
    let settings = if routers.is_empty() { usual } else { DhtSettings { routers, ..usual } };
    DhtNode::start(network.bind.unwrap_or_default(), network.port, &settings).await
}

/// Bound to loopback, the usual routers cannot be reached and nobody else is meant.
fn check_way_in(network: &Network) -> Result<(), Failure> {
    if network.dht_bootstrap.is_empty() && network.bind.is_some_and(engine::Bind::is_loopback) {
        let words =
            "--bind names a loopback address: say with --dht-bootstrap where the local DHT is entered";
        return Err(Failure::new(Kind::Usage, words));
    }
    Ok(())
}

/// Waits for an answer, no longer than `--timeout` and not after a signal.
async fn within<T>(
    network: &Network,
    answer: impl Future<Output = Result<T, DhtError>>,
) -> Result<T, Failure> {
    let mut stop = StopSignals::listen()?;
    tokio::select! {
        answer = timeout(network.timeout, answer) => {
            let late = |_| {
                let words = format_args!("no answer within {}", units::duration(network.timeout.as_secs()));
                Failure::new(Kind::Incomplete, words)
            };
            answer.map_err(late)?.map_err(|error| failure(&error))
        }
        () = stop.wait() => Err(Failure::new(Kind::Interrupted, "interrupted")),
    }
}

fn failure(error: &DhtError) -> Failure {
    let kind = match error {
        DhtError::NobodyAnswers | DhtError::NotFound | DhtError::NotKept(_) | DhtError::NoWayIn(_) => {
            Kind::Incomplete
        }
        DhtError::BadItem(_) => Kind::Usage,
        DhtError::NoSocket
        | DhtError::PortTaken(_)
        | DhtError::Conflict(_)
        | DhtError::Older
        | DhtError::Busy => Kind::Failed,
    };
    Failure::new(kind, error)
}

/// Prints what was found out: a line for each, or one JSON object.
fn tell(network: &Network, lines: &[(&str, String)], json: &Value) -> Result<(), Failure> {
    if network.json {
        return log::print(&json.to_string());
    }
    let lines: Vec<String> = lines.iter().map(|(label, value)| format!("{label:<12}{value}")).collect();
    log::print(&lines.join("\n"))
}
