//! Walls, words and names of the Rust files, and where `unsafe` may stand.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tidy::{Line, Source, expect_none, files, is_test_file, sources, text};

/// Lines of code in a file, its inline tests not counted.
const FILE_WALL: usize = 600;

/// Lines of the hub of a torrent's brain, all of them: it routes and holds no policy.
const HUB_WALL: usize = 500;

/// The files that may hold `unsafe`, each block with its reason beside it.
const UNSAFE_FILES: [&str; 3] =
    ["host/hash/src/x86.rs", "app/src/daemon/memory.rs", "bench/tests/allocations.rs"];

#[test]
fn files_stay_below_the_wall() {
    let mut offences: Vec<String> = sources()
        .iter()
        .map(|(path, source)| (path, source.code_lines()))
        .filter(|(_, lines)| *lines > FILE_WALL)
        .map(|(path, lines)| format!("{}: {lines} lines of code", path.display()))
        .collect();
    for path in files(".py") {
        let lines = text(&path).unwrap_or_default().lines().filter(|line| !line.trim().is_empty()).count();
        if lines > FILE_WALL {
            offences.push(format!("{}: {lines} lines", path.display()));
        }
    }
    expect_none(&offences, "a file has at most 600 lines of code: split it where a reader would");
}

#[test]
fn the_hub_only_routes() {
    let hub = text("core/swarm/src/swarm.rs").expect("the hub exists");
    let lines = hub.lines().count();
    assert!(
        lines <= HUB_WALL,
        "core/swarm/src/swarm.rs has {lines} lines, at most {HUB_WALL}: policy belongs elsewhere"
    );
}

#[test]
fn nothing_is_left_for_later() {
    // Put together here, so that this file does not find itself.
    let words = ["TO DO", "FIX ME", "X X X"].map(|word| word.replace(' ', ""));
    let calls = ["to do!(", "unimpl emented!(", "d bg!("].map(|call| call.replace(' ', ""));
    let mut offences = Vec::new();
    for (path, source) in sources() {
        for (number, line) in source.lines.iter().enumerate() {
            let word = words.iter().find(|word| line.comment.contains(word.as_str()));
            let call = calls.iter().find(|call| line.code.contains(call.as_str()));
            if let Some(found) = word.or(call) {
                offences.push(format!("{}:{}: {found}", path.display(), number + 1));
            }
        }
    }
    expect_none(&offences, "what is not built is said in docs/roadmap.md, not in the code");
}

#[test]
fn modules_are_named_after_what_they_hold() {
    let empty_names = [
        "common", "utils", "util", "misc", "prelude", "helper", "helpers", "manager", "types", "service",
        "base",
    ];
    let mut offences = Vec::new();
    for path in files(".rs").iter().chain(&files(".py")) {
        for part in path.with_extension("").components() {
            let part = part.as_os_str().to_string_lossy();
            if empty_names.contains(&part.as_ref()) {
                offences.push(path.display().to_string());
            }
        }
    }
    for (path, source) in sources() {
        for line in &source.lines {
            let declared = line.code.trim().trim_start_matches("pub ").trim_start_matches("pub(crate) ");
            let name = declared.strip_prefix("mod ").and_then(|rest| rest.split([';', ' ']).next());
            if name.is_some_and(|name| empty_names.contains(&name)) {
                offences.push(format!("{}: {declared}", path.display()));
            }
        }
    }
    expect_none(&offences, "a module's name says what it holds");
}

#[test]
fn types_are_named_after_what_they_are() {
    let endings = ["Manager", "Helper", "Util", "Utils", "Service", "Info2"];
    let mut offences = Vec::new();
    for (path, source) in sources() {
        for (number, line) in source.lines.iter().enumerate() {
            let words: Vec<&str> = line.code.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
            for pair in words.windows(2) {
                let declares = matches!(pair[0], "struct" | "enum" | "trait" | "type");
                if declares && endings.iter().any(|ending| pair[1].ends_with(ending)) {
                    offences.push(format!("{}:{}: {}", path.display(), number + 1, pair[1]));
                }
            }
        }
    }
    expect_none(&offences, "no Manager, Helper, Util, Service or Info2");
}

