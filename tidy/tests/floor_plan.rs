//! Imports only go down the floor plan, and the ground floor stays pure.

use std::collections::BTreeMap;
use std::path::Path;
use tidy::{dependencies, expect_none, packages, text};

/// What each package may import of ours. A package that is not here does not belong to the house.
const FLOOR_PLAN: [(&str, &[&str]); 21] = [
    ("core/bencode", &[]),
    ("core/blocklist", &[]),
    ("core/metainfo", &["bencode"]),
    ("core/wire", &["bencode", "metainfo"]),
    ("core/mse", &[]),
    ("core/utp", &[]),
    ("core/dht", &["bencode", "metainfo"]),
    ("core/tracker", &["bencode", "metainfo"]),
    ("core/swarm", &["metainfo", "wire"]),
    ("host/hash", &[]),
    ("host/storage", &["metainfo", "hash"]),
    (
        "host/engine",
        &["bencode", "metainfo", "wire", "mse", "utp", "dht", "tracker", "swarm", "blocklist", "storage"],
    ),
    ("host/images", &["engine"]),
    ("host/daemon", &["metainfo", "tracker", "storage", "engine"]),
    ("host/rpc", &["bencode", "metainfo", "engine", "daemon"]),
    (
        "app",
        &[
            "bencode",
            "blocklist",
            "metainfo",
            "hash",
            "tracker",
            "storage",
            "engine",
            "images",
            "daemon",
            "rpc",
        ],
    ),
    ("sim", &["bencode", "metainfo", "wire", "utp", "dht", "tracker", "swarm"]),
    ("bench", &["bencode", "metainfo", "wire", "dht", "tracker", "swarm", "hash"]),
    ("bench/growth", &["bencode", "metainfo", "wire", "hash", "engine"]),
    ("fuzz", &["bencode", "metainfo", "wire", "mse", "utp", "dht", "tracker"]),
    ("tidy", &[]),
];

/// Other people's packages that a core package may have, each.
const CORE_DEPENDENCIES: usize = 4;

/// Packages in Cargo.lock, ours included.
const LOCKED_PACKAGES: usize = 250;

#[test]
fn imports_only_go_down() {
    let plan: BTreeMap<&Path, &[&str]> = FLOOR_PLAN.iter().map(|(k, v)| (Path::new(*k), *v)).collect();
    let ours: Vec<&str> = FLOOR_PLAN.iter().filter_map(|(folder, _)| folder.rsplit('/').next()).collect();
    let mut offences = Vec::new();
    for (folder, manifest) in packages() {
        let Some(allowed) = plan.get(folder.as_path()) else {
            offences.push(format!("{} is not in the floor plan", folder.display()));
            continue;
        };
        for table in ["dependencies", "dev-dependencies", "build-dependencies"] {
            for name in dependencies(&manifest, table) {
                if ours.contains(&name.as_str()) && !allowed.contains(&name.as_str()) {
                    offences.push(format!("{} imports {name}", folder.display()));
                }
            }
        }
    }
    expect_none(&offences, "imports only go down the floor plan of ARCHITECTURE.md");
}

#[test]
fn core_packages_have_few_dependencies_and_none_that_touches_the_world() {
    let worldly = [
        "tokio", "socket2", "rustix", "rusqlite", "hyper", "reqwest", "tempfile", "tracing", "rand", "anyhow",
    ];
    let ours: Vec<&str> = FLOOR_PLAN.iter().filter_map(|(folder, _)| folder.rsplit('/').next()).collect();
    let mut offences = Vec::new();
    for (folder, manifest) in packages().into_iter().filter(|(folder, _)| folder.starts_with("core")) {
        let theirs: Vec<String> = dependencies(&manifest, "dependencies")
            .into_iter()
            .filter(|d| !ours.contains(&d.as_str()))
            .collect();
        if theirs.len() > CORE_DEPENDENCIES {
            offences.push(format!("{} has {}: {}", folder.display(), theirs.len(), theirs.join(", ")));
        }
        offences.extend(
            theirs
                .iter()
                .filter(|d| worldly.contains(&d.as_str()))
                .map(|d| format!("{} imports {d}", folder.display())),
        );
    }
    expect_none(&offences, "a core package has at most 4 dependencies, none with effects");
}

#[test]
fn every_package_takes_the_workspace_lints() {
    // A workspace of its own has no others' lints to take.
    let offences: Vec<String> = packages()
        .into_iter()
        .filter(|(_, manifest)| !manifest.contains("[workspace]"))
        .filter(|(_, manifest)| !manifest.contains("[lints]\nworkspace = true"))
        .map(|(folder, _)| folder.display().to_string())
        .collect();
    expect_none(&offences, "every package has `[lints] workspace = true`");
}

#[test]
fn nearer_clippy_files_repeat_the_roots_keys() {
    let root = text("clippy.toml").expect("the root has a clippy.toml");
    let mut offences = Vec::new();
    for nearer in ["core/clippy.toml", "sim/clippy.toml"] {
        let own = text(nearer).unwrap_or_default();
        offences.extend(
            root.lines().filter(|key| !own.contains(key)).map(|key| format!("{nearer} lacks: {key}")),
        );
    }
    expect_none(&offences, "the nearest clippy.toml wins and does not inherit");
}

#[test]
fn the_lock_file_stays_short() {
    let lock = text("Cargo.lock").expect("the lock file is committed");
    let count = lock.lines().filter(|line| *line == "[[package]]").count();
    assert!(count <= LOCKED_PACKAGES, "{count} packages in Cargo.lock, at most {LOCKED_PACKAGES}");
}
