//! What is wrong with the files of torrents.

use crate::api::diagnosis::{Finding, Problem};
use crate::catalogue::entry::Number;
use std::io::ErrorKind;
use std::path::PathBuf;

/// A torrent to be examined.
#[derive(Debug)]
pub(crate) struct Patient {
    pub(crate) number: Number,
    pub(crate) directory: PathBuf,
    /// Where a file may lie, what is known of it.
    pub(crate) files: Vec<Part>,
}

/// One file of a torrent.
#[derive(Debug)]
pub(crate) struct Part {
    /// Its final place, relative to the folder.
    pub(crate) path: PathBuf,
    pub(crate) length: u64,
    /// All of it was verified.
    pub(crate) is_complete: bool,
    /// Some of it was verified.
    pub(crate) is_begun: bool,
}

/// Looks at the files of torrents.
pub(crate) fn examine(patients: &[Patient]) -> Vec<Finding> {
    patients.iter().flat_map(examine_one).collect()
}

fn examine_one(patient: &Patient) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut find = |path: &PathBuf, problem, text: String| {
        findings.push(Finding { number: patient.number, path: path.clone(), problem, text });
    };
    match std::fs::metadata(&patient.directory) {
        Err(error) => {
            let problem = match error.kind() {
                ErrorKind::PermissionDenied => Problem::Permission,
                _ => Problem::Missing,
            };
            let text = format!("the folder {} cannot be used: {error}", patient.directory.display());
            find(&patient.directory, problem, text);
            return findings;
        }
        Ok(folder) if !folder.is_dir() => {
            let text = format!("{} is not a folder", patient.directory.display());
            find(&patient.directory, Problem::InTheWay, text);
            return findings;
        }
        Ok(_) => {}
    }
    if rustix::fs::access(&patient.directory, rustix::fs::Access::WRITE_OK).is_err() {
        let text = format!("the folder {} may not be written", patient.directory.display());
        find(&patient.directory, Problem::Permission, text);
    }
    for part in &patient.files {
        let path = patient.directory.join(&part.path);
        if let Some((problem, text)) = examine_file(&path, part) {
            find(&path, problem, text);
        }
    }
    findings
}

fn examine_file(path: &PathBuf, part: &Part) -> Option<(Problem, String)> {
    let mut unfinished = path.clone().into_os_string();
    unfinished.push(".part");
    let whole = std::fs::symlink_metadata(path);
    let shown = path.display();
    match whole {
        Ok(found) if !found.is_file() => Some((Problem::InTheWay, format!("{shown} is not a file"))),
        Ok(found) if part.is_complete && found.len() != part.length => Some((
            Problem::WrongLength,
            format!("{shown} has {} bytes; it had {} when it was complete", found.len(), part.length),
        )),
        Ok(_) if rustix::fs::access(path, rustix::fs::Access::READ_OK).is_err() => {
            Some((Problem::Permission, format!("{shown} may not be read")))
        }
        Ok(_) => None,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let begun_elsewhere = !part.is_complete && PathBuf::from(unfinished).exists();
            let expected = part.is_complete || part.is_begun;
            (expected && !begun_elsewhere).then(|| (Problem::Missing, format!("{shown} is gone")))
        }
        Err(error) => Some((Problem::Permission, format!("{shown}: {error}"))),
    }
}
