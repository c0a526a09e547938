//! What the documents say is there is there.

use std::path::Path;
use tidy::{expect_none, files, root, text};

/// Lines of ARCHITECTURE.md: it is read in one sitting or not at all.
const ARCHITECTURE_WALL: usize = 200;

/// Reference texts that every newcomer is sent to.
const READING_LIST: [&str; 9] = [
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "LICENSE-MIT",
    "LICENSE-APACHE",
    "docs/beps.md",
    "docs/get.md",
    "docs/roadmap.md",
];

#[test]
fn the_reading_list_exists() {
    let missing: Vec<String> =
        READING_LIST.iter().filter(|path| !root().join(path).is_file()).map(ToString::to_string).collect();
    expect_none(&missing, "documents that a newcomer is sent to");
}

#[test]
fn architecture_is_short() {
    let lines = text("ARCHITECTURE.md").unwrap_or_default().lines().count();
    assert!(lines <= ARCHITECTURE_WALL, "ARCHITECTURE.md has {lines} lines, at most {ARCHITECTURE_WALL}");
}

#[test]
fn links_between_documents_hold() {
    let mut offences = Vec::new();
    for document in files(".md") {
        let folder = document.parent().unwrap_or(Path::new(""));
        for target in text(&document).unwrap_or_default().split("](").skip(1) {
            let target = target.split([')', '#', ' ']).next().unwrap_or_default();
            if target.is_empty() || target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            if !root().join(folder).join(target).exists() {
                offences.push(format!("{}: {target}", document.display()));
            }
        }
    }
    expect_none(&offences, "links between documents lead somewhere");
}

/// A row of docs/beps.md is `| BEP | title | status | files | tests |`, files and tests in back-ticks, a test as
/// `file::function`. A row whose status is "not yet" names neither.
#[test]
fn every_bep_names_its_files_and_tests() {
    let table = text("docs/beps.md").expect("docs/beps.md exists");
    let mut offences = Vec::new();
    let mut rows = 0;
    for line in table.lines().filter(|line| line.starts_with('|')) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [bep, _, status, sources, tests] = cells[..] else {
            offences.push(format!("a row of {} cells: {line}", cells.len()));
            continue;
        };
        if !bep.starts_with(|c: char| c.is_ascii_digit()) {
            continue;
        }
        rows += 1;
        let (named_sources, named_tests) = (quoted(sources), quoted(tests));
        if status != "not yet" && (named_sources.is_empty() || named_tests.is_empty()) {
            offences.push(format!("BEP {bep} is '{status}' and names no file or no test"));
        }
        for path in &named_sources {
            if !root().join(path).exists() {
                offences.push(format!("BEP {bep}: there is no {path}"));
            }
        }
        offences.extend(
            named_tests.iter().filter_map(|test| missing_test(test)).map(|m| format!("BEP {bep}: {m}")),
        );
    }
    assert!(rows > 20, "only {rows} rows: the table is read wrongly");
    expect_none(&offences, "every row of docs/beps.md names files and tests that exist");
}

/// The back-ticked words of a cell.
fn quoted(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn missing_test(test: &str) -> Option<String> {
    let Some((path, function)) = test.split_once("::") else {
        return Some(format!("{test} is not of the form file::function"));
    };
    let Some(text) = text(path) else {
        return Some(format!("there is no {path}"));
    };
    let found =
        [format!("fn {function}("), format!("def {function}(")].iter().any(|head| text.contains(head));
    (!found).then(|| format!("{path} has no test {function}"))
}