#[test]
fn lints_that_hold_the_walls_are_not_switched_off() {
    let walls = ["too_many_lines", "too_many_arguments", "disallowed_types"];
    let mut offences = Vec::new();
    for (path, source) in sources() {
        for (number, line) in source.lines.iter().enumerate() {
            if line.code.contains("clippy::") && walls.iter().any(|wall| line.code.contains(wall)) {
                offences.push(format!("{}:{}: {}", path.display(), number + 1, line.code.trim()));
            }
        }
    }
    expect_none(&offences, "the walls of clippy.toml stand for every file");
}

/// Outside its tests a pure package may call the clock in one place only: where a world made for tests gets the
/// instant that its time starts at. There is no other way to make one.
#[test]
fn pure_packages_have_at_most_one_clock() {
    let mut clocks: BTreeMap<PathBuf, Vec<String>> = BTreeMap::new();
    for (path, source) in sources() {
        let package: PathBuf = path.iter().take(if path.starts_with("core") { 2 } else { 1 }).collect();
        if is_test_file(&path) || !(package.starts_with("core") || package.starts_with("sim")) {
            continue;
        }
        let allows =
            source.lines.iter().enumerate().filter(|(_, l)| l.code.contains("clippy::disallowed_methods"));
        let places = allows.map(|(number, _)| format!("{}:{}", path.display(), number + 1));
        clocks.entry(package).or_default().extend(places);
    }
    let offences: Vec<String> = clocks
        .into_iter()
        .filter(|(_, places)| places.len() > 1)
        .map(|(_, places)| places.join(", "))
        .collect();
    expect_none(&offences, "time is an argument in the core and in sim: one starting instant a package");
}

#[test]
fn unsafe_stays_in_named_files_and_says_why() {
    let mut offences = Vec::new();
    for (path, source) in sources() {
        for (number, line) in source.lines.iter().enumerate() {
            let is_unsafe =
                line.code.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == "unsafe");
            if !is_unsafe {
                continue;
            }
            if !UNSAFE_FILES.iter().any(|allowed| Path::new(allowed) == path) {
                offences.push(format!("{}:{}: not among UNSAFE_FILES", path.display(), number + 1));
            } else if !line.code.contains("unsafe fn") && !says_why(&source, number) {
                offences.push(format!("{}:{}: no SAFETY comment above", path.display(), number + 1));
            }
        }
    }
    expect_none(&offences, "`unsafe` stands only in named files, each with a SAFETY comment");
}

/// Is there a SAFETY comment on this line or right above it?
fn says_why(source: &Source, number: usize) -> bool {
    let told = |line: &Line| line.comment.contains("SAFETY:");
    let above = source.lines[..number].iter().rev().take_while(|line| !line.comment.is_empty());
    told(&source.lines[number]) || above.into_iter().any(told)
}

#[test]
fn every_limit_says_its_reason() {
    let mut offences = Vec::new();
    let mut seen = 0;
    for (path, source) in sources().into_iter().filter(|(path, _)| path.ends_with("limits.rs")) {
        for (number, line) in source.lines.iter().enumerate() {
            let constant =
                line.code.trim_start().trim_start_matches("pub").trim_start_matches("(crate)").trim_start();
            if !constant.starts_with("const ") || line.in_tests {
                continue;
            }
            seen += 1;
            let documented = number > 0 && source.lines[number - 1].comment.starts_with('/');
            if !documented {
                offences.push(format!("{}:{}: {}", path.display(), number + 1, constant));
            }
        }
    }
    assert!(seen > 0, "no limits.rs was found: the rule is looking in the wrong place");
    expect_none(&offences, "every constant of a limits.rs has a doc comment with its reason");
}

#[test]
fn tests_do_not_sleep_to_synchronise() {
    let mut offences = Vec::new();
    for (path, source) in sources() {
        let whole = is_test_file(&path);
        for (number, line) in source.lines.iter().enumerate() {
            if (whole || line.in_tests) && line.code.contains("thread::sleep(") {
                offences.push(format!("{}:{}: thread::sleep", path.display(), number + 1));
            }
        }
    }
    expect_none(&offences, "a test waits for a condition, not for a time");
}
