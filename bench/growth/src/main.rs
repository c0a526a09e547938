//! How cost grows with peers, torrents, pieces and files: our engine on loopback against a crowd of the thinnest
//! peers, which run in a process of their own. `bench/run-growth` runs all of it.
#![allow(clippy::disallowed_methods, reason = "a measurement reads the clock")]

mod cases;
mod crowd;
mod meter;
mod payload;

use anyhow::{Context, bail};

const USAGE: &str = "growth idle|seed|leech|torrents|pieces|files [PEERS]...";

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((case, rest)) = arguments.split_first() else { bail!(USAGE) };
    if case == "crowd" {
        return crowd::run(&crowd::Crowd::from_arguments(rest).context("the crowd's arguments")?);
    }
    let runtime = engine::runtime::build()?;
    let numbers: Vec<usize> =
        rest.iter().map(|text| text.parse()).collect::<Result<_, _>>().context(USAGE)?;
    runtime.block_on(async {
        match case.as_str() {
            "idle" => cases::idle(&or(numbers, &[1000])).await,
            "seed" => cases::seed(&or(numbers, &[1, 50, 500])).await,
            "leech" => cases::leech(&or(numbers, &[1, 50, 500])).await,
            "torrents" => cases::torrents(&or(numbers, &[1, 64])).await,
            "pieces" => cases::pieces(&or(numbers, &[256, 1024, 4096])).await,
            "files" => cases::files(&or(numbers, &[100_000])).await,
            _ => bail!(USAGE),
        }
    })
}

fn or(numbers: Vec<usize>, default: &[usize]) -> Vec<usize> {
    if numbers.is_empty() { default.to_vec() } else { numbers }
}
