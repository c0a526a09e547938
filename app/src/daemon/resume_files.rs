//! `resume/`: for each torrent a file that Transmission can read, so that it finds the data when it gets its directory
//! back. What it says of progress is nothing: it will look for itself. A file that Transmission wrote stays as it is.

use bencode::{DictWriter, ListWriter};
use daemon::{Daemon, Entry, EventKind, Events, Priority, Status};
use std::collections::BTreeMap;
use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Writes and removes files as torrents come and go, as long as the daemon lives.
pub(super) async fn run(daemon: Daemon, mut events: Events) {
    let folder = daemon.config_directory().join("resume");
    if let Err(error) = fs::create_dir_all(&folder) {
        tracing::warn!(folder = %folder.display(), %error, "no files for Transmission are written");
        return;
    }
    write_all(&daemon, &folder).await;
    while let Some(event) = events.next().await {
        match event {
            Ok(event) if event.kind == EventKind::Added => {
                let text = daemon.view(|catalogue| catalogue.get(event.number).map(resume));
                let path = path(&folder, &event.info_hash.to_string());
                blocking(move || text.map_or(Ok(()), |text| write(&path, &text))).await;
            }
            Ok(event) if event.kind == EventKind::Removed => {
                let path = path(&folder, &event.info_hash.to_string());
                blocking(move || fs::remove_file(path)).await;
            }
            Ok(_) => {}
            Err(_) => write_all(&daemon, &folder).await,
        }
    }
}

async fn blocking(work: impl FnOnce() -> std::io::Result<()> + Send + 'static) {
    if let Ok(Err(error)) = tokio::task::spawn_blocking(work).await
        && error.kind() != ErrorKind::NotFound
    {
        tracing::debug!(%error, "a file for Transmission is not as it should be");
    }
}

/// Writes the files that are missing.
async fn write_all(daemon: &Daemon, folder: &Path) {
    let there = fs::read_dir(folder).into_iter().flatten().flatten().map(|file| file.path());
    let there: std::collections::BTreeSet<PathBuf> = there.collect();
    let missing: BTreeMap<PathBuf, Vec<u8>> = daemon.view(|catalogue| {
        let paths = catalogue.iter().map(|entry| (path(folder, entry.hash_hex()), entry));
        paths.filter(|(path, _)| !there.contains(path)).map(|(path, entry)| (path, resume(entry))).collect()
    });
    blocking(move || missing.iter().try_for_each(|(path, text)| write(path, text))).await;
}

fn path(folder: &Path, hash: &str) -> PathBuf {
    folder.join(format!("{hash}.resume"))
}

/// Writes a file, unless there is one.
fn write(path: &Path, text: &[u8]) -> std::io::Result<()> {
    match fs::File::create_new(path) {
        Ok(mut file) => file.write_all(text),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// What Transmission needs to know.
fn resume(entry: &Entry) -> Vec<u8> {
    let options = entry.options();
    let mut labels = ListWriter::new();
    for label in &options.labels {
        labels.bytes(label);
    }
    let priority = match options.bandwidth_priority {
        Priority::Low => -1,
        Priority::Normal => 0,
        Priority::High => 1,
    };
    let count = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let mut resume = DictWriter::new();
    resume
        .integer("added-date", entry.dates().added)
        .integer("bandwidth-priority", priority)
        .bytes("destination", options.download_directory.as_os_str().as_bytes())
        .integer("downloaded", count(entry.progress().downloaded))
        .list("labels", &labels)
        .integer("max-peers", i64::from(options.peer_limit))
        .bytes("name", entry.name())
        .integer("paused", i64::from(entry.status() == Status::Stopped))
        .integer("uploaded", count(entry.progress().uploaded));
    resume.encode()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_there_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = path(folder.path(), "abc");
        write(&path, b"theirs").unwrap();
        write(&path, b"ours").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"theirs");
        assert_eq!(path.file_name().unwrap(), "abc.resume");
    }
}
