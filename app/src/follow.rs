//! `starling follow`: what a daemon is to follow, told to it over RPC.

use crate::exit::{Failure, Kind};
use crate::remote::Caller;
use crate::{distributions, log, units};
use clap::Args;
use images::Bases;
use serde_json::{Map, Value, json};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

/// Have a daemon follow a distribution: fetch, verify and seed each new release, and retire old ones
///
/// The daemon asks the site of the distribution for its latest release every few hours. A new one is fetched, held
/// against everything that its site publishes (sums and signature), and only then takes the place of old ones.
#[derive(Args, Debug)]
pub(crate) struct FollowArgs {
    /// The distribution: arch, debian, fedora, ubuntu or one of your own; without one, what is followed is listed
    name: Option<String>,

    /// Releases that are kept, the new one included
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    keep: u32,

    /// List what is followed
    #[arg(long, conflicts_with_all = ["name", "remove"])]
    list: bool,

    /// Follow this distribution no more; what is there of it stays
    #[arg(long, value_name = "NAME", conflicts_with = "name")]
    remove: Option<String>,

    /// The address in the place of the distribution's site, as get has it
    #[arg(long, value_name = "NAME=URL", requires = "name")]
    images_base: Option<String>,

    /// The daemon: HOST, PORT, HOST:PORT or a URL
    #[arg(long, value_name = "DAEMON", default_value = "localhost:9091")]
    daemon: String,

    /// The daemon's socket, in the place of host and port
    #[arg(long, value_name = "PATH")]
    unix_socket: Option<PathBuf>,

    #[arg(
        long,
        value_name = "USER:PASSWORD",
        help = "Name and password for the daemon; without it those of $TR_AUTH or ~/.netrc"
    )]
    auth: Option<String>,

    /// List as JSON
    #[arg(long)]
    json: bool,
}

/// Runs `starling follow`.
pub(crate) fn run(args: &FollowArgs) -> ExitCode {
    match obey(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.told(),
    }
}

fn obey(args: &FollowArgs) -> Result<(), Failure> {
    let wish = args.name.as_deref().map(|name| wish(args, name)).transpose()?;
    let daemon = Caller::new(&args.daemon, args.unix_socket.clone(), args.auth.clone());
    let mut daemon = daemon.map_err(failed)?;
    let followed = followed(&mut daemon)?;
    if let Some(wish) = wish {
        let name = wish["name"].clone();
        let mut all = settings(&mut daemon, &name)?;
        all.push(wish);
        set(&mut daemon, all)?;
        return log::print(&format!("{} is followed; releases kept: {}", words(&name), args.keep));
    }
    match &args.remove {
        Some(name) => {
            if !followed.iter().any(|it| it["name"] == *name) {
                return Err(failed(format_args!("{name} is not followed")));
            }
            let others = settings(&mut daemon, &json!(name))?;
            set(&mut daemon, others)?;
            log::print(&format!("{name} is followed no more"))
        }
        None if args.json => log::print(&Value::from(followed).to_string()),
        None => log::print(page(&followed).trim_end()),
    }
}

/// The entry of the setting `follow` that is asked for.
fn wish(args: &FollowArgs, name: &str) -> Result<Value, Failure> {
    let usage = |error: images::CatalogueError| Failure::new(Kind::Usage, error);
    let mut bases = Bases::default();
    if let Some(base) = &args.images_base {
        bases.add(base).map_err(usage)?;
    }
    let catalogue = distributions::open(None, &bases).map_err(usage)?;
    if catalogue.get(name).is_none() {
        let known = catalogue.names();
        let words = format_args!("no distribution is called '{name}'; known are {known}");
        return Err(Failure::new(Kind::Usage, words));
    }
    let mut wish = json!({ "name": name, "keep": args.keep });
    if let Some((named, url)) = args.images_base.as_ref().and_then(|base| base.split_once('=')) {
        if named != name {
            let words = format_args!("--images-base is about {named}, and {name} is to be followed");
            return Err(Failure::new(Kind::Usage, words));
        }
        wish["base"] = json!(url);
    }
    Ok(wish)
}

/// What the daemon follows, and how far that is.
fn followed(daemon: &mut Caller) -> Result<Vec<Value>, Failure> {
    let mut answer = daemon.call("follow_get", Map::new()).map_err(failed)?;
    match answer.remove("follow") {
        Some(Value::Array(followed)) => Ok(followed),
        _ => Err(failed("the daemon does not say what it follows")),
    }
}

/// The setting `follow` without the entry of that name.
fn settings(daemon: &mut Caller, name: &Value) -> Result<Vec<Value>, Failure> {
    let params = Map::from_iter([("fields".to_owned(), json!(["follow"]))]);
    let mut answer = daemon.call("session_get", params).map_err(failed)?;
    let Some(Value::Array(all)) = answer.remove("follow") else {
        return Err(failed("the daemon does not say what it follows"));
    };
    Ok(all.into_iter().filter(|it| it["name"] != *name).collect())
}

fn set(daemon: &mut Caller, all: Vec<Value>) -> Result<(), Failure> {
    let params = Map::from_iter([("follow".to_owned(), Value::Array(all))]);
    daemon.call("session_set", params).map(drop).map_err(failed)
}

/// The list for people.
fn page(followed: &[Value]) -> String {
    if followed.is_empty() {
        return "nothing is followed; begin with: starling follow arch".to_owned();
    }
    let mut page = format!("{:<12} {:>4}  {:<14} {:<12} NEXT LOOK\n", "NAME", "KEEP", "LATEST", "STATE");
    for it in followed {
        let state = match words(&it["state"]) {
            "fetching" => format!("{:.0} %", it["percent_done"].as_f64().unwrap_or(0.0) * 100.0),
            state => state.to_owned(),
        };
        let (name, latest) = (words(&it["name"]), words(&it["latest"]));
        let line = format!(
            "{name:<12} {:>4}  {latest:<14} {state:<12} {}",
            it["keep"].as_u64().unwrap_or(0),
            until(it["next_look"].as_u64().unwrap_or(0))
        );
        page += line.trim_end();
        page.push('\n');
        let problem = words(&it["problem"]);
        if !problem.is_empty() {
            let _ = writeln!(page, "             {problem}");
        }
    }
    page
}

/// How long it is until a time, in seconds since 1970; 0 if it is now, or not known.
fn until(time: u64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
    match time.saturating_sub(now) {
        0 => String::new(),
        seconds => format!("in {}", units::duration(seconds)),
    }
}

fn words(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn failed(error: impl std::fmt::Display) -> Failure {
    Failure::new(Kind::Failed, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_says_what_became_of_each_release() {
        let followed = json!([
            { "name": "arch", "keep": 2, "latest": "2026.11.01", "state": "fetching", "percent_done": 0.42 },
            { "name": "debian", "keep": 1, "latest": "", "state": "looking", "problem": "it is not there" },
        ]);
        let page = page(followed.as_array().unwrap());
        let lines: Vec<&str> = page.lines().collect();
        assert_eq!(lines[1], "arch            2  2026.11.01     42 %");
        assert_eq!(lines[2], "debian          1                 looking");
        assert_eq!(lines[3].trim(), "it is not there");
        assert!(super::page(&[]).contains("nothing is followed"));
    }
}
