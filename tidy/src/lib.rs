//! The house rules as an ordinary test: `cargo test -p starling-tidy`.
//!
//! A rule that only a reader enforces is forgotten in a hurry. Those that a few lines of text work can check are in
//! `tests/`, one file a theme; this library reads the repository for them. Rules that clippy knows (function
//! length, arguments, forbidden calls in the core) are clippy's, and are only guarded here against being switched
//! off.

mod source;

pub use source::{Line, Source};

use std::fs;
use std::path::{Path, PathBuf};

/// Folders that hold nothing of ours.
const FOREIGN: [&str; 6] = ["target", ".git", "node_modules", "__pycache__", "corpus", "artifacts"];

/// The root of the repository.
///
/// # Panics
/// Never in a checkout: the package lies one folder below the root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tidy/ lies in the repository").to_path_buf()
}

/// Every file of the repository whose name ends in `suffix`, relative to the root, sorted.
pub fn files(suffix: &str) -> Vec<PathBuf> {
    let root = root();
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("folders of a checkout are readable").flatten() {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            if path.is_dir() {
                if !FOREIGN.contains(&name.as_str()) && !name.starts_with("target-") {
                    folders.push(path);
                }
            } else if name.ends_with(suffix) {
                found.push(path.strip_prefix(&root).expect("found below the root").to_path_buf());
            }
        }
    }
    found.sort();
    found
}

/// The text of a file named relative to the root; `None` when there is none or it is not text.
pub fn text(path: impl AsRef<Path>) -> Option<String> {
    fs::read_to_string(root().join(path)).ok()
}

/// Every Rust file of the repository, scanned.
pub fn sources() -> Vec<(PathBuf, Source)> {
    files(".rs")
        .into_iter()
        .filter_map(|path| {
            let source = Source::scan(&text(&path)?);
            Some((path, source))
        })
        .collect()
}

/// Is this file no part of what is shipped: tests, examples, benches?
pub fn is_test_file(path: &Path) -> bool {
    let beside = ["tests", "examples", "benches"];
    path.components().any(|part| beside.iter().any(|folder| part.as_os_str() == *folder))
        || path.file_stem().is_some_and(|stem| stem == "tests")
}

/// The members of the workspace: (package folder relative to the root, text of its Cargo.toml).
pub fn packages() -> Vec<(PathBuf, String)> {
    files("Cargo.toml")
        .into_iter()
        .filter(|path| path.as_os_str() != "Cargo.toml")
        .filter_map(|path| {
            let manifest = text(&path)?;
            Some((path.parent()?.to_path_buf(), manifest))
        })
        .collect()
}

/// The names of the dependencies that a manifest lists in tables called `table` (`dependencies` or
/// `dev-dependencies`, target-specific ones included).
pub fn dependencies(manifest: &str, table: &str) -> Vec<String> {
    let mut inside = false;
    let mut names = Vec::new();
    for line in manifest.lines().map(str::trim) {
        if let Some(header) = line.strip_prefix('[') {
            let header = header.trim_end_matches(']');
            inside = header == table || header.ends_with(&format!(".{table}"));
        } else if inside && !line.starts_with('#') {
            let name = line.split(['.', '=', ' ']).next().unwrap_or_default();
            if !name.is_empty() {
                names.push(name.to_owned());
            }
        }
    }
    names
}

/// Fails with one line for each offence.
///
/// # Panics
/// When there is an offence: that is its purpose.
pub fn expect_none(offences: &[String], rule: &str) {
    assert!(offences.is_empty(), "{rule}\n  {}\n", offences.join("\n  "));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manifests_are_read_by_table() {
        let manifest = "[package]\nname = \"x\"\n[dependencies]\n# why\nbytes = \"1\"\nwire.workspace = true\n\
                        [dev-dependencies]\ntempfile = \"3\"\n[target.'cfg(unix)'.dependencies]\nrustix = \"1\"\n";
        assert_eq!(dependencies(manifest, "dependencies"), ["bytes", "wire", "rustix"]);
        assert_eq!(dependencies(manifest, "dev-dependencies"), ["tempfile"]);
    }

    #[test]
    fn the_repository_is_found() {
        assert!(files(".rs").contains(&PathBuf::from("tidy/src/lib.rs")));
        assert!(packages().iter().any(|(folder, _)| folder == Path::new("core/wire")));
    }
}
